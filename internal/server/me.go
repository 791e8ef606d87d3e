// SPDX-License-Identifier: Apache-2.0

package server

import (
	"fmt"
	"net/http"

	"scim-operator.io/internal/scim"
	"scim-operator.io/internal/store"
)

// Subject says which user an authenticated client is, by an attribute that identifies
// users: userName or externalId.
type Subject struct{ Attribute, Value string }

// me finds the user that /Me stands for (RFC 7644 §3.11). Every token of an endpoint has
// the same subject.
type me struct {
	user      *scim.ResourceType
	attribute *scim.Attribute
	value     string
	filter    *scim.Filter
}

func newMe(user *scim.ResourceType, subject *Subject) (*me, error) {
	if subject == nil {
		return nil, nil
	}
	attribute := user.Attribute(subject.Attribute)
	if attribute == nil || attribute.Type != scim.String || subject.Value == "" {
		return nil, fmt.Errorf("the subject of /Me: %q does not identify users, or has no value", subject.Attribute)
	}
	filter, err := user.ParseFilter(attribute.Path() + " eq " + quoted(subject.Value))
	if err != nil {
		return nil, fmt.Errorf("the subject of /Me: %w", err)
	}
	return &me{user: user, attribute: attribute, value: subject.Value, filter: filter}, nil
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
		page, err := s.store.List(x.ctx, store.Query{Type: s.me.user, Filter: s.me.filter, Count: 1, NoGroups: true})
		if err != nil {
			return err
		}
		if len(page.Resources) == 0 {
			return errMeMissing(s.me.attribute.Name)
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
	projection, body, err := x.content()
	if err != nil {
		return err
	}
	parsed, err := s.me.user.ParseNew(body)
	if err != nil {
		return err
	}
	if !s.me.filter.Match(s.me.user.Pack(parsed.Object), nil) {
		return scim.ErrInvalidValue(s.me.attribute.Path(), "it is not that of the user whom /Me stands for; POST other users to "+s.me.user.Endpoint)
	}
	return x.sendCreated(projection, parsed)
}
