// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-logr/logr/funcr"
	corev1 "k8s.io/api/core/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/envtest"
	"sigs.k8s.io/yaml"

	api "scim-operator.io/api/v1alpha1"
	"scim-operator.io/internal/scim"
	"scim-operator.io/test/assets"
)

// environment is a real API server with the project's kinds.
var environment *rest.Config

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	directory, err := assets.Directory()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	server := &envtest.Environment{
		BinaryAssetsDirectory:    directory,
		ControlPlaneStartTimeout: 2 * time.Minute,
	}
	if server.CRDs, err = kindsOfANewerRelease(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	config, err := server.Start()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer func() { _ = server.Stop() }()
	config.QPS = -1
	environment = config
	if err := awaitKinds(config); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return m.Run()
}

// kindsOfANewerRelease are the project's kinds with room for fields that this release does
// not know, in every part of a spec.
func kindsOfANewerRelease() ([]*apiextensionsv1.CustomResourceDefinition, error) {
	paths, err := filepath.Glob("../../config/crd/bases/*.yaml")
	if err != nil || len(paths) == 0 {
		return nil, fmt.Errorf("no CRDs: %w", err)
	}
	crds := make([]*apiextensionsv1.CustomResourceDefinition, len(paths))
	for i, path := range paths {
		encoded, err := os.ReadFile(path)
		if err != nil {
			return nil, err
		}
		crds[i] = &apiextensionsv1.CustomResourceDefinition{}
		if err := yaml.Unmarshal(encoded, crds[i]); err != nil {
			return nil, err
		}
		schema := crds[i].Spec.Versions[0].Schema.OpenAPIV3Schema
		schema.Properties["spec"] = withRoom(schema.Properties["spec"])
	}
	return crds, nil
}

func withRoom(s apiextensionsv1.JSONSchemaProps) apiextensionsv1.JSONSchemaProps {
	if len(s.Properties) > 0 {
		s.XPreserveUnknownFields = new(true)
	}
	for name, below := range s.Properties {
		s.Properties[name] = withRoom(below)
	}
	if s.Items != nil && s.Items.Schema != nil {
		*s.Items.Schema = withRoom(*s.Items.Schema)
	}
	return s
}

// awaitKinds waits until the API server can list every kind: its caches start late.
func awaitKinds(config *rest.Config) error {
	c, err := newRESTClient(config, "default", patience)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	for r, list := range map[resource]runtime.Object{
		usersResource: &api.ScimUserList{}, groupsResource: &api.ScimGroupList{},
		slicesResource: &api.ScimGroupSliceList{}, claimsResource: &api.ScimClaimList{},
		declaredResource: &api.ScimResourceList{},
	} {
		err := wait.PollUntilContextCancel(ctx, 50*time.Millisecond, true, func(ctx context.Context) (bool, error) {
			return c.list(ctx, r, metav1.ListOptions{}, list) == nil, nil
		})
		if err != nil {
			return fmt.Errorf("%s cannot be listed: %w", r, err)
		}
	}
	return nil
}

const patience = time.Minute

// world is one endpoint in a namespace of its own.
type world struct {
	t         testing.TB
	namespace string
	raw       *restClient // what a person with kubectl does
}

var namespaces atomic.Int64

func newWorld(t testing.TB) *world {
	t.Helper()
	clients, err := kubernetes.NewForConfig(environment)
	if err != nil {
		t.Fatal(err)
	}
	w := &world{t: t, namespace: fmt.Sprintf("acme-%d", namespaces.Add(1))}
	namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: w.namespace}}
	if _, err := clients.CoreV1().Namespaces().Create(t.Context(), namespace, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	if w.raw, err = newRESTClient(environment, w.namespace, patience); err != nil {
		t.Fatal(err)
	}
	return w
}

func (w *world) config() Config {
	log := funcr.New(func(prefix, args string) {
		if testing.Verbose() {
			fmt.Fprintln(os.Stderr, prefix, args)
		}
	}, funcr.Options{})
	return Config{
		REST: environment, Namespace: w.namespace, Endpoint: "okta",
		BaseURL: "https://scim.example.com/scim/v2", Types: scim.Core(), Log: log,
	}
}

// replica is one running Store.
type replica struct {
	*Store
	t    testing.TB
	stop func()
}

