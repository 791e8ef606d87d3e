// SPDX-License-Identifier: Apache-2.0

package store

import (
	"encoding/json"
	"fmt"
	"iter"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/go-logr/logr"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"pgregory.net/rapid"

	api "scim-operator.io/api/v1alpha1"
	"scim-operator.io/internal/scim"
)

const badgeSchema = "urn:example:badge:2.0:User"

// registryWithBadge has a custom extension, and a resource type, with an attribute of
// every type.
func registryWithBadge(t testing.TB) *scim.Registry {
	t.Helper()
	ofEveryType := []*scim.Attribute{
		{Name: "number", Type: scim.Integer},
		{Name: "height", Type: scim.Decimal},
		{Name: "valid", Type: scim.Boolean},
		{Name: "issued", Type: scim.DateTime},
		{Name: "doors", Type: scim.String, MultiValued: true},
		{Name: "holder", Type: scim.Complex, Sub: []*scim.Attribute{{Name: "color", Type: scim.String}}},
	}
	badge := scim.Extension{Schema: &scim.Schema{ID: badgeSchema, Name: "Badge", Attributes: ofEveryType}}
	serial := &scim.Attribute{Name: "serialNumber", Uniqueness: scim.UniquenessServer}
	types, err := scim.NewRegistry(
		scim.WithResourceType(scim.ResourceType{Name: "Device", Endpoint: "/Devices", Schema: &scim.Schema{
			ID: "urn:example:device", Name: "Device", Attributes: append([]*scim.Attribute{serial}, ofEveryType...),
		}}),
		scim.WithExtension("User", badge), scim.WithExtension("Device", badge))
	if err != nil {
		t.Fatal(err)
	}
	return types
}

