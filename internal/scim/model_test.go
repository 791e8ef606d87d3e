// SPDX-License-Identifier: Apache-2.0

package scim

import (
	"encoding/json"
	"fmt"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// model is a user as plainly as it can be written down, and RFC 7644 §3.5.2 as
// plainly as it can be followed: what the engine does has to be the same.
type model struct {
	Title  string
	Given  string
	Family string
	Dept   string
	Emails []modelEmail
	Orgs   []string
}

type modelEmail struct {
	Value   string `json:"value,omitempty"`
	Type    string `json:"type,omitempty"`
	Primary *bool  `json:"primary,omitempty"`
}

func (m *model) text(path string) *string {
	switch path {
	case "title":
		return &m.Title
	case "name.givenName":
		return &m.Given
	case "name.familyName":
		return &m.Family
	}
	return &m.Dept
}

// document writes the model as the engine would render it.
func (m *model) document() map[string]any {
	d := map[string]any{"id": "1", "userName": "ann"}
	name := map[string]any{}
	put(d, "title", m.Title)
	put(name, "givenName", m.Given)
	put(name, "familyName", m.Family)
	if len(name) > 0 {
		d["name"] = name
	}
	schemas := []any{UserSchema}
	if m.Dept != "" {
		d[EnterpriseUserSchema] = map[string]any{"department": m.Dept}
		schemas = append(schemas, EnterpriseUserSchema)
	}
	if len(m.Orgs) > 0 {
		d[OperatorUserSchema] = map[string]any{"organizationId": m.Orgs}
		schemas = append(schemas, OperatorUserSchema)
	}
	d["schemas"] = schemas
	if len(m.Emails) > 0 {
		list := []any{}
		for _, e := range m.Emails {
			entry := map[string]any{}
			put(entry, "value", e.Value)
			put(entry, "type", e.Type)
			if e.Primary != nil {
				entry["primary"] = *e.Primary
			}
			list = append(list, entry)
		}
		d["emails"] = list
	}
	return d
}

func put(d map[string]any, name, value string) {
	if value != "" {
		d[name] = value
	}
}

// demote leaves primary true at one place only, and no two entries the same.
func (m *model) demote(chosen int) {
	no := false
	for i, e := range m.Emails {
		if i != chosen && e.Primary != nil && *e.Primary {
			m.Emails[i].Primary = &no
		}
	}
	m.distinct()
}

func (m *model) distinct() {
	var kept []modelEmail
	for _, e := range m.Emails {
		if !slices.ContainsFunc(kept, func(x modelEmail) bool { return cmp.Equal(x, e) }) {
			kept = append(kept, e)
		}
	}
	m.Emails = kept
}

func (m *model) addEmail(e modelEmail) {
	place := slices.IndexFunc(m.Emails, func(x modelEmail) bool {
		return x.Value == e.Value && (e.Type == "" || x.Type == e.Type) && (e.Primary == nil || cmp.Equal(x.Primary, e.Primary))
	})
	if place < 0 {
		place = slices.IndexFunc(m.Emails, e.same)
	}
	if place < 0 {
		place = len(m.Emails)
		m.Emails = append(m.Emails, modelEmail{Value: e.Value})
	}
	if e.Type != "" {
		m.Emails[place].Type = e.Type
	}
	if e.Primary != nil {
		m.Emails[place].Primary = e.Primary
		if *e.Primary {
			m.demote(place)
		}
	}
}

// same says whether an entry is the one that e names.
func (e modelEmail) same(x modelEmail) bool {
	return x.Value == e.Value && (x.Type == e.Type || x.Type == "" || e.Type == "")
}

// setValueOfType is `emails[type eq "…"].value`.
func (m *model) setValueOfType(kind, value string) {
	found := false
	for i, e := range m.Emails {
		if e.Type == kind {
			found = true
			m.Emails[i].Value = value
		}
	}
	m.distinct()
	if !found {
		m.Emails = append(m.Emails, modelEmail{Value: value, Type: kind})
	}
}

func drawEmail(t *rapid.T) modelEmail {
	e := modelEmail{
		Value: rapid.SampledFrom([]string{"a", "b", "c"}).Draw(t, "value"),
		Type:  rapid.SampledFrom([]string{"", "work", "home"}).Draw(t, "type"),
	}
	if rapid.Bool().Draw(t, "has primary") {
		primary := rapid.Bool().Draw(t, "primary")
		e.Primary = &primary
	}
	return e
}

// drawOperation draws an operation, does it to the model, and gives its JSON.
func drawOperation(t *rapid.T, m *model) map[string]any {
	op := rapid.SampledFrom([]string{"add", "replace", "remove"}).Draw(t, "op")
	switch rapid.IntRange(0, 10).Draw(t, "kind") {
	case 0:
		return drawText(t, m, op)
	case 1:
		kind := rapid.SampledFrom([]string{"work", "home"}).Draw(t, "type")
		if op == "remove" {
			m.Emails = slices.DeleteFunc(m.Emails, func(e modelEmail) bool { return e.Type == kind })
			return map[string]any{"op": op, "path": fmt.Sprintf("emails[type eq %q]", kind)}
		}
		value := rapid.SampledFrom([]string{"a", "b"}).Draw(t, "value")
		m.setValueOfType(kind, value)
		return map[string]any{"op": op, "path": fmt.Sprintf("emails[type eq %q].value", kind), "value": value}
	case 2:
		e := drawEmail(t)
		switch op {
		case "add":
			m.addEmail(e)
		case "replace":
			m.Emails = []modelEmail{e}
		case "remove":
			m.Emails = slices.DeleteFunc(m.Emails, e.same)
		}
		return map[string]any{"op": op, "path": "emails", "value": []modelEmail{e}}
	case 3:
		m.Given, m.Dept = "G", "D"
		return map[string]any{"op": "add", "value": map[string]any{"name": map[string]any{"givenName": "G"}, EnterpriseUserSchema + ":department": "D"}}
	case 4:
		return drawOrganizations(t, m, op)
	case 5:
		return drawPrimary(t, m, op)
	case 6:
		return drawWithoutPath(t, m, op)
	case 7:
		return drawRetyping(t, m, op)
	case 8:
		return drawWholeValue(t, m)
	case 9:
		dept := rapid.SampledFrom([]string{"x", "y"}).Draw(t, "department")
		m.Dept = dept
		return map[string]any{"op": "replace", "path": EnterpriseUserSchema, "value": map[string]any{"department": dept}}
	default:
		m.Emails = nil
		return map[string]any{"op": "remove", "path": "emails"}
	}
}

// drawOrganizations changes a list of strings, which an extension has.
func drawOrganizations(t *rapid.T, m *model, op string) map[string]any {
	ids := rapid.SliceOfN(rapid.SampledFrom([]string{"1", "2", "3", "4"}), 1, 3).Draw(t, "organizations")
	path := rapid.SampledFrom([]string{OperatorUserSchema, NinjaOneUserSchema}).Draw(t, "schema") + ":organizationId"
	switch op {
	case "replace":
		m.Orgs = nil
		fallthrough
	case "add":
		for _, id := range ids {
			if !slices.Contains(m.Orgs, id) {
				m.Orgs = append(m.Orgs, id)
			}
		}
	default:
		m.Orgs = slices.DeleteFunc(m.Orgs, func(id string) bool { return slices.Contains(ids, id) })
	}
	return map[string]any{"op": op, "path": path, "value": ids}
}

// drawPrimary is `emails[value eq "…"].primary`.
func drawPrimary(t *rapid.T, m *model, op string) map[string]any {
	value := rapid.SampledFrom([]string{"a", "b", "c"}).Draw(t, "value")
	path := fmt.Sprintf("emails[value eq %q].primary", value)
	if op == "remove" {
		for i := range m.Emails {
			if m.Emails[i].Value == value {
				m.Emails[i].Primary = nil
			}
		}
		m.distinct()
		return map[string]any{"op": op, "path": path}
	}
	primary := rapid.Bool().Draw(t, "primary")
	found, chosen := false, -1
	for i, e := range m.Emails {
		if e.Value != value {
			continue
		}
		if found = true; e.Primary == nil || *e.Primary != primary {
			m.Emails[i].Primary, chosen = &primary, i
		}
	}
	if !found {
		chosen = len(m.Emails)
		m.Emails = append(m.Emails, modelEmail{Value: value, Primary: &primary})
	}
	if primary && chosen >= 0 {
		last := m.Emails[chosen]
		m.distinct() // two that have become the same are one
		m.demote(slices.IndexFunc(m.Emails, func(e modelEmail) bool { return cmp.Equal(e, last) }))
	}
	m.distinct()
	return map[string]any{"op": op, "path": path, "value": primary}
}

// drawWithoutPath changes several attributes at once, each as by a path of its own.
func drawWithoutPath(t *rapid.T, m *model, op string) map[string]any {
	if op == "remove" {
		op = "replace"
	}
	e := drawEmail(t)
	if op == "replace" {
		m.Emails = nil
	}
	m.addEmail(e)
	m.Title, m.Family = "T", "F"
	value := map[string]any{"title": "T", "name.familyName": "F", "emails": []modelEmail{e}}
	if op == "replace" {
		m.Orgs = nil
		value[OperatorUserSchema] = map[string]any{"organizationId": []string{"7"}}
	} else {
		value[NinjaOneUserSchema+":organizationId"] = "7"
	}
	if !slices.Contains(m.Orgs, "7") {
		m.Orgs = append(m.Orgs, "7")
	}
	return map[string]any{"op": op, "value": value}
}

// drawRetyping is `emails[type eq "…"].type`.
func drawRetyping(t *rapid.T, m *model, op string) map[string]any {
	kinds := []string{"work", "home"}
	kind := rapid.SampledFrom(kinds).Draw(t, "type")
	path := fmt.Sprintf("emails[type eq %q].type", kind)
	if !slices.ContainsFunc(m.Emails, func(e modelEmail) bool { return e.Type == kind }) {
		op = "remove" // there is nothing to set it in
	}
	now := ""
	if op != "remove" {
		now = rapid.SampledFrom(kinds).Draw(t, "new type")
	}
	for i := range m.Emails {
		if m.Emails[i].Type == kind {
			m.Emails[i].Type = now
		}
	}
	m.distinct()
	if op == "remove" {
		return map[string]any{"op": op, "path": path}
	}
	return map[string]any{"op": op, "path": path, "value": now}
}

// drawWholeValue replaces the values that a path selects.
func drawWholeValue(t *rapid.T, m *model) map[string]any {
	kind := rapid.SampledFrom([]string{"work", "home"}).Draw(t, "type")
	e := modelEmail{Value: rapid.SampledFrom([]string{"a", "b"}).Draw(t, "value"), Type: kind}
	found := false
	for i := range m.Emails {
		if m.Emails[i].Type == kind {
			m.Emails[i], found = e, true
		}
	}
	if !found { // which replace would refuse
		m.addEmail(e)
		return map[string]any{"op": "add", "path": "emails", "value": e}
	}
	m.distinct()
	return map[string]any{"op": "replace", "path": fmt.Sprintf("emails[type eq %q]", kind), "value": e}
}

func drawText(t *rapid.T, m *model, op string) map[string]any {
	path := rapid.SampledFrom([]string{"title", "name.givenName", "name.familyName", EnterpriseUserSchema + ":department"}).Draw(t, "path")
	value := rapid.SampledFrom([]string{"x", "y", ""}).Draw(t, "text")
	if op == "remove" {
		*m.text(path) = ""
		return map[string]any{"op": op, "path": path}
	}
	*m.text(path) = value
	return map[string]any{"op": op, "path": path, "value": value}
}

func TestPatchEqualsModel(t *testing.T) {
	rt := Core().User()
	rapid.Check(t, func(t *rapid.T) {
		m := &model{}
		user, err := rt.Decode([]byte(`{"id":"1","userName":"ann"}`))
		if err != nil {
			t.Fatal(err)
		}
		for range rapid.IntRange(1, 3).Draw(t, "requests") {
			var operations []map[string]any
			for range rapid.IntRange(1, 4).Draw(t, "operations") {
				operations = append(operations, drawOperation(t, m))
			}
			body, err := json.Marshal(map[string]any{"schemas": []string{PatchOpSchema}, "Operations": operations})
			if err != nil {
				t.Fatal(err)
			}
			patch, err := rt.ParsePatch(body)
			if err != nil {
				t.Fatalf("%s: %v", body, err)
			}
			before := user
			result, changed, err := patch.Apply(user, nil)
			if err != nil {
				t.Fatalf("%s: %v", body, err)
			}
			if changed == result.Equal(before) {
				t.Fatalf("changed is %v", changed)
			}
			user = result
			var got, want any
			wanted, _ := json.Marshal(m.document())
			if json.Unmarshal(wanted, &want) != nil || json.Unmarshal([]byte(render(user)), &got) != nil {
				t.Fatal("no JSON")
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Fatalf("%s\n%s", body, diff)
			}
		}
	})
}
