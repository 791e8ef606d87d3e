// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	api "scim-operator.io/api/v1alpha1"
	"scim-operator.io/internal/scim"
	"scim-operator.io/internal/scim/scimtest"
)

func numbered(from, to int) []string {
	ids := make([]string, 0, to-from)
	for i := from; i < to; i++ {
		ids = append(ids, fmt.Sprintf("00000000-0000-4000-8000-%012d", i))
	}
	return ids
}

func memberValues(r *Resource) []string {
	var values []string
	for m := range r.Members().All() {
		values = append(values, m.Value)
	}
	return values
}

func (r *replica) readGroup(id string) *Resource {
	r.t.Helper()
	g, err := r.Get(r.t.Context(), r.groups.rt, id)
	if err != nil {
		r.t.Fatal(err)
	}
	return g
}

// operation is one PATCH operation on members.
func operation(op string, ids ...string) string {
	values := make([]string, len(ids))
	for i, id := range ids {
		values[i] = fmt.Sprintf(`{"value":%q}`, id)
	}
	return fmt.Sprintf(`{"op":%q,"path":"members","value":[%s]}`, op, strings.Join(values, ","))
}

func TestAGroupGrowsAndShrinks(t *testing.T) {
	w := newWorld(t)
	r, other := w.replica(), w.replica()
	g := r.group(groupBody("Staff", numbered(0, 1)...))
	want := numbered(0, 1)
	for _, row := range []struct {
		name       string
		operations string
		want       []string
		slices     int
	}{
		{"to 1,000", operation("add", numbered(1, 1000)...), numbered(0, 1000), 0},
		{"to 3,500", operation("add", numbered(1000, 3500)...), numbered(0, 3500), 4},
		{"by one", operation("add", numbered(3500, 3501)...), numbered(0, 3501), 5},
		{"without one in the middle", operation("remove", numbered(1500, 1501)...),
			append(numbered(0, 1500), numbered(1501, 3501)...), 5},
		{"to 800", operation("remove", numbered(800, 3501)...), numbered(0, 800), 1},
		{"to 400", operation("remove", numbered(400, 800)...), numbered(0, 400), 0},
		{"to nobody", `{"op":"remove","path":"members"}`, nil, 0},
		{"and to 1,001 at once", operation("add", numbered(0, 1001)...), numbered(0, 1001), 2},
	} {
		t.Run(row.name, func(t *testing.T) {
			answer := r.patch(r.groups.rt, g.ID, row.operations)
			want = row.want
			for what, got := range map[string][]string{"answer": memberValues(answer), "read": memberValues(r.readGroup(g.ID))} {
				if !slices.Equal(got, want) {
					t.Fatalf("the %s has %d members, want %d in order", what, len(got), len(want))
				}
			}
			eventually(t, "the other replica shows it", func() bool { return slices.Equal(memberValues(other.readGroup(g.ID)), want) })
			eventually(t, fmt.Sprintf("there are %d slices", row.slices), func() bool { return w.slices() == row.slices })
		})
	}
	r.delete(r.groups.rt, g.ID)
	requireNotFound(t, errorOf(r.Get(t.Context(), r.groups.rt, g.ID)))
	if got := w.slices(); got != 0 {
		t.Errorf("%d slices stay", got)
	}
	if claims := w.claims(); len(claims) != 0 {
		t.Errorf("claims stay: %v", claims)
	}
}

func errorOf(_ *Resource, err error) error { return err }

func TestMembersAreDescribed(t *testing.T) {
	w := newWorld(t)
	r := w.replica()
	u := r.user(userBody("judy", `"displayName":"Judy"`))
	inner := r.group(groupBody("Inner", u.ID))
	outer := r.group(groupBody("Outer", inner.ID, u.ID, "nobody-yet"))
	var got []scim.Member
	for m := range r.readGroup(outer.ID).Members().All() {
		got = append(got, m)
	}
	want := []scim.Member{
		{Value: inner.ID, Type: "Group", Display: "Inner", Ref: "https://scim.example.com/scim/v2/Groups/" + inner.ID},
		{Value: u.ID, Type: "User", Display: "Judy", Ref: "https://scim.example.com/scim/v2/Users/" + u.ID},
		{Value: "nobody-yet"},
	}
	slices.SortFunc(want, func(a, b scim.Member) int { return strings.Compare(a.Value, b.Value) })
	slices.SortFunc(got, func(a, b scim.Member) int { return strings.Compare(a.Value, b.Value) })
	if !slices.Equal(got, want) {
		t.Errorf("members are\n%+v, want\n%+v", got, want)
	}
	if _, ok := r.readGroup(outer.ID).Members().Get("nobody-yet"); !ok {
		t.Error("a member that does not exist yet is lost")
	}
}

