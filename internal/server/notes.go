// SPDX-License-Identifier: Apache-2.0

package server

import (
	"net/http"
	"strconv"
)

// Notes takes down on users what their identity provider was refused, so that whoever
// looks at one sees why it did not change. It does not keep requests waiting.
type Notes interface {
	// Refused takes down that a request about a user, as of a generation, was refused with a
	// status and, where there is one, a scimType.
	Refused(id string, generation int64, status int, scimType, message string)
	// Accepted takes down that a request about a user of whom a refusal is known succeeded.
	Accepted(id string)
}

// note takes down what became of a change of a user.
func (s *Server) note(c *change) {
	switch refusal := c.refusal; {
	case s.notes == nil || c.rt == nil || c.rt != s.userName.user:
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
