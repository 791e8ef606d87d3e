// SPDX-License-Identifier: Apache-2.0

package server

import (
	"fmt"
	"net/http"
	"strings"

	"scim-operator.io/internal/scim"
	"scim-operator.io/internal/store"
)

// Subject says which user an authenticated client is, by an attribute that identifies
// users: userName or externalId.
type Subject struct{ Attribute, Value string }

// TokenSubjects says which user the bearer of an access token is.
type TokenSubjects struct {
	// Attribute that identifies users: userName or externalId.
	Attribute string
	// Of returns the value of the attribute that an accepted token names, "" for none. It is
	// false for a token that is no access token.
	Of func(tokenID, presented string) (value string, ok bool)
}

// me finds the user that /Me stands for (RFC 7644 §3.11).
type me struct {
	user     *scim.ResourceType
	fixed    *meUser // of every token that names no user of its own; nil for nobody
	ofTokens *TokenSubjects
	attr     *scim.Attribute // of ofTokens
}

// meUser is the user with a value of an attribute, who may not exist.
type meUser struct {
	attribute *scim.Attribute
	filter    *scim.Filter
	namedBy   string
}

func newMe(user *scim.ResourceType, fixed *Subject, ofTokens *TokenSubjects) (*me, error) {
	if fixed == nil && ofTokens == nil {
		return nil, nil
	}
	m := &me{user: user, ofTokens: ofTokens}
	var err error
	if ofTokens != nil {
		if m.attr, err = identifying(user, ofTokens.Attribute); err != nil {
			return nil, err
		}
	}
	if fixed == nil {
		return m, nil
	}
	attribute, err := identifying(user, fixed.Attribute)
	if err != nil {
		return nil, err
	}
	if m.fixed, err = newMeUser(user, attribute, fixed.Value, "the endpoint is configured with"); err != nil {
		return nil, fmt.Errorf("the subject of /Me: %w", err)
	}
	return m, nil
}

func identifying(user *scim.ResourceType, name string) (*scim.Attribute, error) {
	attribute := user.Attribute(name)
	if attribute == nil || attribute.Type != scim.String {
		return nil, fmt.Errorf("the subject of /Me: %q does not identify users", name)
	}
	return attribute, nil
}

func newMeUser(user *scim.ResourceType, attribute *scim.Attribute, value, namedBy string) (*meUser, error) {
	if strings.TrimSpace(value) == "" {
		return nil, fmt.Errorf("the %s has no value", attribute.Path())
	}
	filter, err := user.ParseFilter(attribute.Path() + " eq " + quoted(value))
	if err != nil {
		return nil, err
	}
	return &meUser{attribute: attribute, filter: filter, namedBy: namedBy}, nil
}

// of returns the user that /Me stands for in a request. An access token stands for the user
// whom it names and for no other.
func (m *me) of(x *exchange) (*meUser, error) {
	if m.ofTokens != nil {
		presented, _ := credentials(x.r.Header["Authorization"])
		if value, ok := m.ofTokens.Of(x.tokenID, presented); ok {
			named, err := newMeUser(m.user, m.attr, value, "the access token names")
			if err != nil {
				return nil, errMeUnnamed()
			}
			return named, nil
		}
	}
	if m.fixed == nil {
		return nil, errNotImplemented("/Me with this token")
	}
	return m.fixed, nil
}

// quoted is a text as a filter has it.
func quoted(text string) string { return string(scim.AppendValue(nil, text)) }

// newMeRoute answers at /Me what is answered at the path of the user, and with POST what is
// answered at that of all users.
func newMeRoute(users *resourceType) *route {
	return newRoute("/Me", users, map[string]handler{
		http.MethodGet:    asMe((*Server).get),
		http.MethodPut:    asMe((*Server).replace),
		http.MethodPatch:  asMe((*Server).patch),
		http.MethodDelete: asMe((*Server).delete),
		http.MethodPost:   (*Server).createMe,
	})
}

// asMe handles a request about the user that /Me stands for. Its permanent location is in
// every answer.
func asMe(handle handler) handler {
	return func(s *Server, x *exchange) error {
		named, err := s.me.of(x)
		if err != nil {
			return err
		}
		page, err := s.store.List(x.ctx, store.Query{Type: s.me.user, Filter: named.filter, Count: 1, NoGroups: true})
		switch {
		case err != nil:
			return err
		case page.Total == 0:
			return errMeMissing(named)
		case page.Total > 1:
			return errMeAmbiguous(named)
		}
		x.id = page.Resources[0].ID
		if x.change != nil {
			x.change.id = x.id
		}
		x.permanent = s.location(s.me.user, x.id)
		x.w.Header()["Location"] = []string{x.permanent}
		return handle(s, x)
	}
}

// createMe creates the user that /Me stands for, and no other.
func (s *Server) createMe(x *exchange) error {
	named, err := s.me.of(x)
	if err != nil {
		return err
	}
	projection, body, err := x.content()
	if err != nil {
		return err
	}
	parsed, err := s.me.user.ParseNew(body)
	if err != nil {
		return err
	}
	if !named.filter.Match(s.me.user.Pack(parsed.Object), nil) {
		return scim.ErrInvalidValue(named.attribute.Path(), "it is not that of the user whom /Me stands for; POST other users to "+s.me.user.Endpoint)
	}
	return x.sendCreated(projection, parsed)
}
