// SPDX-License-Identifier: Apache-2.0

package replica

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-logr/logr/testr"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/envtest"

	"scim-operator.io/api/v1alpha1"
	"scim-operator.io/internal/store"
	"scim-operator.io/internal/token"
	"scim-operator.io/test/assets"
)

const (
	endpointName = "okta"
	// patience bounds every wait for something that is certain to happen.
	patience = 30 * time.Second
)

var (
	adminConfig *rest.Config
	admin       client.Client
)

// TestMain starts a real API server.
func TestMain(m *testing.M) { os.Exit(runWithAPIServer(m)) }

func runWithAPIServer(m *testing.M) int {
	directory, err := assets.Directory()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	environment := &envtest.Environment{
		BinaryAssetsDirectory:    directory,
		CRDDirectoryPaths:        []string{"../../config/crd/bases"},
		ErrorIfCRDPathMissing:    true,
		ControlPlaneStartTimeout: 2 * time.Minute,
	}
	if adminConfig, err = environment.Start(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer func() { _ = environment.Stop() }()
	scheme := runtime.NewScheme()
	err = errors.Join(corev1.AddToScheme(scheme), rbacv1.AddToScheme(scheme), v1alpha1.AddToScheme(scheme))
	if err == nil {
		admin, err = client.New(adminConfig, client.Options{Scheme: scheme})
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return m.Run()
}

// fixture is one endpoint in a namespace of its own.
type fixture struct {
	t         testing.TB
	namespace string
	endpoint  *v1alpha1.ScimEndpoint
}

func newFixture(t testing.TB) *fixture {
	t.Helper()
	namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{GenerateName: "replica-"}}
	f := &fixture{t: t}
	f.create(namespace)
	f.namespace = namespace.Name
	f.allow()
	f.endpoint = f.createEndpoint()
	return f
}

func (f *fixture) create(o client.Object) {
	f.t.Helper()
	if err := admin.Create(context.Background(), o); err != nil {
		f.t.Fatal(err)
	}
}

// user is the ServiceAccount as which the endpoint's servers run.
func (f *fixture) user() string {
	return "system:serviceaccount:" + f.namespace + ":" + endpointName + v1alpha1.ChildSuffix
}

// allow gives the servers what the manager gives them of what a replica needs, and
// nothing else: the suite runs with it.
func (f *fixture) allow() {
	f.t.Helper()
	read := []string{"get", "list", "watch"}
	endpoint := &v1alpha1.ScimEndpoint{ObjectMeta: metav1.ObjectMeta{Name: endpointName}}
	role := &rbacv1.Role{
		ObjectMeta: metav1.ObjectMeta{Name: "server", Namespace: f.namespace},
		Rules: []rbacv1.PolicyRule{
			{APIGroups: []string{v1alpha1.GroupName}, Resources: []string{"scimendpoints"}, ResourceNames: []string{endpointName}, Verbs: read},
			{APIGroups: []string{v1alpha1.GroupName}, Resources: []string{"scimendpoints/status"}, ResourceNames: []string{endpointName}, Verbs: []string{"patch"}},
			{APIGroups: []string{""}, Resources: []string{"secrets"}, ResourceNames: []string{endpoint.DigestSecretName()}, Verbs: read},
		},
	}
	binding := &rbacv1.RoleBinding{
		ObjectMeta: metav1.ObjectMeta{Name: "server", Namespace: f.namespace},
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "Role", Name: "server"},
		Subjects:   []rbacv1.Subject{{APIGroup: rbacv1.GroupName, Kind: rbacv1.UserKind, Name: f.user()}},
	}
	f.create(role)
	f.create(binding)
}

func (f *fixture) createEndpoint() *v1alpha1.ScimEndpoint {
	f.t.Helper()
	endpoint := &v1alpha1.ScimEndpoint{ObjectMeta: metav1.ObjectMeta{Name: endpointName, Namespace: f.namespace}}
	f.create(endpoint)
	return endpoint
}

func (f *fixture) current() *v1alpha1.ScimEndpoint {
	f.t.Helper()
	endpoint := &v1alpha1.ScimEndpoint{}
	if err := admin.Get(context.Background(), client.ObjectKeyFromObject(f.endpoint), endpoint); err != nil {
		f.t.Fatal(err)
	}
	return endpoint
}

// names of the replicas that are entered.
func (f *fixture) names() string {
	var names string
	for _, s := range f.current().Status.Servers {
		names += s.Name + " "
	}
	return names
}

