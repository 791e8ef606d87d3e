// SPDX-License-Identifier: Apache-2.0

package linearizability

import (
	"context"
	"testing"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"scim-operator.io/api/v1alpha1"
)

// leftovers removes what the manager removes in its time, so that a long run stays small:
// records of users who were deleted, and what crashes have left. It removes an object when
// it was of no use at the end of the round before, too: no write of that round is under way.
type leftovers struct {
	t         *testing.T
	namespace string
	before    map[types.UID]bool
}

// collect goes through the namespace at the end of a round.
func (l *leftovers) collect(ctx context.Context) {
	l.t.Helper()
	useless := l.useless(ctx)
	now := map[types.UID]bool{}
	for _, o := range useless {
		if !l.before[o.GetUID()] {
			now[o.GetUID()] = true
			continue
		}
		if err := release(ctx, o); err != nil {
			l.t.Errorf("removing %s: %v", o.GetName(), err)
		}
	}
	l.before = now
}

// useless lists what no live resource needs.
func (l *leftovers) useless(ctx context.Context) []client.Object {
	live, slices := map[string]bool{}, map[string]bool{}
	var useless []client.Object
	for _, newList := range lists {
		l.each(ctx, newList(), func(o client.Object) {
			if !sightOf(o).live {
				useless = append(useless, o)
				return
			}
			live[o.GetName()] = true
			if g, ok := o.(*v1alpha1.ScimGroup); ok {
				for _, name := range g.Spec.Slices {
					slices[name] = true
				}
			}
		})
	}
	l.each(ctx, &v1alpha1.ScimClaimList{}, func(o client.Object) {
		if !live[o.(*v1alpha1.ScimClaim).Spec.HolderRef.Name] {
			useless = append(useless, o)
		}
	})
	l.each(ctx, &v1alpha1.ScimGroupSliceList{}, func(o client.Object) {
		if !slices[o.GetName()] {
			useless = append(useless, o)
		}
	})
	return useless
}

func (l *leftovers) each(ctx context.Context, list client.ObjectList, visit func(client.Object)) {
	l.t.Helper()
	if err := admin.List(ctx, list, client.InNamespace(l.namespace)); err != nil {
		l.t.Fatal(err)
	}
	err := meta.EachListItem(list, func(o runtime.Object) error {
		visit(o.(client.Object))
		return nil
	})
	if err != nil {
		l.t.Fatal(err)
	}
}

// release deletes an object, whatever finalizers it has.
func release(ctx context.Context, o client.Object) error {
	if len(o.GetFinalizers()) > 0 {
		none := client.RawPatch(types.MergePatchType, []byte(`{"metadata":{"finalizers":null}}`))
		if err := admin.Patch(ctx, o, none); err != nil {
			return client.IgnoreNotFound(err)
		}
	}
	if err := admin.Delete(ctx, o); err != nil && !apierrors.IsNotFound(err) {
		return err
	}
	return nil
}
