// SPDX-License-Identifier: Apache-2.0

package faults

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/envtest"

	"scim-operator.io/api/v1alpha1"
	"scim-operator.io/internal/scim"
	"scim-operator.io/test/assets"
)

// member is one etcd of several.
type member struct {
	name, url string
	data      string   // its directory
	arguments []string // but for the directory
	process   *exec.Cmd
}

// startMembers starts etcds that are one.
func startMembers(t *testing.T, n int) []*member {
	t.Helper()
	binaries, err := assets.Directory()
	if err != nil {
		t.Fatal(err)
	}
	members := make([]*member, n)
	peers, cluster := make([]string, n), make([]string, n)
	for i := range members {
		members[i] = &member{name: fmt.Sprintf("etcd%d", i), url: "http://" + freePort(t)}
		peers[i] = "http://" + freePort(t)
		cluster[i] = members[i].name + "=" + peers[i]
	}
	for i, m := range members {
		m.data = t.TempDir()
		m.arguments = []string{filepath.Join(binaries, "etcd"),
			"--name", m.name, "--unsafe-no-fsync",
			"--listen-client-urls", m.url, "--advertise-client-urls", m.url,
			"--listen-peer-urls", peers[i], "--initial-advertise-peer-urls", peers[i],
			"--initial-cluster", strings.Join(cluster, ","), "--initial-cluster-state", "new"}
		m.start(t)
		t.Cleanup(m.kill)
	}
	for _, m := range members {
		eventually(t, m.name+" has a leader", func() bool { return m.leader() != "" })
	}
	return members
}

func (m *member) start(t *testing.T) {
	t.Helper()
	m.process = exec.Command(m.arguments[0], append(m.arguments[1:len(m.arguments):len(m.arguments)], "--data-dir", m.data)...)
	if err := m.process.Start(); err != nil {
		t.Fatal(err)
	}
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

// kill ends an etcd as a power cut does.
func (m *member) kill() {
	_ = m.process.Process.Kill()
	_ = m.process.Wait()
}

// ids gives the ids of a member and of who leads, "" when nobody does or the member does
// not answer.
func (m *member) ids() (own, leader string) {
	status, err := call(m.url, "/v3/maintenance/status", "{}")
	if err != nil {
		return "", ""
	}
	own, _ = status["header"].(map[string]any)["member_id"].(string)
	if leader, _ = status["leader"].(string); leader == "0" {
		leader = ""
	}
	return own, leader
}

func (m *member) leader() string {
	_, leader := m.ids()
	return leader
}

// leading gives the member that leads, and another.
func leading(members []*member) (leader, other *member) {
	for _, m := range members {
		own, leads := m.ids()
		switch {
		case own == "":
		case own == leads:
			leader = m
		default:
			other = m
		}
	}
	return leader, other
}

// writing are clients that create users and change them, again and again.
type writing struct {
	*directory
	acknowledged atomic.Int64
	refused      atomic.Int64
	mu           sync.Mutex
	titles       map[string][]string // what the title of a user may be: the last for sure, and then what was not answered
}

func (w *writing) client(until context.Context, number int) {
	ctx := context.WithoutCancel(until) // a write that has begun is judged
	for i := 0; until.Err() == nil; i++ {
		name := fmt.Sprintf("user-%d-%d", number, i)
		id := w.createSurely(ctx, name)
		if id == "" {
			continue
		}
		for _, title := range []string{"first", "second"} {
			ok := w.judge(w.retitle(ctx, id, title))
			w.may(name, title, ok)
		}
	}
}

// createSurely creates a user, again until it is answered. It gives "" where an answer
// that was lost had done it already.
func (w *writing) createSurely(ctx context.Context, name string) (id string) {
	eventually(w.t, name+" is created", func() bool {
		u, err := w.create(ctx, name)
		if refusal := (*scim.Error)(nil); errors.As(err, &refusal) && refusal.Status == http.StatusConflict {
			return true
		}
		if !w.judge(err) {
			return false
		}
		id = u.ID
		return true
	})
	w.may(name, "", true)
	return id
}

// judge counts an answer. It is false when the write has to be tried again.
func (w *writing) judge(err error) bool {
	switch {
	case err == nil:
		w.acknowledged.Add(1)
		return true
	case unavailable(err):
		w.refused.Add(1)
	default:
		w.t.Errorf("a write: %v", err)
	}
	return false
}

// may notes what the title of a user may be now.
func (w *writing) may(name, title string, surely bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if surely {
		w.titles[name] = nil
	}
	w.titles[name] = append(w.titles[name], title)
}

// more waits for more writes to be acknowledged.
func (w *writing) more(n int64) {
	w.t.Helper()
	want := w.acknowledged.Load() + n
	eventually(w.t, "more writes are acknowledged", func() bool { return w.acknowledged.Load() >= want })
}

// reader reads all the time; no read may fail or miss who was there before.
func (w *writing) reader(ctx context.Context) {
	for ctx.Err() == nil {
		if _, found, err := w.find("reader"); err != nil || found != 1 { //nolint:contextcheck // the read is not to end with the reader
			w.t.Errorf("a read meanwhile: %d found, %v", found, err)
			return
		}
	}
}

func TestALeaderOfEtcdThatIsMovedOrKilledLosesNothing(t *testing.T) {
	members := startMembers(t, 3)
	p := startPlane(t, func(server *envtest.APIServer, _ *envtest.Etcd) {
		server.Configure().Set("etcd-servers", members[0].url, members[1].url, members[2].url)
	})
	w := &writing{directory: p.start(), titles: map[string][]string{}}
	if _, err := w.create(t.Context(), "reader"); err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	var running sync.WaitGroup
	for i := range 3 {
		running.Go(func() { w.client(ctx, i) })
	}
	running.Go(func() { w.reader(ctx) })
	w.more(30)

	leader, other := leading(members)
	target, _ := other.ids()
	if _, err := call(leader.url, "/v3/maintenance/transfer-leadership", fmt.Sprintf(`{"targetID":%q}`, target)); err != nil {
		t.Fatal(err)
	}
	w.more(30)
	leader, _ = leading(members)
	leader.kill()
	w.more(30)
	stop()
	running.Wait()
	t.Logf("%d writes acknowledged, %d to be tried again", w.acknowledged.Load(), w.refused.Load())
	w.requireKept(p)
}

// requireKept checks that what was acknowledged is there, in etcd and in reads.
func (w *writing) requireKept(p *plane) {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(w.t.Context(), time.Minute)
	defer cancel()
	var users v1alpha1.ScimUserList
	if err := p.admin.List(ctx, &users, client.InNamespace(namespace)); err != nil {
		w.t.Fatal(err)
	}
	stored := map[string][]string{}
	for i := range users.Items {
		if u := &users.Items[i]; u.Live() {
			stored[u.Spec.UserName] = append(stored[u.Spec.UserName], u.Spec.Title)
		}
	}
	for name, may := range w.titles {
		title, found, err := w.find(name)
		if len(stored[name]) != 1 || found != 1 || err != nil || title != stored[name][0] {
			w.t.Errorf("%s: stored as %q, and read as %d with %q, %v", name, stored[name], found, title, err)
			continue
		}
		if !strings.Contains("\n"+strings.Join(may, "\n")+"\n", "\n"+title+"\n") {
			w.t.Errorf("the title of %s is %q, and may be %q", name, title, may)
		}
	}
}
