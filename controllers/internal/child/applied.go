// SPDX-License-Identifier: Apache-2.0

package child

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"sync"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// applied remembers what was last written of each child, and what came of it. Its zero
// value has nothing written: a manager that starts writes every child once, since somebody
// may have changed it meanwhile.
type applied struct {
	mu sync.Mutex
	of map[client.ObjectKey]map[childKey]mark
}

type childKey struct{ kind, name string }

// mark identifies the configuration that was written and the child that came of it.
type mark struct{ wanted, version digest }

type digest [16]byte

func (a *applied) is(owner Owner, child childKey, m mark) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	last, ok := a.of[client.ObjectKeyFromObject(owner)][child]
	return ok && last == m
}

func (a *applied) remember(owner Owner, child childKey, m mark) {
	a.mu.Lock()
	defer a.mu.Unlock()
	key := client.ObjectKeyFromObject(owner)
	if a.of == nil {
		a.of = map[client.ObjectKey]map[childKey]mark{}
	}
	if a.of[key] == nil {
		a.of[key] = map[childKey]mark{}
	}
	a.of[key][child] = m
}

func (a *applied) forget(owner client.ObjectKey) {
	a.mu.Lock()
	defer a.mu.Unlock()
	delete(a.of, owner)
}

// versionOf identifies everything of a child but its status, and what the API server
// keeps of who wrote it. The generation stands for the spec of those kinds that have one;
// of the others the resourceVersion stands for all.
func versionOf(child client.Object) digest {
	version := child.GetResourceVersion()
	if generation := child.GetGeneration(); generation > 0 {
		version = fmt.Sprint("generation ", generation)
	}
	d, err := digestOf(struct {
		UID         types.UID
		Version     string
		Labels      map[string]string
		Annotations map[string]string
		Owners      []metav1.OwnerReference
		Finalizers  []string
	}{child.GetUID(), version, child.GetLabels(), child.GetAnnotations(), child.GetOwnerReferences(), child.GetFinalizers()})
	if err != nil {
		panic(err) // strings alone
	}
	return d
}

func digestOf(value any) (digest, error) {
	encoded, err := json.Marshal(value)
	if err != nil {
		return digest{}, fmt.Errorf("encode %T: %w", value, err)
	}
	sum := sha256.Sum256(encoded)
	return digest(sum[:16]), nil
}
