// SPDX-License-Identifier: Apache-2.0

//go:build e2e

package e2e

import (
	"context"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/utils/ptr"

	scimv1 "scim-operator.io/api/v1alpha1"
)

var _ = Describe("the limits of an endpoint, through the Ingress", Ordered, func() {
	var (
		t    *tenant
		scim *scimClient
	)
	BeforeAll(func(ctx context.Context) {
		t = newTenant(ctx, "limits", 1, func(s *scimv1.IdentityProviderSpec) {
			s.SCIM.Endpoint.Limits = &scimv1.EndpointLimits{
				MaxBodyBytes: ptr.To(resource.MustParse("128Ki")), MaxBulkOperations: ptr.To[int32](5), RequestsPerSecond: ptr.To[int32](5),
			}
		})
		scim = t.scim()
	})
	title := func(size int) string {
		return `{"userName":"large@e2e.example"` + strings.Repeat(" ", size) + `}`
	}

	It("a body that is too large: 413, and clients are told the limits", func() {
		Eventually(func() (answer, error) { return scim.do("POST", "/Users", title(129<<10)) }).Should(HaveField("Status", 413))
		Eventually(func() (answer, error) { return scim.do("POST", "/Users", title(120<<10)) }).Should(HaveField("Status", 201))
		Eventually(func() (answer, error) { return scim.do("GET", "/ServiceProviderConfig", "") }).Should(And(
			HaveField("Status", 200),
			HaveField("Body", HaveKeyWithValue("bulk", And(
				HaveKeyWithValue("maxOperations", BeNumerically("==", 5)), HaveKeyWithValue("maxPayloadSize", BeNumerically("==", 128<<10)))))))
	})

	It("a client that asks too often: 429 with Retry-After, and it is served when it has waited", func() {
		deadline := time.Now().Add(time.Minute)
		for {
			Expect(time.Now()).To(BeTemporally("<", deadline), "it was never told to wait")
			result, err := scim.do("GET", "/Users?count=0", "")
			Expect(err).NotTo(HaveOccurred())
			if result.Status == 429 {
				Expect(result.Header).To(HaveKeyWithValue("Retry-After", []string{"1"}))
				Expect(result.Body).To(HaveKeyWithValue("status", "429"))
				break
			}
			Expect(result.Status).To(Equal(200))
		}
		Eventually(func() (answer, error) { return scim.do("GET", "/Users?count=0", "") }).Should(HaveField("Status", 200))
	})
})
