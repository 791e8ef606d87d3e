// SPDX-License-Identifier: Apache-2.0

package cmd

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/go-logr/logr/testr"
	"github.com/spf13/pflag"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/envtest"

	"scim-operator.io/api/v1alpha1"
	"scim-operator.io/internal/render"
	"scim-operator.io/internal/server"
	"scim-operator.io/internal/token"
	"scim-operator.io/test/assets"
)

const (
	serveToken    = token.Plaintext("scimop_a-token-of-the-serve-test")
	servePatience = 60 * time.Second
)

// startAPIServer starts a real API server that ends with the test.
func startAPIServer(t *testing.T) *rest.Config {
	t.Helper()
	binaries, err := assets.Directory()
	if err != nil {
		t.Fatal(err)
	}
	environment := &envtest.Environment{
		CRDDirectoryPaths:        []string{filepath.Join(assets.Root(), "config", "crd", "bases")},
		ErrorIfCRDPathMissing:    true,
		BinaryAssetsDirectory:    binaries,
		ControlPlaneStartTimeout: 2 * time.Minute,
	}
	config, err := environment.Start()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := environment.Stop(); err != nil {
			t.Error(err)
		}
	})
	return config
}

func api(t *testing.T) (*rest.Config, client.Client) {
	t.Helper()
	config := startAPIServer(t)
	scheme := runtime.NewScheme()
	if err := errors.Join(corev1.AddToScheme(scheme), rbacv1.AddToScheme(scheme), v1alpha1.AddToScheme(scheme)); err != nil {
		t.Fatal(err)
	}
	c, err := client.New(config, client.Options{Scheme: scheme})
	if err != nil {
		t.Fatal(err)
	}
	return config, c
}

// prepare makes an endpoint with the rights and the digests that the manager gives it.
func prepare(t *testing.T, c client.Client) *v1alpha1.ScimEndpoint {
	t.Helper()
	ctx := context.Background()
	namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "acme"}}
	endpoint := &v1alpha1.ScimEndpoint{ObjectMeta: metav1.ObjectMeta{Name: "okta", Namespace: "acme"}}
	endpoint.Spec.Extensions = []v1alpha1.SchemaExtension{badge()}
	endpoint.Spec.ResourceTypes = []v1alpha1.SchemaResourceType{device()}
	endpoint.Spec.Me = &v1alpha1.MeReference{UserName: "svc-okta@acme.com"}
	for _, o := range []client.Object{namespace, endpoint} {
		if err := c.Create(ctx, o); err != nil {
			t.Fatal(err)
		}
	}
	owner := client.FieldOwner("test")
	if err := errors.Join(c.Apply(ctx, render.Role(endpoint), owner), c.Apply(ctx, render.RoleBinding(endpoint), owner)); err != nil {
		t.Fatal(err)
	}
	return endpoint
}

func writeDigests(t *testing.T, c client.Client, endpoint *v1alpha1.ScimEndpoint) {
	t.Helper()
	encoded, err := token.EncodeDigests([]token.Digest{token.NewDigest(serveToken, time.Now())})
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Apply(context.Background(), render.DigestSecret(endpoint, encoded, nil, nil), client.FieldOwner("test")); err != nil {
		t.Fatal(err)
	}
}

type servedReplica struct {
	*serveProcess
	t    *testing.T
	stop context.CancelFunc
	done chan error
}

