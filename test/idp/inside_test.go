// SPDX-License-Identifier: Apache-2.0

package idp

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-logr/logr/funcr"
	"github.com/prometheus/client_golang/prometheus"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/envtest"

	api "scim-operator.io/api/v1alpha1"
	"scim-operator.io/internal/scim"
	"scim-operator.io/internal/server"
	"scim-operator.io/internal/store"
	"scim-operator.io/internal/token"
	"scim-operator.io/test/assets"
	"scim-operator.io/test/transcript"
)

const (
	baseURL   = "https://scim.example.com/scim/v2"
	testToken = token.Plaintext("scimop_test-token-of-the-transcripts")
	namespace = "acme"
	patience  = time.Minute
	// sentPassword is the password in the transcripts of Okta.
	sentPassword = "1mz050nq"
)

// directory is the real server on the real store on a real API server.
type directory struct {
	endpoint *transcript.Endpoint
	address  string
	k8s      client.Client
	logs     *logLines
}

type logLines struct {
	mu   sync.Mutex
	text strings.Builder
}

func (l *logLines) add(prefix, line string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	fmt.Fprintln(&l.text, prefix, line)
}

func (l *logLines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// alwaysServing is a server.State.
type alwaysServing struct{}

func (alwaysServing) Serving() error { return nil }
func (alwaysServing) Paused() bool   { return false }

// oneKey is a server.CursorKeys.
type oneKey [32]byte

func (k oneKey) SealingKey(string) ([32]byte, bool) { return k, true }
func (k oneKey) OpeningKeys() [][32]byte            { return [][32]byte{k} }

// serve starts a directory, until the test ends.
func serve(t *testing.T) *directory {
	t.Helper()
	config := startAPIServer(t)
	d := &directory{logs: &logLines{}, k8s: newClient(t, config)}
	if err := d.k8s.Create(t.Context(), &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: namespace}}); err != nil {
		t.Fatal(err)
	}
	log := funcr.NewJSON(func(line string) { d.logs.add("", line) }, funcr.Options{Verbosity: 2})
	directoryStore, err := store.New(store.Config{
		REST: config, Namespace: namespace, Endpoint: "okta", BaseURL: baseURL, Types: scim.Core(), Log: log,
	})
	if err != nil {
		t.Fatal(err)
	}
	verifier := new(token.Verifier)
	verifier.Set([]token.Digest{token.NewDigest(testToken, time.Now())})
	limits := server.DefaultLimits()
	limits.ShutdownDelay = time.Millisecond
	s, err := server.New(server.Config{
		BaseURL: baseURL, Types: scim.Core(), Store: directoryStore, Tokens: verifier, State: alwaysServing{},
		Cursors: oneKey{1}, Limits: limits, Metrics: prometheus.NewRegistry(), Log: log,
	})
	if err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	d.address = listener.Addr().String()
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { _ = directoryStore.Run(ctx) })
	running.Go(func() {
		if err := s.Serve(ctx, listener); err != nil {
			t.Errorf("the server stopped with %v", err)
		}
	})
	t.Cleanup(func() { cancel(); running.Wait() })
	awaitReady(t, directoryStore)
	d.endpoint = &transcript.Endpoint{BaseURL: baseURL, Token: string(testToken), Dial: d.dial}
	return d
}

func (d *directory) dial(ctx context.Context) (net.Conn, error) {
	return new(net.Dialer).DialContext(ctx, "tcp", d.address)
}

func startAPIServer(t *testing.T) *rest.Config {
	t.Helper()
	binaries, err := assets.Directory()
	if err != nil {
		t.Fatal(err)
	}
	environment := &envtest.Environment{
		BinaryAssetsDirectory: binaries,
		CRDDirectoryPaths:     []string{"../../config/crd/bases"}, ErrorIfCRDPathMissing: true,
	}
	config, err := environment.Start()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = environment.Stop() })
	return config
}

func newClient(t *testing.T, config *rest.Config) client.Client {
	t.Helper()
	scheme := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{clientgoscheme.AddToScheme, api.AddToScheme} {
		if err := add(scheme); err != nil {
			t.Fatal(err)
		}
	}
	c, err := client.New(config, client.Options{Scheme: scheme})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func awaitReady(t *testing.T, s *store.Store) {
	t.Helper()
	deadline := time.NewTimer(patience)
	defer deadline.Stop()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for s.Ready() != nil {
		select {
		case <-tick.C:
		case <-deadline.C:
			t.Fatalf("the store is not ready: %v", s.Ready())
		}
	}
}

// requireAgain plays every transcript once more, among what the first play left: records
// of users who were deleted.
func (d *directory) requireAgain(t *testing.T, all []*transcript.Transcript) {
	run := newRun(t)
	for _, one := range all {
		if err := d.endpoint.Play(t.Context(), one, run); err != nil {
			t.Error(err)
		}
	}
}

// requireEmpty checks that the transcripts clean up after themselves.
func (d *directory) requireEmpty(t *testing.T) {
	for _, path := range []string{"/Users", "/Groups"} {
		request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+d.address+"/scim/v2"+path+"?count=1", nil)
		if err != nil {
			t.Fatal(err)
		}
		request.Header.Set("Authorization", "Bearer "+string(testToken))
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(response.Body)
		_ = response.Body.Close()
		if err != nil {
			t.Fatal(err)
		}
		var list struct {
			TotalResults *int `json:"totalResults"`
		}
		if err := json.Unmarshal(body, &list); err != nil || list.TotalResults == nil || *list.TotalResults != 0 {
			t.Errorf("%s: %s", path, body)
		}
	}
}

// requireNoSecrets checks that what the clients sent in confidence is nowhere.
func (d *directory) requireNoSecrets(t *testing.T) {
	var users api.ScimUserList
	if err := d.k8s.List(t.Context(), &users, client.InNamespace(namespace)); err != nil {
		t.Fatal(err)
	}
	if len(users.Items) == 0 {
		t.Fatal("no record of a deleted user is left to look at")
	}
	stored, err := json.Marshal(users)
	if err != nil {
		t.Fatal(err)
	}
	logged := d.logs.String()
	if !strings.Contains(logged, "/Users") {
		t.Fatalf("the log does not speak of requests: %.500s", logged)
	}
	for _, secret := range []string{sentPassword, string(testToken)} {
		if strings.Contains(string(stored), secret) {
			t.Errorf("%.4s… is stored", secret)
		}
		if strings.Contains(logged, secret) {
			t.Errorf("%.4s… is logged", secret)
		}
	}
}