// start runs a store, whose client may be wrapped, until the test ends.
func (w *world) start(change func(*Config), wrap func(client) client) *replica {
	w.t.Helper()
	c := w.config()
	if change != nil {
		change(&c)
	}
	var calls client = w.raw
	if wrap != nil {
		calls = wrap(calls)
	}
	s, err := newStore(c, calls)
	if err != nil {
		w.t.Fatal(err)
	}
	s.timeouts.write = 2 * patience // no test fails because this machine is slow
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { _ = s.Run(ctx) })
	r := &replica{Store: s, t: w.t, stop: func() { cancel(); running.Wait() }}
	w.t.Cleanup(r.stop)
	eventually(w.t, "the store is ready", func() bool { return s.Ready() == nil })
	return r
}

func (w *world) replica() *replica { return w.start(nil, nil) }

// eventually waits for a condition, with a bound.
func eventually(t testing.TB, what string, condition func() bool) {
	t.Helper()
	deadline := time.NewTimer(patience)
	defer deadline.Stop()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !condition() {
		select {
		case <-tick.C:
		case <-deadline.C:
			t.Fatalf("waited in vain until %s", what)
		}
	}
}

func parse(t testing.TB, rt *scim.ResourceType, body string) *scim.Parsed {
	t.Helper()
	p, err := rt.Parse([]byte(body))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func (r *replica) tryUser(body string) (*Resource, error) {
	return r.Create(r.t.Context(), r.users.rt, parse(r.t, r.users.rt, body))
}

func (r *replica) user(body string) *Resource {
	r.t.Helper()
	u, err := r.tryUser(body)
	if err != nil {
		r.t.Fatalf("creating %s: %v", body, err)
	}
	return u
}

func (r *replica) tryGroup(body string) (*Resource, error) {
	return r.Create(r.t.Context(), r.groups.rt, parse(r.t, r.groups.rt, body))
}

func (r *replica) group(body string) *Resource {
	r.t.Helper()
	g, err := r.tryGroup(body)
	if err != nil {
		r.t.Fatalf("creating %.100s: %v", body, err)
	}
	return g
}

func (r *replica) tryPatch(rt *scim.ResourceType, id, operations string, m Match) (*Resource, bool, error) {
	p, err := rt.ParsePatch([]byte(`{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":[` + operations + `]}`))
	if err != nil {
		r.t.Error(err)
		return nil, false, err
	}
	return r.Update(r.t.Context(), rt, id, m, p.Apply)
}

func (r *replica) patch(rt *scim.ResourceType, id, operations string) *Resource {
	r.t.Helper()
	updated, _, err := r.tryPatch(rt, id, operations, Match{})
	if err != nil {
		r.t.Fatalf("patching %s: %v", operations, err)
	}
	return updated
}

func (r *replica) rename(id, userName string) error {
	_, _, err := r.tryPatch(r.users.rt, id, fmt.Sprintf(`{"op":"replace","path":"userName","value":%q}`, userName), Match{})
	return err
}

func (r *replica) delete(rt *scim.ResourceType, id string) {
	r.t.Helper()
	if err := r.Delete(r.t.Context(), rt, id, Match{}); err != nil {
		r.t.Fatal(err)
	}
}

// find gives the ids of the resources that match a filter.
func (r *replica) find(rt *scim.ResourceType, filter string) []string {
	r.t.Helper()
	var ids []string
	for _, found := range r.list(Query{Type: rt, Filter: r.filter(rt, filter), Count: 1000}).Resources {
		ids = append(ids, found.ID)
	}
	return ids
}

func (r *replica) filter(rt *scim.ResourceType, filter string) *scim.Filter {
	r.t.Helper()
	if filter == "" {
		return nil
	}
	f, err := rt.ParseFilter(filter)
	if err != nil {
		r.t.Fatal(err)
	}
	return f
}

func (r *replica) list(q Query) *Page {
	r.t.Helper()
	page, err := r.List(r.t.Context(), q)
	if err != nil {
		r.t.Fatal(err)
	}
	return page
}

func userBody(userName string, more ...string) string {
	return "{" + strings.Join(append([]string{fmt.Sprintf(`"userName":%q`, userName)}, more...), ",") + "}"
}

// groupBody has members named by their ids.
func groupBody(displayName string, members ...string) string {
	type value struct {
		Value string `json:"value"`
	}
	list := make([]value, len(members))
	for i, m := range members {
		list[i].Value = m
	}
	body, _ := json.Marshal(map[string]any{"displayName": displayName, "members": list})
	return string(body)
}

func requireStatus(t testing.TB, err error, status int, scimType string) {
	t.Helper()
	var refusal *scim.Error
	if !errors.As(err, &refusal) || refusal.Status != status || refusal.ScimType != scimType {
		t.Fatalf("the answer is %v, want %d %s", err, status, scimType)
	}
}

func requireNotFound(t *testing.T, err error) {
	t.Helper()
	requireStatus(t, err, http.StatusNotFound, "")
}

func requireTaken(t testing.TB, err error) {
	t.Helper()
	requireStatus(t, err, http.StatusConflict, scim.ScimTypeUniqueness)
}

func requireUnavailable(t *testing.T, err error) {
	t.Helper()
	var later *Unavailable
	if !errors.As(err, &later) || later.RetryAfter <= 0 {
		t.Fatalf("the answer is %v, want Unavailable", err)
	}
}

// live reads what exists over SCIM from the API server: ids by claim.
func (w *world) live() map[string][]string {
	w.t.Helper()
	var users api.ScimUserList
	if err := w.raw.list(w.t.Context(), usersResource, metav1.ListOptions{}, &users); err != nil {
		w.t.Fatal(err)
	}
	var groups api.ScimGroupList
	if err := w.raw.list(w.t.Context(), groupsResource, metav1.ListOptions{}, &groups); err != nil {
		w.t.Fatal(err)
	}
	byName := map[string][]string{}
	for i := range users.Items {
		if u := &users.Items[i]; isLive(u) && u.Linked() {
			name := "user " + scim.FoldName(u.Spec.UserName)
			byName[name] = append(byName[name], u.Name)
		}
	}
	for i := range groups.Items {
		if g := &groups.Items[i]; isLive(g) {
			name := "group " + scim.FoldName(g.Spec.DisplayName)
			byName[name] = append(byName[name], g.Name)
		}
	}
	w.addDevices(byName)
	return byName
}

func (w *world) addDevices(byName map[string][]string) {
	w.t.Helper()
	var devices api.ScimResourceList
	if err := w.raw.list(w.t.Context(), declaredResource, metav1.ListOptions{}, &devices); err != nil {
		w.t.Fatal(err)
	}
	for i := range devices.Items {
		d := &devices.Items[i]
		if !isLive(d) {
			continue
		}
		text := func(name string) (value string) {
			_ = json.Unmarshal(d.Spec.Attributes[name].Raw, &value) // without a value it is ""
			return value
		}
		for _, name := range []string{"serial " + scim.Fold(text("serialNumber")), "tag " + text("assetTag")} {
			if !strings.HasSuffix(name, " ") {
				byName[name] = append(byName[name], d.Name)
			}
		}
	}
}

// claims reads who has what claim.
func (w *world) claims() map[string]string {
	w.t.Helper()
	var claims api.ScimClaimList
	if err := w.raw.list(w.t.Context(), claimsResource, metav1.ListOptions{}, &claims); err != nil {
		w.t.Fatal(err)
	}
	holders := map[string]string{}
	for i := range claims.Items {
		prefix := map[api.ClaimedAttribute]string{
			api.ClaimUserName: "user ", api.ClaimGroupDisplayName: "group ",
			"Device.serialNumber": "serial ", "Device.assetTag": "tag ",
		}[claims.Items[i].Spec.Attribute]
		holders[prefix+claims.Items[i].Spec.Value] = claims.Items[i].Spec.HolderRef.Name
	}
	return holders
}

// requireUnique checks that no name has two live resources and every live resource its
// claim.
func (w *world) requireUnique() {
	w.t.Helper()
	claims := w.claims()
	for name, ids := range w.live() {
		if len(ids) != 1 {
			w.t.Errorf("%s is %d live resources: %v", name, len(ids), ids)
		} else if claims[name] != ids[0] {
			w.t.Errorf("the claim on %s is that of %q, not of %s", name, claims[name], ids[0])
		}
	}
}

func (w *world) slices() int {
	w.t.Helper()
	var list api.ScimGroupSliceList
	if err := w.raw.list(w.t.Context(), slicesResource, metav1.ListOptions{}, &list); err != nil {
		w.t.Fatal(err)
	}
	return len(list.Items)
}
