// SPDX-License-Identifier: Apache-2.0

package api

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	"scim-operator.io/api/v1alpha1"
	"scim-operator.io/internal/store"
	"scim-operator.io/test/assets"
)

func TestResourceTypes(t *testing.T) {
	const (
		name     = "the name of a resource type must be a letter"
		taken    = "there is a resource type of this name already"
		endpoint = "endpoint must be a slash and a name, such as /Devices"
		served   = "this endpoint is served already"
		common   = "every resource has this attribute already"
		unique   = "only a string or reference with a single value can be unique"
		serial   = "{name: serialNumber, type: string, required: true, uniqueness: server}"
		urn      = "urn:example:device:2.0:Device"
	)
	declare := func(name, endpoint, schema, attributes string) string {
		return "{name: '" + name + "', endpoint: '" + endpoint + "', schema: '" + schema + "', attributes: [" + attributes + "]}"
	}
	types := func(all ...string) string { return "resourceTypes: [" + strings.Join(all, ", ") + "]" }
	device := func(attributes string) string {
		return "{" + types(declare("Device", "/Devices", urn, attributes)) + "}"
	}
	numbered := func(n int, format string) string {
		all := make([]string, n)
		for i := range all {
			all[i] = strings.ReplaceAll(format, "#", fmt.Sprint(i))
		}
		return strings.Join(all, ", ")
	}
	many := func(n int) string {
		return "{resourceTypes: [" + numbered(n, "{name: T#, endpoint: /T#, schema: 'urn:example:t#', attributes: ["+serial+"]}") + "]}"
	}
	var rows []row
	add := func(what, spec, words string) { rows = append(rows, row{what, "ScimEndpoint", spec, words}) }

	add("a resource type", device(serial), "")
	add("all that it may say", "{resourceTypes: [{name: Device_1-a, endpoint: /Devices_1-a, schema: '"+urn+"', description: D, attributes: ["+
		"{name: a, type: string, uniqueness: global, caseExact: true, mutability: immutable, returned: always}, {name: b, type: integer, uniqueness: none}, "+
		"{name: owner, type: reference, referenceTypes: [User, Group], uniqueness: server}, "+
		"{name: d, type: complex, multiValued: true, subAttributes: [{name: value, type: string}, {name: $ref, type: reference, referenceTypes: [Device]}]}]}]}", "")
	add("unique and forgotten", device("{name: a, type: string, mutability: writeOnly, uniqueness: server}"), "cannot be unique")
	add("as many as there may be", many(4), "")
	add("too many", many(5), "must have at most 4 items")
	rows = append(rows, row{"an identity provider's resource type", "IdentityProvider",
		"{type: Okta, signOn: {saml: {metadata: {xml: '<E/>'}}}, scim: {endpoint: " + device(serial) + "}}", ""})

	for given, words := range map[string]string{
		"1Device": name, "De vice": name, "User": taken, "GROUP": taken, "schema": taken, "ResourceType": taken, "serviceProviderConfig": taken,
	} {
		add("name "+given, "{"+types(declare(given, "/Devices", urn, serial))+"}", words)
	}
	for given, words := range map[string]string{
		"Devices": endpoint, "/De/vices": endpoint, "/.search": endpoint, "/Devices/": endpoint,
		"/Users": served, "/groups": served, "/ME": served, "/Bulk": served, "/Schemas": served,
		"/ResourceTypes": served, "/serviceproviderconfig": served, "/UsersAndMore": "",
	} {
		add("endpoint "+given, "{"+types(declare("Device", given, urn, serial))+"}", words)
	}
	for given, words := range map[string]string{
		"device": "should be at least 7 chars long", "http://example.com/device": "schema must be a URN",
		"URN:ietf:params:scim:schemas:core:2.0:Device":               "this schema is served already",
		"urn:ietf:params:scim:schemas:extension:ninjaone:2.0:USER":   "this schema is served already",
		"urn:ietf:params:scim:schemas:extension:example:2.0:Devices": "",
	} {
		add("schema "+given, "{"+types(declare("Device", "/Devices", given, serial))+"}", words)
	}
	add("one name twice", "{"+types(declare("Device", "/A", "urn:example:a", serial), declare("DEVICE", "/B", "urn:example:b", serial))+"}", "two resource types have the same name")
	add("one endpoint twice", "{"+types(declare("A", "/Devices", "urn:example:a", serial), declare("B", "/devices", "urn:example:b", serial))+"}", "two resource types have the same endpoint")
	add("one schema twice", "{"+types(declare("A", "/A", "urn:example:a", serial), declare("B", "/B", "urn:Example:a", serial))+"}", "two resource types have the same schema")

	add("no attribute", device(""), "should have at least 1 items")
	add("too many attributes", device(numbered(33, "{name: a#, type: string}")), "must have at most 32 items")
	add("one attribute twice", device(serial+", {name: SerialNumber, type: string}"), "two attributes have the same name")
	for _, given := range []string{"id", "ID", "externalid", "Meta", "schemas"} {
		add("attribute "+given, device("{name: "+given+", type: string}"), common)
	}
	add("a unique number", device("{name: a, type: integer, uniqueness: server}"), unique)
	add("unique values", device("{name: a, type: string, multiValued: true, uniqueness: global}"), unique)
	add("unique in another way", device("{name: a, type: string, uniqueness: some}"), `supported values: "none", "server", "global"`)
	add("four unique attributes", device(numbered(4, "{name: a#, type: string, uniqueness: server}")), "")
	add("five unique attributes", device(numbered(5, "{name: a#, type: string, uniqueness: server}")), "at most 4 attributes of a resource type are unique")
	add("a string that refers", device("{name: a, type: string, referenceTypes: [User]}"), "only a reference has referenceTypes")

	extension := func(resourceType, schema string) string {
		return "extensions: [{schema: '" + schema + "', resourceType: " + resourceType + ", attributes: [{name: a, type: string}]}]"
	}
	with := types(declare("Device", "/Devices", urn, serial))
	add("an extension of it", "{"+with+", "+extension("Device", "urn:example:x")+"}", "")
	add("an extension of another type", "{"+with+", "+extension("Printer", "urn:example:x")+"}", "an extension names a resource type that there is not")
	add("an extension with its schema", "{"+with+", "+extension("Device", "urn:EXAMPLE:device:2.0:Device")+"}", "a resource type and an extension have the same schema")
	check(t, rows)
}

