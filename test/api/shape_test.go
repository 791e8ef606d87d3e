// SPDX-License-Identifier: Apache-2.0

package api

import (
	"reflect"
	"slices"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"scim-operator.io/api/v1alpha1"
	"scim-operator.io/internal/scim"
)

// TestNothingIsAddedToASpec: what a person writes is what they read again; defaults that
// appeared in a spec would be drift to whoever keeps manifests in Git.
func TestNothingIsAddedToASpec(t *testing.T) {
	for _, r := range []row{
		{"the least provider", "IdentityProvider", "{type: Okta, signOn: {saml: {metadata: {xml: '<E/>'}}}}", ""},
		{"a provider that provisions", "IdentityProvider", "{type: Okta, signOn: {saml: {metadata: {configMapKeyRef: {name: a, key: b}}}}, scim: {endpoint: {exposure: {ingress: {host: a.example, tlsSecretName: a}}}}}", ""},
		{"a provider with an empty endpoint", "IdentityProvider", "{type: Okta, signOn: {saml: {metadata: {xml: '<E/>'}}}, scim: {endpoint: {}}}", ""},
		{"the least endpoint", "ScimEndpoint", "", ""},
		{"an endpoint with resources", "ScimEndpoint", "{resources: {limits: {memory: 1Gi}}, exposure: {httpRoute: {host: a.example, parentRefs: [{name: a}]}}}", ""},
		{"the least user", "ScimUser", "{endpointRef: {name: okta}, userName: ada}", ""},
		{"a user with values", "ScimUser", "{endpointRef: {name: okta}, userName: ada, name: {givenName: Ada}, emails: [{value: a@example.com}], account: {userType: Technician}}", ""},
		{"the least group", "ScimGroup", "{endpointRef: {name: okta}, displayName: staff}", ""},
	} {
		t.Run(r.name, func(t *testing.T) {
			o := manifest(t, r.kind, "", r.spec)
			sent := o.DeepCopy().Object["spec"]
			if err := create(t, o); err != nil {
				t.Fatal(err)
			}
			read := manifest(t, r.kind, o.GetName(), "")
			if err := c.Get(t.Context(), client.ObjectKeyFromObject(o), read); err != nil {
				t.Fatal(err)
			}
			if got := read.Object["spec"]; !reflect.DeepEqual(got, sent) {
				t.Errorf("the spec was %v and is %v", sent, got)
			}
			// kstatus and kubectl wait take an object without a status for one that is done.
			if want := map[string]any{"observedGeneration": int64(-1)}; !reflect.DeepEqual(read.Object["status"], want) {
				t.Errorf("the status is %v, want %v", read.Object["status"], want)
			}
		})
	}
}

func TestASliceNeverChanges(t *testing.T) {
	slice := manifest(t, "ScimGroupSlice", "", "{endpointRef: {name: okta}, groupRef: {name: g}, members: [{value: ada}]}")
	if err := create(t, slice); err != nil {
		t.Fatal(err)
	}
	const words = "a slice never changes; its group names a new one instead"
	for name, members := range map[string][]any{
		"another member": {map[string]any{"value": "bob"}},
		"more members":   {map[string]any{"value": "ada"}, map[string]any{"value": "bob"}},
	} {
		t.Run(name, func(t *testing.T) {
			changed := slice.DeepCopy()
			if err := unstructured.SetNestedSlice(changed.Object, members, "spec", "members"); err != nil {
				t.Fatal(err)
			}
			requireRefusal(t, c.Update(t.Context(), changed), words)
		})
	}
	t.Run("a label", func(t *testing.T) {
		labelled := slice.DeepCopy()
		labelled.SetLabels(map[string]string{"a": "b"})
		requireRefusal(t, c.Update(t.Context(), labelled), "")
	})
}

// elsewhere are attributes that no field of a spec holds: identity and metadata are those
// of the object, groups are computed and passwords forgotten.
var elsewhere = []string{"schemas", "id", "meta", "password", "groups"}

// containers are the fields that hold an extension's attributes.
var containers = map[string]string{scim.EnterpriseUserSchema: "enterprise", scim.OperatorUserSchema: "account"}

// spelledDifferently are the names that a field of a spec cannot have or has for RFC 7643.
var spelledDifferently = map[string]string{"$ref": "ref", "organizationId": "organizationIds"}

func TestEveryAttributeHasATypedField(t *testing.T) {
	registry, err := scim.NewRegistry()
	if err != nil {
		t.Fatal(err)
	}
	for name, spec := range map[string]reflect.Type{
		"User":  reflect.TypeFor[v1alpha1.ScimUserSpec](),
		"Group": reflect.TypeFor[v1alpha1.ScimGroupSpec](),
	} {
		rt := registry.ResourceType(name)
		checked := 0
		for a := range rt.Attributes() {
			if slices.Contains(elsewhere, a.Name) {
				continue
			}
			checked += requireField(t, spec, a, rt)
		}
		t.Logf("%s: %d attributes", name, checked)
		if least := map[string]int{"User": 60, "Group": 4}[name]; checked < least {
			t.Errorf("%s: only %d attributes were looked at", name, checked)
		}
	}
}

// requireField makes sure that a struct has a field of the attribute's type, and fields
// for its sub-attributes. It gives the number of attributes that it looked at.
func requireField(t *testing.T, in reflect.Type, a *scim.Attribute, rt *scim.ResourceType) int {
	t.Helper()
	field, ok := fieldNamed(in, nameInSpec(a))
	if !ok {
		t.Errorf("%s has no field for %s", in.Name(), a.Path())
		return 1
	}
	of := field
	if isList := field.Kind() == reflect.Slice; isList != a.MultiValued {
		t.Errorf("%s is a list: %t; its field is: %t", a.Path(), a.MultiValued, isList)
	}
	for of.Kind() == reflect.Pointer || of.Kind() == reflect.Slice {
		of = of.Elem()
	}
	if want := kindOf(a); of.Kind() != want {
		t.Errorf("%s is kept in a %s, want a %s", a.Path(), of.Kind(), want)
		return 1
	}
	count := 1
	for _, sub := range a.Sub {
		// The server knows a member's URI and name, and never keeps what a client sent.
		if a == rt.Members() && (sub.Name == "$ref" || sub.Name == "display") {
			continue
		}
		count += requireField(t, of, sub, rt)
	}
	return count
}

func nameInSpec(a *scim.Attribute) string {
	if container := containers[a.Name]; container != "" {
		return container
	}
	if other := spelledDifferently[a.Name]; other != "" {
		return other
	}
	return a.Name
}

func kindOf(a *scim.Attribute) reflect.Kind {
	switch a.Type {
	case scim.Boolean:
		return reflect.Bool
	case scim.Complex:
		return reflect.Struct
	default:
		return reflect.String
	}
}

func fieldNamed(in reflect.Type, name string) (reflect.Type, bool) {
	for i := range in.NumField() {
		if tag, _, _ := strings.Cut(in.Field(i).Tag.Get("json"), ","); tag == name {
			return in.Field(i).Type, true
		}
	}
	return nil, false
}
