// SPDX-License-Identifier: Apache-2.0

package linearizability

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"scim-operator.io/api/v1alpha1"
)

const (
	// foreignPause is how long a foreign writer waits between two writes.
	foreignPause = 10 * time.Millisecond
	// foreignAnnotation is what it writes. No answer shows it.
	foreignAnnotation = "example.com/seen"
)

// objects are new objects of each kind.
var objects = map[kind]func() client.Object{
	users:   func() client.Object { return &v1alpha1.ScimUser{} },
	groups:  func() client.Object { return &v1alpha1.ScimGroup{} },
	devices: func() client.Object { return &v1alpha1.ScimResource{} },
}

// writeBeside changes what no answer shows of live resources, as kubectl and the manager do,
// until ctx ends: the version that a server goes by is always about to be outdated.
func (r *rounds) writeBeside(ctx context.Context, random *rand.Rand) {
	pause := time.NewTicker(foreignPause)
	defer pause.Stop()
	for n := 0; ; n++ {
		select {
		case <-pause.C:
		case <-ctx.Done():
			return
		}
		k, id := r.witness.anyLive(random)
		if id == "" {
			continue
		}
		o := objects[k]()
		o.SetName(id)
		o.SetNamespace(r.cluster.namespace)
		change := client.RawPatch(types.MergePatchType, fmt.Appendf(nil, `{"metadata":{"annotations":{%q:"%d"}}}`, foreignAnnotation, n))
		if err := admin.Patch(ctx, o, change); err != nil && !apierrors.IsNotFound(err) && ctx.Err() == nil {
			r.t.Errorf("writing beside the servers: %v", err)
			return
		}
	}
}

// anyLive picks a live resource; id is "" when there is none.
func (w *witness) anyLive(random *rand.Rand) (k kind, id string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.holders) == 0 {
		return "", ""
	}
	names := make([]string, 0, len(w.holders))
	for name := range w.holders {
		names = append(names, name)
	}
	slices.Sort(names)
	name := names[random.IntN(len(names))]
	of, _, _ := strings.Cut(name, " ")
	return kind(of), w.holders[name]
}