// TestTheSampleIsAccepted: and what it declares can be served.
func TestTheSampleIsAccepted(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(assets.Root(), "config", "samples", "scimendpoint_devices.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	o := &unstructured.Unstructured{}
	if err := yaml.UnmarshalStrict(text, &o.Object); err != nil {
		t.Fatal(err)
	}
	o.SetNamespace(metav1.NamespaceDefault)
	if err := create(t, o); err != nil {
		t.Fatal(err)
	}
	var endpoint v1alpha1.ScimEndpoint
	if err := c.Get(t.Context(), client.ObjectKeyFromObject(o), &endpoint); err != nil {
		t.Fatal(err)
	}
	types, err := store.NewTypes(&endpoint.Spec.ScimEndpointTemplate)
	if err != nil {
		t.Fatal(err)
	}
	if device := types.ByEndpoint("/Devices"); device == nil || device.Attribute("ports.label") == nil || len(device.Extensions) != 1 {
		t.Errorf("the type is %+v", device)
	}
}

func TestMe(t *testing.T) {
	check(t, []row{
		{"the user that /Me stands for", "ScimEndpoint", "{me: {userName: svc-okta@acme.com}}", ""},
		{"nobody", "ScimEndpoint", "{me: {}}", "me.userName: Required value"},
		{"an empty name", "ScimEndpoint", "{me: {userName: ''}}", "should be at least 1 chars long"},
		{"the provider's", "IdentityProvider", "{type: Okta, signOn: {saml: {metadata: {xml: '<E/>'}}}, scim: {endpoint: {me: {userName: a}}}}", ""},
	})
}

func TestScimResources(t *testing.T) {
	resource := func(more string) string { return "{endpointRef: {name: okta}, resourceType: Device" + more + "}" }
	check(t, []row{
		{"a resource", "ScimResource", resource(""), ""},
		{"its attributes", "ScimResource", resource(", externalId: x, attributes: {serialNumber: '1', ports: [1, 2.5], 'urn:x:y:z': {a: true}}"), ""},
		{"no type", "ScimResource", "{endpointRef: {name: okta}}", "spec.resourceType: Required value"},
		{"no endpoint", "ScimResource", "{resourceType: Device}", "spec.endpointRef: Required value"},
		{"a claim of a declared attribute", "ScimClaim", "{endpointRef: {name: okta}, attribute: Device.serialNumber, value: x, holderRef: {name: holder}}", ""},
		{"a claim of nothing", "ScimClaim", "{endpointRef: {name: okta}, attribute: serialNumber, value: x, holderRef: {name: holder}}", "should match"},
	})
}
