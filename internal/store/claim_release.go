// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"
	"crypto/rand"
	"encoding/hex"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	api "scim-operator.io/api/v1alpha1"
)

// claimOf reads the claim that a resource has on a value, before it gives the value up;
// nil when it has none.
func (s *Store) claimOf(ctx context.Context, u *unique, value, holder string) (*held, error) {
	var claim api.ScimClaim
	err := s.client.get(ctx, claimsResource, s.claimName(u, value), &claim)
	switch {
	case apierrors.IsNotFound(err):
		return nil, nil
	case err != nil:
		return nil, s.answer(err, u.kind)
	case claim.Spec.HolderRef.Name != holder:
		return nil, nil
	}
	return heldBy(&claim, false), nil
}

// release deletes a claim as it was when it was read. What it leaves behind on a failure
// blocks nobody: the next one takes it over.
func (s *Store) release(ctx context.Context, claim *held) {
	if claim == nil {
		return
	}
	uid := types.UID(claim.uid)
	err := s.client.remove(ctx, claimsResource, claim.name,
		metav1.Preconditions{UID: &uid, ResourceVersion: &claim.revision}, &api.ScimClaim{})
	if err != nil && !apierrors.IsNotFound(err) && !apierrors.IsConflict(err) {
		s.log.Info("A claim was not deleted; the next to want its value takes it over", "claim", claim.name, "reason", err.Error())
	}
}

// undo gives up a claim that was made for a write that did not happen.
func (s *Store) undo(ctx context.Context, claim *held) {
	if claim != nil && claim.made {
		s.release(ctx, claim)
	}
}

// releaseAll deletes every claim of a resource whose deletion has begun.
func (s *Store) releaseAll(ctx context.Context, holder string) error {
	var claims api.ScimClaimList
	options := metav1.ListOptions{FieldSelector: "spec.endpointRef.name=" + s.endpoint + ",spec.holderRef.name=" + holder}
	if err := s.client.list(ctx, claimsResource, options, &claims); err != nil {
		return err
	}
	for i := range claims.Items {
		claim := heldBy(&claims.Items[i], false)
		uid := types.UID(claim.uid)
		err := s.client.remove(ctx, claimsResource, claim.name,
			metav1.Preconditions{UID: &uid, ResourceVersion: &claim.revision}, &api.ScimClaim{})
		if err != nil && !apierrors.IsNotFound(err) {
			return err
		}
	}
	return nil
}

// abandonCreation creates the resource that a claim was made for and that nobody
// created, so that whoever still may try cannot. It is never live.
func (s *Store) abandonCreation(ctx context.Context, k *kind, id string) error {
	m := s.newMetadata(id)
	m.Annotations = map[string]string{api.AbandonedAnnotation: "true"}
	var o object
	switch k {
	case s.users:
		u := &api.ScimUser{ObjectMeta: m}
		u.Spec.EndpointRef.Name, u.Spec.UserName = s.endpoint, "abandoned-"+id
		o = u
	case s.groups:
		g := &api.ScimGroup{ObjectMeta: m}
		g.Spec.EndpointRef.Name, g.Spec.DisplayName = s.endpoint, "abandoned-"+id
		o = g
	default:
		r := &api.ScimResource{ObjectMeta: m}
		r.Spec.EndpointRef.Name, r.Spec.ResourceType = s.endpoint, k.rt.Name
		o = r
	}
	err := s.client.create(ctx, k.resource, o, k.newObject())
	if err == nil || apierrors.IsAlreadyExists(err) || !refused(err) {
		return nil // what there is now is looked at next
	}
	return s.answer(err, k)
}

// randomSuffix is 64 random bits.
func randomSuffix() string {
	var b [8]byte
	_, _ = rand.Read(b[:]) // never fails (crypto/rand)
	return hex.EncodeToString(b[:])
}
