// SPDX-License-Identifier: Apache-2.0

package store

import (
	"errors"
	"fmt"
	"sync"
	"testing"

	"scim-operator.io/internal/scim"
)

func TestRacingCreatesOfOneNameHaveOneWinner(t *testing.T) {
	w := newWorld(t)
	replicas := []*replica{w.replica(), w.replica()}
	for round := range 25 {
		var mu sync.Mutex
		won := map[string]int{}
		var racing sync.WaitGroup
		for i := range 8 {
			r := replicas[i%2]
			for what, create := range map[string]func() (*Resource, error){
				"user":  func() (*Resource, error) { return r.tryUser(userBody(fmt.Sprintf("racer%d", round))) },
				"group": func() (*Resource, error) { return r.tryGroup(groupBody(fmt.Sprintf("Racers %d", round))) },
			} {
				racing.Go(func() {
					_, err := create()
					var refusal *scim.Error
					switch {
					case err == nil:
						mu.Lock()
						won[what]++
						mu.Unlock()
					case errors.As(err, &refusal) && refusal.Status == 409:
					default:
						t.Errorf("a racer got %v", err)
					}
				})
			}
		}
		racing.Wait()
		if won["user"] != 1 || won["group"] != 1 {
			t.Fatalf("round %d was won by %v", round, won)
		}
	}
	w.requireUnique()
}

func TestRacingChangesOfFewNamesLeaveNoDuplicate(t *testing.T) {
	w := newWorld(t)
	replicas := []*replica{w.replica(), w.replica(), w.replica()}
	names := []string{"a", "b", "c"}
	var ids sync.Map
	var racing sync.WaitGroup
	for worker := range 9 {
		r := replicas[worker%3]
		racing.Go(func() {
			mine := ""
			for step := range 12 {
				name := names[(worker+step)%3]
				var err error
				switch {
				case mine == "":
					var u *Resource
					external := fmt.Sprintf(`"externalId":"%d"`, worker)
					if u, err = r.tryUser(userBody(name, external)); err == nil {
						mine = u.ID
						if other, taken := ids.LoadOrStore(mine, worker); taken && other != worker {
							t.Errorf("worker %d got the id of worker %d", worker, other)
						}
					}
				case step%4 == 3:
					err = r.Delete(t.Context(), r.users.rt, mine, Match{})
					mine = ""
				default:
					err = r.rename(mine, name)
				}
				var refusal *scim.Error
				if err == nil || errors.As(err, &refusal) && refusal.Status == 409 {
					continue
				}
				t.Errorf("worker %d, step %d: %v", worker, step, err)
			}
		})
	}
	racing.Wait()
	w.requireUnique()
}
