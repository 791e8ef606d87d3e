// SPDX-License-Identifier: Apache-2.0

package kstatus

import (
	"context"
	"fmt"
	"sync"

	"github.com/onsi/gomega"
	"k8s.io/apimachinery/pkg/watch"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"scim-operator.io/api/v1alpha1"
)

// Observer watches the four kinds that have a status and checks every version.
type Observer struct {
	cancel  context.CancelFunc
	running sync.WaitGroup

	mu         sync.Mutex
	violations []string
	seen       int
}

// Observe begins to watch every namespace.
func Observe(c client.WithWatch) *Observer {
	ctx, cancel := context.WithCancel(context.Background())
	o := &Observer{cancel: cancel}
	for _, list := range []client.ObjectList{
		&v1alpha1.IdentityProviderList{}, &v1alpha1.ScimEndpointList{}, &v1alpha1.ScimUserList{}, &v1alpha1.ScimGroupList{},
	} {
		w, err := c.Watch(ctx, list)
		gomega.Expect(err).NotTo(gomega.HaveOccurred())
		o.running.Go(func() { o.follow(ctx, w) })
	}
	return o
}

func (o *Observer) follow(ctx context.Context, w watch.Interface) {
	defer w.Stop()
	for event := range w.ResultChan() {
		if ctx.Err() != nil {
			return
		}
		switch obj := event.Object.(type) {
		case client.Object:
			if event.Type == watch.Added || event.Type == watch.Modified {
				o.check(obj)
			}
		default:
			o.report(fmt.Sprintf("the watch failed: %v", event.Object))
		}
	}
	if ctx.Err() == nil {
		o.report("the watch ended early")
	}
}

func (o *Observer) check(obj client.Object) {
	found := Violations(obj)
	o.mu.Lock()
	defer o.mu.Unlock()
	o.seen++
	for _, v := range found {
		o.violations = append(o.violations, fmt.Sprintf("%T %s/%s: %s\n%s", obj, obj.GetNamespace(), obj.GetName(), v, encode(obj)))
	}
}

func (o *Observer) report(violation string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.violations = append(o.violations, violation)
}

// Stop returns what was found, and the number of versions that were checked.
func (o *Observer) Stop() (violations []string, seen int) {
	o.cancel()
	o.running.Wait()
	return o.violations, o.seen
}
