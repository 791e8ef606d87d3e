// SPDX-License-Identifier: Apache-2.0

package identityprovider

import (
	"reflect"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/randfill"

	"scim-operator.io/api/v1alpha1"
)

// notPassedOn are fields of a ScimEndpoint's spec that no field of the same name of an
// IdentityProvider decides.
var notPassedOn = []string{
	"Provisioning", // the value in force, from the status
}

// TestEveryFieldReachesTheEndpoint: a field that somebody adds to the template, to the
// directory's policy or to the endpoint alone cannot be forgotten on its way.
func TestEveryFieldReachesTheEndpoint(t *testing.T) {
	idp := &v1alpha1.IdentityProvider{ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: "acme"}}
	idp.Spec.SCIM = &v1alpha1.SCIMSpec{Endpoint: &v1alpha1.ScimEndpointTemplate{}}
	everything := filler()
	everything.Fill(&idp.Spec.EmailDomainPolicy)
	everything.Fill(&idp.Spec.SCIM.DirectoryPolicy)
	everything.Fill(idp.Spec.SCIM.Endpoint)
	fillStrings(reflect.ValueOf(&idp.Spec.SCIM.DirectoryPolicy).Elem())
	fillStrings(reflect.ValueOf(idp.Spec.SCIM.Endpoint).Elem())
	desired, err := endpointFor(idp)
	if err != nil {
		t.Fatal(err)
	}
	var endpoint v1alpha1.ScimEndpoint
	if err := convert(desired, &endpoint); err != nil {
		t.Fatal(err)
	}
	sources := map[string]reflect.Value{}
	for _, from := range []any{idp.Spec.EmailDomainPolicy, idp.Spec.SCIM.DirectoryPolicy, *idp.Spec.SCIM.Endpoint} {
		collectFields(reflect.ValueOf(from), sources)
	}
	arrived := map[string]reflect.Value{}
	collectFields(reflect.ValueOf(endpoint.Spec), arrived)
	for _, name := range notPassedOn {
		delete(arrived, name)
	}
	for name, got := range arrived {
		want, ok := sources[name]
		switch {
		case !ok:
			t.Errorf("an IdentityProvider has no field for spec.%s of its ScimEndpoint", name)
		case want.IsZero():
			t.Errorf("%s was not filled; the test proves nothing about it", name)
		case !equality.Semantic.DeepEqual(got.Interface(), want.Interface()):
			t.Errorf("%s is %+v at the endpoint, want %+v", name, got.Interface(), want.Interface())
		}
	}
	for name := range sources {
		if _, ok := arrived[name]; !ok {
			t.Errorf("%s of the IdentityProvider is no field of the ScimEndpoint", name)
		}
	}
	if len(arrived) < 15 {
		t.Errorf("only %d fields were looked at", len(arrived))
	}
}

// collectFields collects the fields of a struct by name, those of embedded structs as its own.
func collectFields(of reflect.Value, into map[string]reflect.Value) {
	for field, value := range of.Fields() {
		if field.Anonymous {
			collectFields(value, into)
		} else {
			into[field.Name] = value
		}
	}
}

// fillStrings fills the strings of a struct that the filler has left empty by chance: those
// of a type of their own.
func fillStrings(of reflect.Value) {
	for field, value := range of.Fields() {
		switch {
		case field.Anonymous:
			fillStrings(value)
		case value.Kind() == reflect.String && value.Len() == 0:
			value.SetString("filled")
		}
	}
}

// filler gives every field a value: no pointer is nil, and each list and map has one element.
func filler() *randfill.Filler {
	return randfill.New().NilChance(0).NumElements(1, 1).Funcs(
		func(s *string, c randfill.Continue) { *s = "s" + time.Duration(c.Uint32()).String() },
		func(d *metav1.Duration, _ randfill.Continue) { d.Duration = time.Hour },
		func(q *resource.Quantity, _ randfill.Continue) { *q = resource.MustParse("1Mi") },
		func(r *corev1.ResourceRequirements, _ randfill.Continue) {
			r.Limits = corev1.ResourceList{corev1.ResourceMemory: resource.MustParse("1Gi")}
		},
	)
}
