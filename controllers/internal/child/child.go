// SPDX-License-Identifier: Apache-2.0

// Package child applies and removes the objects that a controller makes for an owner,
// and never touches an object of the same name that belongs to somebody else. A child that
// is as it was when it was last applied, and that is still to be the same, is not written
// again.
package child

import (
	"context"
	"fmt"
	"reflect"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"scim-operator.io/api/v1alpha1"
	"scim-operator.io/controllers/internal/outcome"
)

const (
	// conflictRetry: a stranger's object may be outside the cache, so that nothing
	// tells when it goes.
	conflictRetry = 30 * time.Second
	// leftoverRetry is how soon the garbage collector is expected to be done.
	leftoverRetry = 2 * time.Second
)

// Client reads children from the cache and, where the cache has none, from the API
// server: the cache holds only what carries the operator's labels.
type Client struct {
	client.Client
	Live client.Reader

	applied applied
}

// ClientOptions has a manager's client read Secrets from the API server and never from the
// cache: to fill one it would have to list and watch all Secrets.
func ClientOptions() client.Options {
	return client.Options{Cache: &client.CacheOptions{DisableFor: []client.Object{&corev1.Secret{}}}}
}

// Metadata returns an empty object of a kind of which the cache holds the metadata alone.
func Metadata(kind schema.GroupVersionKind) *metav1.PartialObjectMetadata {
	obj := &metav1.PartialObjectMetadata{}
	obj.SetGroupVersionKind(kind)
	return obj
}

// Owner is the object that children are made for.
type Owner struct {
	client.Object
	Kind schema.GroupVersionKind
	// Labels identify a child that has lost its owner reference, as a restored backup
	// has; without labels only the reference counts.
	Labels map[string]string
}

// Configuration is what the apply configurations of all kinds have in common.
type Configuration interface {
	runtime.ApplyConfiguration
	GetName() *string
	GetNamespace() *string
}

// Apply makes the child what the configuration says, and fills into with the child as it
// is then.
func (c *Client) Apply(ctx context.Context, owner Owner, into client.Object, desired Configuration) error {
	return c.ensure(ctx, owner, into, desired, c.apply)
}

// write applies a configuration, and returns what the API server answers.
type write func(ctx context.Context, into client.Object, desired Configuration) (*unstructured.Unstructured, error)

// ensure writes a child unless it is, in the cache, as the last write left it, and the
// configuration is the one that was written. Both are compared: somebody who changes the
// child changes its version.
func (c *Client) ensure(ctx context.Context, owner Owner, into client.Object, desired Configuration, by write) error {
	found, err := c.find(ctx, keyOf(owner, desired), into)
	if err != nil {
		return err
	}
	of := childKey{kind: c.kind(into), name: *desired.GetName()}
	if found != nil {
		if err := c.claim(owner, found, of.kind); err != nil {
			return err
		}
	}
	wanted, err := digestOf(desired)
	if err != nil {
		return err
	}
	if found == into && c.applied.is(owner, of, mark{wanted, versionOf(found)}) {
		return nil
	}
	answer, err := by(ctx, into, desired)
	if err != nil {
		return err
	}
	c.applied.remember(owner, of, mark{wanted, versionOf(answer)})
	// What the cache had must not shine through what the API server has answered.
	reflect.ValueOf(into).Elem().SetZero()
	return convert(answer.Object, into)
}

// Forget forgets what was applied for an owner that is gone.
func (c *Client) Forget(owner client.ObjectKey) { c.applied.forget(owner) }

func keyOf(owner Owner, desired Configuration) client.ObjectKey {
	return client.ObjectKey{Namespace: owner.GetNamespace(), Name: *desired.GetName()}
}

// apply is a write that leaves alone what others have added.
func (c *Client) apply(ctx context.Context, into client.Object, desired Configuration) (*unstructured.Unstructured, error) {
	applied := &unstructured.Unstructured{}
	if err := convert(desired, &applied.Object); err != nil {
		return nil, err
	}
	err := c.Client.Apply(ctx, client.ApplyConfigurationFromUnstructured(applied), outcome.Owner, client.ForceOwnership)
	if apierrors.IsInvalid(err) {
		return nil, outcome.Stalled(v1alpha1.ReasonInvalidSpec, "The %s %s cannot be made as the spec asks: %v", c.kind(into), *desired.GetName(), err)
	}
	if err != nil {
		return nil, fmt.Errorf("apply %s %s: %w", c.kind(into), *desired.GetName(), err)
	}
	return applied, nil
}

// Read fills into with the owner's child, from the API server where the cache has none.
// It reports whether there is one; a stranger's object is a failure and is not read.
func (c *Client) Read(ctx context.Context, owner Owner, name string, into client.Object) (bool, error) {
	key := client.ObjectKey{Namespace: owner.GetNamespace(), Name: name}
	found, err := c.find(ctx, key, into)
	if err != nil || found == nil {
		return false, err
	}
	if err := c.claim(owner, found, c.kind(into)); err != nil {
		return false, err
	}
	if found == into {
		return true, nil
	}
	if err := c.Live.Get(ctx, key, into); err != nil {
		return false, fmt.Errorf("read %s %s: %w", c.kind(into), name, err)
	}
	return true, nil
}