func TestTheGroupsOfAUserAreComputed(t *testing.T) {
	w := newWorld(t)
	r := w.replica()
	u := r.user(userBody("kim"))
	inner := r.group(groupBody("Inner", u.ID))
	middle := r.group(groupBody("Middle", inner.ID))
	outer := r.group(groupBody("Outer", middle.ID))
	r.patch(r.groups.rt, inner.ID, operation("add", outer.ID)) // a cycle
	lonely := r.user(userBody("leo"))

	read, err := r.Get(t.Context(), r.users.rt, u.ID)
	if err != nil {
		t.Fatal(err)
	}
	got := map[any]any{}
	for _, v := range read.Object().List(r.userAttributes.groups.attr) {
		group := v.(*scim.Object)
		got[group.Text(r.userAttributes.groups.display)] = group.Text(r.userAttributes.groups.typ)
	}
	if fmt.Sprint(got) != "map[Inner:direct Middle:indirect Outer:indirect]" {
		t.Errorf("the groups are %v", got)
	}
	for filter, want := range map[string][]string{
		fmt.Sprintf(`groups.value eq %q`, outer.ID):                        {u.ID},
		fmt.Sprintf(`groups[value eq %q and type eq "direct"]`, inner.ID):  {u.ID},
		fmt.Sprintf(`groups[value eq %q and type eq "direct"]`, middle.ID): nil,
		`groups.display eq "Middle"`:                                       {u.ID},
		`not (groups pr)`:                                                  {lonely.ID},
	} {
		if found := r.find(r.users.rt, filter); !slices.Equal(found, want) {
			t.Errorf("%s finds %v, want %v", filter, found, want)
		}
	}
	if found := r.find(r.groups.rt, fmt.Sprintf(`members.value eq %q`, u.ID)); !slices.Equal(found, []string{inner.ID}) {
		t.Errorf("the groups with the member are %v", found)
	}
	r.delete(r.groups.rt, middle.ID)
	if found := r.find(r.users.rt, fmt.Sprintf(`groups.value eq %q`, outer.ID)); len(found) != 0 {
		t.Errorf("without the group in the middle, %v are in the outer one", found)
	}
}

func TestConcurrentChangesOfAGroupLoseNoMember(t *testing.T) {
	w := newWorld(t)
	replicas := []*replica{w.replica(), w.replica()}
	g := replicas[0].group(groupBody("Staff"))
	eventually(t, "both replicas know the group", func() bool {
		_, err := replicas[1].Get(t.Context(), replicas[1].groups.rt, g.ID)
		return err == nil
	})
	ids := numbered(0, 128)
	var writing sync.WaitGroup
	for i, id := range ids {
		r := replicas[i%2]
		writing.Go(func() {
			if _, _, err := r.tryPatch(r.groups.rt, g.ID, operation("add", id), Match{}); err != nil {
				t.Errorf("adding %s: %v", id, err)
			}
		})
	}
	writing.Wait()
	for _, r := range replicas {
		eventually(t, "all members are there", func() bool {
			got := memberValues(r.readGroup(g.ID))
			slices.Sort(got)
			return slices.Equal(got, ids)
		})
	}
}

func TestWaitingChangesAreMerged(t *testing.T) {
	w := newWorld(t)
	counting := &faults{}
	r := w.start(nil, counting.wrap)
	g := r.group(groupBody("Staff"))
	release := counting.block(groupsResource, "patch")
	var writing sync.WaitGroup
	add := func(id string) {
		writing.Go(func() {
			if _, changed, err := r.tryPatch(r.groups.rt, g.ID, operation("add", id), Match{}); err != nil || !changed {
				t.Errorf("adding %s: %v, %v", id, changed, err)
			}
		})
	}
	ids := numbered(0, 65)
	add(ids[0])
	eventually(t, "the first write is under way", func() bool { return counting.blocked() == 1 })
	for _, id := range ids[1:] {
		add(id)
	}
	key := queueKey{r.groups, g.ID}
	eventually(t, "the others wait", func() bool { return r.writers.waiting(key) == 64 })
	release()
	writing.Wait()
	if got := r.readGroup(g.ID); got.Members().Len() != 65 || got.Version != `W/"3"` {
		t.Errorf("the group has %d members in version %s", got.Members().Len(), got.Version)
	}
}

