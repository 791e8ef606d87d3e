// SPDX-License-Identifier: Apache-2.0

package linearizability

import (
	"runtime"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"
)

// progress is how far a run has come.
type progress struct {
	began, reported   time.Time
	operations        uint64 // requests whose answers are in a history that was searched
	rounds, crashes   int
	lost              int           // answers that no client got
	searched, longest time.Duration // by the checks, in all and the longest of a round
}

func (p *progress) begin() { p.began, p.reported = time.Now(), time.Now() }

// add counts a round. A write is one operation, with the read that its answer is; so is a
// list that is searched in several scopes.
func (p *progress) add(histories map[scope][]porcupine.Operation, searched time.Duration) {
	type request struct {
		call   int64
		client int
	}
	requests := map[request]bool{}
	for _, operations := range histories {
		for _, o := range operations {
			requests[request{o.Call, o.ClientId / 2}] = true
			if o.Output.(output).verdict == unknown {
				p.lost++
			}
		}
	}
	p.operations += uint64(len(requests))
	p.rounds++
	p.searched, p.longest = p.searched+searched, max(p.longest, searched)
}

// report logs how far the run has come, if it has not for a while.
func (p *progress) report(t *testing.T, while time.Duration) {
	if time.Since(p.reported) < while {
		return
	}
	var memory runtime.MemStats
	runtime.ReadMemStats(&memory)
	running := time.Since(p.began)
	t.Logf("%d operations in %d rounds, %s: %.0f a second, %d crashes, %d lost answers, search %s (at most %s a round), %d MB of heap, %d goroutines",
		p.operations, p.rounds, running.Round(time.Second), float64(p.operations)/running.Seconds(),
		p.crashes, p.lost, p.searched.Round(time.Millisecond), p.longest.Round(time.Millisecond),
		memory.HeapInuse>>20, runtime.NumGoroutine())
	p.reported = time.Now()
}
