// SPDX-License-Identifier: Apache-2.0

package cmd

import (
	"reflect"
	"testing"

	"k8s.io/apimachinery/pkg/api/resource"

	"scim-operator.io/api/v1alpha1"
	"scim-operator.io/internal/server"
)

// Each limit of an endpoint bounds something of its servers, and no two the same.
func TestEveryLimitReachesTheServer(t *testing.T) {
	none := withinLimits(server.Limits{}, (&v1alpha1.ScimEndpoint{}).EffectiveLimits())
	of := reflect.TypeFor[v1alpha1.EndpointLimits]()
	known := map[server.Limits]string{none: "nothing"}
	for i := range of.NumField() {
		name := of.Field(i).Name
		ep := &v1alpha1.ScimEndpoint{}
		ep.Spec.Limits = &v1alpha1.EndpointLimits{}
		switch field := reflect.ValueOf(ep.Spec.Limits).Elem().Field(i).Addr().Interface().(type) {
		case **resource.Quantity:
			*field = resource.NewQuantity(7<<20, resource.BinarySI)
		case **int32:
			value := int32(77)
			*field = &value
		default:
			t.Fatalf("%s is a %T, which is not known here", name, field)
		}
		limits := withinLimits(server.Limits{}, ep.EffectiveLimits())
		if other, ok := known[limits]; ok {
			t.Errorf("a server with %s has the limits of one with %s", name, other)
		}
		known[limits] = name
	}
}

// What a server is bound by that was told nothing is what an endpoint is that names nothing.
func TestTheLimitsInForceAreThoseOfTheServer(t *testing.T) {
	if got, want := withinLimits(server.DefaultLimits(), (&v1alpha1.ScimEndpoint{}).EffectiveLimits()), server.DefaultLimits(); got != want {
		t.Errorf("an endpoint that names no limits has %+v, and a server %+v", got, want)
	}
	ep := &v1alpha1.ScimEndpoint{}
	size := int32(10)
	ep.Spec.Limits = &v1alpha1.EndpointLimits{MaxPageSize: &size}
	if limits := ep.EffectiveLimits(); *limits.DefaultPageSize != size {
		t.Errorf("a page has %d resources, and at most %d", *limits.DefaultPageSize, size)
	}
}