func TestAChangeWhoseClientLeftIsForgotten(t *testing.T) {
	w := newWorld(t)
	f := &faults{}
	r := w.start(nil, f.wrap)
	g := r.group(groupBody("Staff"))
	release := f.block(groupsResource, "patch")
	first := make(chan error, 1)
	go func() {
		_, _, err := r.tryPatch(r.groups.rt, g.ID, operation("add", "first"), Match{})
		first <- err
	}()
	eventually(t, "the first write is under way", func() bool { return f.blocked() == 1 })
	key := queueKey{r.groups, g.ID}
	ctx, leave := context.WithCancel(t.Context())
	var waiting sync.WaitGroup
	for range 8 {
		waiting.Go(func() {
			_, _, err := r.Update(ctx, r.groups.rt, g.ID, Match{},
				func(current *scim.Object, _ *scim.Members) (*scim.Object, bool, error) {
					t.Error("the change of a client that left was carried out")
					return current, false, nil
				})
			var later *Unavailable
			if !errors.As(err, &later) {
				t.Errorf("the client is told %v", err)
			}
		})
	}
	eventually(t, "the others wait", func() bool { return r.writers.waiting(key) == 8 })
	leave()
	waiting.Wait()
	if n := r.writers.waiting(key); n != 0 {
		t.Errorf("%d changes are kept", n)
	}
	release()
	if err := <-first; err != nil {
		t.Error(err)
	}
	r.patch(r.groups.rt, g.ID, operation("add", "last"))
	if got := memberValues(r.readGroup(g.ID)); len(got) != 2 {
		t.Errorf("the members are %v", got)
	}
}

// noSlices is a client of an API server that takes no ScimGroupSlice.
type noSlices struct{ client }

func (c noSlices) create(ctx context.Context, r resource, from, into object) error {
	if r == slicesResource {
		return apierrors.NewRequestEntityTooLargeError("a slice")
	}
	return c.client.create(ctx, r, from, into)
}

func TestARenameWhoseMembersAreRefusedLeavesNoClaim(t *testing.T) {
	w := newWorld(t)
	r := w.start(nil, func(c client) client { return noSlices{c} })
	g := r.group(groupBody("Staff"))
	operations := `{"op":"replace","path":"displayName","value":"Others"},` + operation("add", numbered(0, 1500)...)
	_, _, err := r.tryPatch(r.groups.rt, g.ID, operations, Match{})
	requireStatus(t, err, 413, "")
	if claims := w.claims(); len(claims) != 1 || claims["group staff"] != g.ID {
		t.Errorf("the claims are %v", claims)
	}
	w.requireUnique()
}

func (w *writers) waiting(key queueKey) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.queues[key])
}

func TestAMergedWriteAnswersEachChange(t *testing.T) {
	w := newWorld(t)
	counting := &faults{}
	r := w.start(nil, counting.wrap)
	u := r.user(userBody("mallory"))
	r.user(userBody("taken"))
	release := counting.block(usersResource, "patch")
	title := func(s string) string { return fmt.Sprintf(`{"op":"replace","path":"title","value":%q}`, s) }
	rows := []struct {
		operations string
		match      Match
		status     int // 0 for success
	}{
		{operations: title("first")},
		{operations: title("second")},
		{operations: title("third"), match: NewMatch(u.Version, ""), status: 412},
		{operations: `{"op":"replace","path":"emails[type eq \"work\"].primary","value":true}`, status: 0},
		{operations: `{"op":"replace","path":"userName","value":"TAKEN"}`, status: 409},
		{operations: `{"op":"replace","path":"externalId","value":"` + strings.Repeat("x", 1025) + `"}`, status: 400},
		{operations: `{"op":"replace","path":"nickName","value":"Mal"}`},
	}
	var writing sync.WaitGroup
	for i, row := range rows {
		writing.Go(func() {
			_, _, err := r.tryPatch(r.users.rt, u.ID, row.operations, row.match)
			status := 0
			var refusal *scim.Error
			if errors.As(err, &refusal) {
				status = refusal.Status
			}
			if (err == nil) != (row.status == 0) || status != row.status {
				t.Errorf("%.60s: %v, want %d", row.operations, err, row.status)
			}
		})
		if i == 0 {
			eventually(t, "the first write is under way", func() bool { return counting.blocked() == 1 })
		} else {
			eventually(t, "it waits", func() bool { return r.writers.waiting(queueKey{r.users, u.ID}) == i })
		}
	}
	release()
	writing.Wait()
	read, err := r.Get(t.Context(), r.users.rt, u.ID)
	if err != nil {
		t.Fatal(err)
	}
	if scimtest.Value(read.Object(), "title") != "second" || scimtest.Value(read.Object(), "nickName") != "Mal" {
		t.Errorf("the user is %s", read.AppendJSON(nil, nil))
	}
	w.requireUnique()
}

