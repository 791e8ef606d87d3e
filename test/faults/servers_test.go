// SPDX-License-Identifier: Apache-2.0

package faults

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"scim-operator.io/api/v1alpha1"
	"scim-operator.io/internal/token"
	"scim-operator.io/test/assets"
)

const bearer = token.Plaintext("scimop_test-token-of-the-faults")

// serving is one server of an endpoint: a process of the real binary, which is started
// again whenever it ends, as the kubelet does.
type serving struct {
	t        *testing.T
	name     string
	base     string // URL of SCIM
	ops      string // URL of the probes
	restarts atomic.Int64
	process  atomic.Pointer[os.Process]
	log      *os.File
}

// signal sends a signal to the process of the server.
func (s *serving) signal(which os.Signal) {
	s.t.Helper()
	if err := s.process.Load().Signal(which); err != nil {
		s.t.Fatal(err)
	}
}

// buildServer builds the operator's binary.
func buildServer(t *testing.T) string {
	t.Helper()
	binary := filepath.Join(t.TempDir(), "scim-operator")
	build := exec.Command("go", "build", "-o", binary, ".")
	build.Dir = assets.Root()
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return binary
}

// serve makes an endpoint and starts its servers.
func (p *plane) serve(n int) []*serving {
	p.t.Helper()
	endpoint := &v1alpha1.ScimEndpoint{ObjectMeta: metav1.ObjectMeta{Name: "okta", Namespace: namespace}}
	digests, err := token.EncodeDigests([]token.Digest{token.NewDigest(bearer, time.Now())})
	if err != nil {
		p.t.Fatal(err)
	}
	secret := &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Name: endpoint.DigestSecretName(), Namespace: namespace},
		Data:       map[string][]byte{v1alpha1.DigestsKey: digests},
	}
	for _, o := range []client.Object{endpoint, secret} {
		if err := p.admin.Create(p.t.Context(), o); err != nil {
			p.t.Fatal(err)
		}
	}
	kubeconfig := filepath.Join(p.t.TempDir(), "kubeconfig")
	if err := os.WriteFile(kubeconfig, p.kubeconfig, 0o600); err != nil {
		p.t.Fatal(err)
	}
	binary := buildServer(p.t)
	servers := make([]*serving, n)
	for i := range servers {
		servers[i] = startServing(p.t, binary, kubeconfig, fmt.Sprintf("server-%d", i))
	}
	for _, s := range servers {
		eventually(p.t, s.name+" is ready", s.ready)
	}
	return servers
}

func startServing(t *testing.T, binary, kubeconfig, name string) *serving {
	t.Helper()
	listen, ops, peers := freePort(t), freePort(t), freePort(t)
	log, err := os.Create(filepath.Join(t.TempDir(), name+".log"))
	if err != nil {
		t.Fatal(err)
	}
	s := &serving{t: t, name: name, base: "http://" + listen + "/scim/v2", ops: "http://" + ops, log: log}
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() {
		for ; ctx.Err() == nil; s.restarts.Add(1) {
			c := exec.CommandContext(ctx, binary, "serve", "--endpoint=okta", "--namespace="+namespace,
				"--base-url=https://scim.example.com/scim/v2", "--kubeconfig="+kubeconfig, "--pod-name="+name, "--pod-ip=127.0.0.1",
				"--listen="+listen, "--ops-listen="+ops, "--peer-listen="+peers, "--shutdown-delay=100ms", "--log-level=error")
			c.Cancel = func() error { return c.Process.Signal(syscall.SIGTERM) }
			c.Stderr = log
			if c.Start() == nil {
				s.process.Store(c.Process)
				_ = c.Wait()
			}
		}
	})
	t.Cleanup(func() {
		cancel()
		running.Wait()
		if t.Failed() {
			text, _ := os.ReadFile(log.Name())
			t.Logf("%s, restarted %d times:\n%s", name, s.restarts.Load()-1, text)
		}
		_ = log.Close()
	})
	return s
}

func (s *serving) ready() bool {
	resp, err := http.Get(s.ops + "/readyz")
	if err != nil {
		return false
	}
	_ = resp.Body.Close()
	return resp.StatusCode == http.StatusOK
}

// do makes one request of a SCIM client. The status is 0 when there is no answer.
func (s *serving) do(method, path, body string) (status int, answer map[string]any) {
	req, err := http.NewRequest(method, s.base+path, bytes.NewBufferString(body))
	if err != nil {
		s.t.Error(err)
		return 0, nil
	}
	req.Header.Set("Authorization", "Bearer "+string(bearer))
	req.Header.Set("Content-Type", "application/scim+json")
	resp, err := (&http.Client{Timeout: 40 * time.Second}).Do(req)
	if err != nil {
		return 0, nil
	}
	defer func() { _ = resp.Body.Close() }()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		return 0, nil
	}
	_ = json.Unmarshal(text, &answer) // there may be none
	return resp.StatusCode, answer
}

// must makes a request that is acknowledged, and gives the answer.
func (s *serving) must(method, path, body string) map[string]any {
	s.t.Helper()
	status, answer := s.do(method, path, body)
	if status < 200 || status > 299 {
		s.t.Fatalf("%s: %s %s: status %d, %v", s.name, method, path, status, answer)
	}
	return answer
}

// eventuallyDone makes a request until it is acknowledged.
func (s *serving) eventuallyDone(method, path, body string) (answer map[string]any) {
	s.t.Helper()
	last := 0
	eventually(s.t, fmt.Sprintf("%s acknowledges %s %s", s.name, method, path), func() bool {
		status, got := s.do(method, path, body)
		if status != last {
			s.t.Logf("%s: %s %s: %d %v", s.name, method, path, status, got["detail"])
		}
		answer, last = got, status
		return status >= 200 && status <= 299
	})
	return answer
}

// titles reads all users with their titles, by userName.
func (s *serving) titles(path string) (map[string]string, bool) {
	status, answer := s.do("GET", path+"?count=1000&attributes=userName,title,displayName", "")
	if status != http.StatusOK {
		return nil, false
	}
	titles := map[string]string{}
	found, _ := answer["Resources"].([]any)
	for _, r := range found {
		r := r.(map[string]any)
		name, _ := r["userName"].(string)
		titles[name], _ = r["title"].(string)
	}
	return titles, len(titles) == len(found)
}

func (s *serving) find(userName string) []any {
	s.t.Helper()
	answer := s.must("GET", "/Users?filter="+url.QueryEscape(fmt.Sprintf("userName eq %q", userName)), "")
	found, _ := answer["Resources"].([]any)
	return found
}
