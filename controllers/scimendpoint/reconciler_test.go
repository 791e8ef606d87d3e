// SPDX-License-Identifier: Apache-2.0

package scimendpoint

import (
	"context"
	"slices"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	policyv1 "k8s.io/api/policy/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"scim-operator.io/api/v1alpha1"
	v1alpha1ac "scim-operator.io/api/v1alpha1/applyconfiguration/api/v1alpha1"
	"scim-operator.io/controllers/internal/outcome"
	"scim-operator.io/controllers/internal/testenv"
)

func objectMeta(namespace, name string) metav1.ObjectMeta {
	return metav1.ObjectMeta{Namespace: namespace, Name: name}
}

var _ = Describe("A ScimEndpoint", func() {
	var (
		namespace string
		ep        *v1alpha1.ScimEndpoint
	)

	BeforeEach(func(ctx SpecContext) {
		namespace = env.Namespace(ctx)
		ep = newEndpoint(namespace, throughIngress(namespace))
	})

	It("becomes Ready when its servers take requests", func(ctx SpecContext) {
		env.Create(ctx, ep)
		Eventually(observed(ctx, ep)).Should(And(
			testenv.IsTrue(v1alpha1.ConditionTokenReady, v1alpha1.ReasonTokenIssued),
			testenv.IsTrue(v1alpha1.ConditionExposed, v1alpha1.ReasonIngressApplied),
			testenv.IsFalse(v1alpha1.ConditionAvailable, v1alpha1.ReasonReplicasUnready),
			testenv.ReconcilingBecause(v1alpha1.ReasonReplicasUnready),
			HaveField("Status.BaseURL", "https://"+hostFor(namespace)+"/scim/v2"),
			HaveField("Status.Replicas", HaveValue(BeEquivalentTo(1))),
			HaveField("Status.ExternalIDs", v1alpha1.ExternalIDsReassignable),
			HaveField("Status.OtherEmailDomains", v1alpha1.OtherEmailDomainsAllowed),
			HaveField("Status.Limits.MaxBodyBytes", HaveValue(HaveField("String()", "16Mi"))),
			HaveField("Status.Limits.RequestsPerSecond", HaveValue(BeEquivalentTo(1000))),
			HaveField("Status.UnknownAttributes", v1alpha1.UnknownAttributesRefused),
			HaveField("Status.ReadyReplicas", HaveValue(BeEquivalentTo(0))),
		))
		reportDeployment(ctx, ep, 1)
		Eventually(observed(ctx, ep)).Should(And(
			testenv.IsTrue(v1alpha1.ConditionAvailable, v1alpha1.ReasonReplicasReady),
			ready(),
			HaveField("Status.ReadyReplicas", HaveValue(BeEquivalentTo(1))),
		))
	})

	It("owns every child", func(ctx SpecContext) {
		env.Create(ctx, ep)
		Eventually(observed(ctx, ep)).Should(testenv.IsTrue(v1alpha1.ConditionExposed, v1alpha1.ReasonIngressApplied))
		children := map[string]client.Object{ep.TokenSecretName(1): &corev1.Secret{}, ep.DigestSecretName(): &corev1.Secret{}}
		for name, child := range children {
			Expect(env.Get(ctx, namespace, name, child)).To(Succeed())
			Expect(metav1.IsControlledBy(child, ep)).To(BeTrue(), name)
		}
		for _, child := range append(metadataOnly(), &appsv1.Deployment{}) {
			if child.GetObjectKind().GroupVersionKind() == secretKind {
				continue
			}
			Expect(env.Get(ctx, namespace, ep.ChildName(), child)).To(Succeed(), "%T", child)
			Expect(metav1.IsControlledBy(child, ep)).To(BeTrue(), "%T", child)
		}
		Expect(env.Lists("secrets")).To(BeZero(), "the manager keeps what is in Secrets")
	})

	It("stays Available and is not Ready during a rollout", func(ctx SpecContext) {
		env.Create(ctx, ep)
		reportDeployment(ctx, ep, 1)
		Eventually(observed(ctx, ep)).Should(ready())
		testenv.Change(ctx, env, ep, func(ep *v1alpha1.ScimEndpoint) { ep.Spec.Replicas = ptr.To[int32](2) })
		Eventually(observed(ctx, ep)).Should(And(
			testenv.IsTrue(v1alpha1.ConditionAvailable, v1alpha1.ReasonReplicasReady),
			testenv.ReconcilingBecause(v1alpha1.ReasonProgressing),
		))
		reportDeployment(ctx, ep, 2)
		Eventually(observed(ctx, ep)).Should(ready())
	})

	It("says what keeps pods from being created, and that a rollout has failed", func(ctx SpecContext) {
		env.Create(ctx, ep)
		refused := appsv1.DeploymentCondition{Type: appsv1.DeploymentReplicaFailure, Status: corev1.ConditionTrue, Reason: "FailedCreate", Message: "exceeded quota"}
		reportDeployment(ctx, ep, 0, refused)
		Eventually(observed(ctx, ep)).Should(And(
			testenv.IsFalse(v1alpha1.ConditionAvailable, v1alpha1.ReasonReplicasUnready),
			testenv.Condition(v1alpha1.ConditionReady, HaveField("Message", ContainSubstring("exceeded quota"))),
		))
		late := appsv1.DeploymentCondition{Type: appsv1.DeploymentProgressing, Status: corev1.ConditionFalse, Reason: deadlineExceeded, Message: "ReplicaSet has timed out progressing."}
		reportDeployment(ctx, ep, 0, late)
		Eventually(observed(ctx, ep)).Should(And(
			testenv.IsFalse(v1alpha1.ConditionAvailable, v1alpha1.ReasonRolloutFailed),
			testenv.StalledBecause(v1alpha1.ReasonRolloutFailed),
		))
		reportDeployment(ctx, ep, 1)
		Eventually(observed(ctx, ep)).Should(ready())
	})

	It("is Ready and says so when it is paused", func(ctx SpecContext) {
		ep.Spec.Provisioning = v1alpha1.ProvisioningPaused
		env.Create(ctx, ep)
		reportDeployment(ctx, ep, 1)
		Eventually(observed(ctx, ep)).Should(testenv.IsTrue(v1alpha1.ConditionReady, v1alpha1.ReasonProvisioningPaused))
	})

	It("stalls on a spec that the API server refuses, and goes on when it is corrected", func(ctx SpecContext) {
		ep.Spec.Resources = &corev1.ResourceRequirements{
			Requests: corev1.ResourceList{corev1.ResourceMemory: resource.MustParse("2Gi")},
			Limits:   corev1.ResourceList{corev1.ResourceMemory: resource.MustParse("1Gi")},
		}
		env.Create(ctx, ep)
		Eventually(observed(ctx, ep)).Should(And(
			testenv.StalledBecause(v1alpha1.ReasonInvalidSpec),
			testenv.IsFalse(v1alpha1.ConditionAvailable, v1alpha1.ReasonReplicasUnready),
		))
		testenv.Change(ctx, env, ep, func(ep *v1alpha1.ScimEndpoint) { ep.Spec.Resources = nil })
		Eventually(observed(ctx, ep)).Should(testenv.ReconcilingBecause(v1alpha1.ReasonReplicasUnready))
	})

	DescribeTable("corrects what somebody changes in a child",
		func(ctx SpecContext, child client.Object, drift func(client.Object), corrected OmegaMatcher) {
			env.Create(ctx, ep)
			Eventually(observed(ctx, ep)).Should(testenv.IsTrue(v1alpha1.ConditionExposed, v1alpha1.ReasonIngressApplied))
			child = child.DeepCopyObject().(client.Object)
			child.SetNamespace(namespace)
			child.SetName(ep.ChildName())
			testenv.Change(ctx, env, child, drift)
			Eventually(fetch(ctx, namespace, ep.ChildName(), child)).Should(corrected)

			env.Remove(ctx, child)
			Eventually(fetch(ctx, namespace, ep.ChildName(), child)).Should(corrected)
		},
		Entry("the Deployment's image", &appsv1.Deployment{},
			func(o client.Object) { o.(*appsv1.Deployment).Spec.Template.Spec.Containers[0].Image = "evil" },
			HaveField("Spec.Template.Spec.Containers", ConsistOf(HaveField("Image", "registry.example.com/scim-operator:v1")))),
		Entry("a container, a volume and a variable added to the Deployment", &appsv1.Deployment{},
			func(o client.Object) {
				pod := &o.(*appsv1.Deployment).Spec.Template.Spec
				pod.Containers = append(pod.Containers, corev1.Container{Name: "miner", Image: "evil"})
				pod.Volumes = append(pod.Volumes, corev1.Volume{Name: "host"})
				pod.Containers[0].Env = append(pod.Containers[0].Env, corev1.EnvVar{Name: "HTTPS_PROXY", Value: "evil"})
			},
			And(
				HaveField("Spec.Template.Spec.Volumes", BeEmpty()),
				HaveField("Spec.Template.Spec.Containers", ConsistOf(HaveField("Env", Not(ContainElement(HaveField("Name", "HTTPS_PROXY"))))))),
		),
		Entry("an address added to the Service", &corev1.Service{},
			func(o client.Object) { o.(*corev1.Service).Spec.ExternalIPs = []string{"192.0.2.1"} },
			HaveField("Spec.ExternalIPs", BeEmpty())),
		Entry("a way out added to the NetworkPolicy", &networkingv1.NetworkPolicy{},
			func(o client.Object) {
				o.(*networkingv1.NetworkPolicy).Spec.Egress = []networkingv1.NetworkPolicyEgressRule{{}}
			},
			HaveField("Spec.Egress", Not(ContainElement(networkingv1.NetworkPolicyEgressRule{})))),
		Entry("the Service's port", &corev1.Service{},
			func(o client.Object) { o.(*corev1.Service).Spec.Ports[0].TargetPort = intstr.FromInt32(1) },
			HaveField("Spec.Ports", ConsistOf(HaveField("TargetPort", intstr.FromString("http"))))),
		Entry("the ServiceAccount's token", &corev1.ServiceAccount{},
			func(o client.Object) { o.(*corev1.ServiceAccount).AutomountServiceAccountToken = ptr.To(true) },
			HaveField("AutomountServiceAccountToken", HaveValue(BeFalse()))),
		Entry("a rule added to the Role", &rbacv1.Role{},
			func(o client.Object) {
				r := o.(*rbacv1.Role)
				r.Rules = append(r.Rules, rbacv1.PolicyRule{APIGroups: []string{""}, Resources: []string{"secrets"}, Verbs: []string{"*"}})
			},
			HaveField("Rules", Not(ContainElement(HaveField("Verbs", ConsistOf("*")))))),
		Entry("the RoleBinding's subject", &rbacv1.RoleBinding{},
			func(o client.Object) { o.(*rbacv1.RoleBinding).Subjects[0].Name = "somebody" },
			HaveField("Subjects", ConsistOf(HaveField("Name", "okta-scim")))),
		Entry("the Ingress's host", &networkingv1.Ingress{},
			func(o client.Object) { o.(*networkingv1.Ingress).Spec.Rules[0].Host = "elsewhere.example.com" },
			HaveField("Spec.Rules", ConsistOf(HaveField("Host", HavePrefix("test-"))))),
		Entry("the NetworkPolicy's rules", &networkingv1.NetworkPolicy{},
			func(o client.Object) { o.(*networkingv1.NetworkPolicy).Spec.Ingress = nil },
			HaveField("Spec.Ingress", HaveLen(3))),
		Entry("the PodDisruptionBudget", &policyv1.PodDisruptionBudget{},
			func(o client.Object) {
				o.(*policyv1.PodDisruptionBudget).Spec.MaxUnavailable = ptr.To(intstr.FromInt32(9))
			},
			HaveField("Spec.MaxUnavailable", HaveValue(Equal(intstr.FromInt32(1))))),
		Entry("the label by which the manager sees a child", &corev1.Service{},
			func(o client.Object) { o.SetLabels(nil) },
			HaveField("Labels", HaveKeyWithValue(v1alpha1.ManagedByLabel, v1alpha1.ManagedByValue))),
		Entry("the owner of a child", &corev1.Service{},
			func(o client.Object) { o.SetOwnerReferences(nil) },
			HaveField("OwnerReferences", ConsistOf(HaveField("Name", "okta")))),
	)

	It("lets its servers be restarted, and writes nothing more after it has corrected a child", func(ctx SpecContext) {
		env.Create(ctx, ep)
		reportDeployment(ctx, ep, 1)
		Eventually(observed(ctx, ep)).Should(ready())
		const restart = "kubectl.kubernetes.io/restartedAt"
		deployment := &appsv1.Deployment{ObjectMeta: objectMeta(namespace, ep.ChildName())}
		testenv.Change(ctx, env, deployment, func(d *appsv1.Deployment) {
			d.Spec.Template.Annotations[restart] = "now"
			d.Spec.Template.Spec.Containers = append(d.Spec.Template.Spec.Containers, corev1.Container{Name: "miner", Image: "evil"})
		})
		Eventually(fetch(ctx, namespace, ep.ChildName(), deployment)).Should(HaveField("Spec.Template.Spec.Containers", HaveLen(1)))
		reportDeployment(ctx, ep, 1)
		Eventually(observed(ctx, ep)).Should(ready())
		versions := func() map[string]string { return env.ResourceVersions(ctx, namespace, &appsv1.DeploymentList{}) }
		rest := versions()
		env.Touch(ctx, ep)
		Consistently(versions, testenv.Quiet).Should(Equal(rest))
		Expect(fetch(ctx, namespace, ep.ChildName(), deployment)(Default)).To(HaveField("Spec.Template.Annotations", HaveKey(restart)))
	})

	It("leaves a stranger's object alone, says whose it is, and takes the name when it is free", func(ctx SpecContext) {
		foreign := &corev1.Service{
			ObjectMeta: objectMeta(namespace, ep.ChildName()),
			Spec:       corev1.ServiceSpec{Ports: []corev1.ServicePort{{Port: 1}}},
		}
		foreign.OwnerReferences = []metav1.OwnerReference{{APIVersion: "apps/v1", Kind: "Deployment", Name: "shop", UID: "1", Controller: ptr.To(true)}}
		env.Create(ctx, foreign, ep)
		Eventually(observed(ctx, ep)).Should(And(
			testenv.StalledBecause(v1alpha1.ReasonChildConflict),
			testenv.Condition(v1alpha1.ConditionReady, HaveField("Message", ContainSubstring("Service okta-scim already exists and belongs to Deployment shop"))),
		))
		version := foreign.ResourceVersion
		Expect(env.Get(ctx, namespace, ep.ChildName(), foreign)).To(Succeed())
		Expect(foreign.ResourceVersion).To(Equal(version))
		env.Remove(ctx, foreign)
		env.Touch(ctx, ep)
		Eventually(observed(ctx, ep)).Should(testenv.ReconcilingBecause(v1alpha1.ReasonReplicasUnready))
	})

	It("waits until what a deleted endpoint of its name has left is gone", func(ctx SpecContext) {
		leftover := &corev1.Service{
			ObjectMeta: objectMeta(namespace, ep.ChildName()),
			Spec:       corev1.ServiceSpec{Ports: []corev1.ServicePort{{Port: 1}}},
		}
		leftover.OwnerReferences = []metav1.OwnerReference{{
			APIVersion: v1alpha1.GroupVersion.String(), Kind: "ScimEndpoint", Name: name, UID: "1", Controller: ptr.To(true),
		}}
		env.Create(ctx, leftover, ep)
		Eventually(observed(ctx, ep)).Should(testenv.ReconcilingBecause(v1alpha1.ReasonProgressing))
		env.Remove(ctx, leftover)
		Eventually(observed(ctx, ep)).Should(testenv.ReconcilingBecause(v1alpha1.ReasonReplicasUnready))
	})

	It("removes its Ingress when none is asked for any more", func(ctx SpecContext) {
		env.Create(ctx, ep)
		Eventually(observed(ctx, ep)).Should(testenv.IsTrue(v1alpha1.ConditionExposed, v1alpha1.ReasonIngressApplied))
		testenv.Change(ctx, env, ep, func(ep *v1alpha1.ScimEndpoint) { ep.Spec.Exposure = nil })
		Eventually(gone(ctx, namespace, ep.ChildName(), &networkingv1.Ingress{})).Should(Satisfy(apierrors.IsNotFound))
		Eventually(observed(ctx, ep)).Should(And(
			testenv.IsTrue(v1alpha1.ConditionExposed, v1alpha1.ReasonNotExposed),
			HaveField("Status.BaseURL", "http://okta-scim."+namespace+".svc/scim/v2"),
		))
	})

	It("keeps a stranger's Ingress when it asks for none", func(ctx SpecContext) {
		foreign := &networkingv1.Ingress{
			ObjectMeta: objectMeta(namespace, ep.ChildName()),
			Spec: networkingv1.IngressSpec{DefaultBackend: &networkingv1.IngressBackend{
				Service: &networkingv1.IngressServiceBackend{Name: "shop", Port: networkingv1.ServiceBackendPort{Number: 80}}}},
		}
		ep.Spec.Exposure = nil
		env.Create(ctx, foreign, ep)
		Eventually(observed(ctx, ep)).Should(testenv.IsTrue(v1alpha1.ConditionExposed, v1alpha1.ReasonNotExposed))
		Expect(env.Get(ctx, namespace, ep.ChildName(), foreign)).To(Succeed())
	})

	It("does not come back to life while it is being deleted", func(ctx SpecContext) {
		env.Create(ctx, ep)
		reportDeployment(ctx, ep, 1)
		Eventually(observed(ctx, ep)).Should(ready())
		Expect(env.Client.Delete(ctx, ep, client.PropagationPolicy(metav1.DeletePropagationForeground))).To(Succeed())
		Eventually(observed(ctx, ep)).Should(testenv.ReconcilingBecause(v1alpha1.ReasonTerminating))
		deployment := &appsv1.Deployment{ObjectMeta: objectMeta(namespace, ep.ChildName())}
		env.Remove(ctx, deployment)
		Consistently(gone(ctx, namespace, ep.ChildName(), deployment), testenv.Quiet).Should(Satisfy(apierrors.IsNotFound))
		testenv.Change(ctx, env, ep, func(ep *v1alpha1.ScimEndpoint) { ep.Finalizers = nil })
	})

	It("goes without complaint when its namespace does", func(ctx SpecContext) {
		env.Create(ctx, ep)
		reportDeployment(ctx, ep, 1)
		Eventually(observed(ctx, ep)).Should(ready())
		// No namespace controller runs here, so that the namespace never gets further.
		env.Remove(ctx, namespaceNamed(namespace), &corev1.Service{ObjectMeta: objectMeta(namespace, ep.ChildName())})
		lines := func() []string {
			return slices.DeleteFunc(strings.Split(env.Output.String(), "\n"), func(line string) bool {
				return !strings.Contains(line, `"namespace"="`+namespace+`"`)
			})
		}
		Eventually(lines).Should(ContainElement(ContainSubstring("the namespace is being deleted, nothing to do")))
		Expect(lines()).NotTo(ContainElement(ContainSubstring("Reconciler error")))
		Consistently(observed(ctx, ep), testenv.Quiet).Should(ready())
	})

	It("is left alone at rest, and so is every child", func(ctx SpecContext) {
		env.Create(ctx, ep)
		reportDeployment(ctx, ep, 1)
		Eventually(observed(ctx, ep)).Should(ready())
		rest := env.ResourceVersions(ctx, namespace, childLists()...)
		Expect(len(rest)).To(BeNumerically(">=", 11))
		versions := func() map[string]string { return env.ResourceVersions(ctx, namespace, childLists()...) }
		Consistently(versions, testenv.Quiet, 500*time.Millisecond).Should(Equal(rest))

		By("being looked at once more by a manager that knows nothing")
		withoutManager(func() {})
		Consistently(versions, testenv.Quiet, 500*time.Millisecond).Should(Equal(rest))
	})
})

