// SPDX-License-Identifier: Apache-2.0

package server

import "scim-operator.io/internal/scim"

// maxObjectName is how long the name of an object may be.
const maxObjectName = 253

// loggedID is the id of a resource as a log may have it, or "". What a client asked for may
// be anything, a name or a token included: it is logged when it is an id as this server
// makes them, or that of a resource that was found or is known to be there. That one has
// the name of an object, whoever gave it.
func (s *Server) loggedID(rt *scim.ResourceType, id string, found bool) string {
	switch {
	case isUUID(id):
		return id
	case !isObjectName(id), rt == nil:
		return ""
	case found, s.store.Known(rt, id) != nil:
		return id
	default:
		return ""
	}
}

// loggedID is the id of the resource that was to be changed.
func (c *change) loggedID(s *Server) string {
	return s.loggedID(c.rt, c.id, c.written || c.resource != nil)
}

// loggedID is the id of the resource that the request was about.
func (x *exchange) loggedID() string {
	switch {
	case x.resourceID != "":
		return x.resourceID
	case x.change != nil:
		return x.change.loggedID(x.server)
	case x.route.typ != nil:
		return x.server.loggedID(x.route.typ.ResourceType, x.id, false)
	default:
		return x.server.loggedID(nil, x.id, false)
	}
}

func isUUID(s string) bool {
	if len(s) != 36 {
		return false
	}
	for i := range len(s) {
		c := s[i]
		switch {
		case i == 8 || i == 13 || i == 18 || i == 23:
			if c != '-' {
				return false
			}
		case '0' <= c && c <= '9', 'a' <= c && c <= 'f':
		default:
			return false
		}
	}
	return true
}

// isObjectName says whether Kubernetes takes a text for the name of an object (RFC 1123),
// which cannot upset a log.
func isObjectName(s string) bool {
	outer := true // of a label, at which there is no hyphen
	for i := range len(s) {
		switch c := s[i]; {
		case 'a' <= c && c <= 'z', '0' <= c && c <= '9':
			outer = false
		case outer || i == len(s)-1 || c != '-' && c != '.', c == '.' && s[i-1] == '-':
			return false
		case c == '.':
			outer = true
		}
	}
	return s != "" && len(s) <= maxObjectName
}