func startReplica(t *testing.T, config *rest.Config, endpoint *v1alpha1.ScimEndpoint, name string) *servedReplica {
	t.Helper()
	limits := server.DefaultLimits()
	limits.ShutdownDelay = 500 * time.Millisecond
	o := &serveOptions{
		endpoint: endpoint.Name, baseURL: endpoint.BaseURL(), namespace: endpoint.Namespace, podName: name, podIP: "127.0.0.1",
		listen: "127.0.0.1:0", opsListen: "127.0.0.1:0", peerListen: "127.0.0.1:0", limits: limits, maxStaleness: time.Minute,
	}
	as := withoutClientLimits(rest.CopyConfig(config))
	as.Impersonate = rest.ImpersonationConfig{
		UserName: "system:serviceaccount:" + endpoint.Namespace + ":" + endpoint.ChildName(),
		Groups:   []string{"system:authenticated"},
	}
	p, err := o.newProcess(context.Background(), as, testr.New(t).WithName(name), testr.New(t).WithName("audit"))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	r := &servedReplica{serveProcess: p, t: t, stop: cancel, done: make(chan error, 1)}
	go func() { r.done <- p.run(ctx) }()
	t.Cleanup(func() { cancel(); _ = r.ended() })
	return r
}

func (r *servedReplica) ended() error {
	r.t.Helper()
	select {
	case err := <-r.done:
		r.done <- err
		return err
	case <-time.After(servePatience):
		r.t.Fatal("the process does not end")
		return nil
	}
}

func (r *servedReplica) probe(path string) (int, string) {
	r.t.Helper()
	response, err := http.Get("http://" + r.ops.Addr().String() + path)
	if err != nil {
		return 0, err.Error()
	}
	defer func() { _ = response.Body.Close() }()
	body, _ := io.ReadAll(response.Body)
	return response.StatusCode, string(body)
}

