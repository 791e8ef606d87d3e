// SPDX-License-Identifier: Apache-2.0

package faults

import (
	"fmt"
	"maps"
	"net/url"
	"os"
	"strconv"
	"strings"
	"syscall"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/envtest"

	"scim-operator.io/api/v1alpha1"
)

// stop ends an etcd in order.
func (m *member) stop() {
	_ = m.process.Process.Signal(os.Interrupt)
	_ = m.process.Wait()
}

// copyData copies the data of an etcd that does not run.
func (m *member) copyData(t *testing.T) (directory string) {
	t.Helper()
	directory = t.TempDir()
	if err := os.CopyFS(directory, os.DirFS(m.data)); err != nil {
		t.Fatal(err)
	}
	return directory
}

// restart starts an etcd that has ended, on other data.
func (m *member) restart(t *testing.T, data string) {
	t.Helper()
	m.data = data
	m.start(t)
	eventually(t, m.name+" has a leader again", func() bool { return m.leader() != "" })
}

// answering waits until the API server does.
func (p *plane) answering() {
	p.t.Helper()
	eventually(p.t, "the API server answers", func() bool {
		return p.admin.List(p.t.Context(), &v1alpha1.ScimUserList{}, client.InNamespace(namespace)) == nil
	})
}

// stored reads the titles of the live users of etcd by their userNames.
func (p *plane) stored() map[string]string {
	p.t.Helper()
	var users v1alpha1.ScimUserList
	if err := p.admin.List(p.t.Context(), &users, client.InNamespace(namespace)); err != nil {
		p.t.Fatal(err)
	}
	titles := map[string]string{}
	for i := range users.Items {
		if u := &users.Items[i]; u.Live() {
			if _, twice := titles[u.Spec.UserName]; twice {
				p.t.Errorf("%s is two live users", u.Spec.UserName)
			}
			titles[u.Spec.UserName] = u.Spec.Title
		}
	}
	return titles
}

// revision is the one that etcd has come to.
func (p *plane) revision() uint64 {
	p.t.Helper()
	var users v1alpha1.ScimUserList
	if err := p.admin.List(p.t.Context(), &users, client.InNamespace(namespace)); err != nil {
		p.t.Fatal(err)
	}
	revision, err := strconv.ParseUint(users.ResourceVersion, 10, 64)
	if err != nil {
		p.t.Fatal(err)
	}
	return revision
}

// overtake writes until etcd is beyond a revision.
func (p *plane) overtake(revision uint64) {
	p.t.Helper()
	for i := 0; p.revision() <= revision; i++ {
		noise := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: fmt.Sprintf("noise-%d", i), Namespace: namespace}}
		if err := p.admin.Create(p.t.Context(), noise); err != nil {
			p.t.Fatal(err)
		}
	}
}

// requireSame waits until every server shows what is stored.
func (p *plane) requireSame(servers []*serving) {
	p.t.Helper()
	want := p.stored()
	for _, s := range servers {
		var got map[string]string
		eventually(p.t, s.name+" shows what etcd has", func() bool {
			var ok bool
			last := got
			got, ok = s.titles("/Users")
			if !maps.Equal(got, last) {
				p.t.Logf("%s shows %d of %d users", s.name, len(got), len(want))
			}
			return ok && maps.Equal(got, want)
		})
	}
}

// directoryOf writes users, and a group whose members are in slices.
func (p *plane) directoryOf(servers []*serving, prefix string, n int) (ids []string, group string) {
	p.t.Helper()
	for i := range n {
		u := servers[i%len(servers)].must("POST", "/Users", fmt.Sprintf(`{"userName":"%s-%d","title":"first"}`, prefix, i))
		ids = append(ids, u["id"].(string))
	}
	var members strings.Builder
	for i := range 1200 {
		fmt.Fprintf(&members, `{"value":"member-%d"},`, i)
	}
	g := servers[0].must("POST", "/Groups", fmt.Sprintf(`{"displayName":"%s","members":[%s]}`, prefix, strings.TrimSuffix(members.String(), ",")))
	return ids, g["id"].(string)
}

func replaceTitle(title string) string {
	return fmt.Sprintf(`{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":[{"op":"replace","path":"title","value":%q}]}`, title)
}

func addMember(value string) string {
	return fmt.Sprintf(`{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":[{"op":"add","path":"members","value":[{"value":%q}]}]}`, value)
}

