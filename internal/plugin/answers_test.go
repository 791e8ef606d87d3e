// SPDX-License-Identifier: Apache-2.0

package plugin

import (
	"strings"
	"testing"
)

const (
	ada     = "0a000000-0000-4000-8000-000000000001"
	grace   = "0a000000-0000-4000-8000-000000000002"
	barbara = "0a000000-0000-4000-8000-000000000005"
)

// TestAnswers: what a person is shown, in testdata.
func TestAnswers(t *testing.T) {
	for _, c := range []struct{ file, namespace, args string }{
		{"status.txt", "acme", "status"},
		{"status-okta.json", "acme", "status okta -o json"},
		{"status-none.txt", "empty", "status"},
		{"token-list.txt", "acme", "token list"},
		{"token-list-tools.yaml", "acme", "token list tools -o yaml"},
		{"token-list-none.txt", "empty", "token list"},
		{"explain-ada.txt", "acme", "explain ada@acme.com"},
		{"explain-ada.txt", "acme", "explain " + ada},
		{"explain-ada.txt", "acme", "explain 00uada"},
		{"explain-ada.txt", "acme", "explain ADA@acme.com"},
		{"explain-ada.json", "acme", "explain ada@acme.com -o json"},
		{"explain-held.txt", "acme", "explain grace@acme.com"},
		{"explain-returned.txt", "acme", "explain alan@acme.com"},
		{"explain-unlinked.txt", "acme", "explain barbara@acme.com"},
		{"explain-gone.txt", "acme", "explain edsger@acme.com"},
	} {
		t.Run(strings.ReplaceAll(c.args, " ", "_"), func(t *testing.T) {
			out, notes, err := kubectlScim(c.namespace, "", strings.Fields(c.args)...)
			if err != nil || notes != "" {
				t.Fatalf("%v\n%s", err, notes)
			}
			golden(t, c.file, out)
		})
	}
}

// TestRefusals: what is wrong and what to do, for whoever typed it.
func TestRefusals(t *testing.T) {
	for _, c := range []struct{ args, words string }{
		{"status okat", `there is no IdentityProvider and no ScimEndpoint "okat" in the namespace "acme"; there are: entra, okta, tools`},
		{"status -o wide", `--output is "wide"; it can be json or yaml`},
		{"status okta tools", "accepts at most 1 arg(s), received 2"},
		{"approve", "give one PROVIDER"},
		{"approve okta tools", "give one PROVIDER"},
		{"approve tools --yes", "nothing is held for ScimEndpoint tools: there is nothing to approve"},
		{"reject entra --yes", "nothing is held for IdentityProvider entra: there is nothing to reject"},
		{"approve okta --yes --user ada@acme.com", `nothing is held for the user "ada@acme.com"; ` + "`kubectl scim explain " + ada + "`"},
		{"approve okta --yes --user edsger@acme.com", `the user "edsger@acme.com" does not belong to IdentityProvider okta`},
		{"approve okta --user grace@acme.com --adoption barbara@acme.com", "none of the others can be"},
		{"approve --adoption ada@acme.com --yes", `no provider waits to adopt the user "ada@acme.com"`},
		{"approve --adoption barbara@acme.com --yes", "several providers want to adopt \"barbara@acme.com\": okta, tools; give one as PROVIDER"},
		{"approve entra --adoption barbara@acme.com --yes", "entra has not asked to adopt"},
		{"reject okta --adoption barbara@acme.com", "unknown flag: --adoption"},
		{"explain", "give one USER: a userName, a SCIM id or an externalId"},
		{"explain nobody@acme.com", `no user in the namespace "acme" has the SCIM id, userName or externalId "nobody@acme.com"`},
		{"token show entra", "has no endpoint, because its provisioning is Disabled; set spec.scim.provisioning to Enabled first"},
		{"token show tools", "the Secret tools-scim-token has been deleted, and a token is nowhere else; ask for a new one: kubectl scim token rotate tools"},
		{"token rotate entra", "has no endpoint"},
		{"token revoke okta", "give a PROVIDER and the TOKEN-ID that `kubectl scim token list` shows"},
		{"token revoke okta dddddddddddd --yes", "IdentityProvider okta has no token dddddddddddd in force"},
		{"status --context nowhere", `context "nowhere" does not exist`},
	} {
		t.Run(strings.ReplaceAll(c.args, " ", "_"), func(t *testing.T) {
			out, _, err := kubectlScim("acme", "", strings.Fields(c.args)...)
			if err == nil || !strings.Contains(err.Error(), c.words) {
				t.Errorf("not refused with\n%s\nbut\n%v", c.words, err)
			}
			if out != "" {
				t.Errorf("beside the error there is an answer: %s", out)
			}
		})
	}
}

// TestATokenIsNotRepeated: somebody takes a token for its id.
func TestATokenIsNotRepeated(t *testing.T) {
	out, notes, err := kubectlScim("acme", "", "token", "revoke", "okta", "scimop_the-token-of-okta")
	if err == nil || strings.Contains(out+notes+err.Error(), "scimop_") {
		t.Errorf("%s%s%v", out, notes, err)
	}
}

// TestPermissions: RBAC's answer is named as such, and what may be read is shown.
func TestPermissions(t *testing.T) {
	for _, args := range []string{"status okta", "approve okta --yes", "explain ada@acme.com", "token list"} {
		out, _, err := kubectlScim("acme", "", append(strings.Fields(args), "--as", "jane")...)
		if err == nil || out != "" {
			t.Errorf("%s: %v %s", args, err, out)
			continue
		}
		for _, words := range []string{"you do not have the permission (RBAC)", `User "jane" cannot`, `in the namespace "acme"`, "ask an administrator"} {
			if !strings.Contains(err.Error(), words) {
				t.Errorf("%s: not %q in\n%v", args, words, err)
			}
		}
	}
}

func TestCompletion(t *testing.T) {
	for _, c := range []struct {
		args []string
		want string
	}{
		{[]string{"status", ""}, "entra okta tools"},
		{[]string{"status", "o"}, "okta"},
		{[]string{"status", "okta", ""}, ""},
		{[]string{"approve", "t"}, "tools"},
		{[]string{"approve", "okta", "--user", "g"}, "grace@acme.com"},
		{[]string{"approve", "--adoption", "b"}, "barbara@acme.com"},
		{[]string{"explain", "a"}, "ada@acme.com alan@acme.com"},
		{[]string{"explain", "ada@acme.com", ""}, ""},
		{[]string{"token", "revoke", "okta", ""}, "a6c562311c4a bbbbbbbbbbbb"},
		{[]string{"token", "revoke", "nobody", ""}, ""},
		{[]string{"status", "-o", ""}, "json yaml"},
		{[]string{"status", "-n", "acm"}, "acme"},
		{[]string{"status", "--as", "jane", ""}, ""},
	} {
		out, _, err := kubectlScim("acme", "", append([]string{"__complete"}, c.args...)...)
		lines := strings.Fields(out)
		if err != nil || len(lines) == 0 || lines[len(lines)-1] != ":4" { // no file names
			t.Errorf("%v: %v %s", c.args, err, out)
			continue
		}
		if got := strings.Join(lines[:len(lines)-1], " "); got != c.want {
			t.Errorf("%v: %q instead of %q", c.args, got, c.want)
		}
	}
}
