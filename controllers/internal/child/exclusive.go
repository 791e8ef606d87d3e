// SPDX-License-Identifier: Apache-2.0

package child

import (
	"context"
	"encoding/json"
	"fmt"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"scim-operator.io/controllers/internal/outcome"
)

// ApplyExclusively is Apply for a child of which nobody else may have a part: what others
// have added to its spec, such as a container, a volume or an external address, is removed.
// Server-side apply alone corrects only the fields that it names.
//
// What nobody owns stays, which is what the API server and admission have filled in; so
// do the child's labels and annotations, and its pods' annotations: kubectl rollout
// restart sets one.
func (c *Client) ApplyExclusively(ctx context.Context, owner Owner, into client.Object, desired Configuration) error {
	return c.ensure(ctx, owner, into, desired, c.applyExclusively)
}

// applyExclusively is a write that removes what others have added.
func (c *Client) applyExclusively(ctx context.Context, into client.Object, desired Configuration) (*unstructured.Unstructured, error) {
	applied, err := c.apply(ctx, into, desired)
	if err != nil {
		return nil, err
	}
	owners, foreign, err := takeOver(applied.GetManagedFields())
	if err != nil {
		return nil, fmt.Errorf("see who owns the fields of %s %s: %w", c.kind(into), applied.GetName(), err)
	}
	if !foreign {
		return applied, nil
	}
	// What is taken over and then not applied again is removed.
	if err := c.setOwners(ctx, applied, owners); err != nil {
		return nil, fmt.Errorf("take over the fields of %s %s: %w", c.kind(into), applied.GetName(), err)
	}
	return c.apply(ctx, into, desired)
}

func (c *Client) setOwners(ctx context.Context, applied *unstructured.Unstructured, owners []metav1.ManagedFieldsEntry) error {
	before := &metav1.PartialObjectMetadata{}
	before.SetGroupVersionKind(applied.GroupVersionKind())
	before.SetNamespace(applied.GetNamespace())
	before.SetName(applied.GetName())
	before.SetResourceVersion(applied.GetResourceVersion())
	after := before.DeepCopy()
	after.SetManagedFields(owners)
	return c.Patch(ctx, after, client.MergeFromWithOptions(before, client.MergeFromWithOptimisticLock{}), outcome.Owner)
}

func convert(from, to any) error {
	encoded, err := json.Marshal(from)
	if err == nil {
		err = json.Unmarshal(encoded, to)
	}
	if err != nil {
		return fmt.Errorf("convert %T to %T: %w", from, to, err)
	}
	return nil
}
