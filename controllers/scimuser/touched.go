// SPDX-License-Identifier: Apache-2.0

package scimuser

import (
	"context"
	"errors"
	"slices"

	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/log"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"scim-operator.io/api/v1alpha1"
	"scim-operator.io/controllers/internal/enqueue"
	"scim-operator.io/controllers/internal/members"
	"scim-operator.io/internal/identity"
)

// maxTouched is how many users a change of one group enqueues at once. For a change that
// touches more, the endpoint's directory is gone through at the rate of new rules.
// So it is for a change of more than maxSlices slices, whose members are compared.
const (
	maxTouched = 1000
	maxSlices  = 32
)

// touched finds the users whom a change of a group touches: who joined or left it, or a
// group in it; everybody in it when it appears, goes, or takes or gives up a name that a
// rule uses; and nobody when no rule depends on the group.
type touched struct {
	decider *decider
	// sweep has the whole directory of an endpoint gone through.
	sweep func(endpoint client.ObjectKey)
}

// Create enqueues the members of a group that appears. The users are all decided anyway
// when the manager starts.
func (t *touched) Create(ctx context.Context, e event.CreateEvent, q enqueue.Queue) {
	if !e.IsInInitialList {
		t.whole(ctx, e.Object.(*v1alpha1.ScimGroup), q)
	}
}

// Delete enqueues the members of a group that is gone.
func (t *touched) Delete(ctx context.Context, e event.DeleteEvent, q enqueue.Queue) {
	t.whole(ctx, e.Object.(*v1alpha1.ScimGroup), q)
}

// Generic does nothing: there are no such events about groups.
func (*touched) Generic(context.Context, event.GenericEvent, enqueue.Queue) {}

// Update enqueues the users whom the change touches.
func (t *touched) Update(ctx context.Context, e event.UpdateEvent, q enqueue.Queue) {
	before, after := e.ObjectOld.(*v1alpha1.ScimGroup), e.ObjectNew.(*v1alpha1.ScimGroup)
	if before.Generation == after.Generation && before.Live() == after.Live() {
		return
	}
	rules := t.rules(ctx, after)
	if rules == nil {
		return
	}
	wasNamed, isNamed := named(rules, before), named(rules, after)
	depends := wasNamed || isNamed || t.above(ctx, rules, after)
	down := t.downward(after)
	t.enqueue(ctx, after, q, down, func() error {
		switch {
		case !depends:
			return nil
		case wasNamed != isNamed || before.Live() != after.Live():
			return errors.Join(down.AddGroup(ctx, before), down.AddGroup(ctx, after))
		default:
			return t.moved(ctx, down, before, after)
		}
	})
}

// moved collects who is a member in one of two versions of a group and not in the other.
func (t *touched) moved(ctx context.Context, down *members.Downward, before, after *v1alpha1.ScimGroup) error {
	gone, come := without(before.Spec.Slices, after.Spec.Slices), without(after.Spec.Slices, before.Spec.Slices)
	if len(gone)+len(come) > maxSlices {
		return members.ErrTooMany
	}
	was, err := down.Held(ctx, gone)
	if err != nil {
		return err
	}
	is, err := down.Held(ctx, come)
	if err != nil {
		return err
	}
	was, is = slices.Concat(before.Spec.Members, was), slices.Concat(after.Spec.Members, is)
	return errors.Join(down.Add(ctx, difference(was, is)), down.Add(ctx, difference(is, was)))
}

func without(names, others []string) []string {
	return slices.DeleteFunc(slices.Clone(names), func(name string) bool { return slices.Contains(others, name) })
}

func difference(some, others []v1alpha1.GroupMember) []v1alpha1.GroupMember {
	known := make(map[string]bool, len(others))
	for i := range others {
		known[others[i].Value] = true
	}
	var only []v1alpha1.GroupMember
	for i := range some {
		if !known[some[i].Value] {
			only = append(only, some[i])
		}
	}
	return only
}

// whole enqueues everybody in a group that has come or gone.
func (t *touched) whole(ctx context.Context, group *v1alpha1.ScimGroup, q enqueue.Queue) {
	rules := t.rules(ctx, group)
	if rules == nil || !named(rules, group) && !t.above(ctx, rules, group) {
		return
	}
	down := t.downward(group)
	t.enqueue(ctx, group, q, down, func() error { return down.AddGroup(ctx, group) })
}

