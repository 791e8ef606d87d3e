// SPDX-License-Identifier: Apache-2.0

package linearizability

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-logr/logr"
	"github.com/go-logr/logr/funcr"
	"github.com/prometheus/client_golang/prometheus"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	"k8s.io/klog/v2" //nolint:depguard // client-go logs through it, and is told here not to
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/envtest"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"scim-operator.io/api/v1alpha1"
	"scim-operator.io/internal/replica"
	"scim-operator.io/internal/scim"
	"scim-operator.io/internal/server"
	"scim-operator.io/internal/store"
	"scim-operator.io/internal/token"
	"scim-operator.io/test/assets"
)

const (
	endpointName = "okta"
	bearer       = token.Plaintext("scimop_test-token-of-the-histories")
	// patience bounds every wait for something that is certain to happen.
	patience = 3 * time.Minute
)

var (
	config *rest.Config
	admin  client.WithWatch
)

func TestMain(m *testing.M) { os.Exit(withAPIServer(m)) }

// withAPIServer runs the tests against a real API server.
func withAPIServer(m *testing.M) int {
	directory, err := assets.Directory()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	environment := &envtest.Environment{
		CRDDirectoryPaths:        []string{"../../config/crd/bases"},
		ErrorIfCRDPathMissing:    true,
		BinaryAssetsDirectory:    directory,
		ControlPlaneStartTimeout: 2 * time.Minute,
	}
	// A long run writes more versions in five minutes than etcd keeps.
	environment.ControlPlane.GetAPIServer().Configure().Set("etcd-compaction-interval", "1m")
	// Watches that end with a crash are no news.
	klog.SetLogger(logr.Discard())
	log.SetLogger(logr.Discard())
	if config, err = environment.Start(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer func() { _ = environment.Stop() }()
	config.QPS = -1
	scheme := runtime.NewScheme()
	err = errors.Join(clientgoscheme.AddToScheme(scheme), v1alpha1.AddToScheme(scheme))
	if err == nil {
		admin, err = client.NewWithWatch(config, client.Options{Scheme: scheme})
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return m.Run()
}

// cluster is one endpoint with its replicas, in a namespace of its own.
type cluster struct {
	t         *testing.T
	namespace string
	types     *scim.Registry
	pool      pool

	mu       sync.Mutex
	random   *rand.Rand
	replicas []*process // nil while one is being replaced
	started  int
}

func newCluster(t *testing.T, seed uint64, replicas int, consistency v1alpha1.Consistency) *cluster {
	t.Helper()
	namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{GenerateName: "linear-"}}
	mustCreate(t, namespace)
	c := &cluster{t: t, namespace: namespace.Name, random: rand.New(rand.NewPCG(seed, 2)), replicas: make([]*process, replicas)}
	endpoint := &v1alpha1.ScimEndpoint{ObjectMeta: metav1.ObjectMeta{Name: endpointName, Namespace: c.namespace}}
	endpoint.Spec.Consistency = consistency
	endpoint.Spec.ResourceTypes = []v1alpha1.SchemaResourceType{deviceType()}
	mustCreate(t, endpoint)
	var err error
	if c.types, err = store.NewTypes(&endpoint.Spec.ScimEndpointTemplate); err != nil {
		t.Fatal(err)
	}
	digests, err := token.EncodeDigests([]token.Digest{token.NewDigest(bearer, time.Now())})
	if err != nil {
		t.Fatal(err)
	}
	mustCreate(t, &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Name: endpoint.DigestSecretName(), Namespace: c.namespace},
		Data:       map[string][]byte{v1alpha1.DigestsKey: digests},
	})
	for i := range c.replicas {
		c.replicas[i] = c.start(fmt.Sprintf("replica-%d", i))
	}
	t.Cleanup(func() {
		for _, p := range c.replicas {
			if p != nil {
				p.end()
			}
		}
	})
	c.fillPool()
	return c
}

// fillPool creates the users who may be members of any group.
func (c *cluster) fillPool() {
	c.t.Helper()
	for i := range memberPool {
		in := input{kind: users, action: create, name: fmt.Sprintf("member-%d", i), person: fmt.Sprint(i), active: "true", mark: "m"}
		a, err := c.replicas[0].send(in.wire("", nil))
		if err != nil || a.verdict != done {
			c.t.Fatalf("creating %s: %s, %v", in.name, a.verdict, err)
		}
		c.pool = append(c.pool, a.resources[0].ID)
	}
}

// mustCreate creates an object. The API server may not know its kind at first.
func mustCreate(t *testing.T, o client.Object) {
	t.Helper()
	var err error
	eventually(t, "the API server creates an object", func() bool {
		err = admin.Create(t.Context(), o)
		return err == nil
	})
}

// process is one `scim-operator serve` without its flags.
type process struct {
	name    string
	url     string
	network *network
	client  *http.Client
	store   *store.Store
	errors  atomic.Value // what the store last logged as an error
	end     func()
}

