// SPDX-License-Identifier: Apache-2.0

package store

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/utils/ptr"

	api "scim-operator.io/api/v1alpha1"
	"scim-operator.io/internal/scim"
	"scim-operator.io/internal/scim/scimtest"
)

const costSchema = "urn:example:cost:2.0:Group"

// declared is an endpoint's spec.extensions.
func declared() []api.SchemaExtension {
	value := func(name string, typ api.AttributeType) api.SchemaValue {
		return api.SchemaValue{Name: name, Type: typ}
	}
	color := value("color", "string")
	color.CanonicalValues, color.CanonicalOnly = []string{"Red", "Blue"}, ptr.To(true)
	number := value("number", "integer")
	number.Mutability, number.Required = "immutable", ptr.To(true)
	pin := value("pin", "string")
	pin.Returned, pin.CaseExact = "request", ptr.To(true)
	zone, code := value("zone", "string"), value("code", "string")
	zone.Mutability, code.Mutability = "readOnly", "writeOnly"
	doors := value("doors", "complex")
	doors.MultiValued = ptr.To(true)
	return []api.SchemaExtension{{
		Schema: badgeSchema, ResourceType: "User", Name: "Badge", Description: "A badge.",
		Attributes: []api.SchemaAttribute{
			{SchemaValue: number}, {SchemaValue: color}, {SchemaValue: pin}, {SchemaValue: value("photo", "reference")},
			{SchemaValue: doors, SubAttributes: []api.SchemaSubAttribute{
				{SchemaValue: value("value", "string")}, {SchemaValue: value("until", "dateTime")},
			}},
			{SchemaValue: zone}, {SchemaValue: code},
		},
	}, {
		Schema: costSchema, ResourceType: "Group",
		Attributes: []api.SchemaAttribute{{SchemaValue: value("center", "string")}},
	}}
}

func declaredTypes(t testing.TB) *scim.Registry {
	t.Helper()
	types, err := NewTypes(&api.ScimEndpointTemplate{Extensions: declared()})
	if err != nil {
		t.Fatal(err)
	}
	return types
}

func TestDeclaredExtensionsArePublished(t *testing.T) {
	types := declaredTypes(t)
	for _, d := range types.SchemaDocuments("https://x") {
		if d.ID != badgeSchema {
			continue
		}
		var schema struct {
			Name       string
			Attributes []map[string]any
		}
		if err := json.Unmarshal(d.JSON, &schema); err != nil {
			t.Fatal(err)
		}
		for i, want := range []string{
			"number integer immutable true default false", "color string readWrite false default false",
			"pin string readWrite false request true", "photo reference readWrite false default true",
			"doors complex readWrite false default false",
			"zone string readOnly false default false", "code string writeOnly false never false",
		} {
			a := schema.Attributes[i]
			if got := fmt.Sprint(a["name"], " ", a["type"], " ", a["mutability"], " ", a["required"], " ", a["returned"], " ", a["caseExact"]); got != want {
				t.Errorf("/Schemas has %s, want %s", got, want)
			}
		}
	}
	group := string(types.ResourceTypeDocuments("https://x")[1].JSON)
	if !strings.Contains(group, costSchema) || strings.Contains(group, badgeSchema) {
		t.Errorf("the groups' extensions are in %s", group)
	}
	core, err := NewTypes(&api.ScimEndpointTemplate{})
	if err != nil || core != scim.Core() {
		t.Errorf("without extensions: %v", err)
	}
}

