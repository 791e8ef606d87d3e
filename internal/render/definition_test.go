// SPDX-License-Identifier: Apache-2.0

package render

import (
	"reflect"
	"strings"
	"testing"

	"scim-operator.io/api/v1alpha1"
)

// notOfTheDefinition are the fields of the spec that servers do not read when they start, and
// how each is followed instead.
var notOfTheDefinition = map[string]string{
	"replicas":               "the Deployment's replicas",
	"resources":              "the container's resources",
	"exposure":               "the argument --base-url, the Ingress and the HTTPRoute",
	"trustedProxies":         "an argument",
	"consistency":            "servers watch it",
	"provisioning":           "servers watch it",
	"audit":                  "servers watch it",
	"token":                  "servers watch the digests",
	"expiringTokens":         "the manager issues tokens",
	"organizationID":         "the manager decides about users",
	"userTypes":              "the manager decides about users",
	"roles":                  "the manager decides about users",
	"protectedRoles":         "the manager decides about users",
	"allowedOrganizationIDs": "the manager decides about users",
	"preview":                "the manager decides about users",
	"deprovisioning":         "the manager decides about users",
}

// onlyWithLinking have an effect only while linking is on.
var onlyWithLinking = map[string]bool{"linkingApproval": true, "emailDomains": true}

// A field of the spec either is part of the definition, and then its change restarts the
// servers, or is followed in another way that is named here.
func TestEveryFieldOfTheSpecReachesTheServers(t *testing.T) {
	annotation := func(ep *v1alpha1.ScimEndpoint) string { return podAnnotations(ep)[DefinitionAnnotation] }
	seen := map[string]bool{}
	eachField(reflect.TypeFor[v1alpha1.ScimEndpointSpec](), nil, func(name string, index []int) {
		seen[name] = true
		before, after := &v1alpha1.ScimEndpoint{}, &v1alpha1.ScimEndpoint{}
		if onlyWithLinking[name] {
			before.Spec.Linking, after.Spec.Linking = v1alpha1.LinkingByEmail, v1alpha1.LinkingByEmail
		}
		switch name { // whatever else is in them, has no effect
		case "linking":
			after.Spec.Linking = v1alpha1.LinkingByEmail
		case "otherEmailDomains":
			before.Spec.EmailDomains, after.Spec.EmailDomains = []string{"acme.com"}, []string{"acme.com"}
			after.Spec.OtherEmailDomains = v1alpha1.OtherEmailDomainsRefused
		default:
			fill(t, reflect.ValueOf(&after.Spec).Elem().FieldByIndex(index))
		}
		restarts := annotation(before) != annotation(after)
		switch how, elsewhere := notOfTheDefinition[name]; {
		case elsewhere && restarts:
			t.Errorf("a change of %s restarts the servers, although it is followed by %s", name, how)
		case !elsewhere && !restarts:
			t.Errorf("servers never learn of a change of %s: let Definition return it, or say here how it is followed", name)
		}
	})
	for name := range notOfTheDefinition {
		if !seen[name] {
			t.Errorf("the spec has no field %s", name)
		}
	}
}

// eachField calls each with the fields of a struct by their JSON names, those of inline types
// like its own.
func eachField(in reflect.Type, above []int, each func(name string, index []int)) {
	for i := range in.NumField() {
		f := in.Field(i)
		index := append(append([]int(nil), above...), i)
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		if f.Anonymous && name == "" {
			eachField(f.Type, index, each)
			continue
		}
		each(name, index)
	}
}

// fill gives a value, and all that it consists of, something that is not zero.
func fill(t *testing.T, v reflect.Value) {
	t.Helper()
	switch v.Kind() {
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fill(t, v.Elem())
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 1, 1))
		fill(t, v.Index(0))
	case reflect.Map:
		v.Set(reflect.MakeMap(v.Type()))
	case reflect.Struct:
		for i := range v.NumField() {
			if v.Type().Field(i).IsExported() {
				fill(t, v.Field(i))
			}
		}
	case reflect.String:
		v.SetString("x")
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Int, reflect.Int32, reflect.Int64:
		v.SetInt(7)
	case reflect.Uint8:
		v.SetUint(7)
	case reflect.Interface:
	default:
		t.Fatalf("a %s is not known here", v.Type())
	}
}
