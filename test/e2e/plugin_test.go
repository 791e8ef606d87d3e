// SPDX-License-Identifier: Apache-2.0

//go:build e2e

package e2e

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"sync"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
)

// buildPlugin builds the binary, once for all specs.
var buildPlugin = sync.OnceValues(func() (string, error) {
	binary, err := filepath.Abs(filepath.Join("..", "..", "bin", "e2e", "kubectl-scim"))
	if err != nil {
		return "", err
	}
	out, err := exec.Command("go", "build", "-buildvcs=false", "-o", binary, "scim-operator.io").CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("%w: %s", err, out)
	}
	return binary, nil
})

// pluginCommand is the plugin as kubectl runs it.
func pluginCommand(ctx context.Context, namespace string, args ...string) *exec.Cmd {
	GinkgoHelper()
	binary, err := buildPlugin()
	Expect(err).NotTo(HaveOccurred())
	return exec.CommandContext(ctx, binary, append(args, "--kubeconfig", env["KUBECONFIG"], "--namespace", namespace)...)
}

// plugin is what it answers.
func plugin(ctx context.Context, namespace string, args ...string) string {
	GinkgoHelper()
	out, err := pluginCommand(ctx, namespace, args...).Output()
	if exit := (*exec.ExitError)(nil); errors.As(err, &exit) {
		Fail(string(exit.Stderr))
	}
	Expect(err).NotTo(HaveOccurred())
	return string(out)
}

var _ = Describe("kubectl scim", Ordered, func() {
	decoded := func(text string) map[string]any {
		GinkgoHelper()
		var answer map[string]any
		Expect(json.Unmarshal([]byte(text), &answer)).To(Succeed())
		return answer
	}

	var t *tenant
	BeforeAll(func(ctx context.Context) { t = newSyncedTenant(ctx, "plugin") })

	It("says that nothing is wrong with a provider that is Ready", func(ctx context.Context) {
		Eventually(func() string { return plugin(ctx, t.namespace, "status", "okta") }).Should(
			And(ContainSubstring("IdentityProvider okta (Okta"), ContainSubstring(": Ready"), ContainSubstring(t.provider.Status.Connection.BaseURL), ContainSubstring("2 of 2 ready")))
		providers := decoded(plugin(ctx, t.namespace, "status", "okta", "--output", "json"))["providers"].([]any)
		Expect(providers).To(ConsistOf(And(HaveKeyWithValue("ready", true), HaveKeyWithValue("provisioning", "Enabled"))))
	})

	It("explains a technician by the group that makes her one", func(ctx context.Context) {
		Eventually(func() string { return plugin(ctx, t.namespace, "explain", "ADA.Lovelace@acme.example") }).Should(And(
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
		text := plugin(ctx, t.namespace, "token", "list")
		Expect(text).To(And(HavePrefix("PROVIDER"), MatchRegexp(`okta +[0-9a-f]{12} `), Not(ContainSubstring(t.token))))
		tokens := decoded(plugin(ctx, t.namespace, "token", "list", "okta", "-o", "json"))["tokens"].([]any)
		Expect(tokens).NotTo(BeEmpty())
	})

	It("refuses to decide when nothing is held", func(ctx context.Context) {
		out, err := pluginCommand(ctx, t.namespace, "approve", "okta", "--yes").CombinedOutput()
		Expect(err).To(MatchError("exit status 1"))
		Expect(string(out)).To(ContainSubstring("nothing is held for IdentityProvider okta"))
	})
})