func TestADeclaredExtensionMayBeRequired(t *testing.T) {
	extensions := declared()
	extensions[1].Required = ptr.To(true)
	extensions[1].Schema = "urn:example:params:scim:schemas:extension:cost:2.0:Group"
	types, err := NewTypes(&api.ScimEndpointTemplate{Extensions: extensions})
	if err != nil {
		t.Fatal(err)
	}
	rt := types.Group()
	_, err = rt.Parse([]byte(`{"displayName":"x"}`))
	requireStatus(t, err, 400, "invalidValue")
	parsed := parse(t, rt, `{"displayName":"x","`+extensions[1].Schema+`":{"center":"7"}}`)
	patch := func(current *scim.Object, operation string) error {
		p, err := rt.ParsePatch([]byte(`{"Operations":[` + operation + `]}`))
		if err == nil {
			_, _, err = p.Apply(current, nil)
		}
		return err
	}
	requireStatus(t, patch(parsed.Object, `{"op":"remove","path":"`+extensions[1].Schema+`"}`), 400, "mutability")
	before := (&scim.Object{}).With(rt.Attribute("displayName"), "x") // it was not always required
	if err := patch(before, `{"op":"replace","path":"displayName","value":"y"}`); err != nil {
		t.Error(err)
	}
	for _, d := range types.ResourceTypeDocuments("") {
		if d.ID == "Group" && !strings.Contains(string(d.JSON), `"required":true`) {
			t.Errorf("/ResourceTypes has %s", d.JSON)
		}
	}
	for _, d := range types.SchemaDocuments("") {
		var schema struct{ Name string }
		if err := json.Unmarshal(d.JSON, &schema); err != nil || schema.Name == "" {
			t.Errorf("%s has no name, error %v", d.ID, err)
		}
		if d.ID == extensions[1].Schema && schema.Name != "cost" {
			t.Errorf("the name is %q", schema.Name)
		}
	}
	for urn, want := range map[string]string{"urn:acme:ext": "ext", "urn:acme:2.0:User": "urn:acme:2.0:User", "urn:a:badge:1.0": "badge"} {
		if got := nameInURN(urn, "User"); got != want {
			t.Errorf("%s is named %q", urn, got)
		}
	}
}

func TestExtensionsThatCannotBe(t *testing.T) {
	for name, change := range map[string]func(e *api.SchemaExtension){
		`there is no type "text"`:        func(e *api.SchemaExtension) { e.Attributes[0].Type = "text" },
		`there is no mutability "never"`: func(e *api.SchemaExtension) { e.Attributes[0].Mutability = "never" },
		`"often" is not when`:            func(e *api.SchemaExtension) { e.Attributes[4].SubAttributes[0].Returned = "often" },
		`is there twice`:                 func(e *api.SchemaExtension) { e.Attributes[0].Name = "COLOR" },
		`the schema`:                     func(e *api.SchemaExtension) { e.Schema = scim.EnterpriseUserSchema },
		`does not exist`:                 func(e *api.SchemaExtension) { e.ResourceType = "Device" },
	} {
		extensions := declared()
		change(&extensions[0])
		if _, err := NewTypes(&api.ScimEndpointTemplate{Extensions: extensions}); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("the error is %v, want %s", err, name)
		}
	}
}

// What clients cannot set is shown to them as the cluster has it; what is not kept, is not.
func TestDeclaredMutability(t *testing.T) {
	w := newWorld(t)
	north := api.ScimUserSpec{UserName: "eve", Emails: emails("eve@acme.com"), Extensions: map[string]apiextensionsv1.JSON{badgeSchema: {Raw: []byte(`{"zone":"north"}`)}}}
	w.unlinked("eve", north)
	r := w.start(func(c *Config) {
		c.Types = declaredTypes(t)
		linkingBy(api.LinkingByUserName)(c)
	}, nil)
	rt := r.users.rt
	body := userBody("zoe", `"externalId":"z"`, `"`+badgeSchema+`":{"number":7,"zone":"mine","code":"secret"}`)
	u := r.user(body)
	var stored api.ScimUser
	if err := w.raw.get(t.Context(), usersResource, u.ID, &stored); err != nil {
		t.Fatal(err)
	}
	if got := string(stored.Spec.Extensions[badgeSchema].Raw); got != `{"number":7}` {
		t.Errorf("stored is %s", got)
	}
	stored.Spec.Extensions[badgeSchema] = apiextensionsv1.JSON{Raw: []byte(`{"number":7,"zone":"north"}`)}
	if err := w.raw.update(t.Context(), usersResource, &stored, &stored); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the zone shows", func() bool {
		return slices.Equal(r.find(rt, badgeSchema+`:zone eq "North"`), []string{u.ID})
	})
	replaced, err := rt.Parse([]byte(body))
	if err != nil {
		t.Fatal(err)
	}
	_, _, err = r.Update(t.Context(), rt, u.ID, Match{}, func(now *scim.Object, _ *scim.Members) (*scim.Object, bool, error) {
		return rt.Replace(now, replaced.Object)
	})
	if err != nil {
		t.Fatal(err)
	}
	r.patch(rt, u.ID, `{"op":"add","path":"`+badgeSchema+`:code","value":"1234"},{"op":"add","value":{"`+badgeSchema+`:zone":"east"}}`)
	shown, err := r.Get(t.Context(), rt, u.ID)
	if err != nil {
		t.Fatal(err)
	}
	if got := string(shown.AppendJSON(nil, nil)); !strings.Contains(got, `{"number":7,"zone":"north"}`) {
		t.Errorf("the user is %s", got)
	}
	_, err = rt.ParsePatch([]byte(`{"Operations":[{"op":"replace","path":"` + badgeSchema + `:zone","value":"east"}]}`))
	requireStatus(t, err, 400, scim.ScimTypeMutability)

	r.delete(rt, u.ID)
	back := r.user(body)
	if got := string(back.AppendJSON(nil, nil)); back.ID != u.ID || !strings.Contains(got, `{"number":7,"zone":"north"}`) {
		t.Errorf("who comes back is %s", got)
	}
	adopted := r.user(spokenFor("eve"))
	if got := string(adopted.AppendJSON(nil, nil)); adopted.ID != "eve" || !strings.Contains(got, `{"zone":"north"}`) {
		t.Errorf("who was here before is %s", got)
	}
}

