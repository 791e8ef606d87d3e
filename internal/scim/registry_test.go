// SPDX-License-Identifier: Apache-2.0

package scim

import (
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write the golden files anew")

func TestRegistryFindsTypes(t *testing.T) {
	r := gadgets(t)
	if r.User() != r.ResourceType("user") || r.Group() != r.ByEndpoint("/groups") || r.ByEndpoint("/Gadgets").Name != "Gadget" {
		t.Error("a type is not found")
	}
	if r.ResourceType("x") != nil || r.ByEndpoint("/x") != nil || len(r.ResourceTypes()) != 3 {
		t.Error("a type is found that is not there")
	}
}

func TestResourceTypeFindsAttributes(t *testing.T) {
	rt := Core().User()
	for path, want := range map[string]string{
		"userName":                          "userName",
		"USERNAME":                          "userName",
		"name.givenName":                    "name.givenName",
		"emails.$ref":                       "",
		"members":                           "",
		"meta.lastModified":                 "meta.lastModified",
		UserSchema + ":title":               "title",
		EnterpriseUserSchema:                EnterpriseUserSchema,
		EnterpriseUserSchema + ":manager":   EnterpriseUserSchema + ":manager",
		NinjaOneUserSchema + ":userType":    OperatorUserSchema + ":userType",
		EnterpriseUserSchema + ":manager.x": "",
		"":                                  "",
		":":                                 "",
		".":                                 "",
		"urn:example:x:y":                   "",
	} {
		got := ""
		if a := rt.Attribute(path); a != nil {
			got = a.Path()
		}
		if got != want {
			t.Errorf("%s is %s, want %s", path, got, want)
		}
	}
	if rt.Extension(NinjaOneUserSchema) != rt.Extension(OperatorUserSchema) || rt.Extension(UserSchema) != nil || rt.Extension("x") != nil {
		t.Error("an extension is not found")
	}
	if rt.Members() != nil || Core().Group().Members().Path() != "members" {
		t.Error("members are not found")
	}
	var names []string
	for a := range Core().Group().Attributes() {
		names = append(names, a.Name)
	}
	if diff := cmp.Diff([]string{"schemas", "id", "externalId", "displayName", "members", "meta"}, names); diff != "" {
		t.Error(diff)
	}
}

func TestRegistryRefusesWrongSchemas(t *testing.T) {
	extension := func(id string, attributes ...*Attribute) Option {
		return WithExtension("User", Extension{Schema: &Schema{ID: id, Attributes: attributes}})
	}
	tests := []struct {
		name   string
		option Option
		want   string
	}{
		{"no URN", extension("custom"), "must be a URN"},
		{"a URN with blanks", extension("urn:example: x"), "must be a URN"},
		{"a name with blanks", extension("urn:example:x", attribute(String, "a b", "")), `name "a b" must be`},
		{"no name", extension("urn:example:x", attribute(String, "", "")), "must be a letter"},
		{"no attribute", extension("urn:example:x", nil), "must be a letter"},
		{"a name twice", extension("urn:example:x", attribute(String, "a", ""), attribute(String, "A", "")), `"A" is there twice`},
		{"the schema twice", extension(EnterpriseUserSchema), "is there twice"},
		{"the schema of a discovery document", extension("URN:ietf:params:scim:schemas:core:2.0:Schema"), "is taken"},
		{"complex in complex", extension("urn:example:x", complexAttribute("a", "", []*Attribute{complexAttribute("b", "", []*Attribute{attribute(String, "c", "")})})), "cannot be complex"},
		{"complex without sub-attributes", extension("urn:example:x", complexAttribute("a", "", nil)), "needs sub-attributes"},
		{"sub-attributes of a string", extension("urn:example:x", &Attribute{Name: "a", Sub: []*Attribute{attribute(String, "b", "")}}), "only a complex attribute"},
		{"required and readOnly", extension("urn:example:x", attribute(String, "a", "", required, readOnly)), "required attribute must be"},
		{"writeOnly and returned", extension("urn:example:x", &Attribute{Name: "a", Mutability: WriteOnly}), "returned never"},
		{"canonical values of none", extension("urn:example:x", attribute(String, "a", "", canonicalOnly())), "has none"},
		{"a type that there is not", extension("urn:example:x", &Attribute{Name: "a", Type: 99}), "out of range"},
		{"an extension of nothing", WithExtension("Robot", Extension{Schema: &Schema{ID: "urn:example:x"}}), "does not exist"},
		{"an extension without schema", WithExtension("User", Extension{}), "no schema"},
		{"a type without schema", WithResourceType(ResourceType{Name: "X", Endpoint: "/X"}), "no schema"},
		{"a type without name", WithResourceType(ResourceType{Endpoint: "/X", Schema: &Schema{ID: "urn:example:x"}}), "its name"},
		{"an endpoint without slash", WithResourceType(ResourceType{Name: "X", Endpoint: "X", Schema: &Schema{ID: "urn:example:x"}}), "its endpoint"},
		{"a type twice", WithResourceType(ResourceType{Name: "user", Endpoint: "/X", Schema: &Schema{ID: "urn:example:x"}}), "is taken"},
		{"an attribute named like a common one", WithResourceType(ResourceType{Name: "X", Endpoint: "/X", Schema: &Schema{ID: "urn:example:x", Attributes: []*Attribute{attribute(String, "id", "")}}}), "is there twice"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			_, err := NewRegistry(test.option)
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("error is %v, want %q", err, test.want)
			}
		})
	}
}