var _ = Describe("The list of servers", func() {
	var (
		namespace string
		ep        *v1alpha1.ScimEndpoint
	)

	BeforeEach(func(ctx SpecContext) {
		namespace = env.Namespace(ctx)
		ep = newEndpoint(namespace, nil)
		env.Create(ctx, ep)
		Eventually(observed(ctx, ep)).Should(testenv.IsTrue(v1alpha1.ConditionTokenReady, v1alpha1.ReasonTokenIssued))
	})

	pod := func(ctx context.Context, name string) *corev1.Pod {
		p := &corev1.Pod{
			ObjectMeta: objectMeta(namespace, name),
			Spec:       corev1.PodSpec{Containers: []corev1.Container{{Name: "server", Image: "server"}}},
		}
		p.Labels = map[string]string{v1alpha1.EndpointLabel: ep.Name}
		env.Create(ctx, p)
		return p
	}
	// register does what a server does when it starts.
	register := func(ctx context.Context, name string) {
		apply := v1alpha1ac.ScimEndpoint(ep.Name, namespace).WithStatus(v1alpha1ac.ScimEndpointStatus().
			WithServers(v1alpha1ac.ServerStatus().WithName(name).WithAddress("10.0.0.1:8081").WithIncarnation("1")))
		Expect(env.Client.Status().Apply(ctx, apply, client.FieldOwner(name))).To(Succeed())
	}
	servers := func(ctx context.Context) func(Gomega) []v1alpha1.ServerStatus {
		return func(g Gomega) []v1alpha1.ServerStatus { return observed(ctx, ep)(g).Status.Servers }
	}

	It("loses those whose pod is gone or has ended, and no other", func(ctx SpecContext) {
		one, two := pod(ctx, "okta-scim-1"), pod(ctx, "okta-scim-2")
		for _, name := range []string{"okta-scim-1", "okta-scim-2", "okta-scim-crashed"} {
			register(ctx, name)
		}
		Eventually(servers(ctx)).Should(ConsistOf(HaveField("Name", "okta-scim-1"), HaveField("Name", "okta-scim-2")))

		two.Status.Phase = corev1.PodFailed
		Expect(env.Client.Status().Update(ctx, two)).To(Succeed())
		Eventually(servers(ctx)).Should(ConsistOf(HaveField("Name", "okta-scim-1")))

		Expect(env.Client.Delete(ctx, one, client.GracePeriodSeconds(0))).To(Succeed())
		Eventually(servers(ctx)).Should(BeEmpty())
	})

	It("tell of users of another endpoint who kept one from being created, while they are there", func(ctx SpecContext) {
		server := pod(ctx, "okta-scim-3")
		testenv.Change(ctx, env, ep, func(e *v1alpha1.ScimEndpoint) {
			e.Spec.Linking, e.Spec.EmailDomains = v1alpha1.LinkingByEmail, []string{"acme.com"}
		})
		ada := &v1alpha1.ScimUser{ObjectMeta: objectMeta(namespace, "ada")}
		ada.Spec.UserName, ada.Spec.EndpointRef = "ada", v1alpha1.EndpointReference{Name: "entra"}
		env.Create(ctx, ada)
		apply := v1alpha1ac.ScimEndpoint(ep.Name, namespace).WithStatus(v1alpha1ac.ScimEndpointStatus().
			WithServers(v1alpha1ac.ServerStatus().WithName(server.Name).WithAddress("10.0.0.1:8081").WithIncarnation("1").
				WithLinkConflicts(v1alpha1ac.LinkConflict().WithUser("ada").WithEndpoint("entra"),
					v1alpha1ac.LinkConflict().WithUser("gone").WithEndpoint("entra"))))
		Expect(env.Client.Status().Apply(ctx, apply, client.FieldOwner(server.Name))).To(Succeed())
		Eventually(observed(ctx, ep)).Should(And(
			testenv.IsTrue(v1alpha1.ConditionLinkConflict, v1alpha1.ReasonProvisionedElsewhere),
			testenv.Condition(v1alpha1.ConditionLinkConflict, HaveField("Message", And(
				ContainSubstring("ScimUser ada of ScimEndpoint entra"), Not(ContainSubstring("gone of"))))),
		))

		By("not linking any more")
		testenv.Change(ctx, env, ep, func(e *v1alpha1.ScimEndpoint) { e.Spec.Linking, e.Spec.EmailDomains = "", nil })
		Eventually(func(g Gomega) []metav1.Condition { return observed(ctx, ep)(g).Status.Conditions }).ShouldNot(
			ContainElement(HaveField("Type", v1alpha1.ConditionLinkConflict)))
		Expect(env.Client.Delete(ctx, server, client.GracePeriodSeconds(0))).To(Succeed())
		Eventually(servers(ctx)).Should(BeEmpty())
	})

	It("loses one whose pod should have been gone long ago, as on a dead node", func(ctx SpecContext) {
		p := pod(ctx, "okta-scim-1")
		p.Finalizers = []string{"example.com/the-kubelet-does-not-answer"}
		Expect(env.Client.Update(ctx, p)).To(Succeed())
		DeferCleanup(func(ctx SpecContext) {
			p.Finalizers = nil
			Expect(env.Client.Update(ctx, p)).To(Succeed())
		})
		register(ctx, "okta-scim-1")
		Expect(env.Client.Delete(ctx, p, client.GracePeriodSeconds(0))).To(Succeed())
		Expect(env.Client.Get(ctx, client.ObjectKeyFromObject(p), p)).To(Succeed())
		due := p.DeletionTimestamp.Time

		forget := func(now time.Time) (left int, next time.Duration) {
			r := &Reconciler{client: env.Client, live: env.Client, clock: clock{now: func() time.Time { return now }}}
			current := observed(ctx, ep)(Default)
			next, err := r.forgetServers(ctx, &outcome.Pass{}, current)
			Expect(err).NotTo(HaveOccurred())
			return len(current.Status.Servers), next
		}
		left, next := forget(due.Add(lostAfter - time.Second))
		Expect(left).To(Equal(1))
		Expect(next).To(Equal(time.Second))
		left, next = forget(due.Add(lostAfter))
		Expect(left).To(BeZero())
		Expect(next).To(BeZero())
	})

	It("is not touched by what the controller writes", func(ctx SpecContext) {
		pod(ctx, "okta-scim-1")
		register(ctx, "okta-scim-1")
		for _, n := range []int32{2, 3, 4} {
			testenv.Change(ctx, env, ep, func(ep *v1alpha1.ScimEndpoint) { ep.Spec.Replicas = ptr.To(n) })
			Eventually(observed(ctx, ep)).Should(HaveField("Status.Replicas", HaveValue(Equal(n))))
		}
		Expect(servers(ctx)(Default)).To(ConsistOf(HaveField("Address", "10.0.0.1:8081")))
	})
})
