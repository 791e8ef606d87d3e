// SPDX-License-Identifier: Apache-2.0

package plugin

import (
	"fmt"
	"io"
	"strings"
)

// write is the explanation as text: what it is about in the first lines, then one
// question each.
func (e *Explanation) write(w io.Writer, s *session) {
	name := e.UserName
	if e.DisplayName != "" && e.DisplayName != e.UserName {
		name += ", " + e.DisplayName
	}
	_, _ = fmt.Fprintln(w, name)
	identifiers := "id " + e.ID
	if e.ExternalID != "" {
		identifiers += ", externalId " + e.ExternalID
	}
	_, _ = fmt.Fprintf(w, "%s\n%s\n\n", identifiers, e.provenance())

	state := e.State.Value
	if e.State.Since != nil {
		state += " since " + day(s.now, e.State.Since)
	}
	rows := [][]string{
		{"State", state + ": " + e.State.Why},
		{"Type", e.UserType.Value + ": " + e.UserType.Why},
		{"Organizations", orNone(e.Organizations.Values) + ": " + e.Organizations.Why},
	}
	rows = append(rows, e.roleRows()...)
	if e.Withheld != nil {
		rows = append(rows, []string{"Withheld", e.Withheld.Reason + ": " + e.Withheld.Message})
	}
	rows = append(rows, []string{"Groups", e.groupText()}, []string{"userName", e.UserNameClaim.Why})
	for _, note := range e.Notes {
		rows = append(rows, []string{"Note", note})
	}
	table(w, rows)
}

func (e *Explanation) provenance() string {
	origin := "provisioned through"
	if e.Origin == "Adopted" {
		origin = "was here before, and adopted by"
	}
	switch {
	case e.Endpoint == "":
		return "belongs to no identity provider"
	case e.Provider == "":
		return origin + " the ScimEndpoint " + e.Endpoint + ", which is gone"
	}
	return origin + " the " + e.Kind + " " + e.Provider
}

func (e *Explanation) roleRows() [][]string {
	if len(e.Roles) == 0 {
		return [][]string{{"Roles", "none"}}
	}
	rows := make([][]string, len(e.Roles))
	for i, role := range e.Roles {
		rows[i] = []string{"Role", role.Value + ": " + role.Why}
	}
	return rows
}

func (e *Explanation) groupText() string {
	if len(e.Groups) == 0 {
		return "none"
	}
	names := make([]string, len(e.Groups))
	for i, g := range e.Groups {
		names[i] = g.DisplayName
		if g.Through != "" {
			names[i] += " (through " + g.Through + ")"
		}
	}
	return strings.Join(names, ", ")
}