func (r *servedReplica) do(method, path, body string) (int, map[string]any) {
	r.t.Helper()
	request, err := http.NewRequest(method, "http://"+r.scim.Addr().String()+v1alpha1.DefaultBasePath+path, strings.NewReader(body))
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

func awaitThat(t *testing.T, what string, holds func() bool) {
	t.Helper()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	deadline := time.After(servePatience)
	for !holds() {
		select {
		case <-deadline:
			t.Fatalf("it never came to pass that %s", what)
		case <-tick.C:
		}
	}
}

// Two replicas from start to stop, with the rights of production on a real API server.
func TestServe(t *testing.T) {
	config, c := api(t)
	endpoint := prepare(t, c)
	a := startReplica(t, config, endpoint, "okta-scim-a")
	awaitThat(t, "a is alive", func() bool { status, _ := a.probe("/livez"); return status == http.StatusOK })
	if status, why := a.probe("/readyz"); status != http.StatusServiceUnavailable || why == "" {
		t.Errorf("before the tokens are known: /readyz %d %s", status, why)
	}
	if status, _ := a.do("GET", "/Users", ""); status != http.StatusServiceUnavailable {
		t.Errorf("before the tokens are known: status %d", status)
	}
	writeDigests(t, c, endpoint)
	b := startReplica(t, config, endpoint, "okta-scim-b")
	for _, r := range []*servedReplica{a, b} {
		awaitThat(t, "a replica is ready", func() bool { status, _ := r.probe("/readyz"); return status == http.StatusOK })
	}

	t.Run("a write on one replica is read on the other", func(t *testing.T) {
		for i := range 20 {
			status, user := a.do("POST", "/Users", fmt.Sprintf(`{"userName":"user%d@example.com","emails":[{"value":"%d@example.com","type":"work"}]}`, i, i))
			if status != http.StatusCreated {
				t.Fatalf("status %d: %v", status, user)
			}
			id := user["id"].(string)
			if status, got := b.do("GET", "/Users/"+id, ""); status != http.StatusOK || got["userName"] != user["userName"] {
				t.Fatalf("status %d: %v", status, got)
			}
			status, list := b.do("GET", fmt.Sprintf(`/Users?filter=userName+eq+%%22USER%d@example.com%%22`, i), "")
			if status != http.StatusOK || list["totalResults"] != 1.0 {
				t.Fatalf("status %d: %v", status, list)
			}
			if status, got := b.do("PATCH", "/Users/"+id, `{"Operations":[{"op":"replace","path":"active","value":"False"}]}`); status != http.StatusOK || got["active"] != false {
				t.Fatalf("status %d: %v", status, got)
			}
			if status, got := a.do("GET", "/Users/"+id, ""); status != http.StatusOK || got["active"] != false {
				t.Fatalf("status %d: %v", status, got)
			}
		}
	})
	t.Run("a group", func(t *testing.T) {
		_, user := a.do("POST", "/Users", `{"userName":"member@example.com","displayName":"Member"}`)
		status, group := b.do("POST", "/Groups", fmt.Sprintf(`{"displayName":"Everyone","members":[{"value":"%s"}]}`, user["id"]))
		if status != http.StatusCreated {
			t.Fatalf("status %d: %v", status, group)
		}
		_, user = a.do("GET", fmt.Sprint("/Users/", user["id"]), "")
		if groups, ok := user["groups"].([]any); !ok || len(groups) != 1 {
			t.Errorf("the member's groups: %v", user["groups"])
		}
		if status, _ := a.do("DELETE", fmt.Sprint("/Groups/", group["id"]), ""); status != http.StatusNoContent {
			t.Errorf("status %d", status)
		}
		if status, _ := b.do("GET", fmt.Sprint("/Groups/", group["id"]), ""); status != http.StatusNotFound {
			t.Errorf("a deleted group: status %d", status)
		}
	})
	t.Run("pages, Bulk and an extension", func(t *testing.T) { requireProtocol(t, a, b) })
	t.Run("a declared resource type", func(t *testing.T) { requireDevices(t, a, b) })
	t.Run("Me", func(t *testing.T) { requireMe(t, a, b) })
	t.Run("metrics", func(t *testing.T) {
		url := "http://" + a.ops.Addr().String() + "/metrics"
		text := requireGuarded(t, config, url, &rbacv1.ClusterRole{
			ObjectMeta: metav1.ObjectMeta{Name: "reads-the-servers-metrics"},
			Rules:      []rbacv1.PolicyRule{{APIGroups: []string{"scim-operator.io"}, Resources: []string{"scimendpoints/metrics"}, Verbs: []string{"get"}}},
		})
		for _, name := range []string{"scim_http_requests_total", "scim_store_operation_duration_seconds", "go_goroutines", "process_open_fds"} {
			if !strings.Contains(text, name) {
				t.Errorf("%s is not there", name)
			}
		}
		if status, _ := a.probe("/nonsense"); status != http.StatusNotFound {
			t.Errorf("status %d", status)
		}
	})
	t.Run("a replica leaves", func(t *testing.T) {
		a.stop()
		awaitThat(t, "a is no longer ready", func() bool { status, _ := a.probe("/readyz"); return status != http.StatusOK })
		if err := a.ended(); err != nil {
			t.Errorf("it ended with %v", err)
		}
		current := &v1alpha1.ScimEndpoint{}
		if err := c.Get(context.Background(), client.ObjectKeyFromObject(endpoint), current); err != nil {
			t.Fatal(err)
		}
		if servers := current.Status.Servers; len(servers) != 1 || servers[0].Name != "okta-scim-b" {
			t.Errorf("entered: %v", servers)
		}
		awaitThat(t, "b serves alone", func() bool {
			status, list := b.do("GET", "/Users?count=1", "")
			return status == http.StatusOK && list["totalResults"] == 21.0
		})
	})
}

func TestServeRefusesWhatItCannotServe(t *testing.T) {
	for _, row := range []struct {
		name string
		args []string
		want string
	}{
		{"no endpoint", []string{"--base-url=https://x/y", "--namespace=acme"}, "--endpoint is required"},
		{"no base URL", []string{"--endpoint=okta", "--namespace=acme"}, "--base-url is required"},
		{"no namespace", []string{"--endpoint=okta", "--base-url=https://x/y"}, "--namespace or"},
		{"a bound of nothing", []string{"--max-url-bytes=0"}, "--max-url-bytes: it must be more than 0"},
		{"a time of nothing", []string{"--shutdown-delay=0"}, "--shutdown-delay: it must be more than 0"},
		{"a negative time", []string{"--endpoint=okta", "--base-url=https://x/y", "--namespace=acme", "--request-timeout=-1s"}, "--request-timeout"},
		{"a log level that is none", []string{"--endpoint=okta", "--base-url=https://x/y", "--namespace=acme", "--log-level=loud"}, "--log-level"},
		{"a kubeconfig that is none", []string{"--endpoint=okta", "--base-url=https://x/y", "--namespace=acme", "--kubeconfig=" + os.DevNull + "/x"}, "the Kubernetes API"},
		{"arguments", []string{"okta"}, "unknown command"},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Setenv("POD_NAMESPACE", "")
			c := NewServeCommand()
			c.SetArgs(row.args)
			c.SetOut(io.Discard)
			c.SetErr(io.Discard)
			if err := c.Execute(); err == nil || !strings.Contains(err.Error(), row.want) {
				t.Errorf("error %v, want %q", err, row.want)
			}
		})
	}
}

