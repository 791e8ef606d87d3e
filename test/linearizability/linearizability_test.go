// SPDX-License-Identifier: Apache-2.0

package linearizability

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"

	"scim-operator.io/api/v1alpha1"
)

const (
	clients = 9
	scopes  = 3
	// eachRound is how many requests a client makes in one round, whose history is checked
	// by itself. What has to be searched grows with the requests that are never answered.
	eachRound = 30
	// roundsOfACluster bounds the users that a list shows.
	roundsOfACluster = 20
	// searchTime bounds the check of one round. It takes milliseconds when all is well.
	searchTime = time.Minute
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
// answers, and it respects who came after whom.
func TestReplicasAnswerAsOne(t *testing.T) {
	operations := number(t, "LINEARIZABILITY_OPS", defaultOperations)
	seed := number(t, "LINEARIZABILITY_SEED", rand.Uint64())
	for _, replicas := range []int{2, 3} {
		t.Run(fmt.Sprintf("%d replicas", replicas), func(t *testing.T) {
			t.Logf("LINEARIZABILITY_SEED=%d", seed)
			total, crashes := 0, 0
			for n := uint64(0); total < int(operations)/2 && !t.Failed(); n++ {
				t.Run(fmt.Sprintf("cluster %d", n), func(t *testing.T) {
					r := &rounds{t: t, random: rand.New(rand.NewPCG(seed, uint64(replicas)<<32|n))}
					r.cluster = newCluster(t, r.random.Uint64(), replicas, v1alpha1.ConsistencyStrong)
					r.witness = newWitness(t, r.cluster.namespace)
					for round := 0; round < roundsOfACluster && total < int(operations)/2 && !t.Failed(); round++ {
						done, died := r.run(round)
						total, crashes = total+done, crashes+died
					}
				})
			}
			t.Logf("%d operations, %d crashes", total, crashes)
			if crashes == 0 {
				t.Error("no replica has crashed")
			}
		})
	}
}

// rounds are the rounds on one cluster.
type rounds struct {
	t       *testing.T
	random  *rand.Rand
	cluster *cluster
	witness *witness
}

// run lets clients race and replicas die, and checks what came of it.
func (r *rounds) run(round int) (operations, crashes int) {
	h := newHistory(r.t, r.cluster, round, scopes, clients)
	ctx, stop := context.WithCancel(context.Background())
	var crashing, racing sync.WaitGroup
	fate := rand.New(rand.NewPCG(r.random.Uint64(), 3))
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
	for i, p := range r.cluster.replicas {
		h.do(i, p, input{scope: h.scopes[0], action: list, everybody: true}, "")
	}
	r.witness.catchUp()
	requireLinearizable(r.t, h.finished(r.witness))
	return clients * eachRound, crashes
}

// requireLinearizable fails with a picture when a history is not, or when it cannot be told.
func requireLinearizable(t *testing.T, operations []porcupine.Operation) {
	t.Helper()
	result, info := porcupine.CheckOperationsVerbose(model, operations, searchTime)
	if result == porcupine.Ok {
		return
	}
	picture, err := os.CreateTemp("", "linearizability-*.html")
	if err != nil {
		t.Fatalf("the history is %s; there is no picture: %v", result, err)
	}
	defer func() { _ = picture.Close() }()
	if err := porcupine.Visualize(model, info, picture); err != nil {
		t.Error(err)
	}
	t.Errorf("the history is %s: see %s", result, picture.Name())
}

// A read that does not wait for what others have acknowledged is found out, and one that
// waits reads from the API server where its watch does not come.
func TestAStaleReadIsFoundOut(t *testing.T) {
	for consistency, want := range map[v1alpha1.Consistency]porcupine.CheckResult{
		v1alpha1.ConsistencyStrong: porcupine.Ok, v1alpha1.ConsistencyEventual: porcupine.Illegal,
	} {
		t.Run(string(consistency), func(t *testing.T) {
			c := newCluster(t, 1, 2, consistency)
			w := newWitness(t, c.namespace)
			h := newHistory(t, c, 0, 1, 2)
			release := c.replicas[1].network.holdWatches()
			defer release()
			scope := h.scopes[0]
			name := scope + separator + "a"
			h.do(0, c.replicas[0], input{scope: scope, action: create, name: name, person: "p", active: "true", mark: "m"}, "")
			h.do(1, c.replicas[1], input{scope: scope, action: find, name: name}, "")
			w.catchUp()
			if got := porcupine.CheckOperationsTimeout(model, h.finished(w), searchTime); got != want {
				t.Errorf("the history is %s, want %s", got, want)
			}
		})
	}
}
