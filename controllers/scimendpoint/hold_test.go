// SPDX-License-Identifier: Apache-2.0

package scimendpoint

import (
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/cli-utils/pkg/kstatus/status"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"scim-operator.io/api/v1alpha1"
	"scim-operator.io/controllers/internal/testenv"
)

// inPipeline matches an object of which a pipeline says that it has that status.
func inPipeline(want status.Status) OmegaMatcher {
	return WithTransform(func(ep *v1alpha1.ScimEndpoint) (status.Status, error) {
		content, err := runtime.DefaultUnstructuredConverter.ToUnstructured(ep)
		if err != nil {
			return "", err
		}
		result, err := status.Compute(&unstructured.Unstructured{Object: content})
		if err != nil {
			return "", err
		}
		return result.Status, nil
	}, Equal(want))
}

var _ = Describe("Users who are held", func() {
	It("show in a condition until a person has decided, and the endpoint is Ready as ever", func(ctx SpecContext) {
		namespace := env.Namespace(ctx)
		ep := newEndpoint(namespace, nil)
		env.Create(ctx, ep)
		reportDeployment(ctx, ep, 1)
		Eventually(observed(ctx, ep)).Should(ready())
		// Another controller holds users; here none does.
		holds := func(d v1alpha1.DeprovisioningStatus) {
			testenv.Change(ctx, env, ep, func(*v1alpha1.ScimEndpoint) {})
			patch := client.MergeFrom(ep.DeepCopy())
			d.Policy = v1alpha1.DeprovisioningDeactivate
			ep.Status.Deprovisioning = &d
			Expect(env.Client.Status().Patch(ctx, ep, patch)).To(Succeed())
		}
		holds(v1alpha1.DeprovisioningStatus{HoldID: "hold-1", Digest: "0a", Held: ptr.To[int64](7)})
		approve := "scim-operator.io/approve-held: hold-"
		Eventually(observed(ctx, ep)).Should(And(
			testenv.IsTrue(v1alpha1.ConditionHeld, v1alpha1.ReasonDeprovisioningHeld),
			testenv.Condition(v1alpha1.ConditionHeld, HaveField("Message", And(ContainSubstring(approve+"1@0a"), ContainSubstring("scim-operator.io/reject-held: hold-1@0a")))),
			ready(), inPipeline(status.CurrentStatus),
		))

		By("holding more, and others")
		holds(v1alpha1.DeprovisioningStatus{HoldID: "hold-1", Digest: "0a", Held: ptr.To[int64](9)})
		holds(v1alpha1.DeprovisioningStatus{HoldID: "hold-2", Digest: "0b", Held: ptr.To[int64](2)})
		Eventually(observed(ctx, ep)).Should(And(ready(), testenv.Condition(v1alpha1.ConditionHeld, HaveField("Message", ContainSubstring(approve+"2@0b")))))

		By("being decided about by somebody who was shown others")
		holds(v1alpha1.DeprovisioningStatus{HoldID: "hold-2", Digest: "0b", Held: ptr.To[int64](2), RefusedVerdict: "hold-2@ff"})
		Eventually(observed(ctx, ep)).Should(And(ready(), testenv.IsTrue(v1alpha1.ConditionHeld, v1alpha1.ReasonVerdictRefused)))

		By("letting them go")
		holds(v1alpha1.DeprovisioningStatus{HoldID: "hold-2", Verdict: v1alpha1.HoldApproved, Held: ptr.To[int64](1)})
		Eventually(observed(ctx, ep)).Should(And(ready(), testenv.IsTrue(v1alpha1.ConditionHeld, v1alpha1.ReasonApplyingVerdict)))
		holds(v1alpha1.DeprovisioningStatus{})
		Eventually(observed(ctx, ep)).Should(And(ready(), testenv.Condition(v1alpha1.ConditionHeld, HaveField("Type", BeEmpty()))))
		Expect(env.Notes(ctx, namespace, v1alpha1.ReasonDeprovisioningHeld)(Default)).To(BeEmpty(), "who holds them has called for a person")
	})
})
