// SPDX-License-Identifier: Apache-2.0

package store

import (
	"fmt"
	"maps"
	"slices"
	"sync"
	"testing"
	"time"

	"scim-operator.io/internal/scim"
	"scim-operator.io/internal/scim/scimtest"
)

// silent is a pair whose reader's watches bring nothing and whose peer does not answer.
func silent(t *testing.T) (writer, reader *replica, lag *laggard) {
	t.Helper()
	writer, reader, peers, lag := pair(t, newWorld(t))
	lag.gate.Lock()
	t.Cleanup(lag.gate.Unlock)
	peers.set(func() { peers.silent = true })
	lag.listed()
	return writer, reader, lag
}

// Of a large kind nobody lists everything, however long a peer is silent: an event for
// each change and a bookmark suffice.
func TestASilentPeerOfALargeEndpointCostsNoListOfEverything(t *testing.T) {
	writer, reader, lag := silent(t)
	reader.timeouts.relistBelow = -1
	u, gone := writer.user(userBody("ivan")), writer.user(userBody("judy"))
	g := writer.group(groupBody("Staff", append(numbered(0, 1500), u.ID)...))
	writer.delete(writer.users.rt, gone.ID)
	var reading sync.WaitGroup
	for range 8 {
		reading.Go(func() {
			read, err := reader.Get(t.Context(), reader.users.rt, u.ID)
			if err != nil {
				t.Error(err)
				return
			}
			groups, _ := scimtest.Value(read.Object(), "groups").(scim.List)
			if len(groups) != 1 {
				t.Errorf("the user is in %d groups, want 1", len(groups))
			}
		})
	}
	reading.Wait()
	if got := reader.find(reader.users.rt, `userName sw "j" or userName eq "ivan"`); !slices.Equal(got, []string{u.ID}) {
		t.Errorf("found %v, want %s", got, u.ID)
	}
	writer.delete(writer.groups.rt, g.ID)
	if read, err := reader.Get(t.Context(), reader.users.rt, u.ID); err != nil || scimtest.Value(read.Object(), "groups") != nil {
		t.Errorf("after its group was deleted: %v, %v", read, err)
	}
	if lists := lag.listed(); len(lists) != 0 {
		t.Errorf("everything was listed: %v", lists)
	}
	if lag.catchUps.Load() == 0 {
		t.Error("nothing was watched: the test shows nothing")
	}
}

// Where the bookmark does not come, a list of everything answers.
func TestAReadWhoseBookmarkDoesNotComeListsEverything(t *testing.T) {
	writer, reader, lag := silent(t)
	reader.timeouts.relistBelow = -1
	lag.deaf.Store(true)
	u := writer.user(userBody("kim"))
	if got := reader.find(reader.users.rt, `userName eq "kim"`); !slices.Equal(got, []string{u.ID}) {
		t.Errorf("found %v, want %s", got, u.ID)
	}
	if lists := lag.listed(); lists[usersResource] != 1 {
		t.Errorf("lists: %v", lists)
	}
}

// What does not show in the answer is not refreshed for it.
func TestAReadRefreshesOnlyWhatItShows(t *testing.T) {
	writer, reader, lag := silent(t)
	leo := writer.user(userBody("leo"))
	writer.group(groupBody("Staff"))
	users, groups, both := map[resource]int{usersResource: 1}, map[resource]int{groupsResource: 1},
		map[resource]int{usersResource: 1, groupsResource: 1}
	for i, row := range []struct {
		name   string
		query  Query
		filter string
		want   map[resource]int
	}{
		{"users", Query{Type: reader.users.rt, Count: 1}, "", both},
		{"users without groups", Query{Type: reader.users.rt, Count: 1, NoGroups: true}, "", users},
		{"users by name", Query{Type: reader.users.rt, Count: 1, NoGroups: true}, `userName eq "leo"`, users},
		{"users by group", Query{Type: reader.users.rt, Count: 1, NoGroups: true}, `groups.display eq "Staff"`, both},
		{"how many users", Query{Type: reader.users.rt}, "", users},
		{"groups", Query{Type: reader.groups.rt, Count: 1}, "", both},
		{"groups without members", Query{Type: reader.groups.rt, Count: 1, NoMembers: true}, `displayName eq "Staff"`, groups},
		{"groups by member", Query{Type: reader.groups.rt, Count: 1, NoMembers: true}, `members.display eq "leo"`, both},
	} {
		// Without any write there would be nothing to refresh.
		writer.patch(writer.users.rt, leo.ID, fmt.Sprintf(`{"op":"replace","path":"title","value":"%d"}`, i))
		row.query.Filter = reader.filter(row.query.Type, row.filter)
		reader.list(row.query)
		if got := lag.listed(); !maps.Equal(got, row.want) {
			t.Errorf("%s: %v, want %v", row.name, got, row.want)
		}
		eventually(t, "nothing at all is written between two reads, and the second lists nothing", func() bool {
			reader.list(Query{Type: reader.users.rt, Count: 1})
			lag.listed()
			reader.list(row.query)
			return len(lag.listed()) == 0
		})
	}
}

// With Eventual a read asks nobody; a write goes by what there is, as ever.
func TestEventualReadsAskNobody(t *testing.T) {
	w := newWorld(t)
	lag, peers, eventual := &laggard{}, &testPeers{silent: true}, true
	writer := w.replica()
	reader := w.start(func(c *Config) {
		c.Peers, c.Eventual, c.probeAfter = peers, func() bool { return eventual }, time.Hour
	}, lag.wrap)
	own := reader.user(userBody("mia"))
	lag.gate.Lock()
	defer lag.gate.Unlock()
	u := writer.user(userBody("nina", `"externalId":"1"`))
	asked, reads := peers.asked.Load(), lag.reads.Load()
	_, err := reader.Get(t.Context(), reader.users.rt, u.ID)
	requireNotFound(t, err)
	if got := reader.find(reader.users.rt, ""); !slices.Equal(got, []string{own.ID}) {
		t.Errorf("found %v, want its own", got)
	}
	if peers.asked.Load() != asked || lag.reads.Load() != reads {
		t.Errorf("the peers were asked %d times, and the API server %d times", peers.asked.Load()-asked, lag.reads.Load()-reads)
	}
	if updated := reader.patch(reader.users.rt, u.ID, `{"op":"replace","path":"title","value":"A"}`); updated.ID != u.ID {
		t.Error("another user was changed")
	}
	gone := writer.user(userBody("olga", `"externalId":"2"`))
	writer.delete(writer.users.rt, gone.ID)
	if back := reader.user(userBody("olga", `"externalId":"2"`)); back.ID != gone.ID {
		t.Error("a user who comes back has another id")
	}
	later := writer.user(userBody("paul"))
	eventual = false
	if _, err := reader.Get(t.Context(), reader.users.rt, later.ID); err != nil {
		t.Errorf("with strong reads: %v", err)
	}
}
