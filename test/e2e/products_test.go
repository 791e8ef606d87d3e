// SPDX-License-Identifier: Apache-2.0

//go:build e2e

package e2e

import (
	"context"
	"net/http"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	scimv1 "scim-operator.io/api/v1alpha1"
)

var _ = Describe("two products in one namespace", Ordered, func() {
	var okta, entra *tenant
	create := func(t *tenant, externalID, userName string) answer {
		GinkgoHelper()
		body := `{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"],"externalId":"` + externalID + `","userName":"` + userName + `","active":true}`
		return t.scim().mustDo("POST", "/Users", body, http.StatusCreated)
	}

	BeforeAll(func(ctx context.Context) {
		okta = newTenant(ctx, "products", 1)
		entra = okta.second(ctx, "entra", func(s *scimv1.IdentityProviderSpec) { s.Type = scimv1.ProviderEntraID })
	})

	It("show what is known of each in the status", func(ctx context.Context) {
		Expect(get(ctx, okta.provider)()).To(And(
			HaveField("Status.ExternalIDs", scimv1.ExternalIDsImmutable), HaveField("Status.UnknownAttributes", scimv1.UnknownAttributesRefused)))
		Expect(get(ctx, entra.provider)()).To(And(
			HaveField("Status.ExternalIDs", scimv1.ExternalIDsReassignable), HaveField("Status.UnknownAttributes", scimv1.UnknownAttributesIgnored)))
	})

	It("have a PATCH with an unknown attribute refused for one, and the rest of it applied for the other", func() {
		const patch = `{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":[{"op":"replace","path":"shoeSize","value":"44"},{"op":"replace","path":"active","value":false}]}`
		refused := create(okta, "00u1", "ada@e2e.example").id()
		okta.scim().mustDo("PATCH", "/Users/"+refused, patch, http.StatusBadRequest)
		Expect(okta.scim().do("GET", "/Users/"+refused, "")).To(HaveField("Body", HaveKeyWithValue("active", true)))

		applied := create(entra, "ada", "ada@e2e.example").id()
		entra.scim().mustDo("PATCH", "/Users/"+applied, patch, http.StatusOK)
		Expect(entra.scim().do("GET", "/Users/"+applied, "")).To(HaveField("Body", And(HaveKeyWithValue("active", false), Not(HaveKey("shoeSize")))))
	})

	It("give a record back by the externalId alone only where it names one person for ever", func() {
		leaveAndReturn := func(t *tenant) (before, after string) {
			GinkgoHelper()
			before = create(t, "grace", "grace@e2e.example").id()
			t.scim().mustDo("DELETE", "/Users/"+before, "", http.StatusNoContent)
			return before, create(t, "grace", "g.hopper@e2e.example").id()
		}
		before, after := leaveAndReturn(okta)
		Expect(after).To(Equal(before))
		before, after = leaveAndReturn(entra)
		Expect(after).NotTo(Equal(before))
	})
})