func TestASliceThatSomebodyDeletesDoesNotBlockTheGroup(t *testing.T) {
	w := newWorld(t)
	r := w.replica()
	g := r.group(groupBody("Staff", numbered(0, 1500)...))
	var slices api.ScimGroupSliceList
	if err := w.raw.list(t.Context(), slicesResource, metav1.ListOptions{}, &slices); err != nil {
		t.Fatal(err)
	}
	for i := range slices.Items {
		if len(slices.Items[i].Spec.Members) == 500 {
			err := w.raw.remove(t.Context(), slicesResource, slices.Items[i].Name, metav1.Preconditions{}, &api.ScimGroupSlice{})
			if err != nil {
				t.Fatal(err)
			}
		}
	}
	r.stop()
	again := w.replica()
	eventually(t, "the group is served", func() bool {
		read, err := again.Get(t.Context(), again.groups.rt, g.ID)
		return err == nil && read.Members().Len() == 1000
	})
}

func TestAGroupOf100000Members(t *testing.T) {
	w := newWorld(t)
	counting := &faults{}
	r := w.start(nil, counting.wrap)
	r.chores = nil                  // so that its writes have an order
	r.timeouts.write = 2 * patience // this machine may be slow
	members := make([]scim.Member, 100_000)
	for i, id := range numbered(0, len(members)) {
		members[i] = scim.Member{Value: id, Type: "User"}
	}
	parsed := parse(t, r.groups.rt, groupBody("Everybody"))
	parsed.Members = members
	g, err := r.Create(t.Context(), r.groups.rt, parsed)
	if err != nil {
		t.Fatal(err)
	}
	before := len(counting.written())
	r.patch(r.groups.rt, g.ID, operation("remove", members[50_000].Value))
	r.patch(r.groups.rt, g.ID, operation("add", "one-more"))
	want := []string{
		"create scimgroupslices", "patch scimgroups", "delete scimgroupslices",
		"create scimgroupslices", "patch scimgroups",
	}
	if got := counting.written()[before:]; !slices.Equal(got, want) {
		t.Errorf("two changes of one member wrote %v", got)
	}
	read := r.readGroup(g.ID)
	if _, ok := read.Members().Get("one-more"); !ok || read.Members().Len() != len(members) {
		t.Errorf("the group has %d members", read.Members().Len())
	}
	w.requireSmall(g.ID)
	page := r.list(Query{Type: r.groups.rt, Count: 10, NoMembers: true})
	if page.Total != 1 || page.Resources[0].ID != g.ID {
		t.Errorf("a list without members shows %d groups", page.Total)
	}
	r.delete(r.groups.rt, g.ID)
	if got := w.slices(); got != 0 {
		t.Errorf("%d slices stay", got)
	}
}

// requireSmall checks that no object of a group passes 256 KiB.
func (w *world) requireSmall(group string) {
	w.t.Helper()
	var g api.ScimGroup
	if err := w.raw.get(w.t.Context(), groupsResource, group, &g); err != nil {
		w.t.Fatal(err)
	}
	var list api.ScimGroupSliceList
	if err := w.raw.list(w.t.Context(), slicesResource, metav1.ListOptions{}, &list); err != nil {
		w.t.Fatal(err)
	}
	objects := []any{&g}
	for i := range list.Items {
		objects = append(objects, &list.Items[i])
	}
	for _, o := range objects {
		if document, err := json.Marshal(o); err != nil || len(document) > 256<<10 {
			w.t.Errorf("a %T has %d bytes, %v", o, len(document), err)
		}
	}
}

