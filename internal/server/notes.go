// SPDX-License-Identifier: Apache-2.0

package server

import (
	"net/http"
	"strconv"

	"scim-operator.io/internal/scim"
)

// Notes takes down on users what their identity provider was refused, so that whoever
// looks at one sees why it did not change. It does not keep requests waiting.
type Notes interface {
	// Refused takes down that a request about a user, as of a generation, was refused with a
	// status and, where there is one, a scimType.
	Refused(id string, generation int64, status int, scimType, message string)
	// Ignored takes down that a request about a user succeeded without a part of it. The
	// generation is that of the user afterwards.
	Ignored(id string, generation int64, message string)
	// Accepted takes down that a request about a user of whom a refusal is known succeeded.
	Accepted(id string)
}

// noteIgnored remembers what a request names and no schema has, where the endpoint is told to
// ignore that. Elsewhere a name that a client made up is written down nowhere.
func (s *Server) noteIgnored(c *change, ignored scim.Ignored) {
	if len(s.patchOptions) > 0 {
		c.ignored = ignored
	}
}

// note takes down what became of a change of a user.
func (s *Server) note(c *change) {
	switch refusal := c.refusal; {
	case s.notes == nil || c.rt == nil || c.rt != s.userName.user:
	case refusal == nil && c.resource != nil && !c.ignored.None():
		s.notes.Ignored(c.resource.ID, c.resource.Generation, c.method+" was applied without "+c.ignored.String()+
			": no schema of the endpoint has that")
	case refusal == nil:
		if c.resource != nil && c.resource.Refused {
			s.notes.Accepted(c.resource.ID)
		}
	case refusal.Status >= http.StatusBadRequest && refusal.Status < statusClientGone:
		id, who := c.id, ""
		if c.method == http.MethodPost {
			id, who = refusal.Holder, " of another user"
		}
		if id == "" {
			return
		}
		if user := s.store.Known(c.rt, id); user != nil {
			s.notes.Refused(id, user.Generation, refusal.Status, refusal.ScimType,
				c.method+who+" was refused with "+strconv.Itoa(refusal.Status)+": "+
					refusal.Redacted(s.loggedAttribute(c.rt, refusal.Path)))
		}
	}
}
