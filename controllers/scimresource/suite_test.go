// SPDX-License-Identifier: Apache-2.0

package scimresource

import (
	"context"
	"sync/atomic"
	"testing"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/cache"

	"scim-operator.io/controllers/internal/testenv"
)

var (
	env *testenv.Env
	// ahead is how far the controller's clock is ahead of the API server's.
	ahead atomic.Int64
)

func TestScimResource(t *testing.T) {
	RegisterFailHandler(Fail)
	RunSpecs(t, "ScimResource controller")
}

func now() time.Time { return time.Now().Add(time.Duration(ahead.Load())) }

var _ = BeforeSuite(func() {
	env = testenv.Start(func() cache.Options { return cache.Options{} })
	SetDefaultEventuallyTimeout(testenv.Bound)
	SetDefaultEventuallyPollingInterval(testenv.Poll)
	env.NoStatus = true
	DeferCleanup(func() { env.Stop() })
	DeferCleanup(env.Run(func(_ context.Context, mgr ctrl.Manager) error { return setup(mgr, now) }))
})
