// SPDX-License-Identifier: Apache-2.0

package store

import (
	"fmt"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	api "scim-operator.io/api/v1alpha1"
)

// loseClaims is what a restored backup without claims leaves, or kubectl delete.
func (w *world) loseClaims() {
	w.t.Helper()
	var claims api.ScimClaimList
	if err := w.raw.list(w.t.Context(), claimsResource, metav1.ListOptions{}, &claims); err != nil {
		w.t.Fatal(err)
	}
	for i := range claims.Items {
		if err := w.raw.remove(w.t.Context(), claimsResource, claims.Items[i].Name, metav1.Preconditions{}, &api.ScimClaim{}); err != nil {
			w.t.Fatal(err)
		}
	}
}

// Everybody is shown to a second replica, the claims are lost, and somebody wants a name.
func TestUniquenessSurvivesLostClaims(t *testing.T) {
	for _, s := range []struct {
		before []act
		wants  act
		taken  bool
	}{
		{before: []act{createUser("x", "v", "1")}, wants: createUser("y", "V", "2"), taken: true},
		{before: []act{createUser("x", "v", "1"), createUser("y", "w", "2")}, wants: renameUser("y", "V"), taken: true},
		{before: []act{createUser("x", "v", "1"), createUser("y", "w", "2"), deleteUser("y")}, wants: createUser("y", "v", "2"), taken: true},
		{before: []act{createGroup("x", "v")}, wants: createGroup("y", "V"), taken: true},
		{before: []act{createGroup("x", "v"), createGroup("y", "w")}, wants: renameGroup("y", "V"), taken: true},
		{before: []act{createUser("x", "v", "1")}, wants: renameUser("x", "w")},
		{before: []act{createUser("x", "v", "1"), renameUser("x", "w")}, wants: createUser("y", "v", "2")},
		{before: []act{createUser("x", "v", "1"), deleteUser("x")}, wants: createUser("y", "v", "2")},
		{before: []act{createGroup("x", "v"), deleteGroup("x")}, wants: createGroup("y", "v")},
	} {
		name := scenario{before: s.before, first: s.wants}.String()
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w, _, _, second, ids := scenario{before: s.before}.prepare(t)
			w.loseClaims()
			err := s.wants.do(second, ids)
			if !s.taken {
				if err != nil {
					t.Error(err)
				}
				return
			}
			requireTaken(t, err)
			for name, holders := range w.live() {
				if len(holders) != 1 {
					t.Errorf("%s is %d live resources", name, len(holders))
				}
			}
			for _, want := range []string{"user v", "group v"} {
				if holders := w.live()[want]; len(holders) == 1 && w.claims()[want] != holders[0] {
					t.Errorf("the claim on %s is that of %q, not of its holder %s", want, w.claims()[want], holders[0])
				}
			}
			requireTaken(t, s.wants.do(second, ids)) // by the claim alone, as ever
		})
	}
}

// The process that finds out that a claim was lost dies or stalls at every write of it.
func TestCrashWhileALostClaimIsGivenBack(t *testing.T) {
	before := []act{createUser("x", "v", "1"), createUser("y", "w", "2")}
	for _, wants := range []act{createUser("z", "v", "3"), renameUser("y", "v")} {
		for _, carriedOut := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s/%v", wants.name, carriedOut), func(t *testing.T) {
				t.Parallel()
				for n := range maxWrites {
					w, f, first, second, ids := scenario{before: before}.prepare(t)
					w.loseClaims()
					f.crashAfter(n, carriedOut)
					err := wants.do(first, ids)
					crashed := f.crashed()
					first.stop()
					if err == nil {
						t.Errorf("crash at write %d: a name has been given twice", n)
					}
					requireTaken(t, createUser("t", "v", "4").do(second, ids))
					requireTaken(t, createUser("t", "w", "4").do(second, ids))
					w.requireUnique()
					second.stop()
					if !crashed {
						return
					}
				}
				t.Fatalf("more than %d writes", maxWrites)
			})
		}
	}
}
