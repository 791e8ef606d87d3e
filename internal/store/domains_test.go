// SPDX-License-Identifier: Apache-2.0

package store

import (
	"errors"
	"net/http"
	"strings"
	"testing"

	"scim-operator.io/internal/scim"
)

// own has the store refuse addresses of other domains.
func own(domains ...string) func(*Config) {
	return func(c *Config) { c.Domains = domains }
}

// requireOtherDomain requires a refusal that names the attribute and a domain, and no address.
func requireOtherDomain(t *testing.T, err error, path string) {
	t.Helper()
	requireStatus(t, err, http.StatusBadRequest, scim.ScimTypeInvalidValue)
	var refusal *scim.Error
	errors.As(err, &refusal)
	if refusal.Path != path || !strings.Contains(refusal.Detail, "acme.com") || strings.Contains(refusal.Error(), "evil") {
		t.Errorf("the answer is %v, about %q", refusal, path)
	}
	if !errors.As(err, new(*DomainError)) {
		t.Error("it does not count as a refusal because of a domain")
	}
}

func TestAUserOfAnotherDomainIsNotCreated(t *testing.T) {
	for _, row := range []struct {
		name, body string
		refused    string // the attribute, "" for a user who is created
	}{
		{"a name that is no address", userBody("ada"), ""},
		{"an address of the domain", userBody("ada", emailsJSON("Ada@ACME.com")), ""},
		{"a userName of the domain", userBody("Ada@Acme.com"), ""},
		{"a userName of another of the domains", userBody("ada@acme.de"), ""},
		{"an address of another domain", userBody("ada", emailsJSON("ada@evil.com")), "emails.value"},
		{"an address of another domain beside one of the domain", userBody("ada", emailsJSON("ada@acme.com", "ada@evil.com")), "emails.value"},
		{"an address of a domain below", userBody("ada", emailsJSON("ada@evil.acme.com")), "emails.value"},
		{"an address of a domain that ends alike", userBody("ada", emailsJSON("ada@evilacme.com")), "emails.value"},
		{"no address at all", userBody("ada", emailsJSON("evil")), "emails.value"},
		{"two addresses in one", userBody("ada", emailsJSON("ada@acme.com@evil.com")), "emails.value"},
		{"a userName of another domain", userBody("ada@evil.com", emailsJSON("ada@acme.com")), "userName"},
		{"a userName with nothing before the domain", userBody("@evil.com"), "userName"},
	} {
		t.Run(row.name, func(t *testing.T) {
			w := newWorld(t)
			r := w.start(own("acme.com", "acme.de"), nil)
			_, err := r.tryUser(row.body)
			switch {
			case row.refused != "":
				requireOtherDomain(t, err, row.refused)
				if found := r.find(r.users.rt, ""); len(found) > 0 {
					t.Error("the user is there nevertheless")
				}
			case err != nil:
				t.Errorf("refused: %v", err)
			}
		})
	}
	t.Run("nobody says so", func(t *testing.T) {
		newWorld(t).start(nil, nil).user(userBody("ada@evil.com", emailsJSON("ada@evil.com")))
	})
}

// What a user has from before stays, and only what is new has to be of the domains.
func TestAUserFromBeforeKeepsAddresses(t *testing.T) {
	w := newWorld(t)
	id := w.start(nil, nil).user(userBody("ada@evil.com", `"externalId":"1"`, emailsJSON("ada@evil.com", "a@acme.com"))).ID
	r := w.start(own("acme.com"), nil)
	rt := r.users.rt
	for _, operations := range []string{
		`{"op":"replace","path":"title","value":"Countess"}`,
		`{"op":"replace","path":"userName","value":"Ada@Evil.com"}`,
		`{"op":"add","path":"emails","value":[{"value":"b@acme.com"}]}`,
		`{"op":"replace","path":"emails","value":[{"value":"ADA@evil.com","type":"home"}]}`,
		`{"op":"replace","path":"active","value":false}`,
	} {
		r.patch(rt, id, operations)
	}
	for operations, path := range map[string]string{
		`{"op":"replace","path":"userName","value":"grace@evil.com"}`:                       "userName",
		`{"op":"add","path":"emails","value":[{"value":"grace@evil.com"}]}`:                 "emails.value",
		`{"op":"replace","path":"emails[type eq \"home\"].value","value":"x@evil.com"}`:     "emails.value",
		`{"op":"replace","value":{"title":"Dr","emails":[{"value":"y@evil.example.com"}]}}`: "emails.value",
	} {
		_, _, err := r.tryPatch(rt, id, operations, Match{})
		requireOtherDomain(t, err, path)
	}
	if title := w.stored(id).Spec.Title; title != "Countess" {
		t.Errorf("a refused change was applied in part: %q", title)
	}

	body := userBody("ada@evil.com", `"externalId":"1"`, emailsJSON("ada@evil.com"))
	if u := r.user(body); u.ID != id { // reactivated
		t.Errorf("%s is somebody else", u.ID)
	}
	r.delete(rt, id)
	if u := r.user(body); u.ID != id { // restored
		t.Errorf("%s is somebody else", u.ID)
	}
	_, err := r.tryUser(userBody("eve@evil.com", `"externalId":"2"`))
	requireOtherDomain(t, err, "userName")
}
