// SPDX-License-Identifier: Apache-2.0

package linearizability

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"runtime"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"
	"golang.org/x/sync/errgroup"

	"scim-operator.io/api/v1alpha1"
)

const (
	clients = 12
	// eachRound is how many requests a client makes in one round, whose history is checked
	// by itself. What has to be searched grows with the requests that are never answered.
	eachRound = 40
	// looks is how often a client reads behind a write that it looks behind.
	looks = 4
	// searchTime bounds the check of one scope's history. It takes milliseconds when all is
	// well.
	searchTime = time.Minute
	// reportEvery is how often a long run reports how far it has come.
	reportEvery = 30 * time.Second
)

var (
	// scopesOfARound are searched each by itself.
	scopesOfARound = []scope{
		{kind: users}, {kind: users}, {kind: users},
		{kind: groups}, {kind: groups}, {kind: groups, many: true},
		{kind: devices}, {kind: devices},
	}
	// crowdedScopes are so few that the clients of every other round meet at the same
	// resources, whose changes are merged.
	crowdedScopes = []scope{{kind: users}, {kind: groups}, {kind: devices}}
)

// number reads an environment variable.
func number(t *testing.T, name string, otherwise uint64) uint64 {
	t.Helper()
	text := os.Getenv(name)
	if text == "" {
		return otherwise
	}
	n, err := strconv.ParseUint(text, 10, 64)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return n
}

// Whatever clients do at the same time on few names, on whichever replica, and wherever
// replicas die: there is an order in which one after the other would have had the same
// answers, and it respects what came after what.
func TestReplicasAnswerAsOne(t *testing.T) {
	operations := number(t, "LINEARIZABILITY_OPS", defaultOperations)
	seed := number(t, "LINEARIZABILITY_SEED", rand.Uint64())
	for _, replicas := range []int{2, 3} {
		t.Run(fmt.Sprintf("%d replicas", replicas), func(t *testing.T) {
			t.Logf("LINEARIZABILITY_SEED=%d", seed)
			r := &rounds{t: t, random: rand.New(rand.NewPCG(seed, uint64(replicas)))}
			r.cluster = newCluster(t, r.random.Uint64(), replicas, v1alpha1.ConsistencyStrong)
			r.witness = newWitness(t, r.cluster.namespace)
			r.leftovers = &leftovers{t: t, namespace: r.cluster.namespace}
			r.progress.begin()
			for !t.Failed() && r.progress.operations < operations {
				r.run()
				r.progress.report(t, reportEvery)
			}
			r.progress.report(t, 0)
			if r.progress.crashes == 0 {
				t.Error("no replica has crashed")
			}
		})
	}
}

// rounds are the rounds on one cluster.
type rounds struct {
	t         *testing.T
	random    *rand.Rand
	cluster   *cluster
	witness   *witness
	leftovers *leftovers
	progress  progress
}

// run lets clients race and replicas die, and checks what came of it.
func (r *rounds) run() {
	scopes := scopesOfARound
	if r.progress.rounds%2 == 1 {
		scopes = crowdedScopes
	}
	h := newHistory(r.t, r.cluster, r.progress.rounds, clients, scopes...)
	r.progress.crashes += r.race(h)
	h.readAll()
	h.clear(r.random)
	h.readAll()
	r.witness.catchUp()
	searching := time.Now()
	histories := h.finished(r.witness)
	requireLinearizable(r.t, histories)
	r.progress.add(histories, time.Since(searching))
	r.witness.forget()
	r.leftovers.collect(r.t.Context())
}

// race lets clients race while replicas die and others write beside them, and counts the
// replicas that died.
func (r *rounds) race(h *history) (crashes int) {
	ctx, stop := context.WithCancel(context.Background())
	var crashing, racing, beside sync.WaitGroup
	fate := rand.New(rand.NewPCG(r.random.Uint64(), 3))
	foreign := rand.New(rand.NewPCG(r.random.Uint64(), 6))
	beside.Go(func() { r.writeBeside(ctx, foreign) })
	crashing.Go(func() {
		for range 2 {
			if r.cluster.crash(ctx, fate) {
				crashes++
			}
		}
	})
	for i := range clients {
		random := rand.New(rand.NewPCG(r.random.Uint64(), 4))
		racing.Go(func() { h.client(i, eachRound, random) })
	}
	racing.Wait()
	stop()
	crashing.Wait()
	beside.Wait()
	return crashes
}

