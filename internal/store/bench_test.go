// SPDX-License-Identifier: Apache-2.0

package store

import (
	"encoding/json"
	"fmt"
	"math"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/google/uuid"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	api "scim-operator.io/api/v1alpha1"
	"scim-operator.io/internal/scim"
)

var sizes = []int{1_000, 100_000}

// storedUser is a user of about 1.5 KB as JSON.
func storedUser(i int) *api.ScimUser {
	yes := true
	u := &api.ScimUser{ObjectMeta: metav1.ObjectMeta{
		Name: uuid.NewString(), UID: types.UID(uuid.NewString()), ResourceVersion: strconv.Itoa(i + 1), Generation: 1,
		CreationTimestamp: metav1.Unix(1_700_000_000+int64(i), 0),
		Labels:            map[string]string{api.EndpointLabel: "okta"}, Finalizers: []string{api.ClaimsFinalizer},
	}}
	u.Spec = api.ScimUserSpec{
		UserName: fmt.Sprintf("user%06d@example.com", i), ExternalID: fmt.Sprintf("00u%09d", i),
		Name:        &api.PersonName{GivenName: "Barbara", FamilyName: "Jensen", Formatted: "Ms. Barbara J Jensen III"},
		DisplayName: "Barbara Jensen", Title: fmt.Sprintf("Tour Guide %d", i%1000), Active: &yes,
		PreferredLanguage: "en-US", Locale: "en-US", Timezone: "America/Los_Angeles",
		Emails:       []api.MultiValue{{Value: fmt.Sprintf("user%06d@example.com", i), Type: "work", Primary: &yes}, {Value: fmt.Sprintf("u%d@home.example.com", i), Type: "home"}},
		PhoneNumbers: []api.MultiValue{{Value: "555-555-5555", Type: "work"}, {Value: "555-555-4444", Type: "mobile"}},
		Addresses:    []api.Address{{StreetAddress: "100 Universal City Plaza", Locality: "Hollywood", Region: "CA", PostalCode: "91608", Country: "US", Type: "work"}},
		Enterprise:   &api.EnterpriseUser{EmployeeNumber: strconv.Itoa(i), Department: "Tour Operations", CostCenter: "4130", Organization: "Universal Studios"},
	}
	return u
}

// ownTexts copies a user with all its texts, as one that comes from the API server has
// them.
func ownTexts(b *testing.B, u *api.ScimUser) *api.ScimUser {
	b.Helper()
	document, err := json.Marshal(u)
	if err != nil {
		b.Fatal(err)
	}
	read := &api.ScimUser{}
	if err := json.Unmarshal(document, read); err != nil {
		b.Fatal(err)
	}
	return read
}

// loaded is a store that shows n users without an API server.
func loaded(b *testing.B, n int) (*Store, []string) {
	b.Helper()
	s := offlineStore(b, scim.Core())
	ids := make([]string, n)
	versions := make([]groupOrUser, n)
	for i := range ids {
		v, err := s.read(ownTexts(b, storedUser(i)))
		if err != nil {
			b.Fatal(err)
		}
		ids[i], versions[i] = v.entry.id, v
	}
	s.index.replace(s.users.shelf, versions, uint64(n+1), true)
	for _, f := range s.feeds {
		f.synced.Store(true)
		f.reached(math.MaxInt64)
	}
	return s, ids
}

