// SPDX-License-Identifier: Apache-2.0

package linearizability

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"
)

// separator ends the scope in a name.
const separator = "-"

// scope is a part of a round that is searched by itself.
type scope struct {
	name string
	kind kind
	many bool // its groups have more members than a group itself holds
}

// known is what clients have learned of a resource.
type known struct {
	user
	item
	version string
}

// history records what clients do at the same time.
type history struct {
	t       *testing.T
	cluster *cluster
	scopes  []scope
	start   time.Time

	mu         sync.Mutex
	operations []porcupine.Operation
	known      map[string][]known // by scope
	lanes      int                // of clients in the visualisation
	marks      int
}

// newHistory begins a round with scopes of these kinds.
func newHistory(t *testing.T, c *cluster, round, clients int, scopes ...scope) *history {
	h := &history{t: t, cluster: c, start: time.Now(), known: map[string][]known{}, lanes: 2 * clients, marks: firstMark}
	for i, s := range scopes {
		s.name = fmt.Sprintf("r%dg%d", round, i)
		h.scopes = append(h.scopes, s)
	}
	return h
}

// client does one thing after the other. Behind many a write it looks at once what the replicas
// show of it.
func (h *history) client(number, operations int, random *rand.Rand) {
	for n := 0; n < operations; n++ {
		in, version := h.choose(random)
		h.do(number, h.cluster.any(random), in, version)
		if in.action.writes() && random.IntN(2) == 0 {
			for range looks {
				h.do(number, h.cluster.any(random), in.followedBy(random), "")
			}
			n++
		}
	}
}

// do sends a request and records what came of it.
func (h *history) do(number int, p *process, in input, version string) {
	call := time.Since(h.start)
	a, err := p.send(in.wire(version, h.cluster.pool))
	back := time.Since(h.start)
	if err == nil {
		err = h.record(number, in, a, call, back)
	}
	if err != nil {
		h.t.Errorf("%s of %q by %s: %v", in.action, in.id+in.name, p.name, err)
	}
}

// record takes down what came of a request. The error is an answer that nobody may get.
func (h *history) record(number int, in input, a answer, call, back time.Duration) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	note := func(lane int, in input, out output) {
		h.operations = append(h.operations, porcupine.Operation{
			ClientId: lane, Input: in, Call: int64(call), Output: out, Return: int64(back),
		})
	}
	switch {
	case a.verdict == unknown:
		if in.action.writes() {
			h.lanes++ // nobody knows when it ends
			note(h.lanes, in, output{verdict: unknown})
		}
		return nil
	case in.action == list, in.action == page, in.action == having, in.action == memberships:
		return h.recordList(in, a, func(in input, out output) { note(2*number, in, out) })
	case a.verdict != done, in.action == remove:
		note(2*number, in, output{verdict: a.verdict})
		return nil
	case in.action == memberUsers:
		members, err := h.cluster.pool.numbers(a.resources)
		note(2*number, in, output{verdict: done, values: members})
		return err
	}
	out, err := h.understand(in, a.resources)
	switch {
	case err != nil:
		return err
	case !in.action.writes():
		note(2*number, in, out)
	case len(a.resources) == 0: // a group's PATCH need not show it
		note(2*number, in, output{verdict: done})
	default:
		// The answer may show what others wrote together with it or just after it: it is a
		// read, which comes after.
		id := a.resources[0].ID
		note(2*number, in, output{verdict: done, id: id})
		note(2*number+1, input{kind: in.kind, scope: in.scope, action: get, id: id, bare: in.bare}, out)
	}
	return nil
}

// recordList records a list once for each scope that it shows.
func (h *history) recordList(in input, a answer, note func(input, output)) error {
	if a.verdict != done {
		return fmt.Errorf("a list is %s", a.verdict)
	}
	for _, s := range h.scopes {
		if s.name != in.scope && !(in.everything && s.kind == in.kind) {
			continue
		}
		each := in
		each.scope = s.name
		out, err := h.listed(each, a)
		if err != nil {
			return err
		}
		note(each, out)
	}
	return nil
}

// listed is what a list shows of one scope.
func (h *history) listed(in input, a answer) (output, error) {
	if in.action == memberships {
		items := a.resources[0].memberships()
		items = slices.DeleteFunc(items, func(i item) bool { return !in.covers(i.name) })
		return output{verdict: done, items: sorted(items)}, nil
	}
	of := slices.DeleteFunc(slices.Clone(a.resources), func(r resource) bool { return !in.covers(r.name()) })
	out, err := h.understand(in, of)
	out.total = a.total
	return out, err
}

// covers reports whether a name is of the scope.
func (in *input) covers(name string) bool { return strings.HasPrefix(name, in.scope+separator) }

// understand reads resources of a scope, and remembers them.
func (h *history) understand(in input, resources []resource) (output, error) {
	out := output{verdict: done}
	for i := range resources {
		k := known{version: resources[i].Meta.Version}
		if in.kind == users {
			k.user = resources[i].user()
			out.users = append(out.users, k.user)
		} else {
			var err error
			if k.item, err = resources[i].item(h.cluster.pool); err != nil {
				return out, err
			}
			out.items = append(out.items, k.item)
		}
		h.learn(in.scope, k)
	}
	out.users, out.items = sorted(out.users), sorted(out.items)
	return out, nil
}

// sorted orders resources by id.
func sorted[R named](resources []R) []R {
	slices.SortFunc(resources, func(a, b R) int {
		first, _ := a.key()
		second, _ := b.key()
		return strings.Compare(first, second)
	})
	return resources
}

// id is that of the user or item.
func (k *known) id() string { return k.user.id + k.item.id }

func (h *history) learn(scope string, k known) {
	at := slices.IndexFunc(h.known[scope], func(other known) bool { return other.id() == k.id() })
	if at < 0 {
		h.known[scope] = append(h.known[scope], k)
	} else {
		h.known[scope][at] = k
	}
}

// finished is the whole history, by scope. What was never answered may have been done at
// any time.
func (h *history) finished(w *witness) map[scope][]porcupine.Operation {
	h.mu.Lock()
	defer h.mu.Unlock()
	end := int64(time.Since(h.start))
	deletions := h.deletions(w, end)
	of := map[string][]porcupine.Operation{}
	for _, o := range h.operations {
		in, out := o.Input.(input), o.Output.(output)
		if out.verdict == unknown {
			o.Return = end
			if out.id = w.madeBy(in.mark); in.action == create && out.id == "" {
				continue // it did nothing, as the witness has seen
			}
			o.Output = out
		}
		if in.action == create {
			in.races = deletions.during(in.person, o.Call, o.Return)
			o.Input = in
		}
		of[in.scope] = append(of[in.scope], o)
	}
	finished := map[scope][]porcupine.Operation{}
	for _, s := range h.scopes {
		finished[s] = of[s.name]
	}
	return finished
}

// deletion is when a person may have been deleted.
type deletion struct {
	person   string
	from, to int64
}

type deletions []deletion

// deletions are all that may have happened to users.
func (h *history) deletions(w *witness, end int64) (all deletions) {
	for _, o := range h.operations {
		in, out := o.Input.(input), o.Output.(output)
		if in.kind != users || in.action != remove || out.verdict == missing {
			continue
		}
		to := o.Return
		if out.verdict == unknown {
			to = end
		}
		all = append(all, deletion{person: w.personOf(in.id), from: o.Call, to: to})
	}
	return all
}

// during reports whether a person may have been deleted between two moments.
func (d deletions) during(person string, from, to int64) bool {
	return slices.ContainsFunc(d, func(d deletion) bool { return d.person == person && d.from <= to && from <= d.to })
}
