// SPDX-License-Identifier: Apache-2.0

package scimendpoint

import (
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"scim-operator.io/api/v1alpha1"
	v1alpha1ac "scim-operator.io/api/v1alpha1/applyconfiguration/api/v1alpha1"
	"scim-operator.io/controllers/internal/testenv"
)

var _ = Describe("A heartbeat of a server", func() {
	It("costs one patch of the status, and none while what shows is young", func(ctx SpecContext) {
		namespace := env.Namespace(ctx)
		ep := newEndpoint(namespace, throughIngress(namespace))
		env.Create(ctx, ep, &corev1.Pod{
			ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "okta-scim-1", Labels: map[string]string{v1alpha1.EndpointLabel: ep.Name}},
			Spec:       corev1.PodSpec{Containers: []corev1.Container{{Name: "server", Image: "server"}}},
		})
		reportDeployment(ctx, ep, 1)
		Eventually(observed(ctx, ep)).Should(ready())
		id := observed(ctx, ep)(Default).Status.Tokens[0].ID
		entry := func(of *v1alpha1ac.ServerStatusApplyConfiguration) {
			GinkgoHelper()
			apply := v1alpha1ac.ScimEndpoint(ep.Name, ep.Namespace).WithStatus(v1alpha1ac.ScimEndpointStatus().
				WithServers(of.WithName("okta-scim-1").WithAddress("10.0.0.1:8081").WithIncarnation("1")))
			Expect(env.Client.Status().Apply(ctx, apply, client.FieldOwner("okta-scim-1"))).To(Succeed())
		}
		beat := func(at time.Time) {
			GinkgoHelper()
			entry(v1alpha1ac.ServerStatus().WithTokens(v1alpha1ac.TokenUse().WithID(id).WithLastUsedTime(metav1.NewTime(at))).
				WithLastOAuthTime(metav1.NewTime(at)))
		}
		entry(v1alpha1ac.ServerStatus())
		quiet := func(g Gomega) { // the endpoint is at rest
			writes := env.AllWrites(namespace)
			g.Consistently(func() map[string]int { return env.AllWrites(namespace) }, testenv.Quiet/3).Should(Equal(writes))
		}
		Eventually(quiet).Should(Succeed())

		env.ForgetWrites()
		begin := time.Now().Truncate(time.Second)
		beat(begin)
		shows := func(at time.Time) OmegaMatcher {
			same := HaveValue(HaveField("Time", BeTemporally("==", at)))
			return And(HaveField("Status.Tokens", ConsistOf(HaveField("LastUsedTime", same))), HaveField("Status.LastRequestTime", same))
		}
		Eventually(observed(ctx, ep)).Should(shows(begin))
		Consistently(func() map[string]int { return env.AllWrites(namespace) }, testenv.Quiet).Should(Equal(map[string]int{"scimendpoints/okta": 1}))

		env.ForgetWrites()
		beat(begin.Add(time.Second))
		Consistently(func() map[string]int { return env.AllWrites(namespace) }, testenv.Quiet).Should(BeEmpty())
	})
})