func offlineStore(t testing.TB, types *scim.Registry) *Store {
	t.Helper()
	s, err := newStore(Config{
		Namespace: "acme", Endpoint: "okta", BaseURL: "https://scim.example.com/scim/v2", Types: types, Log: logr.Discard(),
	}, nil)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// Whatever the schema lets a client write comes back as it was.
func TestEveryWritableAttributeIsStored(t *testing.T) {
	s := offlineStore(t, registryWithBadge(t))
	rapid.Check(t, func(t *rapid.T) {
		for _, k := range s.kinds {
			object := drawObject(t, k.rt.Attributes(), 0.7)
			object = object.With(k.unique[0].attr, "bjensen")
			for a := range k.rt.Attributes() {
				if a.Initial != nil && object.Get(a) == nil {
					object = object.With(a, a.Initial)
				}
			}
			if got := roundTrip(t, s, k, object); !got.Equal(object) {
				t.Fatalf("stored\n%s\nbecame\n%s", scim.AppendValue(nil, object), scim.AppendValue(nil, got))
			}
		}
	})
}

// roundTrip stores an object and reads it again, without what the server sets.
func roundTrip(t *rapid.T, s *Store, k *kind, o *scim.Object) *scim.Object {
	var stored, read object = s.groupObject(s.newMetadata("id"), o), &api.ScimGroup{}
	switch k {
	case s.groups:
	case s.users:
		stored, read = s.userObject(s.newMetadata("id"), o, nil), &api.ScimUser{}
	default:
		r, err := s.resourceObject(k, s.newMetadata("id"), o)
		if err != nil {
			t.Fatal(err)
		}
		stored, read = r, &api.ScimResource{}
	}
	stored.SetResourceVersion("7")
	document, err := json.Marshal(stored)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(document, read); err != nil {
		t.Fatal(err)
	}
	notice(read, document)
	v, err := s.read(read)
	if err != nil {
		t.Fatal(err)
	}
	if v.entry.partial() {
		t.Fatalf("what this process has written it does not read whole: %s", document)
	}
	o = v.entry.object().With(k.rt.Attribute("id"), nil).With(k.rt.Attribute("meta"), nil)
	if e := &s.userAttributes.enterprise; k == s.users && o.Object(e.container).Object(e.manager) != nil {
		enterprise := o.Object(e.container)
		o = o.With(e.container, enterprise.With(e.manager, enterprise.Object(e.manager).With(e.managerRef, nil)))
	}
	return o
}

// drawObject draws values for attributes that a client may write.
func drawObject(t *rapid.T, attributes iter.Seq[*scim.Attribute], share float64) *scim.Object {
	b := scim.NewBuilder(8)
	for a := range attributes {
		if a.Mutability == scim.ReadOnly || a.Mutability == scim.WriteOnly || a.Name == "members" || a.Name == "schemas" {
			continue
		}
		if rapid.Float64Range(0, 1).Draw(t, "present") > share {
			continue
		}
		b.Set(a, drawValue(t, a))
	}
	return b.Object()
}

func drawValue(t *rapid.T, a *scim.Attribute) scim.Value {
	if !a.MultiValued {
		return drawSingle(t, a)
	}
	var list scim.List
	for range rapid.IntRange(1, 3).Draw(t, a.Name) {
		// The values of an attribute are a set.
		v := drawSingle(t, a)
		if !scim.IsEmpty(v) && !slices.ContainsFunc(list, func(other scim.Value) bool { return reflect.DeepEqual(v, other) }) {
			list = append(list, v)
		}
	}
	return list
}

func drawSingle(t *rapid.T, a *scim.Attribute) scim.Value {
	switch a.Type {
	case scim.Boolean:
		return rapid.Bool().Draw(t, a.Name)
	case scim.Integer:
		return rapid.Int64Range(-1<<40, 1<<40).Draw(t, a.Name)
	case scim.Decimal:
		return float64(rapid.IntRange(-1000, 1000).Draw(t, a.Name)) / 8
	case scim.DateTime:
		return "2011-05-13T04:42:34Z"
	case scim.Binary:
		return "TUlJRA=="
	case scim.Complex:
		o := drawObject(t, slices.Values(a.Sub), 0.8)
		if o.Len() == 0 {
			return nil
		}
		return o
	case scim.String, scim.Reference:
	}
	if len(a.CanonicalValues) > 0 {
		return rapid.SampledFrom(a.CanonicalValues).Draw(t, a.Name)
	}
	return rapid.StringMatching(`[a-zA-Zé<>][a-zA-Z"\\ é<>]{0,11}`).Draw(t, a.Name) // a blank may be no value
}

func TestAWriteKeepsMetadataThatOthersSet(t *testing.T) {
	s := offlineStore(t, scim.Core())
	u := &api.ScimUser{ObjectMeta: metav1.ObjectMeta{
		Name: "id", ResourceVersion: "7", UID: "uid",
		Labels:      map[string]string{"team": "blue"},
		Annotations: map[string]string{"note": "x"},
		Finalizers:  []string{"example.com/audit"},
	}}
	v, err := s.read(u)
	if err != nil {
		t.Fatal(err)
	}
	m := s.metadata(v.entry)
	got := fmt.Sprintln(m.ResourceVersion, m.UID, m.Labels, m.Annotations, m.Finalizers)
	want := "7 uid map[scim-operator.io/endpoint:okta team:blue] map[note:x] [example.com/audit scim-operator.io/claims]"
	if strings.TrimSpace(got) != want {
		t.Errorf("metadata is\n%s, want\n%s", got, want)
	}
}

func TestFieldsOfTheSpecAreNamedAsAttributes(t *testing.T) {
	k := &kind{}
	for field, want := range map[string]string{
		"spec.userName":                   "userName",
		"spec.emails[0].value":            "emails.value",
		"spec.enterprise.department":      scim.EnterpriseUserSchema + ":department",
		"spec.enterprise.manager.ref":     scim.EnterpriseUserSchema + ":manager.$ref",
		"spec.account.organizationIds[3]": scim.OperatorUserSchema + ":organizationId",
		"spec.extensions":                 "extensions",
	} {
		if got := k.attributePath(field); got != want {
			t.Errorf("%s is called %s, want %s", field, got, want)
		}
	}
}
