// SPDX-License-Identifier: Apache-2.0

package plugin

import (
	"context"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"scim-operator.io/api/v1alpha1"
)

const (
	// pageSize is how many objects are asked for at once; groups and slices, each of which
	// may be 90 KiB, in smaller parts.
	pageSize      = 500
	largePageSize = 50
)

// reading is a list in parts.
type reading struct {
	session *session
	list    func() client.ObjectList
	size    int64
	// bound is how many objects are looked at, no more.
	bound int
}

// each shows the parts one after the other until look has seen enough. It says whether
// there was nothing beyond the bound.
func (r reading) each(ctx context.Context, look func(client.ObjectList) (enough bool), opts ...client.ListOption) (whole bool, err error) {
	opts = append(opts, client.InNamespace(r.session.namespace), client.Limit(r.size))
	next := ""
	for seen := 0; ; {
		page := r.list() // a new one, since what is decoded into an old one leaves traces
		if err := r.session.client.List(ctx, page, append(opts, client.Continue(next))...); err != nil {
			return false, err
		}
		seen += meta.LenList(page)
		next = page.GetContinue()
		switch {
		case look(page) || next == "":
			return true, nil
		case seen >= r.bound:
			return false, nil
		}
	}
}

// listOf makes lists of a kind whose objects keep every field.
func listOf(kind string) func() client.ObjectList {
	return func() client.ObjectList {
		list := &unstructured.UnstructuredList{}
		list.SetGroupVersionKind(v1alpha1.SchemeGroupVersion.WithKind(kind + "List"))
		return list
	}
}

// namesOf makes lists of a kind that have the objects' metadata alone.
func namesOf(kind string) func() client.ObjectList {
	return func() client.ObjectList {
		list := &metav1.PartialObjectMetadataList{}
		list.SetGroupVersionKind(v1alpha1.SchemeGroupVersion.WithKind(kind + "List"))
		return list
	}
}

// get reads one object with every field.
func (s *session) get(ctx context.Context, kind, name string) (*unstructured.Unstructured, error) {
	o := &unstructured.Unstructured{}
	o.SetGroupVersionKind(v1alpha1.SchemeGroupVersion.WithKind(kind))
	if err := s.client.Get(ctx, client.ObjectKey{Namespace: s.namespace, Name: name}, o); err != nil {
		return nil, err
	}
	return o, nil
}

// typed reads what a Go type knows of an object.
func typed(o *unstructured.Unstructured, into any) error {
	return runtime.DefaultUnstructuredConverter.FromUnstructured(o.Object, into)
}