func TestServeHelpExplainsEveryFlag(t *testing.T) {
	c := NewServeCommand()
	c.Flags().VisitAll(func(f *pflag.Flag) {
		if len(f.Usage) < 20 {
			t.Errorf("--%s is explained by %q", f.Name, f.Usage)
		}
	})
	var help bytes.Buffer
	c.SetOut(&help)
	c.SetArgs([]string{"--help"})
	if err := c.Execute(); err != nil {
		t.Fatal(err)
	}
	for _, wanted := range []string{"--endpoint", "--base-url", "default 16384", "default 30s", "/readyz"} {
		if !strings.Contains(help.String(), wanted) {
			t.Errorf("%q is not in the help:\n%s", wanted, &help)
		}
	}
}

// TestServeNotesWhatItRefuses: with the rights of production, on a real API server.
func TestServeNotesWhatItRefuses(t *testing.T) {
	config, c := api(t)
	endpoint := prepare(t, c)
	writeDigests(t, c, endpoint)
	a := startReplica(t, config, endpoint, "okta-scim-a")
	awaitThat(t, "it is ready", func() bool { status, _ := a.probe("/readyz"); return status == http.StatusOK })
	status, created := a.do("POST", "/Users", `{"userName":"ada"}`)
	if status != http.StatusCreated {
		t.Fatalf("status %d: %v", status, created)
	}
	user := &v1alpha1.ScimUser{}
	key := client.ObjectKey{Namespace: endpoint.Namespace, Name: created["id"].(string)}
	read := func() *metav1.Condition {
		if err := c.Get(t.Context(), key, user); err != nil {
			t.Fatal(err)
		}
		return meta.FindStatusCondition(user.Status.Conditions, v1alpha1.ConditionRefused)
	}
	read()
	before := user.DeepCopy()
	user.Status.ObservedGeneration = &user.Generation // as the manager does
	if err := c.Status().Patch(t.Context(), user, client.MergeFrom(before)); err != nil {
		t.Fatal(err)
	}

	if status, _ := a.do("POST", "/Users", `{"userName":"ADA"}`); status != http.StatusConflict {
		t.Errorf("status %d", status)
	}
	awaitThat(t, "who has the name has it noted", func() bool { noted := read(); return noted != nil && noted.Reason == v1alpha1.ReasonUniqueness })
	if status, _ := a.do("PUT", "/Users/"+key.Name, `{"userName":"ada"}`); status != http.StatusOK {
		t.Errorf("status %d", status)
	}
	awaitThat(t, "the next request that succeeds takes it away", func() bool {
		// The server may not have seen its own note yet.
		if read() != nil {
			a.do("PUT", "/Users/"+key.Name, `{"userName":"ada"}`)
		}
		return read() == nil
	})
}
