// SPDX-License-Identifier: Apache-2.0

package cmd

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strings"
	"sync"
	"syscall"
	"testing"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/rest"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	"scim-operator.io/api/v1alpha1"
	"scim-operator.io/test/assets"
)

// lastRelease builds the binary of the last release. The test is skipped where that cannot
// be had, or was not asked for: it takes minutes.
func lastRelease(t *testing.T) string {
	t.Helper()
	if os.Getenv("LAST_RELEASE") == "" {
		t.Skip("LAST_RELEASE=1 builds the last release and runs it beside this one")
	}
	script := exec.Command(filepath.Join(assets.Root(), "hack", "last-release.sh"))
	script.Stderr = os.Stderr
	out, err := script.Output()
	if exit := (*exec.ExitError)(nil); errors.As(err, &exit) && exit.ExitCode() == 3 {
		t.Skip("the commit of the last release is not in this clone")
	}
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(out))
}

// released is a running server of the last release.
type released struct {
	t    *testing.T
	scim string
}

func startReleased(t *testing.T, binary string, config *rest.Config, endpoint *v1alpha1.ScimEndpoint) *released {
	t.Helper()
	kubeconfig := writeKubeconfig(t, config, "system:serviceaccount:"+endpoint.Namespace+":"+endpoint.ChildName())
	scim, ops := freePort(t), freePort(t)
	startProcess(t, exec.Command(binary, "serve", "--endpoint="+endpoint.Name, "--base-url="+endpoint.BaseURL(), "--namespace="+endpoint.Namespace,
		"--pod-name=last-release", "--pod-ip=127.0.0.1", "--kubeconfig="+kubeconfig, "--listen="+scim, "--ops-listen="+ops, "--peer-listen="+freePort(t)))
	awaitThat(t, "the last release is ready", func() bool {
		response, err := http.Get("http://" + ops + "/readyz")
		if err != nil {
			return false
		}
		_ = response.Body.Close()
		return response.StatusCode == http.StatusOK
	})
	return &released{t: t, scim: scim}
}

