// SPDX-License-Identifier: Apache-2.0

package kstatus

import (
	"context"
	"fmt"
	"sync"

	"github.com/onsi/gomega"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
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
		o.running.Go(func() { o.follow(ctx, c, list, w) })
	}
	return o
}

// follow checks every version. The API server ends the watch of a client that does not
// keep up; it goes on then from the last version seen, so that none is missed.
func (o *Observer) follow(ctx context.Context, c client.WithWatch, list client.ObjectList, w watch.Interface) {
	last := ""
	for {
		last = o.drain(ctx, w, last)
		w.Stop()
		if ctx.Err() != nil {
			return
		}
		var err error
		w, err = c.Watch(ctx, list, &client.ListOptions{Raw: &metav1.ListOptions{ResourceVersion: last}})
		if err != nil {
			if ctx.Err() == nil {
				o.report(fmt.Sprintf("the watch ended early and cannot go on: %v", err))
			}
			return
		}
	}
}

// drain checks what a watch brings until it ends, and returns the last version seen.
func (o *Observer) drain(ctx context.Context, w watch.Interface, last string) string {
	for event := range w.ResultChan() {
		if ctx.Err() != nil {
			return last
		}
		switch obj := event.Object.(type) {
		case client.Object:
			last = obj.GetResourceVersion()
			if event.Type == watch.Added || event.Type == watch.Modified {
				o.check(obj)
			}
		default:
			o.report(fmt.Sprintf("the watch failed: %v", event.Object))
		}
	}
	return last
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
