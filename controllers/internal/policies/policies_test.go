// SPDX-License-Identifier: Apache-2.0

package policies_test

import (
	"context"
	"testing"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"github.com/prometheus/client_golang/prometheus"
	admissionv1 "k8s.io/api/admissionregistration/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"scim-operator.io/api/v1alpha1"
	"scim-operator.io/config/policy"
	"scim-operator.io/controllers/internal/policies"
	"scim-operator.io/controllers/internal/testenv"
	"scim-operator.io/controllers/scimendpoint"
	"scim-operator.io/internal/render"
)

const directory = "scim-operator-directory"

var (
	env      *testenv.Env
	verifier *policies.Verifier
)

func TestPolicies(t *testing.T) {
	RegisterFailHandler(Fail)
	RunSpecs(t, "Admission policies")
}

var _ = BeforeSuite(func() {
	SetDefaultEventuallyTimeout(testenv.Bound)
	SetDefaultEventuallyPollingInterval(testenv.Poll)
	env = testenv.Start(func() cache.Options { return cache.Options{ByObject: scimendpoint.CacheByObject()} })
	DeferCleanup(func() { env.Stop() })
	DeferCleanup(env.Run(func(ctx context.Context, mgr ctrl.Manager) (err error) {
		if verifier, err = policies.NewVerifier(mgr.GetAPIReader(), 100*time.Millisecond); err != nil {
			return err
		}
		if err := mgr.Add(verifier); err != nil {
			return err
		}
		return scimendpoint.SetupWithManager(ctx, mgr, render.Options{Image: testenv.Image}, scimendpoint.ExposureRules{}, verifier)
	}))
})

var _ = Describe("The admission policies", Ordered, func() {
	var ep *v1alpha1.ScimEndpoint

	policyNamed := func(ctx context.Context, name string) *admissionv1.ValidatingAdmissionPolicy {
		p := &admissionv1.ValidatingAdmissionPolicy{}
		Expect(env.Get(ctx, "", name, p)).To(Succeed())
		return p
	}
	bindingNamed := func(ctx context.Context, name string) *admissionv1.ValidatingAdmissionPolicyBinding {
		b := &admissionv1.ValidatingAdmissionPolicyBinding{}
		Expect(env.Get(ctx, "", name, b)).To(Succeed())
		return b
	}
	conditions := func(ctx context.Context) func(Gomega) []metav1.Condition {
		return func(g Gomega) []metav1.Condition {
			g.Expect(env.Client.Get(ctx, client.ObjectKeyFromObject(ep), ep)).To(Succeed())
			return ep.Status.Conditions
		}
	}
	missing := func(words string) OmegaMatcher {
		return ContainElement(And(HaveField("Type", v1alpha1.ConditionPolicyMissing), HaveField("Status", metav1.ConditionTrue),
			HaveField("Reason", v1alpha1.ReasonPolicyNotInForce), HaveField("Message", ContainSubstring(words))))
	}
	inForce := Not(ContainElement(HaveField("Type", v1alpha1.ConditionPolicyMissing)))

	BeforeAll(func(ctx SpecContext) {
		ep = &v1alpha1.ScimEndpoint{ObjectMeta: metav1.ObjectMeta{Namespace: env.Namespace(ctx), Name: "okta"}}
		env.Create(ctx, ep)
		Eventually(conditions(ctx)).Should(ContainElement(HaveField("Type", v1alpha1.ConditionReady)))
	})

	It("are in force as they are installed", func(ctx SpecContext) {
		required, err := policy.Required()
		Expect(err).NotTo(HaveOccurred())
		Eventually(func() int {
			metrics := make(chan prometheus.Metric, 100)
			verifier.Collect(metrics)
			return len(metrics)
		}).Should(Equal(len(required)))
		Expect(verifier.Message()).To(BeEmpty())
		Expect(verifier.Ready(nil)).To(Succeed())
		Expect(conditions(ctx)(Default)).To(inForce)
	})

	It("are missed where users see it when one is not bound", func(ctx SpecContext) {
		binding := bindingNamed(ctx, directory)
		env.Remove(ctx, binding.DeepCopy())
		Eventually(conditions(ctx)).Should(missing("missing: " + directory))
		Expect(verifier.Ready(nil)).To(MatchError(ContainSubstring(directory)))
		binding.ResourceVersion = ""
		binding.Spec.ValidationActions = []admissionv1.ValidationAction{admissionv1.Warn}
		env.Create(ctx, binding)
		Consistently(verifier.Message, time.Second).ShouldNot(BeEmpty(), "a binding that only warns")
		testenv.Change(ctx, env, binding, func(b *admissionv1.ValidatingAdmissionPolicyBinding) {
			b.Spec.ValidationActions = []admissionv1.ValidationAction{admissionv1.Deny}
		})
		Eventually(conditions(ctx)).Should(inForce)
		Expect(verifier.Ready(nil)).To(Succeed())
	})

	It("are missed when one says something else", func(ctx SpecContext) {
		before := policyNamed(ctx, directory).Spec.DeepCopy()
		testenv.Change(ctx, env, policyNamed(ctx, directory), func(p *admissionv1.ValidatingAdmissionPolicy) { p.Spec.Validations = p.Spec.Validations[1:] })
		Eventually(conditions(ctx)).Should(missing("different: " + directory))
		testenv.Change(ctx, env, policyNamed(ctx, directory), func(p *admissionv1.ValidatingAdmissionPolicy) { p.Spec = *before })
		Eventually(conditions(ctx)).Should(inForce)
	})

	It("may have other names, as a kustomization gives them", func(ctx SpecContext) {
		renamed := &admissionv1.ValidatingAdmissionPolicy{ObjectMeta: metav1.ObjectMeta{Name: "second-" + directory}, Spec: policyNamed(ctx, directory).Spec}
		binding := bindingNamed(ctx, directory)
		other := &admissionv1.ValidatingAdmissionPolicyBinding{ObjectMeta: metav1.ObjectMeta{Name: renamed.Name}, Spec: binding.Spec}
		other.Spec.PolicyName = renamed.Name
		env.Create(ctx, renamed, other)
		env.Remove(ctx, policyNamed(ctx, directory), binding)
		Consistently(verifier.Message, time.Second).Should(BeEmpty())
	})
})