func (f *fixture) setServers(servers ...v1alpha1.ServerStatus) {
	f.t.Helper()
	endpoint := f.current()
	before := endpoint.DeepCopy()
	endpoint.Status.Servers = servers
	if err := admin.Status().Patch(context.Background(), endpoint, client.MergeFrom(before)); err != nil {
		f.t.Fatal(err)
	}
}

func (f *fixture) writeDigests(data map[string][]byte) *corev1.Secret {
	f.t.Helper()
	secret := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Name: f.endpoint.DigestSecretName(), Namespace: f.namespace}, Data: data}
	err := admin.Create(context.Background(), secret)
	if err != nil {
		if err = admin.Update(context.Background(), secret); err != nil {
			f.t.Fatal(err)
		}
	}
	return secret
}

func digestsOf(t *testing.T, tokens ...token.Plaintext) map[string][]byte {
	t.Helper()
	var digests []token.Digest
	for _, p := range tokens {
		digests = append(digests, token.NewDigest(p, time.Now()))
	}
	encoded, err := token.EncodeDigests(digests)
	if err != nil {
		t.Fatal(err)
	}
	return map[string][]byte{v1alpha1.DigestsKey: encoded}
}

// running is a replica with the server of its port for peers.
type running struct {
	*Replica
	network   *network
	server    *httptest.Server
	revisions atomic.Pointer[store.Revisions]
	asked     atomic.Int64
	stop      func()
}

func (f *fixture) start(name string, change ...func(*Config)) *running {
	f.t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		f.t.Fatal(err)
	}
	return f.startOn(listener, name, change...)
}

func (f *fixture) startOn(listener net.Listener, name string, change ...func(*Config)) *running {
	f.t.Helper()
	r := &running{network: &network{}}
	r.revisions.Store(&store.Revisions{})
	config := rest.CopyConfig(adminConfig)
	config.Impersonate = rest.ImpersonationConfig{UserName: f.user(), Groups: []string{"system:authenticated"}}
	config.Dial = r.network.dial
	c := Config{REST: config, Namespace: f.namespace, Endpoint: endpointName, Name: name,
		Address: listener.Addr().String(), Log: testr.NewWithInterface(f.t, testr.Options{}).WithName(name), AskTimeout: 5 * time.Second}
	for _, each := range change {
		each(&c)
	}
	var err error
	if r.Replica, err = New(c); err != nil {
		f.t.Fatal(err)
	}
	r.server = &httptest.Server{
		Listener: r.PeerListener(listener),
		Config: r.PeerServer(Answers{
			Revisions: func(uint64) store.Revisions { r.asked.Add(1); return *r.revisions.Load() },
			Bookmark:  func(page string) string { return page + " at " + name },
		}),
	}
	r.server.Start()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { defer close(done); _ = r.Run(ctx) }()
	r.stop = sync.OnceFunc(func() { cancel(); <-done; r.http.CloseIdleConnections(); r.server.Close() })
	f.t.Cleanup(r.stop)
	return r
}

// network can be cut off from the API server.
type network struct {
	mu    sync.Mutex
	cut   bool
	conns []net.Conn
}

func (n *network) dial(ctx context.Context, protocol, address string) (net.Conn, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.cut {
		return nil, fmt.Errorf("the network is cut")
	}
	c, err := new(net.Dialer).DialContext(ctx, protocol, address)
	if err == nil {
		n.conns = append(n.conns, c)
	}
	return c, err
}

func (n *network) setCut(cut bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.cut = cut
	if cut {
		for _, c := range n.conns {
			_ = c.Close()
		}
		n.conns = nil
	}
}

func eventually(t testing.TB, what string, holds func() bool) {
	t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	deadline := time.After(patience)
	for !holds() {
		select {
		case <-deadline:
			t.Fatalf("it never came to pass that %s", what)
		case <-tick.C:
		}
	}
}

func (r *running) joins(t *testing.T) {
	t.Helper()
	eventually(t, r.config.Name+" joins", r.joined.Load)
}

// silentServer is a peer that takes connections and never answers.
func silentServer(t *testing.T) *httptest.Server {
	t.Helper()
	gone := make(chan struct{})
	s := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		select {
		case <-r.Context().Done():
		case <-gone:
		}
	}))
	t.Cleanup(func() { close(gone); s.Close() })
	return s
}
