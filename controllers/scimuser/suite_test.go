// SPDX-License-Identifier: Apache-2.0

package scimuser

import (
	"context"
	"sync/atomic"
	"testing"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/cache"

	"scim-operator.io/controllers/internal/members"
	"scim-operator.io/controllers/internal/testenv"
)

var (
	env *testenv.Env
	// ahead is how far the controller's clock is ahead of the API server's.
	ahead atomic.Int64
)

// rate is how many users a second are decided anew after rules have changed.
const rate = 400

// gathering is how long users join a hold before it is sealed.
const gathering = 3 * time.Second

func TestScimUser(t *testing.T) {
	RegisterFailHandler(Fail)
	RunSpecs(t, "ScimUser controller")
}

func now() time.Time { return time.Now().Add(time.Duration(ahead.Load())) }

var _ = BeforeSuite(func() {
	SetDefaultEventuallyTimeout(testenv.Bound)
	SetDefaultEventuallyPollingInterval(testenv.Poll)
	env = testenv.Start(func() cache.Options { return cache.Options{ByObject: CacheByObject()} })
	DeferCleanup(func() { env.Stop() })
	startManager()
	DeferCleanup(func() { stopManager() })
})

// stopManager stops the running manager.
var stopManager func()

func startManager() {
	stopManager = env.Run(func(ctx context.Context, mgr ctrl.Manager) error {
		if err := members.AddIndexes(ctx, mgr.GetFieldIndexer()); err != nil {
			return err
		}
		return setup(ctx, mgr, options{now: now, rate: rate, gather: gathering})
	})
}
