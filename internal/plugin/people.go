// SPDX-License-Identifier: Apache-2.0

package plugin

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/validation"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

const (
	// maxMatches is how many users one USER may name: records of leavers keep their
	// userName, and another endpoint may have the same.
	maxMatches = 10
	// maxScanned is how many users are looked at for a userName in another case.
	maxScanned = 20_000
)

// users are those whom USER names: by SCIM id, by userName or externalId as they are
// written, and, unless one of those is there, by userName without case. Who is there comes
// before who has left.
func (s *session) users(ctx context.Context, who string) ([]*user, error) {
	if len(validation.IsDNS1123Subdomain(who)) == 0 {
		o, err := s.find(ctx, kindScimUser, who)
		if err != nil {
			return nil, err
		}
		if o != nil {
			u, err := newUser(o)
			return []*user{u}, err
		}
	}
	var found []*user
	for _, field := range []string{"spec.userName", "spec.externalId"} {
		exact, _, err := s.matching(ctx, maxMatches, func(*unstructured.Unstructured) bool { return true }, client.MatchingFields{field: who})
		if err != nil {
			return nil, err
		}
		if found = append(found, exact...); slices.ContainsFunc(exact, (*user).isLive) {
			return found, nil
		}
	}
	folded, whole, err := s.matching(ctx, maxScanned, func(o *unstructured.Unstructured) bool {
		name := fieldsOf(o).text("spec", "userName")
		return name != who && strings.EqualFold(name, who)
	})
	found = append(folded, found...)
	switch {
	case err != nil || len(found) > 0:
		return found, err
	case !whole:
		return nil, fmt.Errorf("no user has the SCIM id, userName or externalId %q as it is written; among the first %d of the namespace %q there is none in another case either", who, maxScanned, s.namespace)
	}
	return nil, fmt.Errorf("no user in the namespace %q has the SCIM id, userName or externalId %q", s.namespace, who)
}

func (u *user) isLive() bool { return u.Live() }

// matching reads the users that match, at most maxMatches.
func (s *session) matching(ctx context.Context, bound int, matches func(*unstructured.Unstructured) bool, opts ...client.ListOption) (found []*user, whole bool, err error) {
	var broken error
	r := reading{session: s, list: listOf(kindScimUser), size: pageSize, bound: bound}
	whole, err = r.each(ctx, func(page client.ObjectList) bool {
		items := page.(*unstructured.UnstructuredList).Items
		for i := range items {
			if len(found) == maxMatches || broken != nil {
				return true
			}
			if !matches(&items[i]) {
				continue
			}
			var u *user
			u, broken = newUser(&items[i])
			found = append(found, u)
		}
		return false
	}, opts...)
	if err == nil {
		err = broken
	}
	slices.SortStableFunc(found, func(a, b *user) int { return absence(a) - absence(b) })
	return found, whole, err
}

func absence(u *user) int {
	if u.Live() {
		return 0
	}
	return 1
}

func newUser(o *unstructured.Unstructured) (*user, error) {
	u := &user{fields: o.Object}
	return u, typed(o, &u.ScimUser)
}

// heldByGuard says whether the guard holds what the identity provider wants for the user,
// who may be inactive meanwhile because provisioning has ended.
func (u *user) heldByGuard() bool { return u.Status.Departure.Held() || u.Status.RoleLoss.Held() }

func (u *user) condition(conditionType string) *metav1.Condition {
	return meta.FindStatusCondition(u.Status.Conditions, conditionType)
}

// heldUsers are those whom --user names, every one of them held at the provider.
func (s *session) heldUsers(ctx context.Context, p *provider, names []string) ([]*user, error) {
	held := make([]*user, 0, len(names))
	for _, name := range names {
		found, err := s.users(ctx, name)
		if err != nil {
			return nil, err
		}
		u, err := theHeldOne(found, p, name)
		if err != nil {
			return nil, err
		}
		if !slices.ContainsFunc(held, func(other *user) bool { return other.Name == u.Name }) {
			held = append(held, u)
		}
	}
	return held, nil
}

func theHeldOne(found []*user, p *provider, name string) (*user, error) {
	there := slices.DeleteFunc(found, func(u *user) bool { return u.Spec.EndpointRef.Name != p.name })
	held := slices.DeleteFunc(slices.Clone(there), func(u *user) bool { return !u.heldByGuard() })
	switch {
	case len(held) == 1:
		return held[0], nil
	case len(held) > 1:
		return nil, fmt.Errorf("%q names %d users who are held; give the SCIM id of one, such as %s", name, len(held), held[0].Name)
	case len(there) == 0:
		return nil, fmt.Errorf("the user %q does not belong to %s", name, p)
	}
	return nil, fmt.Errorf("nothing is held for the user %q; `kubectl scim explain %s` says what became of her", name, there[0].Name)
}
