// SPDX-License-Identifier: Apache-2.0

//go:build e2e

package e2e

import (
	"context"
	"encoding/json"
	"os/exec"
	"path/filepath"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
)

var _ = Describe("kubectl scim", Ordered, func() {
	var binary string

	// plugin runs the binary as kubectl does.
	plugin := func(ctx context.Context, args ...string) string {
		GinkgoHelper()
		command := exec.CommandContext(ctx, binary, append(args, "--kubeconfig", env["KUBECONFIG"], "--namespace", env["SCIM_NAMESPACE"])...)
		out, err := command.Output()
		Expect(err).NotTo(HaveOccurred())
		return string(out)
	}
	decoded := func(text string) map[string]any {
		GinkgoHelper()
		var answer map[string]any
		Expect(json.Unmarshal([]byte(text), &answer)).To(Succeed())
		return answer
	}

	BeforeAll(func(ctx context.Context) {
		binary = filepath.Join(GinkgoT().TempDir(), "kubectl-scim")
		build := exec.CommandContext(ctx, "go", "build", "-buildvcs=false", "-o", binary, "scim-operator.io")
		out, err := build.CombinedOutput()
		Expect(err).NotTo(HaveOccurred(), string(out))
	})

	It("says that nothing is wrong with the demo's provider", func(ctx context.Context) {
		Eventually(func() string { return plugin(ctx, "status", "okta") }).Should(
			And(ContainSubstring("IdentityProvider okta (Okta"), ContainSubstring(": Ready"), ContainSubstring(env["SCIM_BASE_URL"]), ContainSubstring("2 of 2 ready")))
		providers := decoded(plugin(ctx, "status", "okta", "--output", "json"))["providers"].([]any)
		Expect(providers).To(ConsistOf(And(HaveKeyWithValue("ready", true), HaveKeyWithValue("provisioning", "Enabled"))))
	})

	It("explains a technician by the group that makes her one", func(ctx context.Context) {
		Eventually(func() string { return plugin(ctx, "explain", "ADA.Lovelace@acme.example") }).Should(And(
			ContainSubstring("ada.lovelace@acme.example"),
			ContainSubstring("provisioned through the IdentityProvider okta"),
			MatchRegexp(`State +Active since`),
			MatchRegexp(`Type +Technician: userTypes.technicians.groups names the group "IT Support", which the user is a member of`),
			MatchRegexp(`Role +Tier1: `),
			MatchRegexp(`Groups +.*Everyone.*IT Support`),
			ContainSubstring("nobody else of the endpoint can have it"),
		))
	})

	It("lists tokens without any secret", func(ctx context.Context) {
		text := plugin(ctx, "token", "list")
		Expect(text).To(And(HavePrefix("PROVIDER"), MatchRegexp(`okta +[0-9a-f]{12} `), Not(ContainSubstring(env["SCIM_TOKEN"]))))
		tokens := decoded(plugin(ctx, "token", "list", "okta", "-o", "json"))["tokens"].([]any)
		Expect(tokens).NotTo(BeEmpty())
	})

	It("refuses to decide when nothing is held", func(ctx context.Context) {
		out, err := exec.CommandContext(ctx, binary, "approve", "okta", "--yes", "--kubeconfig", env["KUBECONFIG"], "--namespace", env["SCIM_NAMESPACE"]).CombinedOutput()
		Expect(err).To(MatchError("exit status 1"))
		Expect(string(out)).To(ContainSubstring("nothing is held for IdentityProvider okta"))
	})
})
