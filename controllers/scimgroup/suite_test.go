// SPDX-License-Identifier: Apache-2.0

package scimgroup

import (
	"context"
	"sync/atomic"
	"testing"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"scim-operator.io/api/v1alpha1"
	"scim-operator.io/controllers/internal/compact"
	"scim-operator.io/controllers/internal/members"
	"scim-operator.io/controllers/internal/testenv"
)

var (
	env *testenv.Env
	// ahead is how far the controller's clock is ahead of the API server's.
	ahead atomic.Int64
)

func TestScimGroup(t *testing.T) {
	RegisterFailHandler(Fail)
	RunSpecs(t, "ScimGroup controller")
}

func now() time.Time { return time.Now().Add(time.Duration(ahead.Load())) }

var _ = BeforeSuite(func() {
	env = testenv.Start(func() cache.Options {
		return cache.Options{ByObject: map[client.Object]cache.ByObject{&v1alpha1.ScimUser{}: {Transform: compact.PackUser}}}
	})
	DeferCleanup(func() { env.Stop() })
	DeferCleanup(env.Run(func(ctx context.Context, mgr ctrl.Manager) error {
		if err := members.AddIndexes(ctx, mgr.GetFieldIndexer()); err != nil {
			return err
		}
		return setup(mgr, now)
	}))
})