// A snapshot of etcd is put back, without a bump of the revision, under three servers
// that live on. What was acknowledged behind the snapshot is lost with it; nothing that
// is acknowledged afterwards is.
func TestServersBeginAnewWhenEtcdIsRestored(t *testing.T) {
	for name, row := range map[string]struct {
		cache   string // whether the API server has a cache for watches
		restart bool   // of the API server, as the restore of etcd requires
		// overtaken: the revisions come further than they had been before a server looks.
		overtaken bool
	}{
		"the API server is restarted":                   {"true", true, false},
		"an API server without a cache is not":          {"false", false, false},
		"the servers are frozen and revisions go ahead": {"true", true, true},
	} {
		t.Run(name, func(t *testing.T) {
			etcd := startMembers(t, 1)[0]
			var apiServer *envtest.APIServer
			certificates := t.TempDir()
			p := startPlane(t, func(server *envtest.APIServer, _ *envtest.Etcd) {
				apiServer = server
				server.CertDir = certificates
				server.Configure().Set("etcd-servers", etcd.url).Set("watch-cache", row.cache)
			})
			servers := p.serve(3)
			ids, group := p.directoryOf(servers, "kept", 12)
			etcd.stop()
			snapshot := etcd.copyData(t)
			etcd.restart(t, etcd.data)
			p.answering()

			// All this is lost.
			servers[0].eventuallyDone("PATCH", "/Users/"+ids[0], replaceTitle("lost"))
			for i, id := range ids[1:6] {
				servers[i%3].eventuallyDone("PATCH", "/Users/"+id, replaceTitle("lost"))
			}
			servers[1].must("DELETE", "/Users/"+ids[6], "")
			servers[2].must("PATCH", "/Groups/"+group, addMember("lost"))
			p.directoryOf(servers, "lost", 12)
			p.requireSame(servers)

			newest := p.revision()
			for _, s := range servers {
				if row.overtaken {
					s.signal(syscall.SIGSTOP)
				}
			}
			if row.restart {
				if err := apiServer.Stop(); err != nil {
					t.Fatal(err)
				}
			}
			etcd.stop()
			etcd.restart(t, snapshot)
			if row.restart {
				if err := apiServer.Start(); err != nil {
					t.Fatal(err)
				}
			}
			p.answering()
			if titles := p.stored(); len(titles) != 12 || titles["kept-0"] != "first" {
				t.Fatalf("etcd was not set back: %v", titles)
			}
			if row.overtaken {
				p.overtake(newest)
				for _, s := range servers {
					s.signal(syscall.SIGCONT)
				}
			}

			p.requireSame(servers)
			for i, s := range servers {
				// A name that was lost is free, and one that was kept is taken.
				made := s.eventuallyDone("POST", "/Users", fmt.Sprintf(`{"userName":"lost-%d","title":"new"}`, i))
				id := made["id"].(string)
				if status, _ := s.do("POST", "/Users", fmt.Sprintf(`{"userName":"KEPT-%d"}`, 6+i)); status != 409 {
					t.Errorf("%s: a name that is taken: status %d", s.name, status)
				}
				s.must("PATCH", "/Users/"+ids[i], replaceTitle("changed"))
				s.must("PATCH", "/Groups/"+group, addMember("new-"+s.name))
				for _, other := range servers {
					if other.must("GET", "/Users/"+id, "")["title"] != "new" || other.must("GET", "/Users/"+ids[i], "")["title"] != "changed" {
						t.Errorf("%s does not show what %s acknowledged", other.name, s.name)
					}
					if found := other.find(fmt.Sprintf("lost-%d", i)); len(found) != 1 {
						t.Errorf("%s finds lost-%d %d times", other.name, i, len(found))
					}
					if found := other.must("GET", "/Groups?filter="+url.QueryEscape(`members eq "lost"`), ""); found["totalResults"] != 0.0 {
						t.Errorf("%s shows a member who was lost", other.name)
					}
					if found := other.must("GET", "/Groups?filter="+url.QueryEscape(`members eq "new-`+s.name+`"`), ""); found["totalResults"] != 1.0 {
						t.Errorf("%s does not show a member whom %s acknowledged", other.name, s.name)
					}
				}
			}
			p.requireSame(servers)
		})
	}
}