func TestDeclaredExtensionsAreKept(t *testing.T) {
	w := newWorld(t)
	r := w.start(func(c *Config) { c.Types = declaredTypes(t) }, nil)
	rt := r.users.rt
	const badge = `"` + badgeSchema + `"`
	u := r.user(userBody("quinn", badge+`:{"number":7,"color":"blue","pin":"aB1","doors":[{"value":"north","until":"2030-01-01T00:00:00Z"}],"unknown":1}`))
	other := r.user(userBody("rita", badge+`:{"number":8,"color":"RED"}`))
	for filter, want := range map[string]string{
		badgeSchema + `:number eq 7`:    u.ID,
		badgeSchema + `:color eq "red"`: other.ID,
		badgeSchema + `:pin eq "aB1"`:   u.ID,
		badgeSchema + `:doors[value eq "North" and until gt "2029-01-01T00:00:00Z"]`: u.ID,
		badgeSchema + `:number gt 7`: other.ID,
	} {
		if found := r.find(rt, filter); !slices.Equal(found, []string{want}) {
			t.Errorf("%s finds %v", filter, found)
		}
	}
	if found := r.find(rt, badgeSchema+`:pin eq "ab1"`); len(found) != 0 {
		t.Error("caseExact is not honoured")
	}
	r.patch(rt, u.ID, `{"op":"add","path":"`+badgeSchema+`:doors","value":[{"value":"south"}]},{"op":"replace","path":"`+badgeSchema+`:color","value":"Red"}`)
	for operations, scimType := range map[string]string{
		`{"op":"replace","path":"` + badgeSchema + `:number","value":9}`:      scim.ScimTypeMutability,
		`{"op":"replace","path":"` + badgeSchema + `:color","value":"green"}`: scim.ScimTypeInvalidValue,
	} {
		p, err := rt.ParsePatch([]byte(`{"Operations":[` + operations + `]}`))
		if err == nil {
			_, _, err = r.Update(t.Context(), rt, u.ID, Match{}, p.Apply)
		}
		requireStatus(t, err, 400, scimType)
	}
	_, err := rt.Parse([]byte(userBody("sam", badge+`:{"color":"Red"}`)))
	requireStatus(t, err, 400, scim.ScimTypeInvalidValue)

	var stored api.ScimUser
	if err := w.raw.get(t.Context(), usersResource, u.ID, &stored); err != nil {
		t.Fatal(err)
	}
	// The API server sorts the names.
	want := `{"color":"Red","doors":[{"until":"2030-01-01T00:00:00Z","value":"north"},{"value":"south"}],"number":7,"pin":"aB1"}`
	if got := string(stored.Spec.Extensions[badgeSchema].Raw); got != want {
		t.Errorf("stored is %s, want %s", got, want)
	}
	g := r.group(`{"displayName":"G","` + costSchema + `":{"center":"4711"}}`)
	if found := r.find(r.groups.rt, costSchema+`:center eq "4711"`); !slices.Equal(found, []string{g.ID}) {
		t.Errorf("found %v", found)
	}

	// A server that does not know the extension any more, or not yet, keeps what there is.
	without := w.replica()
	without.patch(without.users.rt, u.ID, `{"op":"replace","path":"title","value":"x"}`)
	shown, err := r.Get(t.Context(), rt, u.ID)
	if err != nil {
		t.Fatal(err)
	}
	if got := scimtest.Value(shown.Object(), badgeSchema+":number"); got != int64(7) {
		t.Errorf("the number is %v", got)
	}
}
