// SPDX-License-Identifier: Apache-2.0

package api

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"scim-operator.io/api/v1alpha1"
)

// resources are the kinds as the API server offers them.
func resources(t *testing.T) map[string]metav1.APIResource {
	t.Helper()
	d, err := discovery.NewDiscoveryClientForConfig(server)
	if err != nil {
		t.Fatal(err)
	}
	list, err := d.ServerResourcesForGroupVersion(v1alpha1.SchemeGroupVersion.String())
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]metav1.APIResource{}
	for _, r := range list.APIResources {
		found[r.Name] = r
	}
	return found
}

func TestWhatKubectlCallsTheKinds(t *testing.T) {
	found := resources(t)
	for name, want := range map[string]struct{ short, category string }{
		"identityproviders": {"idp", "scim"},
		"scimendpoints":     {"scimep", "scim"},
		"scimusers":         {"scimu", "scim-directory"},
		"scimgroups":        {"scimg", "scim-directory"},
		"scimresources":     {"scimres", "scim-directory"},
		"scimgroupslices":   {"", "scim-internal"},
		"scimclaims":        {"", "scim-internal"},
	} {
		r, ok := found[name]
		if !ok || want.short != "" && !slices.Contains(r.ShortNames, want.short) {
			t.Errorf("%s has the short names %q, want %q", name, r.ShortNames, want.short)
		}
		if want.short == "" && len(r.ShortNames) > 0 {
			t.Errorf("%s has the short names %q, want none", name, r.ShortNames)
		}
		if slices.ContainsFunc(r.ShortNames, func(short string) bool { return len(short) >= len(r.SingularName) }) {
			t.Errorf("%s has the short names %q, which are no shorter than %s", name, r.ShortNames, r.SingularName)
		}
		if !slices.Equal(r.Categories, []string{want.category}) {
			t.Errorf("%s is in the categories %q, want %q", name, r.Categories, want.category)
		}
		if !r.Namespaced {
			t.Errorf("%s is not namespaced", name)
		}
	}
}

func TestWhatKubectlGetShows(t *testing.T) {
	config := rest.CopyConfig(server)
	config.APIPath, config.GroupVersion = "/apis", &v1alpha1.SchemeGroupVersion
	config.NegotiatedSerializer = serializer.NewCodecFactory(runtime.NewScheme()).WithoutConversion()
	rc, err := rest.RESTClientFor(config)
	if err != nil {
		t.Fatal(err)
	}
	for resource, want := range map[string]string{
		"identityproviders": "READY TYPE SSO SCIM USERS URL AGE",
		"scimendpoints":     "READY REASON REPLICAS URL AGE",
		"scimusers":         "USERNAME TYPE ACTIVE PROVIDER AGE",
		"scimgroups":        "DISPLAYNAME MEMBERS UNRESOLVED PROVIDER AGE",
		"scimresources":     "TYPE EXTERNALID PROVIDER AGE",
		"scimgroupslices":   "GROUP AGE",
		"scimclaims":        "ATTRIBUTE VALUE HOLDER AGE",
	} {
		body, err := rc.Get().Namespace(metav1.NamespaceDefault).Resource(resource).
			SetHeader("Accept", "application/json;as=Table;v=v1;g=meta.k8s.io").DoRaw(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		var table metav1.Table
		if err := json.Unmarshal(body, &table); err != nil {
			t.Fatal(err)
		}
		if table.Kind != "Table" {
			t.Errorf("%s: the answer is a %s, not a table", resource, table.Kind)
		}
		var columns []string
		for _, column := range table.ColumnDefinitions {
			if column.Name != "Name" && column.Priority == 0 {
				columns = append(columns, strings.ToUpper(column.Name))
			}
		}
		if got := strings.Join(columns, " "); got != want {
			t.Errorf("%s: the columns are %s, want %s", resource, got, want)
		}
	}
}

func TestWhatCanBeSelected(t *testing.T) {
	for _, r := range []struct{ kind, spec, other, selector string }{
		{"IdentityProvider", "{type: Duo, signOn: {saml: {metadata: {xml: '<E/>'}}}}", "{type: Okta, signOn: {saml: {metadata: {xml: '<E/>'}}}}", "spec.type=Duo"},
		{"ScimUser", user("ada", "1", "okta"), user("bob", "1", "okta"), "spec.userName=ada"},
		{"ScimUser", user("ada", "1", "okta"), user("ada", "2", "okta"), "spec.externalId=1"},
		{"ScimUser", user("ada", "1", "okta"), user("ada", "1", "entra"), "spec.endpointRef.name=okta"},
		{"ScimGroup", group("staff", "1", "okta"), group("guests", "1", "okta"), "spec.displayName=staff"},
		{"ScimGroup", group("staff", "1", "okta"), group("staff", "2", "okta"), "spec.externalId=1"},
		{"ScimGroup", group("staff", "1", "okta"), group("staff", "1", "entra"), "spec.endpointRef.name=okta"},
		{"ScimResource", resource("Device", "1", "okta"), resource("Printer", "1", "okta"), "spec.resourceType=Device"},
		{"ScimResource", resource("Device", "1", "okta"), resource("Device", "2", "okta"), "spec.externalId=1"},
		{"ScimResource", resource("Device", "1", "okta"), resource("Device", "1", "entra"), "spec.endpointRef.name=okta"},
		{"ScimGroupSlice", slice("okta", "g"), slice("entra", "g"), "spec.endpointRef.name=okta"},
		{"ScimGroupSlice", slice("okta", "g"), slice("okta", "h"), "spec.groupRef.name=g"},
		{"ScimClaim", claim("okta", "u"), claim("entra", "u"), "spec.endpointRef.name=okta"},
		{"ScimClaim", claim("okta", "u"), claim("okta", "v"), "spec.holderRef.name=u"},
	} {
		t.Run(r.kind+" by "+r.selector, func(t *testing.T) {
			wanted, other := manifest(t, r.kind, "", r.spec), manifest(t, r.kind, "", r.other)
			for _, o := range []*unstructured.Unstructured{wanted, other} {
				if err := create(t, o); err != nil {
					t.Fatal(err)
				}
			}
			list := &unstructured.UnstructuredList{}
			list.SetGroupVersionKind(v1alpha1.SchemeGroupVersion.WithKind(r.kind + "List"))
			err := c.List(t.Context(), list, client.InNamespace(metav1.NamespaceDefault),
				&client.ListOptions{Raw: &metav1.ListOptions{FieldSelector: r.selector}})
			if err != nil {
				t.Fatal(err)
			}
			if len(list.Items) != 1 || list.Items[0].GetName() != wanted.GetName() {
				t.Errorf("%d objects are selected, want one", len(list.Items))
			}
		})
	}
}

func user(userName, externalID, endpoint string) string {
	return "{endpointRef: {name: " + endpoint + "}, userName: " + userName + ", externalId: '" + externalID + "'}"
}

func group(displayName, externalID, endpoint string) string {
	return "{endpointRef: {name: " + endpoint + "}, displayName: " + displayName + ", externalId: '" + externalID + "'}"
}

func resource(resourceType, externalID, endpoint string) string {
	return "{endpointRef: {name: " + endpoint + "}, resourceType: " + resourceType + ", externalId: '" + externalID + "'}"
}

func slice(endpoint, group string) string {
	return "{endpointRef: {name: " + endpoint + "}, groupRef: {name: " + group + "}, members: [{value: ada}]}"
}

func claim(endpoint, holder string) string {
	return "{endpointRef: {name: " + endpoint + "}, attribute: User.userName, value: ada, holderRef: {name: " + holder + "}}"
}
