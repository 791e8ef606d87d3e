// SPDX-License-Identifier: Apache-2.0

package cmd

import (
	"crypto/tls"
	"io"
	"net/http"
	"testing"

	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// requireGuarded makes sure that metrics are for those alone whose token has a role, and returns them.
func requireGuarded(t *testing.T, config *rest.Config, url string, role *rbacv1.ClusterRole) (text string) {
	t.Helper()
	c, err := client.New(config, client.Options{})
	if err != nil {
		t.Fatal(err)
	}
	eventually(t, "who has no token is not let in", func() bool {
		status, _ := scrapeWith(t, url, "")
		return status == http.StatusUnauthorized
	})
	if status, _ := scrapeWith(t, url, "made-up"); status != http.StatusUnauthorized {
		t.Errorf("a token that was made up: status %d", status)
	}
	if status, _ := scrapeWith(t, url, tokenOf(t, c, role.Name+"-not")); status != http.StatusForbidden {
		t.Errorf("a token without the right: status %d", status)
	}
	if err := c.Create(t.Context(), role); err != nil {
		t.Fatal(err)
	}
	if err := c.Create(t.Context(), &rbacv1.ClusterRoleBinding{
		ObjectMeta: metav1.ObjectMeta{Name: role.Name},
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: role.Name},
		Subjects:   []rbacv1.Subject{{Kind: rbacv1.ServiceAccountKind, Namespace: metav1.NamespaceDefault, Name: role.Name}},
	}); err != nil {
		t.Fatal(err)
	}
	token := tokenOf(t, c, role.Name)
	eventually(t, "who has the right is let in", func() (let bool) {
		var status int
		status, text = scrapeWith(t, url, token)
		return status == http.StatusOK
	})
	return text
}

// tokenOf makes a ServiceAccount and returns a token of it.
func tokenOf(t *testing.T, c client.Client, name string) string {
	t.Helper()
	account := &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Namespace: metav1.NamespaceDefault, Name: name}}
	if err := c.Create(t.Context(), account); err != nil {
		t.Fatal(err)
	}
	request := &authenticationv1.TokenRequest{}
	if err := c.SubResource("token").Create(t.Context(), account, request); err != nil {
		t.Fatal(err)
	}
	return request.Status.Token
}

func scrapeWith(t *testing.T, url, token string) (status int, text string) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	if token != "" {
		request.Header.Set("Authorization", "Bearer "+token)
	}
	transport := &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}} // #nosec G402 -- it is self-signed
	defer transport.CloseIdleConnections()
	response, err := (&http.Client{Transport: transport}).Do(request)
	if err != nil {
		return 0, err.Error()
	}
	defer func() { _ = response.Body.Close() }()
	body, _ := io.ReadAll(response.Body)
	return response.StatusCode, string(body)
}
