// SPDX-License-Identifier: Apache-2.0

package server

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"scim-operator.io/internal/oauth"
	"scim-operator.io/internal/oauth/issuertest"
)

// An access token stands for the user whom its claim names, and every other token for the user
// of the endpoint.
func TestMeOfAccessTokens(t *testing.T) {
	issuer := issuertest.New(t)
	key := issuer.NewKey("1")
	start := func(fixed *Subject) *endpoint {
		return serve(t, func(c *Config) {
			c.Me = fixed
			c.AccessTokens = oauth.New(
				oauth.Policy{Issuer: issuer.URL, Audiences: []string{"scim"}, CACertificates: issuer.CACertificates()},
				oauth.Options{AllowInternal: true})
			c.MeOfTokens = &TokenSubjects{Attribute: "externalId", Of: func(tokenID, presented string) (string, bool) {
				return oauth.TextClaim(presented, "oid"), strings.HasPrefix(tokenID, oauth.IDPrefix)
			}}
		})
	}
	bearer := func(oid any) string {
		return "Bearer " + issuertest.Sign(t, jose.ES256, key, "1", issuer.Claims(time.Now(), map[string]any{"oid": oid}))
	}
	e := start(&Subject{Attribute: "userName", Value: "service"})
	service := e.create("/Users", `{"userName":"service","externalId":"s"}`)
	ada := e.create("/Users", `{"userName":"ada","externalId":"A"}`)
	e.create("/Users", `{"userName":"twin1","externalId":"twin"}`)
	e.create("/Users", `{"userName":"twin2","externalId":"twin"}`)

	a := e.do("GET", "/Me", "", "Authorization", bearer("A"))
	if a.status != http.StatusOK || a.json(t)["id"] != ada || a.header.Get("Location") != baseURL+"/Users/"+ada {
		t.Errorf("the user of the token: %d %s, Location %q", a.status, a.body, a.header.Get("Location"))
	}
	a = e.do("PATCH", "/Me", `{"Operations":[{"op":"replace","path":"title","value":"Countess"}]}`, "Authorization", bearer("A"))
	if a.status != http.StatusOK || a.json(t)["title"] != "Countess" || a.json(t)["id"] != ada {
		t.Errorf("a change of the user of the token: %d %s", a.status, a.body)
	}
	if a := e.do("GET", "/Me", ""); a.status != http.StatusOK || a.json(t)["id"] != service {
		t.Errorf("the user of the endpoint: %d %s", a.status, a.body)
	}
	for name, claim := range map[string]any{
		"nobody": "a", "no claim": nil, "blank": " ", "no text": 7, "a list": []string{"A"}, "too long": strings.Repeat("A", 5000),
		"several": "twin", "a filter": `A" or userName eq "ada`, "a control character": "A\x00",
	} {
		for _, method := range []string{"GET", "DELETE"} {
			a := e.do(method, "/Me", "", "Authorization", bearer(claim))
			if a.status != http.StatusNotFound || a.header.Get("Location") != "" {
				t.Errorf("%s of %s: %d %s", method, name, a.status, a.body)
			}
		}
	}

	wantError(t, e.do("POST", "/Me", `{"userName":"eve","externalId":"A"}`, "Authorization", bearer("new")), http.StatusBadRequest, "invalidValue")
	wantError(t, e.do("POST", "/Me", `{"userName":"eve","externalId":"E"}`, "Authorization", bearer(nil)), http.StatusNotFound, "")
	if a := e.do("POST", "/Me", `{"userName":"new","externalId":"new"}`, "Authorization", bearer("new")); a.status != http.StatusCreated {
		t.Errorf("the user of the token, created: %d %s", a.status, a.body)
	}
	if a := e.do("DELETE", "/Me", "", "Authorization", bearer("new")); a.status != http.StatusNoContent {
		t.Errorf("the user of the token, deleted: %d %s", a.status, a.body)
	}
	wantError(t, e.do("GET", "/Me", "", "Authorization", bearer("new")), http.StatusNotFound, "")

	alone := start(nil)
	wantError(t, alone.do("GET", "/Me", ""), http.StatusNotImplemented, "")
	wantError(t, alone.do("GET", "/Me", "", "Authorization", bearer("A")), http.StatusNotFound, "")
}

func TestSubjectsOfMeThatCannotBe(t *testing.T) {
	user := newEndpoint(t).types[0].ResourceType
	for _, s := range []*Subject{{"active", "true"}, {"nosuch", "x"}, {"userName", " "}} {
		if m, err := newMe(user, s, nil); err == nil {
			t.Errorf("%v is %v", s, m)
		}
	}
	if m, err := newMe(user, nil, &TokenSubjects{Attribute: "emails"}); err == nil {
		t.Errorf("emails are %v", m)
	}
}