// rules are those of the group's endpoint when they depend on groups at all, or nil.
func (t *touched) rules(ctx context.Context, group *v1alpha1.ScimGroup) *identity.Rules {
	rules, err := t.decider.rulesOf(ctx, endpointOfGroup(group))
	if err != nil {
		log.FromContext(ctx).Error(err, "cannot read the rules of a group's endpoint", "group", client.ObjectKeyFromObject(group))
		return nil
	}
	if rules == nil || !rules.UseGroups() {
		return nil
	}
	return rules
}

func named(rules *identity.Rules, group *v1alpha1.ScimGroup) bool {
	return rules.NameGroup(identity.Group{ID: group.Name, DisplayName: group.Spec.DisplayName})
}

// above says whether a rule names a group that the group is in.
func (t *touched) above(ctx context.Context, rules *identity.Rules, group *v1alpha1.ScimGroup) bool {
	up := &members.Upward{Reader: t.decider.reader, Endpoint: endpointOfGroup(group)}
	groups, err := up.GroupsOf(ctx, group.Name)
	if err != nil {
		log.FromContext(ctx).Error(err, "cannot list the groups of a group", "group", client.ObjectKeyFromObject(group))
		return true
	}
	return slices.ContainsFunc(groups, rules.NameGroup)
}

func (t *touched) downward(group *v1alpha1.ScimGroup) *members.Downward {
	return &members.Downward{Reader: t.decider.reader, Namespace: group.Namespace, Limit: maxTouched}
}

// enqueue enqueues the users that collect finds, or has the whole directory gone through.
func (t *touched) enqueue(ctx context.Context, group *v1alpha1.ScimGroup, q enqueue.Queue, down *members.Downward, collect func() error) {
	if err := collect(); err != nil {
		if !errors.Is(err, members.ErrTooMany) {
			log.FromContext(ctx).Error(err, "cannot list the users of a group", "group", client.ObjectKeyFromObject(group))
		}
		t.sweep(endpointOfGroup(group))
		return
	}
	for _, id := range down.Users() {
		q.Add(reconcile.Request{NamespacedName: client.ObjectKey{Namespace: group.Namespace, Name: id}})
	}
}

func endpointOfGroup(group *v1alpha1.ScimGroup) client.ObjectKey {
	return client.ObjectKey{Namespace: group.Namespace, Name: group.Spec.EndpointRef.Name}
}

// touchedBySlice is the event handler of slices. Slices and groups are watched apart and
// arrive in any order: what a group could not tell, its slices do.
type touchedBySlice struct{ *touched }

// Create enqueues the members of a slice that a group already names.
func (t touchedBySlice) Create(ctx context.Context, e event.CreateEvent, q enqueue.Queue) {
	if e.IsInInitialList {
		return
	}
	slice := e.Object.(*v1alpha1.ScimGroupSlice)
	group, err := members.NamingGroup(ctx, t.decider.reader, slice)
	if err != nil {
		log.FromContext(ctx).Error(err, "cannot read the group of a slice", "slice", client.ObjectKeyFromObject(slice))
	}
	if group != nil {
		t.slice(ctx, group, slice, q)
	}
}

// Delete enqueues the members of a slice that is gone, and perhaps its group with it.
func (t touchedBySlice) Delete(ctx context.Context, e event.DeleteEvent, q enqueue.Queue) {
	slice := e.Object.(*v1alpha1.ScimGroupSlice)
	group := &v1alpha1.ScimGroup{}
	group.Namespace, group.Name = slice.Namespace, slice.Spec.GroupRef.Name
	group.Spec.EndpointRef = slice.Spec.EndpointRef
	if rules := t.rules(ctx, group); rules != nil {
		down := t.downward(group)
		t.enqueue(ctx, group, q, down, func() error { return down.Add(ctx, slice.Spec.Members) })
	}
}

// Update does nothing: slices never change.
func (touchedBySlice) Update(context.Context, event.UpdateEvent, enqueue.Queue) {}

func (t touchedBySlice) slice(ctx context.Context, group *v1alpha1.ScimGroup, slice *v1alpha1.ScimGroupSlice, q enqueue.Queue) {
	rules := t.rules(ctx, group)
	if rules == nil || !named(rules, group) && !t.above(ctx, rules, group) {
		return
	}
	down := t.downward(group)
	t.enqueue(ctx, group, q, down, func() error { return down.Add(ctx, slice.Spec.Members) })
}