func TestDiscoveryDocuments(t *testing.T) {
	const base = "https://scim.example.com/v2"
	for _, d := range Core().SchemaDocuments(base) {
		golden(t, "schema-"+strings.ToLower(d.ID[strings.LastIndex(d.ID, "schemas:")+len("schemas:"):]), d.JSON)
	}
	for _, d := range Core().ResourceTypeDocuments(base) {
		golden(t, "resourcetype-"+strings.ToLower(d.ID), d.JSON)
	}
	golden(t, "serviceproviderconfig", ServiceProviderConfig{
		DocumentationURI: "https://scim-operator.io/docs", FilterMaxResults: 1000,
		BulkMaxOperations: 1000, BulkMaxPayloadBytes: 1 << 20,
		CursorPagination: true, DefaultPageSize: 100, MaxPageSize: 1000, CursorTimeout: time.Hour,
		AuthenticationSchemes: []AuthenticationScheme{{
			Type: "oauthbearertoken", Name: "Bearer token", Description: "A token in the Authorization header.",
			SpecURI: "https://www.rfc-editor.org/rfc/rfc6750", Primary: true,
		}},
	}.Document(base))
	golden(t, "serviceproviderconfig-least", ServiceProviderConfig{}.Document(base))
}

func golden(t *testing.T, name string, document json.RawMessage) {
	t.Helper()
	var indented strings.Builder
	encoder := json.NewEncoder(&indented)
	encoder.SetIndent("", "  ")
	if err := encoder.Encode(document); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join("testdata", "discovery", strings.ReplaceAll(name, ":", "-")+".json")
	if *update {
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(indented.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), indented.String()); diff != "" {
		t.Errorf("%s (go test -update writes it anew): %s", file, diff)
	}
}

// TestSchemaDocumentsAreTheTable reads /Schemas back and compares it with what the
// engine enforces.
func TestSchemaDocumentsAreTheTable(t *testing.T) {
	r := gadgets(t)
	documents := map[string]schemaDocument{}
	for _, d := range r.SchemaDocuments("") {
		var s schemaDocument
		if err := json.Unmarshal(d.JSON, &s); err != nil {
			t.Fatal(err)
		}
		documents[d.ID] = s
	}
	if len(documents) != 10 {
		t.Errorf("%d schemas", len(documents))
	}
	for _, rt := range r.ResourceTypes() {
		for a := range rt.Attributes() {
			urn := rt.Schema.ID
			switch {
			case a.role == roleExtension:
				compareWithTable(t, documents[a.Name].Attributes, a.Sub)
				continue
			case a.Name == "schemas" || a.Name == "id" || a.Name == "externalId" || a.Name == "meta":
				continue
			}
			found := false
			for _, d := range documents[urn].Attributes {
				if d.Name == a.Name {
					found = true
					compareWithTable(t, []attributeDocument{d}, []*Attribute{a})
				}
			}
			if !found {
				t.Errorf("%s is enforced and not published", a.Path())
			}
		}
	}
}

func compareWithTable(t *testing.T, documents []attributeDocument, attributes []*Attribute) {
	t.Helper()
	if len(documents) != len(attributes) {
		t.Fatalf("%d attributes are published of %d", len(documents), len(attributes))
	}
	for i, a := range attributes {
		d := documents[i]
		if d.Name != a.Name || d.Type != a.Type.String() || d.MultiValued != a.MultiValued || d.Required != a.Required ||
			d.CaseExact != a.CaseExact || d.Mutability != a.Mutability.String() || d.Returned != a.Returned.String() ||
			d.Uniqueness != a.Uniqueness.String() || len(d.CanonicalValues) != len(a.CanonicalValues) || len(d.ReferenceTypes) != len(a.ReferenceTypes) {
			t.Errorf("%s is published as %+v", a.Path(), d)
		}
		compareWithTable(t, d.SubAttributes, a.Sub)
	}
}