// ReadLive is Read of a child of which the cache holds the metadata at most.
func (c *Client) ReadLive(ctx context.Context, owner Owner, name string, into client.Object) (bool, error) {
	err := c.Live.Get(ctx, client.ObjectKey{Namespace: owner.GetNamespace(), Name: name}, into)
	switch {
	case apierrors.IsNotFound(err):
		return false, nil
	case err != nil:
		return false, fmt.Errorf("read %s %s: %w", c.kind(into), name, err)
	}
	if err := c.claim(owner, into, c.kind(into)); err != nil {
		return false, err
	}
	return true, nil
}

// Exists says whether there is an object of that kind and name, whoever's it is.
func (c *Client) Exists(ctx context.Context, key client.ObjectKey, into client.Object) (bool, error) {
	found, err := c.find(ctx, key, into)
	return found != nil, err
}

// Remove deletes the owner's child of that name, and does nothing when there is none or
// it is somebody else's. It reports whether there is nothing left to remove.
func (c *Client) Remove(ctx context.Context, owner Owner, name string, into client.Object) (gone bool, err error) {
	key := client.ObjectKey{Namespace: owner.GetNamespace(), Name: name}
	if err := c.Get(ctx, key, into); err != nil {
		return true, client.IgnoreNotFound(err)
	}
	if whose(owner, into) != ours {
		return true, nil
	}
	if !into.GetDeletionTimestamp().IsZero() {
		return false, nil
	}
	uid := into.GetUID()
	err = c.Delete(ctx, into, client.Preconditions{UID: &uid}, client.PropagationPolicy(metav1.DeletePropagationBackground))
	if client.IgnoreNotFound(err) != nil {
		return false, fmt.Errorf("delete %s %s: %w", c.kind(into), name, err)
	}
	return false, nil
}

// find looks in the cache and then at the API server; nil means that there is none.
func (c *Client) find(ctx context.Context, key client.ObjectKey, into client.Object) (client.Object, error) {
	err := c.Get(ctx, key, into)
	if err == nil {
		return into, nil
	}
	if !apierrors.IsNotFound(err) {
		return nil, fmt.Errorf("read %s %s: %w", c.kind(into), key.Name, err)
	}
	gvk, err := c.GroupVersionKindFor(into)
	if err != nil {
		return nil, err
	}
	live := &metav1.PartialObjectMetadata{}
	live.SetGroupVersionKind(gvk)
	switch err := c.Live.Get(ctx, key, live); {
	case apierrors.IsNotFound(err):
		return nil, nil
	case err != nil:
		return nil, fmt.Errorf("read %s %s: %w", gvk.Kind, key.Name, err)
	default:
		return live, nil
	}
}

// claim says why the owner may not write an object, or nil.
func (c *Client) claim(owner Owner, found client.Object, kind string) error {
	belongs := whose(owner, found)
	switch {
	case belongs == strangers:
		return outcome.Stalled(v1alpha1.ReasonChildConflict,
			"%s %s already exists and belongs to %s, so it is left alone; delete or rename it, or rename this %s",
			kind, found.GetName(), holder(found), owner.Kind.Kind).After(conflictRetry)
	case belongs == predecessors, !found.GetDeletionTimestamp().IsZero():
		return outcome.Waiting(v1alpha1.ReasonProgressing,
			"waiting until the previous %s %s is gone", kind, found.GetName()).After(leftoverRetry)
	default:
		return nil
	}
}

func (c *Client) kind(obj client.Object) string {
	gvk, err := c.GroupVersionKindFor(obj)
	if err != nil {
		return fmt.Sprintf("%T", obj)
	}
	return gvk.Kind
}

type belonging int

const (
	strangers belonging = iota
	ours
	// predecessors: it belonged to a deleted object of the owner's name, and the
	// garbage collector has not got to it yet.
	predecessors
)

func whose(owner Owner, found client.Object) belonging {
	ref := metav1.GetControllerOf(found)
	switch {
	case ref == nil && carries(found, owner.Labels):
		return ours
	case ref == nil:
		return strangers
	case ref.UID == owner.GetUID():
		return ours
	case ref.Kind == owner.Kind.Kind && ref.Name == owner.GetName() && ref.APIVersion == owner.Kind.GroupVersion().String():
		return predecessors
	default:
		return strangers
	}
}

func carries(found client.Object, labels map[string]string) bool {
	for key, value := range labels {
		if found.GetLabels()[key] != value {
			return false
		}
	}
	return len(labels) > 0
}

// holder names who an object belongs to, for a message.
func holder(found client.Object) string {
	if ref := metav1.GetControllerOf(found); ref != nil {
		return ref.Kind + " " + ref.Name
	}
	return "somebody else"
}
