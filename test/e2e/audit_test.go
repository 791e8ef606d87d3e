// SPDX-License-Identifier: Apache-2.0

//go:build e2e

package e2e

import (
	"context"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
)

var _ = Describe("the audit log on the servers' standard output", Ordered, func() {
	const (
		userName = "audited@e2e.example"
		password = "Pa55-that-is-nobodys-business"
		wrong    = "a-token-that-somebody-has-guessed"
	)
	var (
		t    *tenant
		scim *scimClient
		id   string
	)
	// line is the one that whichever server answered has written about the request.
	line := func(ctx context.Context, about answer) (found map[string]any) {
		GinkgoHelper()
		Eventually(func() map[string]any {
			lines, _ := t.logged(ctx, "audit")
			for _, fields := range lines {
				if fields["requestID"] == about.Header.Get("X-Request-Id") {
					found = fields
				}
			}
			return found
		}).ShouldNot(BeNil())
		return found
	}
	// every has the fields that every line has.
	every := func(message, method, outcome string, status int) OmegaMatcher {
		return And(HaveKeyWithValue("level", "info"), HaveKeyWithValue("logger", "audit"), HaveKeyWithValue("msg", message),
			HaveKeyWithValue("time", MatchRegexp(`^\d{4}-\d\d-\d\dT[\d:.]+Z$`)),
			HaveKeyWithValue("namespace", t.namespace), HaveKeyWithValue("endpoint", "okta"), HaveKeyWithValue("provider", "okta"),
			HaveKeyWithValue("client", MatchRegexp(`^[0-9a-f.:]+$`)), HaveKeyWithValue("method", method),
			HaveKeyWithValue("outcome", outcome), HaveKeyWithValue("status", BeNumerically("==", status)),
			HaveKeyWithValue("durationMs", BeNumerically(">", 0)))
	}

	BeforeAll(func(ctx context.Context) {
		t = newTenant(ctx, "audit", 2)
		scim = t.scim()
	})

	It("says what was created and changed, by which token, and names attributes without their values", func(ctx context.Context) {
		body := strings.Replace(userBody(userName), `"active"`, `"password":"`+password+`","active"`, 1)
		created := scim.mustDo("POST", "/Users", body, 201)
		id = created.id()
		Expect(line(ctx, created)).To(And(every("change", "POST", "success", 201),
			HaveKeyWithValue("resourceType", "User"), HaveKeyWithValue("resourceID", id), HaveKeyWithValue("tokenID", tokenID(t.token)),
			HaveKeyWithValue("attributes", ContainElements("userName", "name.givenName", "name.familyName", "emails"))))

		changed := scim.mustDo("PATCH", "/Users/"+id, patchBody(`{"op":"replace","value":{"title":"Countess","name.familyName":"Three"}}`), 200)
		Expect(line(ctx, changed)).To(And(every("change", "PATCH", "success", 200),
			HaveKeyWithValue("resourceID", id), HaveKeyWithValue("attributes", ConsistOf("title", "name.familyName"))))
	})

	It("says what was refused, and that a token was", func(ctx context.Context) {
		refused := scim.mustDo("POST", "/Users", userBody(userName), 409)
		Expect(line(ctx, refused)).To(And(every("change", "POST", "refused", 409),
			HaveKeyWithValue("scimType", "uniqueness"), Not(HaveKey("attributes"))))
		refused = scim.mustDo("PATCH", "/Users/"+id, patchBody(`{"op":"replace","path":"userName","value":""}`), 400)
		Expect(line(ctx, refused)).To(And(every("change", "PATCH", "refused", 400), HaveKeyWithValue("resourceID", id)))
		refused = scim.with(wrong).mustDo("GET", byUserName(userName), "", 401)
		Expect(line(ctx, refused)).To(And(every("authentication", "GET", "refused", 401), Not(HaveKey("tokenID")), Not(HaveKey("resourceID"))))
	})

	It("holds no token, no password and no name of a person, and neither does what else the servers write", func(ctx context.Context) {
		deleted := scim.mustDo("DELETE", "/Users/"+id, "", 204)
		Expect(line(ctx, deleted)).To(And(every("change", "DELETE", "success", 204), HaveKeyWithValue("resourceID", id)))
		_, all := t.logged(ctx, "audit")
		for _, secret := range []string{t.token, wrong, password, userName, "audited", "Countess", "Three"} {
			Expect(all).NotTo(ContainSubstring(secret))
		}
	})
})
