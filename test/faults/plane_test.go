// SPDX-License-Identifier: Apache-2.0

package faults

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/go-logr/logr"
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
	"scim-operator.io/internal/scim"
	"scim-operator.io/internal/scim/scimtest"
	"scim-operator.io/internal/store"
	"scim-operator.io/test/assets"
)

const (
	namespace = "acme"
	// patience bounds every wait for something that is certain to happen.
	patience = 2 * time.Minute
)

// plane is an API server with its etcd.
type plane struct {
	t      *testing.T
	config *rest.Config
	admin  client.WithWatch
	etcd   string // URL of the etcd that the API server has when it is not told of others

	kubeconfig []byte
}

// startPlane starts an API server, whose flags and whose etcd's flags may be changed.
func startPlane(t *testing.T, change func(server *envtest.APIServer, etcd *envtest.Etcd)) *plane {
	t.Helper()
	klog.SetLogger(logr.Discard()) // errors are what these tests are about
	log.SetLogger(logr.Discard())
	directory, err := assets.Directory()
	if err != nil {
		t.Fatal(err)
	}
	environment := &envtest.Environment{
		CRDDirectoryPaths:        []string{"../../config/crd/bases"},
		ErrorIfCRDPathMissing:    true,
		BinaryAssetsDirectory:    directory,
		ControlPlaneStartTimeout: patience,
		ControlPlaneStopTimeout:  patience,
	}
	environment.ControlPlane.Etcd = &envtest.Etcd{}
	change(environment.ControlPlane.GetAPIServer(), environment.ControlPlane.Etcd)
	config, err := environment.Start()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = environment.Stop() })
	config.QPS = -1
	p := &plane{t: t, config: config, etcd: environment.ControlPlane.Etcd.URL.String(), kubeconfig: environment.KubeConfig}
	scheme := runtime.NewScheme()
	if err := errors.Join(clientgoscheme.AddToScheme(scheme), v1alpha1.AddToScheme(scheme)); err != nil {
		t.Fatal(err)
	}
	if p.admin, err = client.NewWithWatch(config, client.Options{Scheme: scheme}); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the namespace is there", func() bool {
		return p.admin.Create(t.Context(), &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: namespace}}) == nil
	})
	return p
}

// directory is a running store.
type directory struct {
	*store.Store
	t       *testing.T
	types   *scim.Registry
	network *network
}

// start runs a store until the test ends.
func (p *plane) start() *directory {
	p.t.Helper()
	d := &directory{t: p.t, types: scim.Core(), network: &network{}}
	config := rest.CopyConfig(p.config)
	config.Dial = d.network.dial
	var err error
	d.Store, err = store.New(store.Config{
		REST: config, Namespace: namespace, Endpoint: "okta", BaseURL: "https://scim.example.com/scim/v2",
		Types: d.types, Log: logr.Discard(), MaxStaleness: time.Hour,
	})
	if err != nil {
		p.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { _ = d.Run(ctx) })
	p.t.Cleanup(func() { cancel(); running.Wait() })
	eventually(p.t, "the store is ready", func() bool { return d.Ready() == nil })
	return d
}

func (d *directory) create(ctx context.Context, userName string) (*store.Resource, error) {
	parsed, err := d.types.User().Parse(fmt.Appendf(nil, `{"userName":%q}`, userName))
	if err != nil {
		return nil, err
	}
	return d.Create(ctx, d.types.User(), parsed)
}

func (d *directory) retitle(ctx context.Context, id, title string) error {
	patch, err := d.types.User().ParsePatch(fmt.Appendf(nil,
		`{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":[{"op":"replace","path":"title","value":%q}]}`, title))
	if err != nil {
		return err
	}
	_, _, err = d.Update(ctx, d.types.User(), id, store.Match{}, patch.Apply)
	return err
}

func (d *directory) remove(ctx context.Context, id string) error {
	return d.Delete(ctx, d.types.User(), id, store.Match{})
}

// find gives the title of the user of a name, and how many users there are.
func (d *directory) find(userName string) (title string, found int, err error) {
	filter, err := d.types.User().ParseFilter(fmt.Sprintf("userName eq %q", userName))
	if err != nil {
		return "", 0, err
	}
	page, err := d.List(context.Background(), store.Query{Type: d.types.User(), Filter: filter, Count: 10})
	if err != nil {
		return "", 0, err
	}
	if len(page.Resources) > 0 {
		title, _ = scimtest.Value(page.Resources[0].Object(), "title").(string)
	}
	return title, page.Total, nil
}

// unavailable says whether an error tells the client to come again later.
func unavailable(err error) bool {
	var later *store.Unavailable
	return errors.As(err, &later) && later.RetryAfter > 0
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
		return nil, errors.New("the network is cut")
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

// call asks an etcd in JSON, which every etcd understands at its client URL.
func call(etcd, path, body string) (map[string]any, error) {
	response, err := (&http.Client{Timeout: 30 * time.Second}).Post(etcd+path, "application/json", bytes.NewBufferString(body))
	if err != nil {
		return nil, err
	}
	defer func() { _ = response.Body.Close() }()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		return nil, err
	}
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s: %s: %s", path, response.Status, text)
	}
	var answer map[string]any
	return answer, json.Unmarshal(text, &answer)
}

// compact makes etcd forget everything but the newest version of each object.
func (p *plane) compact() {
	p.t.Helper()
	status, err := call(p.etcd, "/v3/maintenance/status", "{}")
	if err != nil {
		p.t.Fatal(err)
	}
	revision := status["header"].(map[string]any)["revision"].(string)
	if _, err := call(p.etcd, "/v3/kv/compaction", fmt.Sprintf(`{"revision":%q,"physical":true}`, revision)); err != nil {
		p.t.Fatal(err)
	}
}

// eventually waits for a condition, with a bound.
func eventually(t *testing.T, what string, condition func() bool) {
	t.Helper()
	deadline := time.NewTimer(patience)
	defer deadline.Stop()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for !condition() {
		select {
		case <-tick.C:
		case <-deadline.C:
			t.Fatalf("waited in vain until %s", what)
		}
	}
}
