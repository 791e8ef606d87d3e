// SPDX-License-Identifier: Apache-2.0

package identityprovider

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"scim-operator.io/api/v1alpha1"
	"scim-operator.io/controllers/internal/testenv"
)

var _ = Describe("A tenant whose metadata hosts do not answer", func() {
	It("does not delay another tenant", func(ctx SpecContext) {
		silent := make(chan struct{})
		hanging := httptest.NewTLSServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			select {
			case <-silent:
			case <-r.Context().Done():
			}
		}))
		DeferCleanup(hanging.Close)
		DeferCleanup(func() { close(silent) })

		crowded, quick := env.Namespace(ctx), env.Namespace(ctx)
		for n := range 100 {
			idp := newProvider(crowded, v1alpha1.SAMLMetadataSource{URL: hanging.URL + fmt.Sprint("/", n)}, v1alpha1.ProvisioningDisabled)
			idp.Name = fmt.Sprint("hanging-", n)
			env.Create(ctx, idp)
		}
		website.serve(metadata(year))
		idp := newProvider(quick, fromURL(), v1alpha1.ProvisioningDisabled)
		env.Create(ctx, idp)
		Eventually(observed(ctx, idp), 8*time.Second).Should(And(
			ssoConfigured(), testenv.IsTrue(v1alpha1.ConditionReady, v1alpha1.ReasonProvisioningDisabled)))
	})
})