func BenchmarkGet(b *testing.B) {
	for _, n := range sizes {
		b.Run(strconv.Itoa(n), func(b *testing.B) {
			s, ids := loaded(b, n)
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				if _, err := s.Get(b.Context(), s.users.rt, ids[i*7919%n]); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func benchmarkList(b *testing.B, want int, query func(s *Store, n, i int) Query) {
	for _, n := range sizes {
		b.Run(strconv.Itoa(n), func(b *testing.B) {
			s, _ := loaded(b, n)
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				page, err := s.List(b.Context(), query(s, n, i))
				if err != nil || len(page.Resources) != want {
					b.Fatal(page, err)
				}
			}
		})
	}
}

func BenchmarkFilterUserName(b *testing.B) {
	benchmarkList(b, 1, func(s *Store, n, i int) Query {
		f, err := s.users.rt.ParseFilter(fmt.Sprintf(`userName eq "user%06d@example.com"`, i*7919%n))
		if err != nil {
			b.Fatal(err)
		}
		return Query{Type: s.users.rt, Filter: f, StartIndex: 1, Count: 100}
	})
}

func BenchmarkLastPage(b *testing.B) {
	benchmarkList(b, 100, func(s *Store, n, _ int) Query {
		return Query{Type: s.users.rt, StartIndex: n - 99, Count: 100}
	})
}

func BenchmarkFilterWithoutIndex(b *testing.B) {
	benchmarkList(b, 1, func(s *Store, _, _ int) Query {
		f, err := s.users.rt.ParseFilter(`title co "Guide 77"`)
		if err != nil {
			b.Fatal(err)
		}
		return Query{Type: s.users.rt, Filter: f, Count: 1}
	})
}

// BenchmarkLoopWithoutIndex is the reference of BenchmarkFilterWithoutIndex: a loop over
// the custom resources.
func BenchmarkLoopWithoutIndex(b *testing.B) {
	for _, n := range sizes {
		b.Run(strconv.Itoa(n), func(b *testing.B) {
			list := api.ScimUserList{Items: make([]api.ScimUser, n)}
			for i := range list.Items {
				list.Items[i] = *ownTexts(b, storedUser(i))
			}
			b.ReportAllocs()
			found := 0
			for b.Loop() {
				for i := range list.Items {
					if strings.Contains(strings.ToLower(list.Items[i].Spec.Title), "guide 77") {
						found++
					}
				}
			}
		})
	}
}

func BenchmarkIndexUpdate(b *testing.B) {
	for _, n := range sizes {
		b.Run(strconv.Itoa(n), func(b *testing.B) {
			s, ids := loaded(b, n)
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				old, _ := s.index.view().users.live.find(ids[i*7919%n])
				next := *old
				next.revision = uint64(n + 2 + i)
				s.index.put(s.users.shelf, &next)
			}
		})
	}
}

func BenchmarkMemory(b *testing.B) {
	const n = 100_000
	var before, after runtime.MemStats
	for b.Loop() {
		runtime.GC()
		runtime.ReadMemStats(&before)
		s, ids := loaded(b, n)
		runtime.GC()
		runtime.ReadMemStats(&after)
		b.ReportMetric(float64(after.HeapAlloc-before.HeapAlloc)/n, "bytes/user")
		runtime.KeepAlive(s)
		runtime.KeepAlive(ids)
	}
}

// BenchmarkStart is how long a replica takes to become ready, and its reference: one
// list of the same objects.
func BenchmarkStart(b *testing.B) {
	const users = 2000
	w := newWorld(b)
	var creating sync.WaitGroup
	for first := range 8 {
		creating.Go(func() {
			for i := first; i < users; i += 8 {
				u := storedUser(i)
				u.Spec.EndpointRef.Name, u.ResourceVersion, u.UID = "okta", "", ""
				if err := w.raw.create(b.Context(), usersResource, u, &api.ScimUser{}); err != nil {
					b.Error(err)
				}
			}
		})
	}
	creating.Wait()
	b.Run("list", func(b *testing.B) {
		for b.Loop() {
			var list api.ScimUserList
			if err := w.raw.list(b.Context(), usersResource, metav1.ListOptions{}, &list); err != nil || len(list.Items) != users {
				b.Fatal(len(list.Items), err)
			}
		}
	})
	b.Run("ready", func(b *testing.B) {
		for b.Loop() {
			w.replica().stop()
		}
	})
}

// The reference of BenchmarkCreate is what client-go creates directly.
func BenchmarkCreateDirectly(b *testing.B) {
	w := newWorld(b)
	s := offlineStore(b, scim.Core())
	s.namespace = w.namespace
	b.SetParallelism(8)
	b.RunParallel(func(p *testing.PB) {
		for p.Next() {
			u := storedUser(0)
			u.Spec.EndpointRef.Name, u.ResourceVersion, u.UID = "okta", "", ""
			claim := s.newClaim(s.users.unique[0], uuid.NewString(), uuid.NewString(), claimant{id: u.Name})
			if err := w.raw.create(b.Context(), claimsResource, claim, &api.ScimClaim{}); err != nil {
				b.Error(err)
			}
			if err := w.raw.create(b.Context(), usersResource, u, &api.ScimUser{}); err != nil {
				b.Error(err)
			}
		}
	})
}

func BenchmarkCreate(b *testing.B) {
	w := newWorld(b)
	r := w.replica()
	template := r.userAttributes
	v, err := r.read(storedUser(0))
	if err != nil {
		b.Fatal(err)
	}
	var n atomic.Int64
	b.SetParallelism(8)
	b.RunParallel(func(p *testing.PB) {
		for p.Next() {
			o := v.entry.object().With(template.userName, fmt.Sprintf("user%d", n.Add(1)))
			o = o.With(template.externalID, uuid.NewString())
			if _, err := r.Create(b.Context(), r.users.rt, &scim.Parsed{Object: o}); err != nil {
				b.Error(err)
			}
		}
	})
}

func BenchmarkSortedPage(b *testing.B) {
	benchmarkList(b, 100, func(s *Store, _, _ int) Query {
		order, err := s.users.rt.ParseSort("title", "ascending")
		if err != nil {
			b.Fatal(err)
		}
		return Query{Type: s.users.rt, Sort: order, StartIndex: 1, Count: 100}
	})
}

// BenchmarkFilterMembers looks at every member of a group of 100,000.
func BenchmarkFilterMembers(b *testing.B) {
	s := directoryOf(b, 0, 100_000)
	q := s.filtered(b, s.groups, `members.display co "a"`)
	b.ReportAllocs()
	for b.Loop() {
		if page, err := s.List(b.Context(), q); err != nil || page.Total != 0 {
			b.Fatal(page, err)
		}
	}
}
