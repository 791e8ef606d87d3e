// SPDX-License-Identifier: Apache-2.0

package scim

import (
	"slices"
	"testing"
)

func TestChangedPaths(t *testing.T) {
	const enterprise = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"
	whole := `{"userName":"ada","name":{"givenName":"Ada","familyName":"Lovelace"},"emails":[{"value":"ada@acme.com"}],"active":true,
		"` + enterprise + `":{"department":"Engines","manager":{"value":"1"}}}`
	user := Core().User()
	parse := func(document string) *Object {
		if document == "" {
			return nil
		}
		p, err := user.Parse([]byte(document))
		if err != nil {
			t.Fatalf("%s: %v", document, err)
		}
		return p.Object
	}
	for _, row := range []struct {
		name, before, after string
		want                []string
	}{
		{"a new one", "", whole, []string{"userName", "name.familyName", "name.givenName", "active", "emails",
			enterprise + ":department", enterprise + ":manager.value"}},
		{"one that is gone", `{"userName":"ada","title":"Countess"}`, "", []string{"userName", "title"}},
		{"nothing", whole, whole, nil},
		{"a part of the name", `{"userName":"ada","name":{"givenName":"Ada"}}`, `{"userName":"ada","name":{"givenName":"Augusta"}}`, []string{"name.givenName"}},
		{"one added and one removed", `{"userName":"ada","title":"Countess"}`, `{"userName":"ada","nickName":"A"}`, []string{"nickName", "title"}},
		{"one value of several", `{"userName":"ada","emails":[{"value":"a@x"},{"value":"b@x"}]}`, `{"userName":"ada","emails":[{"value":"a@x"}]}`, []string{"emails"}},
		{"below an extension", `{"userName":"ada"}`, `{"userName":"ada","` + enterprise + `":{"department":"x"}}`, []string{enterprise + ":department"}},
		{"a password, which is forgotten", `{"userName":"ada"}`, `{"userName":"ada","password":"secret"}`, nil},
	} {
		t.Run(row.name, func(t *testing.T) {
			got := ChangedPaths(parse(row.before), parse(row.after))
			slices.Sort(got)
			slices.Sort(row.want)
			if !slices.Equal(got, row.want) {
				t.Errorf("%q, want %q", got, row.want)
			}
		})
	}
}
