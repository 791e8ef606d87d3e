// SPDX-License-Identifier: Apache-2.0

package members

import (
	"context"
	"errors"
	"fmt"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"scim-operator.io/api/v1alpha1"
)

// ErrTooMany says that there are more users than were asked for.
var ErrTooMany = errors.New("more users than asked for")

// Downward collects the users of a namespace whom members stand for, through groups in
// groups. It collects no more than Limit and then fails with ErrTooMany, so that nobody
// needs memory for the largest of groups.
type Downward struct {
	Reader    client.Reader
	Namespace string
	Limit     int

	users, groups map[string]bool
}

// Users are the ids collected so far.
func (d *Downward) Users() []string {
	ids := make([]string, 0, len(d.users))
	for id := range d.users {
		ids = append(ids, id)
	}
	return ids
}

// AddGroup collects the members that a group holds itself or in its slices. A slice that
// the cache does not have is passed over: it is an event of its own when it arrives, and
// was one when it went.
func (d *Downward) AddGroup(ctx context.Context, g *v1alpha1.ScimGroup) error {
	if err := d.Add(ctx, g.Spec.Members); err != nil {
		return err
	}
	return d.AddSlices(ctx, g.Spec.Slices)
}

// AddSlices collects the members in slices.
func (d *Downward) AddSlices(ctx context.Context, names []string) error {
	for _, name := range names {
		held, err := d.Held(ctx, []string{name})
		if err != nil {
			return err
		}
		if err := d.Add(ctx, held); err != nil {
			return err
		}
	}
	return nil
}

// Held lists the members in slices and collects nobody.
func (d *Downward) Held(ctx context.Context, names []string) ([]v1alpha1.GroupMember, error) {
	var held []v1alpha1.GroupMember
	for _, name := range names {
		var slice v1alpha1.ScimGroupSlice
		err := d.Reader.Get(ctx, client.ObjectKey{Namespace: d.Namespace, Name: name}, &slice, client.UnsafeDisableDeepCopy)
		if apierrors.IsNotFound(err) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("read slice %s: %w", name, err)
		}
		held = append(held, slice.Spec.Members...)
	}
	return held, nil
}

// Add collects members: users themselves, and the members of groups.
func (d *Downward) Add(ctx context.Context, members []v1alpha1.GroupMember) error {
	for i := range members {
		if err := d.add(ctx, members[i].Value); err != nil {
			return err
		}
	}
	return nil
}

func (d *Downward) add(ctx context.Context, id string) error {
	if d.users[id] || d.groups[id] {
		return nil
	}
	var nested v1alpha1.ScimGroup
	err := d.Reader.Get(ctx, client.ObjectKey{Namespace: d.Namespace, Name: id}, &nested, client.UnsafeDisableDeepCopy)
	switch {
	case err == nil:
		if d.groups == nil {
			d.groups = map[string]bool{}
		}
		if d.groups[id] = true; len(d.groups) > d.Limit {
			return ErrTooMany
		}
		return d.AddGroup(ctx, &nested)
	case !apierrors.IsNotFound(err):
		return fmt.Errorf("read group %s: %w", id, err)
	}
	if len(d.users) == d.Limit {
		return ErrTooMany
	}
	if d.users == nil {
		d.users = map[string]bool{}
	}
	d.users[id] = true
	return nil
}
