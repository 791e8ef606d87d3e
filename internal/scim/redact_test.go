// SPDX-License-Identifier: Apache-2.0

package scim

import (
	"errors"
	"strings"
	"testing"
)

// What is redacted has the attribute and the reason, and nothing that the client wrote.
func TestRedactedErrors(t *testing.T) {
	const marker = "mArk3r"
	user := Core().User()
	for _, row := range []struct{ name, patch, want string }{
		{"a value in a filter", `{"op":"replace","path":"emails[value eq \"` + marker + `\"].type","value":7}`, "operation 2: emails.type: it must be a string, not a number"},
		{"a filter that ends too early", `{"op":"replace","path":"emails[value eq \"` + marker + `","value":"x"}`, "operation 2: "},
		{"a long value in a filter", `{"op":"replace","path":"emails[value eq \"` + strings.Repeat(marker, 30) + `\"].type","value":7}`, "operation 2: emails.type: it must be a string"},
		{"brackets in a filter", `{"op":"replace","path":"emails[value eq \"` + marker + `]` + marker + `\"].type","value":7}`, "operation 2: emails.type: it must be a string"},
		{"an attribute that there is not", `{"op":"replace","path":"` + marker + `","value":"x"}`, `operation 2: the path: "…" is not an attribute of User`},
		{"a sub-attribute that there is not", `{"op":"replace","path":"emails.` + marker + `","value":"x"}`, `operation 2: the path: "…" is not a sub-attribute of emails`},
		{"a schema that there is not", `{"op":"replace","path":"urn:` + marker + `:x","value":"x"}`, `operation 2: the path: "…" names a schema`},
		{"an operator that there is not", `{"op":"` + marker + `","path":"title","value":"x"}`, "operation 2: op: it must be"},
		{"a path that looks like the number of an operation", `{"op":"replace","path":"1","value":"x"}`, `operation 2: the path: "…" is not an attribute`},
		{"a name that is there twice", `{"op":"replace","value":{"` + marker + `":1,"` + marker + `":2}}`, "operation 2: "},
		{"a value of the wrong form", `{"op":"replace","path":"active","value":"` + marker + `"}`, "operation 2: active: it must be true or false"},
	} {
		t.Run(row.name, func(t *testing.T) {
			p, err := user.ParsePatch([]byte(`{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":[{"op":"replace","path":"nickName","value":"x"},` + row.patch + `]}`))
			if err == nil {
				_, _, err = p.Apply(&Object{}, nil)
			}
			var refused *Error
			if !errors.As(err, &refused) {
				t.Fatalf("error %v", err)
			}
			got := refused.Redacted(user.AttributeAt(refused.Path))
			if strings.Contains(got, marker) || !strings.HasPrefix(got, row.want) {
				t.Errorf("%q, want %q", got, row.want)
			}
		})
	}
}

func TestRedactQuoted(t *testing.T) {
	keep := func(quoted string) bool { return quoted == "kept" }
	for text, want := range map[string]string{
		"":                       "",
		"nothing":                "nothing",
		`a "b" c "kept" d`:       `a "…" c "kept" d`,
		`a "b\"c" d`:             `a "…" d`,
		`a "b`:                   `a "…"`,
		`a "b\`:                  `a "…"`,
		`a "`:                    `a "…"`,
		`expected '"', not "b"`:  `expected '"', not "…"`,
		`"" is empty, "\\" is \`: `"…" is empty, "…" is \`,
	} {
		if got := RedactQuoted(text, keep); got != want {
			t.Errorf("%s: %s, want %s", text, got, want)
		}
	}
}
