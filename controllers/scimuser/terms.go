// SPDX-License-Identifier: Apache-2.0

package scimuser

import (
	"context"
	"fmt"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"scim-operator.io/api/v1alpha1"
	"scim-operator.io/internal/identity"
)

// termsOf are what the users of an endpoint leave by, as the cache knows its endpoint and
// the provider of the same name. A provider has no say over an endpoint that is not its own.
func termsOf(ctx context.Context, reader client.Reader, key client.ObjectKey) (*identity.Terms, error) {
	ep, idp := &v1alpha1.ScimEndpoint{}, &v1alpha1.IdentityProvider{}
	served, err := read(ctx, reader, key, ep)
	if err != nil {
		return nil, err
	}
	provided, err := read(ctx, reader, key, idp)
	if err != nil {
		return nil, err
	}
	provided = provided && (!served || metav1.IsControlledBy(ep, idp))
	t := &identity.Terms{Served: served && ep.DeletionTimestamp.IsZero()}
	annotations := ep.Annotations
	if provided {
		annotations = idp.Annotations
		ends := !idp.DeletionTimestamp.IsZero() || idp.EffectiveProvisioning() == v1alpha1.ProvisioningDisabled
		t.Served = t.Served && !ends // its endpoint may be there for a moment
		t.Ended = ends && idp.EffectiveOnDisable() == v1alpha1.OnDisableDeactivate
	}
	t.Judge(annotations)
	switch {
	case served:
		t.Deprovisioning, t.ProtectedRoles = ep.Spec.Deprovisioning, ep.Spec.ProtectedRoles
	case provided && idp.Spec.SCIM != nil:
		t.Deprovisioning, t.ProtectedRoles = idp.Spec.SCIM.Deprovisioning, idp.Spec.SCIM.ProtectedRoles
	}
	return t, nil
}

// anchorOf is the object in whose annotations a person decides about the users of an endpoint,
// and which holds were shown is on record; nil when there is neither provider nor endpoint.
func anchorOf(ctx context.Context, reader client.Reader, key client.ObjectKey) (client.Object, error) {
	ep, idp := &v1alpha1.ScimEndpoint{}, &v1alpha1.IdentityProvider{}
	served, err := read(ctx, reader, key, ep)
	if err != nil {
		return nil, err
	}
	provided, err := read(ctx, reader, key, idp)
	switch {
	case err != nil:
		return nil, err
	case provided && (!served || metav1.IsControlledBy(ep, idp)):
		return idp.DeepCopy(), nil
	case served:
		return ep.DeepCopy(), nil
	default:
		return nil, nil
	}
}

func read(ctx context.Context, reader client.Reader, key client.ObjectKey, obj client.Object) (found bool, err error) {
	err = reader.Get(ctx, key, obj, client.UnsafeDisableDeepCopy)
	if apierrors.IsNotFound(err) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("read the %T of the user: %w", obj, err)
	}
	return true, nil
}
