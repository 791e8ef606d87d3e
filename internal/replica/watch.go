// SPDX-License-Identifier: Apache-2.0

package replica

import (
	"context"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/tools/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// observer is told what one object has become, in order: object is nil when it does not
// exist. fresh says that this is a new beginning, not the next event: what happened in
// between is not known.
type observer func(object client.Object, fresh bool)

// watch tells the observer about the one object of the name until ctx ends. Errors of
// the API server are retried with a back-off.
func (r *Replica) watch(ctx context.Context, name string, example client.Object, list client.ObjectList, tell observer) {
	named := fields.OneTermEqualSelector("metadata.name", name).String()
	options := func(o metav1.ListOptions) *client.ListOptions {
		o.FieldSelector = named
		return &client.ListOptions{Namespace: r.config.Namespace, Raw: &o}
	}
	lw := &cache.ListWatch{
		ListWithContextFunc: func(ctx context.Context, o metav1.ListOptions) (runtime.Object, error) {
			out := list.DeepCopyObject().(client.ObjectList)
			return out, r.client.List(ctx, out, options(o))
		},
		WatchFuncWithContext: func(ctx context.Context, o metav1.ListOptions) (watch.Interface, error) {
			return r.client.Watch(ctx, list.DeepCopyObject().(client.ObjectList), options(o))
		},
	}
	cache.NewReflectorWithOptions(lw, example, &single{tell: tell}, cache.ReflectorOptions{Name: name}).RunWithContext(ctx)
}

// single is a cache.ReflectorStore for one object.
type single struct {
	tell observer
}

func (s *single) Add(object any) error    { return s.Update(object) }
func (s *single) Delete(any) error        { s.tell(nil, false); return nil }
func (s *single) Resync() error           { return nil }
func (s *single) Update(object any) error { s.tell(object.(client.Object), false); return nil }

func (s *single) Replace(objects []any, _ string) error {
	if len(objects) == 0 {
		s.tell(nil, true)
		return nil
	}
	s.tell(objects[0].(client.Object), true)
	return nil
}