// writeKubeconfig writes a kubeconfig for a process that acts as another identity, or as the
// configuration's own when that is empty.
func writeKubeconfig(t *testing.T, config *rest.Config, as string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "kubeconfig")
	user := clientcmdapi.AuthInfo{ClientCertificateData: config.CertData, ClientKeyData: config.KeyData, Token: config.BearerToken, Impersonate: as}
	if as != "" {
		user.ImpersonateGroups = []string{"system:authenticated"}
	}
	encoded, err := yaml.Marshal(clientcmdapi.Config{
		Clusters:       []clientcmdapi.NamedCluster{{Name: "test", Cluster: clientcmdapi.Cluster{Server: "https://" + strings.TrimPrefix(config.Host, "https://"), CertificateAuthorityData: config.CAData}}},
		AuthInfos:      []clientcmdapi.NamedAuthInfo{{Name: "test", AuthInfo: user}},
		Contexts:       []clientcmdapi.NamedContext{{Name: "test", Context: clientcmdapi.Context{Cluster: "test", AuthInfo: "test"}}},
		CurrentContext: "test",
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, encoded, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// startProcess starts a process that ends with the test or when stop is called, and tells of
// its log where the test fails.
func startProcess(t *testing.T, process *exec.Cmd) (stop func()) {
	t.Helper()
	var log bytes.Buffer
	process.Stdout, process.Stderr = &log, &log
	if err := process.Start(); err != nil {
		t.Fatal(err)
	}
	stop = sync.OnceFunc(func() {
		_ = process.Process.Signal(syscall.SIGTERM)
		_ = process.Wait()
	})
	t.Cleanup(func() {
		stop()
		if t.Failed() {
			t.Logf("%s logged\n%s", process.Path, log.String())
		}
	})
	return stop
}

func freePort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	return l.Addr().String()
}

func (r *released) do(method, path, body string) (int, map[string]any) {
	r.t.Helper()
	request, err := http.NewRequest(method, "http://"+r.scim+v1alpha1.DefaultBasePath+path, strings.NewReader(body))
	if err != nil {
		r.t.Fatal(err)
	}
	request.Header.Set("Authorization", "Bearer "+string(serveToken))
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		r.t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	var decoded map[string]any
	_ = json.NewDecoder(response.Body).Decode(&decoded)
	return response.StatusCode, decoded
}

// addNewerField gives a kind a field that neither release knows.
func addNewerField(t *testing.T, c client.Client, kind, field string) {
	t.Helper()
	crd := &unstructured.Unstructured{}
	crd.SetGroupVersionKind(apiextensionsv1.SchemeGroupVersion.WithKind("CustomResourceDefinition"))
	if err := c.Get(context.Background(), client.ObjectKey{Name: kind + ".scim-operator.io"}, crd); err != nil {
		t.Fatal(err)
	}
	versions := crd.Object["spec"].(map[string]any)["versions"].([]any)
	properties := versions[0].(map[string]any)["schema"].(map[string]any)["openAPIV3Schema"].(map[string]any)["properties"].(map[string]any)
	properties["spec"].(map[string]any)["properties"].(map[string]any)[field] = map[string]any{"type": "string"}
	if err := c.Update(context.Background(), crd); err != nil {
		t.Fatal(err)
	}
}

// A rollout or a rollback: servers of two releases serve one endpoint, whose kinds have a
// field of a third. This release keeps whatever it does not know; each reads the other.
func TestTheLastReleaseBesideThisOne(t *testing.T) {
	binary := lastRelease(t)
	config, c := api(t)
	endpoint := prepare(t, c)
	writeDigests(t, c, endpoint)
	older := startReleased(t, binary, config, endpoint)
	if err := c.Get(context.Background(), client.ObjectKeyFromObject(endpoint), endpoint); err != nil {
		t.Fatal(err)
	}
	endpoint.Spec.Extensions[0].Attributes = append(endpoint.Spec.Extensions[0].Attributes,
		v1alpha1.SchemaAttribute{SchemaValue: v1alpha1.SchemaValue{Name: "shade", Type: "string"}})
	if err := c.Update(context.Background(), endpoint); err != nil {
		t.Fatal(err)
	}
	newer := startReplica(t, config, endpoint, "newer")
	awaitThat(t, "this release is ready", func() bool { status, _ := newer.probe("/readyz"); return status == http.StatusOK })

	extension := endpoint.Spec.Extensions[0].Schema
	number := endpoint.Spec.Extensions[0].Attributes[0].Name
	body := func(name, more string) string {
		return fmt.Sprintf(`{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"],"userName":%q,"emails":[{"value":"%s@acme.com","type":"work"}],%q:{%q:7%s}}`,
			name, name, extension, number, more)
	}
	patch := func(operation string) string {
		return `{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":[` + operation + `]}`
	}
	must := func(what string, want int, status int, answer map[string]any) map[string]any {
		t.Helper()
		if status != want {
			t.Fatalf("%s: %d %v", what, status, answer)
		}
		return answer
	}
	created := func(do func(string, string, string) (int, map[string]any), path, body string) string {
		t.Helper()
		status, answer := do(http.MethodPost, path, body)
		return must("create "+path, http.StatusCreated, status, answer)["id"].(string)
	}
	byNewer := created(newer.do, "/Users", body("newer", `,"shade":"dark"`))
	byOlder := created(older.do, "/Users", body("older", ""))
	members := make([]string, 1100)
	for i := range members {
		members[i] = fmt.Sprintf(`{"value":"nobody-%d"}`, i)
	}
	group := created(newer.do, "/Groups", `{"displayName":"Everybody","members":[`+strings.Join(members, ",")+`]}`)

	// What each has written the other reads at once.
	for _, id := range []string{byNewer, byOlder} {
		for name, do := range map[string]func(string, string, string) (int, map[string]any){"this release": newer.do, "the last release": older.do} {
			status, user := do(http.MethodGet, "/Users/"+id, "")
			must(name, http.StatusOK, status, user)
			if badge, _ := user[extension].(map[string]any); badge[number] != 7.0 || user["emails"] == nil {
				t.Errorf("%s reads %v", name, user)
			}
		}
	}
	status, answer := older.do(http.MethodPatch, "/Groups/"+group, patch(`{"op":"add","path":"members","value":[{"value":"`+byOlder+`"}]}`))
	if status != http.StatusOK && status != http.StatusNoContent {
		t.Fatalf("the last release adds a member: %d %v", status, answer)
	}
	status, answer = newer.do(http.MethodGet, "/Groups/"+group, "")
	if list, _ := must("get the group", http.StatusOK, status, answer)["members"].([]any); len(list) != 1101 {
		t.Errorf("the group has %d members", len(list))
	}

	// A third release writes a field of its own, and this one writes something else at once: it
	// has the version with the field, though its watches are older and may lack the field.
	for kind, ids := range map[string][]string{"scimusers": {byNewer, byOlder}, "scimgroups": {group}} {
		addNewerField(t, c, kind, "mark")
		for _, id := range ids {
			awaitThat(t, "the field is stored", func() bool {
				return storedSpecOf(t, c, kind, id, func(spec map[string]any) { spec["mark"] = "m" })["mark"] == "m"
			})
		}
	}
	for _, id := range []string{byNewer, byOlder} {
		before := storedSpecOf(t, c, "scimusers", id, nil)
		status, answer := newer.do(http.MethodGet, "/Users/"+id, "")
		must("get the user", http.StatusOK, status, answer)
		status, answer = newer.do(http.MethodPatch, "/Users/"+id, patch(`{"op":"replace","path":"active","value":false}`))
		must("patch", http.StatusOK, status, answer)
		after := storedSpecOf(t, c, "scimusers", id, nil)
		before["active"], before["lastModifiedTime"] = false, after["lastModifiedTime"]
		if !reflect.DeepEqual(after, before) {
			t.Errorf("a write of this release makes\n%v\nof\n%v", after, before)
		}
		if status, user := older.do(http.MethodGet, "/Users/"+id, ""); status != http.StatusOK || user["active"] != false {
			t.Errorf("the last release reads %d %v", status, user)
		}
	}
	status, answer = newer.do(http.MethodGet, "/Groups/"+group, "")
	must("get the group", http.StatusOK, status, answer)
	status, answer = newer.do(http.MethodPatch, "/Groups/"+group, patch(`{"op":"remove","path":"members[value eq \"nobody-7\"]"}`))
	must("patch the group", http.StatusNoContent, status, answer)
	if spec := storedSpecOf(t, c, "scimgroups", group, nil); spec["mark"] != "m" || spec["memberCount"] != int64(1100) {
		t.Errorf("the group is %v", spec)
	}
	status, answer = older.do(http.MethodGet, "/Groups/"+group, "")
	if list, _ := must("get the group", http.StatusOK, status, answer)["members"].([]any); len(list) != 1100 {
		t.Errorf("the last release reads %d members", len(list))
	}
}

// storedSpecOf reads a spec as it is stored, after a change of it.
func storedSpecOf(t *testing.T, c client.Client, kind, id string, change func(map[string]any)) map[string]any {
	t.Helper()
	o := &unstructured.Unstructured{}
	o.SetGroupVersionKind(v1alpha1.GroupVersion.WithKind(map[string]string{"scimusers": "ScimUser", "scimgroups": "ScimGroup"}[kind]))
	if err := c.Get(context.Background(), client.ObjectKey{Namespace: "acme", Name: id}, o); err != nil {
		t.Fatal(err)
	}
	spec := o.Object["spec"].(map[string]any)
	if change != nil {
		change(spec)
		if err := c.Update(context.Background(), o); err != nil {
			t.Fatal(err)
		}
		spec = o.Object["spec"].(map[string]any)
	}
	return spec
}
