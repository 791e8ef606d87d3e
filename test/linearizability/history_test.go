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

// known is what clients have learned of a user.
type known struct {
	user
	version string
}

// history records what clients do at the same time.
type history struct {
	t       *testing.T
	cluster *cluster
	scopes  []string
	start   time.Time

	mu         sync.Mutex
	operations []porcupine.Operation
	known      map[string][]known // by scope
	lanes      int                // of clients in the visualisation
	marks      int
}

func newHistory(t *testing.T, c *cluster, round, scopes, clients int) *history {
	h := &history{t: t, cluster: c, start: time.Now(), known: map[string][]known{}, lanes: 2 * clients}
	for i := range scopes {
		h.scopes = append(h.scopes, fmt.Sprintf("r%dg%d", round, i))
	}
	return h
}

// client does one thing after the other.
func (h *history) client(number, operations int, random *rand.Rand) {
	for range operations {
		in, version := h.choose(random)
		h.do(number, h.cluster.any(random), in, version)
	}
}

// choose makes up a request.
func (h *history) choose(random *rand.Rand) (in input, version string) {
	scope := h.scopes[random.IntN(len(h.scopes))]
	name := scope + separator + string(rune('a'+random.IntN(3)))
	h.mu.Lock()
	defer h.mu.Unlock()
	h.marks++
	in = input{scope: scope, mark: fmt.Sprintf("%s.%d", scope, h.marks)}
	in.action = weighted(random)
	whom := h.known[scope]
	if len(whom) == 0 && in.action != find && in.action != list && in.action != page {
		in.action = create
	}
	switch in.action {
	case create:
		in.name, in.person, in.active = name, scope+separator+string(rune('p'+random.IntN(3))), "true"
		return in, ""
	case find:
		in.name = name
		return in, ""
	case list, page:
		in.everybody = in.action == list && random.IntN(2) == 0
		return in, ""
	}
	u := whom[random.IntN(len(whom))]
	in.id = u.id
	if in.action == replace {
		in.name, in.person, in.active, in.creation = u.name, u.person, "true", u.creation
	}
	if in.action == change {
		in.name, in.active = pick(random, "", "", name), pick(random, "", "", "", "false", "true")
	}
	if (in.action == change || in.action == replace) && random.IntN(4) == 0 {
		in.expects, version = u.last, u.version
	}
	return in, version
}

func pick(random *rand.Rand, from ...string) string { return from[random.IntN(len(from))] }

// weighted gives each action its share of a hundred.
func weighted(random *rand.Rand) action {
	n := random.IntN(100)
	for _, share := range []struct {
		action
		of int
	}{{create, 22}, {change, 28}, {replace, 5}, {remove, 10}, {get, 12}, {find, 13}, {list, 6}, {page, 4}} {
		if n -= share.of; n < 0 {
			return share.action
		}
	}
	return get
}

// do sends a request and records what came of it.
func (h *history) do(number int, p *process, in input, version string) {
	call := time.Since(h.start)
	a, err := p.send(in.wire(version))
	back := time.Since(h.start)
	if err != nil {
		h.t.Errorf("%s of %q by %s: %v", in.action, in.id+in.name, p.name, err)
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	record := func(lane int, in input, out output) {
		h.operations = append(h.operations, porcupine.Operation{
			ClientId: lane, Input: in, Call: int64(call), Output: out, Return: int64(back),
		})
	}
	out := output{verdict: a.verdict}
	switch {
	case a.verdict == unknown:
		if in.action == create || in.action == change || in.action == replace || in.action == remove {
			h.lanes++ // nobody knows when it ends
			record(h.lanes, in, out)
		}
	case in.action == list || in.action == page:
		h.recordList(in, a, func(in input, out output) { record(2*number, in, out) })
	case a.verdict != done || in.action == remove:
		record(2*number, in, out)
	case in.action == get || in.action == find:
		h.learn(in.scope, a.resources)
		out.users = usersOf(a.resources)
		record(2*number, in, out)
	default:
		h.recordWrite(in, a, func(lane int, in input, out output) { record(2*number+lane, in, out) })
	}
}

// recordWrite records a write that was answered with the user. The answer may show what
// others wrote together with it or just after it: it is a read, which comes after.
func (h *history) recordWrite(in input, a answer, record func(int, input, output)) {
	h.learn(in.scope, a.resources)
	u := a.resources[0].user()
	record(0, in, output{verdict: done, id: u.id})
	record(1, input{scope: in.scope, action: get, id: u.id}, output{verdict: done, users: []user{u}})
}

// recordList records a list once for each scope that it shows.
func (h *history) recordList(in input, a answer, record func(input, output)) {
	for _, scope := range h.scopes {
		if scope != in.scope && !in.everybody {
			continue
		}
		var of []resource
		for _, r := range a.resources {
			if strings.HasPrefix(strings.ToLower(r.UserName), scope+separator) {
				of = append(of, r)
			}
		}
		h.learn(scope, of)
		each := in
		each.scope = scope
		record(each, output{verdict: a.verdict, users: usersOf(of), total: a.total})
	}
}

func usersOf(resources []resource) []user {
	users := make([]user, len(resources))
	for i := range resources {
		users[i] = resources[i].user()
	}
	slices.SortFunc(users, func(a, b user) int { return strings.Compare(a.id, b.id) })
	return users
}

func (h *history) learn(scope string, resources []resource) {
	for i := range resources {
		u := known{user: resources[i].user(), version: resources[i].Meta.Version}
		at := slices.IndexFunc(h.known[scope], func(k known) bool { return k.id == u.id })
		if at < 0 {
			h.known[scope] = append(h.known[scope], u)
		} else {
			h.known[scope][at] = u
		}
	}
}

// finished is the whole history. What was never answered may have been done at any time.
func (h *history) finished(w *witness) []porcupine.Operation {
	h.mu.Lock()
	defer h.mu.Unlock()
	end := int64(time.Since(h.start))
	deletions := h.deletions(w, end)
	var operations []porcupine.Operation
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
		operations = append(operations, o)
	}
	return operations
}

// deletion is when somebody may have been deleted.
type deletion struct {
	person   string
	from, to int64
}

type deletions []deletion

// deletions are all that may have happened.
func (h *history) deletions(w *witness, end int64) (all deletions) {
	for _, o := range h.operations {
		in, out := o.Input.(input), o.Output.(output)
		if in.action != remove || out.verdict == missing {
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

// during says whether a person may have been deleted between two moments.
func (d deletions) during(person string, from, to int64) bool {
	return slices.ContainsFunc(d, func(d deletion) bool { return d.person == person && d.from <= to && from <= d.to })
}