// A process dies while it writes the slices of a change of 100,000 members.
func TestAGroupOf100000MembersIsWholeAfterACrash(t *testing.T) {
	w, f := newWorld(t), &faults{}
	first := w.start(nil, f.wrap)
	first.timeouts.write = 2 * patience // this machine may be slow
	described := func(ids []string) []scim.Member {
		members := make([]scim.Member, len(ids))
		for i, id := range ids {
			members[i].Value = id
		}
		return members
	}
	parsed := parse(t, first.groups.rt, groupBody("Everybody"))
	parsed.Members = described(numbered(0, 100_000))
	g, err := first.Create(t.Context(), first.groups.rt, parsed)
	if err != nil {
		t.Fatal(err)
	}
	others := described(numbered(200_000, 300_000))
	f.crashAfter(50, true)
	_, _, err = first.Update(t.Context(), first.groups.rt, g.ID, Match{},
		func(current *scim.Object, members *scim.Members) (*scim.Object, bool, error) {
			return current, members.Set(others), nil
		})
	requireUnavailable(t, err)
	first.stop()

	second := w.replica()
	read := second.readGroup(g.ID)
	_, changed := read.Members().Get(others[0].Value)
	if read.Members().Len() != 100_000 || changed {
		t.Errorf("the group has %d members, new ones: %v", read.Members().Len(), changed)
	}
	second.patch(second.groups.rt, g.ID, operation("add", "one-more"))
	if got := second.readGroup(g.ID).Members().Len(); got != 100_001 {
		t.Errorf("then it has %d members, want 100,001", got)
	}
	w.requireSmall(g.ID)
	second.delete(second.groups.rt, g.ID)
	w.requireLeftOversAreNamed(g.ID)
}

// Two replicas create one group of 100,000 members: slices take long to write, and yet
// neither gives the other up.
func TestRacingCreatesOfAVeryLargeGroupHaveOneWinner(t *testing.T) {
	w := newWorld(t)
	counting := []*faults{{}, {}}
	replicas := []*replica{w.start(nil, counting[0].wrap), w.start(nil, counting[1].wrap)}
	ids := numbered(0, 100_000)
	release := []func(){
		counting[0].block(claimsResource, "create"), counting[1].block(claimsResource, "create"),
	}
	results := make(chan error, 2)
	for _, r := range replicas {
		r.timeouts.creation, r.timeouts.write = maxCreationPatience, 2*patience // this machine may be slow
		parsed := parse(t, r.groups.rt, groupBody("Everybody"))
		for _, id := range ids {
			parsed.Members = append(parsed.Members, scim.Member{Value: id})
		}
		go func() { results <- errorOf(r.Create(t.Context(), r.groups.rt, parsed)) }()
	}
	for _, f := range counting { // one after the other: writing so many slices may take long
		eventually(t, "it is about to take the name", func() bool { return f.blocked() == 1 })
	}
	if got := w.slices(); got != 200 {
		t.Errorf("before the name is taken there are %d slices, want 200", got)
	}
	for _, each := range release {
		each()
	}
	winner, loser := <-results, <-results
	if winner != nil {
		winner, loser = loser, winner
	}
	if winner != nil {
		t.Fatalf("nobody has created it: %v, %v", winner, loser)
	}
	requireTaken(t, loser)
	w.requireUnique()
	if got := w.slices(); got != 100 {
		t.Errorf("%d slices are left, want those of one group, 100", got)
	}
	var groups api.ScimGroupList
	if err := w.raw.list(t.Context(), groupsResource, metav1.ListOptions{}, &groups); err != nil {
		t.Fatal(err)
	}
	if len(groups.Items) != 1 || len(w.claims()) != 1 {
		t.Errorf("%d groups and %d claims are left", len(groups.Items), len(w.claims()))
	}
}

// A name that is taken is not worth the slices of a large group.
func TestALargeGroupOfATakenNameWritesNoSlices(t *testing.T) {
	w := newWorld(t)
	f := &faults{}
	r := w.start(nil, f.wrap)
	r.group(groupBody("Staff"))
	before := len(f.written())
	_, err := r.tryGroup(groupBody("staff", numbered(0, 1500)...))
	requireTaken(t, err)
	if written := f.written()[before:]; slices.Contains(written, "create scimgroupslices") {
		t.Errorf("it wrote %v", written)
	}
}