// start runs a process until it serves.
func (c *cluster) start(name string) *process {
	c.mu.Lock()
	c.started++
	seed := c.random.Uint64()
	c.mu.Unlock()
	p := &process{name: name, network: newNetwork(seed), client: &http.Client{
		Timeout: patience, Transport: &http.Transport{MaxIdleConnsPerHost: 64},
	}}
	scimPort, peerPort := c.listen(), c.listen()
	p.url = "http://" + scimPort.Addr().String() + "/scim/v2"
	joined, s, err := c.build(p, peerPort.Addr().String())
	if err != nil {
		c.t.Errorf("replica %s: %v", name, err)
		return p
	}
	peers := joined.PeerServer(replica.Answers{Revisions: p.store.Revisions, Bookmark: s.Bookmark})
	front := &http.Server{Handler: s, ReadHeaderTimeout: patience}
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { _ = peers.Serve(joined.PeerListener(peerPort)) })
	running.Go(func() { _ = front.Serve(scimPort) })
	running.Go(func() {
		if err := p.store.Run(ctx); err != nil && ctx.Err() == nil {
			c.t.Errorf("%s: %v: %s", name, err, p.errors.Load())
		}
	})
	running.Go(func() { _ = joined.Run(ctx) })
	p.end = sync.OnceFunc(func() {
		p.network.die()
		_ = front.Close()
		_ = peers.Close()
		cancel()
		running.Wait()
		p.client.CloseIdleConnections()
	})
	eventually(c.t, name+" serves", func() bool { return errors.Join(p.store.Ready(), joined.Serving()) == nil })
	return p
}

func (c *cluster) listen() net.Listener {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		c.t.Error(err)
	}
	return l
}

// build puts a process together as `serve` does.
func (c *cluster) build(p *process, address string) (*replica.Replica, *server.Server, error) {
	const baseURL = "https://scim.example.com/scim/v2"
	joined, err := replica.New(replica.Config{
		REST: p.network.config(config), Namespace: c.namespace, Endpoint: endpointName, Name: p.name,
		Address: address, Log: logr.Discard(),
	})
	if err != nil {
		return nil, nil, err
	}
	p.store, err = store.New(store.Config{
		REST: p.network.config(config), Namespace: c.namespace, Endpoint: endpointName, BaseURL: baseURL, Types: c.types,
		Peers: joined, Eventual: joined.Eventual, Log: p.log(),
		ImmutableExternalIDs: true, // a person returns under any name
	})
	if err != nil {
		return nil, nil, err
	}
	limits := server.DefaultLimits()
	limits.RequestsPerSecond = 100_000 // all come with one token, as fast as they can
	s, err := server.New(server.Config{
		BaseURL: baseURL, Types: c.types, Store: p.store, Tokens: joined, State: joined, Cursors: joined, Peers: joined,
		Limits: limits, Metrics: prometheus.NewRegistry(), Log: logr.Discard(),
	})
	return joined, s, err
}

// log keeps what a store says of its end.
func (p *process) log() logr.Logger {
	p.errors.Store("")
	return funcr.New(func(_, line string) {
		if strings.Contains(line, `"error"=`) {
			p.errors.Store(line)
		}
	}, funcr.Options{})
}

// any gives a replica that runs.
func (c *cluster) any(random *rand.Rand) *process {
	for {
		c.mu.Lock()
		p := c.replicas[random.IntN(len(c.replicas))]
		c.mu.Unlock()
		if p != nil {
			return p
		}
	}
}

// crash lets one replica die at a write, and then replaces it: by its container that
// starts again, or by another pod. It returns early when ctx ends before the write.
func (c *cluster) crash(ctx context.Context, random *rand.Rand) (crashed bool) {
	i := random.IntN(len(c.replicas))
	p := c.replicas[i]
	p.network.crashAt(random.IntN(12), random.IntN(2) == 0)
	select {
	case <-p.network.dead.Done():
	case <-ctx.Done():
		p.network.crashAt(1<<30, false)
		if p.network.dead.Err() == nil {
			return false
		}
	}
	c.put(i, nil)
	p.end()
	name := p.name
	if random.IntN(2) == 0 {
		c.mu.Lock()
		name = fmt.Sprintf("replica-%d", c.started)
		c.mu.Unlock()
		c.forget(p.name) //nolint:contextcheck // a replacement that has begun is finished
	}
	c.put(i, c.start(name)) //nolint:contextcheck // it lives on
	return true
}

func (c *cluster) put(i int, p *process) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.replicas[i] = p
}

// forget removes a replica from its endpoint, as the manager does when its pod is gone.
func (c *cluster) forget(name string) {
	r, err := replica.New(replica.Config{
		REST: config, Namespace: c.namespace, Endpoint: endpointName, Name: name, Address: "127.0.0.1:1", Log: logr.Discard(),
	})
	if err == nil {
		err = r.Leave(context.Background())
	}
	if err != nil {
		c.t.Errorf("removing %s: %v", name, err)
	}
}

// eventually waits for a condition, with a bound.
func eventually(t *testing.T, what string, condition func() bool) {
	t.Helper()
	deadline := time.NewTimer(patience)
	defer deadline.Stop()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !condition() {
		select {
		case <-tick.C:
		case <-deadline.C:
			t.Errorf("waited in vain until %s", what)
			return
		}
	}
}
