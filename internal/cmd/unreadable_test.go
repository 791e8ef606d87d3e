// SPDX-License-Identifier: Apache-2.0

package cmd

import (
	"context"
	"testing"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"scim-operator.io/api/v1alpha1"
)

// A server writes into its own entry of the endpoint's status what it cannot read.
func TestServersReportValuesThatCannotBeRead(t *testing.T) {
	config, c := api(t)
	endpoint := prepare(t, c)
	writeDigests(t, c, endpoint)
	user := &v1alpha1.ScimUser{ObjectMeta: metav1.ObjectMeta{Name: "quinn", Namespace: endpoint.Namespace}}
	user.Spec.EndpointRef.Name, user.Spec.UserName = endpoint.Name, "quinn"
	user.Spec.Extensions = map[string]apiextensionsv1.JSON{badgeSchema: {Raw: []byte(`{"number":"seven","color":"Green"}`)}}
	if err := c.Create(context.Background(), user); err != nil {
		t.Fatal(err)
	}
	r := startReplica(t, config, endpoint, "server")
	var shown v1alpha1.ScimEndpoint
	awaitThat(t, "the server reports it", func() bool {
		if err := c.Get(context.Background(), client.ObjectKeyFromObject(endpoint), &shown); err != nil {
			t.Fatal(err)
		}
		return len(shown.Status.Servers) == 1 && shown.Status.Servers[0].Unreadable != nil
	})
	u := shown.Status.Servers[0].Unreadable
	if ptr.Deref(u.Resources, 0) != 1 || u.Resource != "scimusers/quinn" || u.Attribute != badgeSchema+":number" {
		t.Errorf("the server reports %d %s %s", ptr.Deref(u.Resources, 0), u.Resource, u.Attribute)
	}
	if status, answer := r.do("GET", "/Users/quinn", ""); status != 200 || answer[badgeSchema].(map[string]any)["color"] != "Green" {
		t.Errorf("%d %v", status, answer)
	}
}
