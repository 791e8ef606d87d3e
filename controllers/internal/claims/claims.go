// SPDX-License-Identifier: Apache-2.0

// Package claims gives back the claims of a user, group or resource that is being deleted, and
// only then lets the object go: a claim whose holder is missing must always mean a
// creation that was never finished.
package claims

import (
	"context"
	"fmt"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"

	"scim-operator.io/api/v1alpha1"
	"scim-operator.io/controllers/internal/outcome"
)

// Releaser deletes claims and finalizers.
type Releaser struct {
	Client client.Client
	// Live reads from the API server. Claims are never cached: there is at least one for
	// every user and group, and nobody needs them but here.
	Live client.Reader
}

// Release deletes those of the holder's claims that have the given names, and then removes the
// holder's finalizer. It does nothing to an object without the finalizer.
//
// A name follows from the value that the holder has, so that nobody looks through all
// claims of a directory. A claim that a crash in the middle of a rename left on another
// value stays: the next to want that value finds that the holder does not exist, and takes
// the claim over.
func (r *Releaser) Release(ctx context.Context, holder client.Object, names ...string) error {
	if !controllerutil.ContainsFinalizer(holder, v1alpha1.ClaimsFinalizer) {
		return nil
	}
	for _, name := range names {
		if err := r.releaseNamed(ctx, holder, name); err != nil {
			return err
		}
	}
	before := holder.DeepCopyObject().(client.Object)
	after := holder.DeepCopyObject().(client.Object)
	controllerutil.RemoveFinalizer(after, v1alpha1.ClaimsFinalizer)
	patch := client.MergeFromWithOptions(before, client.MergeFromWithOptimisticLock{})
	if err := r.Client.Patch(ctx, after, patch, outcome.Owner); client.IgnoreNotFound(err) != nil {
		return fmt.Errorf("remove the finalizer: %w", err)
	}
	return nil
}

func (r *Releaser) releaseNamed(ctx context.Context, holder client.Object, name string) error {
	claim := &v1alpha1.ScimClaim{}
	err := r.Live.Get(ctx, client.ObjectKey{Namespace: holder.GetNamespace(), Name: name}, claim)
	switch {
	case apierrors.IsNotFound(err):
		return nil
	case err != nil:
		return fmt.Errorf("read the claim: %w", err)
	case claim.Spec.HolderRef.Name != holder.GetName():
		return nil
	}
	return r.delete(ctx, claim)
}

// delete deletes a claim as it was read: one that was taken over since belongs to another.
func (r *Releaser) delete(ctx context.Context, claim *v1alpha1.ScimClaim) error {
	unchanged := client.Preconditions{UID: &claim.UID, ResourceVersion: &claim.ResourceVersion}
	if err := r.Client.Delete(ctx, claim, unchanged); client.IgnoreNotFound(err) != nil {
		return fmt.Errorf("release the claim on %s: %w", claim.Spec.Attribute, err)
	}
	return nil
}