// readAll lists everything on every replica.
func (h *history) readAll() {
	var reading sync.WaitGroup
	for i, p := range h.cluster.replicas {
		reading.Go(func() {
			for k := range lists {
				first := h.scopes[slices.IndexFunc(h.scopes, func(s scope) bool { return s.kind == k })]
				h.do(i, p, input{kind: k, scope: first.name, action: list, everything: true, bare: k == groups}, "")
			}
		})
	}
	reading.Wait()
}

// clear deletes everything that is left of a round, so that a long run stays small.
func (h *history) clear(random *rand.Rand) {
	var clearing sync.WaitGroup
	for i, s := range h.scopes {
		random := rand.New(rand.NewPCG(random.Uint64(), 5))
		clearing.Go(func() {
			h.do(i, h.cluster.any(random), input{kind: s.kind, scope: s.name, action: list, bare: s.many}, "")
			h.mu.Lock()
			left := slices.Clone(h.known[s.name])
			h.mu.Unlock()
			for _, k := range left {
				h.do(i, h.cluster.any(random), input{kind: s.kind, scope: s.name, action: remove, id: k.id()}, "")
			}
		})
	}
	clearing.Wait()
}

// requireLinearizable fails with a picture when the history of a scope is not, or when it
// cannot be told.
func requireLinearizable(t *testing.T, histories map[scope][]porcupine.Operation) {
	t.Helper()
	var searches errgroup.Group
	searches.SetLimit(runtime.GOMAXPROCS(0))
	for s, operations := range histories {
		searches.Go(func() error {
			result, info := search(models[s.kind], operations)
			if result == porcupine.Ok {
				return nil
			}
			return fmt.Errorf("the history of %s %s is %s: see %s", s.kind, s.name, result, drawn(t, s.kind, info))
		})
	}
	if err := searches.Wait(); err != nil {
		t.Error(err)
	}
}

// search looks for an order that explains a history. Most changes whose answer was lost, and that the witness
// has not seen, were never made: an order without them is an order, and is found in a fraction of the time.
// Only where there is none do they take part: another change may have been written over them at once.
func search(model porcupine.Model, operations []porcupine.Operation) (porcupine.CheckResult, porcupine.LinearizationInfo) {
	seen := slices.DeleteFunc(slices.Clone(operations), func(o porcupine.Operation) bool {
		in, out := o.Input.(input), o.Output.(output)
		return out.verdict == unknown && out.id == "" && (in.action == change || in.action == replace)
	})
	result, info := porcupine.CheckOperationsVerbose(model, seen, searchTime)
	if result == porcupine.Ok || len(seen) == len(operations) {
		return result, info
	}
	return porcupine.CheckOperationsVerbose(model, operations, searchTime)
}

// drawn is the file that shows a history.
func drawn(t *testing.T, k kind, info porcupine.LinearizationInfo) string {
	picture, err := os.CreateTemp("", "linearizability-*.html")
	if err != nil {
		t.Errorf("there is no picture: %v", err)
		return ""
	}
	defer func() { _ = picture.Close() }()
	if err := porcupine.Visualize(models[k], info, picture); err != nil {
		t.Error(err)
	}
	return picture.Name()
}

// A read that does not wait for what others have acknowledged is found out, and one that
// waits reads from the API server where its watch does not come.
func TestAStaleReadIsFoundOut(t *testing.T) {
	for consistency, want := range map[v1alpha1.Consistency]porcupine.CheckResult{
		v1alpha1.ConsistencyStrong: porcupine.Ok, v1alpha1.ConsistencyEventual: porcupine.Illegal,
	} {
		for _, s := range []scope{{kind: users}, {kind: groups}, {kind: groups, many: true}, {kind: devices}} {
			t.Run(fmt.Sprintf("%s %s many=%t", consistency, s.kind, s.many), func(t *testing.T) {
				c := newCluster(t, 1, 2, consistency)
				w := newWitness(t, c.namespace)
				h := newHistory(t, c, 0, 2, s)
				release := c.replicas[1].network.holdWatches()
				defer release()
				s := h.scopes[0]
				made := input{kind: s.kind, scope: s.name, action: create, name: s.name + separator + "a", mark: "m"}
				if s.kind == users {
					made.person, made.active = "p", "true"
				} else {
					made.edit = s.wholeEdit(firstMark, rand.New(rand.NewPCG(1, 1)))
				}
				h.do(0, c.replicas[0], made, "")
				h.do(1, c.replicas[1], input{kind: s.kind, scope: s.name, action: find, name: made.name}, "")
				w.catchUp()
				operations := h.finished(w)[s]
				if got := porcupine.CheckOperationsTimeout(models[s.kind], operations, searchTime); got != want || len(operations) != 3 {
					t.Errorf("the history of %d operations is %s, want %s", len(operations), got, want)
				}
			})
		}
	}
}
