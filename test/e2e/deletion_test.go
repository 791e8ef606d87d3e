// SPDX-License-Identifier: Apache-2.0

//go:build e2e

package e2e

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	policyv1 "k8s.io/api/policy/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	scimv1 "scim-operator.io/api/v1alpha1"
)

var _ = Describe("deleting things", Ordered, func() {
	var (
		t    *tenant
		scim *scimClient
		kept answer
	)
	BeforeAll(func(ctx context.Context) {
		t = newTenant(ctx, "deletions", 2)
		scim = t.scim()
		kept = scim.mustDo("POST", "/Users", userBody("kept@e2e.example"), 201)
	})

	It("the token's Secret: provisioning goes on, and the Secret does not come back", func(ctx context.Context) {
		secret := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Name: t.provider.Status.Connection.TokenSecretName, Namespace: t.namespace}}
		Expect(get(ctx, secret)()).To(HaveField("Immutable", HaveValue(BeTrue())))
		Expect(secret.Data).To(HaveKeyWithValue("baseURL", []byte(scim.base)))
		Expect(secret.Data).To(HaveKeyWithValue("organizationID", []byte("42")))
		Expect(k8s.Delete(ctx, secret)).To(Succeed())
		// Whatever makes the controllers look again must not bring it back.
		endpoint := &scimv1.ScimEndpoint{ObjectMeta: metav1.ObjectMeta{Name: "okta", Namespace: t.namespace}}
		Expect(k8s.Patch(ctx, endpoint, client.RawPatch(types.MergePatchType,
			[]byte(`{"metadata":{"annotations":{"e2e.example/touched":"yes"}}}`)))).To(Succeed())
		Consistently(func() bool {
			return apierrors.IsNotFound(k8s.Get(ctx, client.ObjectKeyFromObject(secret), secret))
		}, 15*time.Second).Should(BeTrue())
		scim.mustDo("POST", "/Users", userBody("after-the-secret@e2e.example"), 201)
		t.awaitReady(ctx)
	})

	It("one server after the other, gracefully: no request fails and no acknowledged write is lost", func(ctx context.Context) {
		stop := startWriters(t.scim(), 4, "graceful")
		for _, pod := range serverPods(ctx, t.namespace) {
			Expect(k8s.Delete(ctx, &pod)).To(Succeed())
			awaitReplaced(ctx, pod)
		}
		acknowledged, failed := stop()
		Expect(failed).To(BeEmpty())
		expectAll(ctx, t, scim, acknowledged)
	})

	It("a server by force: no acknowledged write is lost", func(ctx context.Context) {
		stop := startWriters(t.scim(), 4, "forced")
		pod := serverPods(ctx, t.namespace)[0]
		Expect(k8s.Delete(ctx, &pod, client.GracePeriodSeconds(0))).To(Succeed())
		awaitReplaced(ctx, pod)
		acknowledged, _ := stop()
		expectAll(ctx, t, scim, acknowledged)
	})

	DescribeTable("a child of the endpoint: it comes back",
		func(ctx context.Context, child client.Object) {
			child.SetName("okta-scim")
			child.SetNamespace(t.namespace)
			Expect(get(ctx, child)()).NotTo(BeNil())
			old := child.GetUID()
			Expect(k8s.Delete(ctx, child)).To(Succeed())
			Eventually(get(ctx, child)).Should(WithTransform(client.Object.GetUID, Not(Equal(old))))
			t.awaitReady(ctx)
		},
		Entry("Service", &corev1.Service{}),
		Entry("ServiceAccount", &corev1.ServiceAccount{}),
		Entry("Role", &rbacv1.Role{}),
		Entry("RoleBinding", &rbacv1.RoleBinding{}),
		Entry("Ingress", &networkingv1.Ingress{}),
		Entry("NetworkPolicy", &networkingv1.NetworkPolicy{}),
		Entry("PodDisruptionBudget", &policyv1.PodDisruptionBudget{}),
		Entry("Deployment", &appsv1.Deployment{}),
	)

	It("pausing the provider: 503 with Retry-After, and nothing is lost", func(ctx context.Context) {
		t.update(ctx, func(spec *scimv1.IdentityProviderSpec) { spec.SCIM.Provisioning = scimv1.ProvisioningPaused })
		Eventually(func() (answer, error) { return scim.do("GET", "/Users?count=0", "") }).Should(And(
			HaveField("Status", 503), HaveField("Header", HaveKey("Retry-After")),
			HaveField("Body", HaveKeyWithValue("status", "503"))))
		t.update(ctx, func(spec *scimv1.IdentityProviderSpec) { spec.SCIM.Provisioning = scimv1.ProvisioningEnabled })
		Eventually(func() (answer, error) { return scim.do("GET", "/Users/"+kept.id(), "") }).Should(HaveField("Status", 200))
		t.awaitReady(ctx)
	})

	It("disabling the provider: what serves goes, the users stay, enabling brings them back", func(ctx context.Context) {
		before := storedUsers(ctx, t.namespace)
		t.update(ctx, func(spec *scimv1.IdentityProviderSpec) { spec.SCIM.Provisioning = scimv1.ProvisioningDisabled })
		expectServingGone(ctx, t.namespace)
		Eventually(func() bool {
			answered, err := scim.do("GET", "/Users/"+kept.id(), "")
			return err == nil && answered.Status == 200
		}).Should(BeFalse())
		Expect(storedUsers(ctx, t.namespace)).To(Equal(before))

		By("accepting the same token when it is enabled again")
		t.update(ctx, func(spec *scimv1.IdentityProviderSpec) { spec.SCIM.Provisioning = scimv1.ProvisioningEnabled })
		t.awaitReady(ctx)
		Eventually(func() (answer, error) { return scim.do("GET", "/Users/"+kept.id(), "") }).Should(HaveField("Status", 200))

		By("ending the tokens when the provider is deleted")
		Expect(k8s.Delete(ctx, t.provider)).To(Succeed())
		expectChildrenGone(ctx, t.namespace)
		Eventually(func() bool {
			return apierrors.IsNotFound(k8s.Get(ctx, client.ObjectKeyFromObject(t.provider), t.provider))
		}).Should(BeTrue())
		t.provider.Spec.SCIM.Provisioning = scimv1.ProvisioningEnabled
		t.apply(ctx)
		scim = t.scim()
		Expect(scim.mustDo("GET", "/Users/"+kept.id(), "", 200).Body).To(HaveKeyWithValue("userName", "kept@e2e.example"))
	})

	It("the provider: children go, users and groups stay", func(ctx context.Context) {
		group := scim.mustDo("POST", "/Groups", `{"displayName":"kept","members":[{"value":"`+kept.id()+`"}]}`, 201)
		before := storedUsers(ctx, t.namespace)
		Expect(before).NotTo(BeEmpty())
		active := map[string]int{"True Provisioned": len(before)}
		Eventually(t.standing(ctx)).Should(Equal(active))
		Expect(k8s.Delete(ctx, t.provider)).To(Succeed())
		expectChildrenGone(ctx, t.namespace)
		Expect(t.standing(ctx)()).To(Equal(active), "onDisable is Keep")
		Consistently(func() map[string]string { return storedUsers(ctx, t.namespace) }, 5*time.Second).Should(Equal(before))
		Expect(get(ctx, &scimv1.ScimGroup{ObjectMeta: metav1.ObjectMeta{Name: group.id(), Namespace: t.namespace}})()).NotTo(BeNil())
	})
})

// startWriters has several clients create users one after the other until stopped, and
// reports who was acknowledged (id by userName) and what failed.
func startWriters(scim *scimClient, clients int, prefix string) (stop func() (map[string]string, []string)) {
	GinkgoHelper()
	var (
		stopped      atomic.Bool
		lock         sync.Mutex
		done         sync.WaitGroup
		acknowledged = map[string]string{}
		failed       []string
	)
	for writer := range clients {
		done.Go(func() {
			for i := 0; i < 5000 && !stopped.Load(); i++ {
				userName := fmt.Sprintf("%s-%d-%d@e2e.example", prefix, writer, i)
				result, err := scim.do("POST", "/Users", userBody(userName))
				lock.Lock()
				switch {
				case err != nil:
					failed = append(failed, fmt.Sprintf("%s: %v", userName, err))
				case result.Status == 201:
					acknowledged[userName] = result.id()
				default:
					failed = append(failed, fmt.Sprintf("%s: %d %v", userName, result.Status, result.Body))
				}
				lock.Unlock()
			}
		})
	}
	// Whatever happens next happens under load.
	Eventually(func() int {
		lock.Lock()
		defer lock.Unlock()
		return len(acknowledged)
	}).Should(BeNumerically(">", 20))
	return func() (map[string]string, []string) {
		stopped.Store(true)
		done.Wait()
		return acknowledged, failed
	}
}

// expectAll checks that every acknowledged user is there, over SCIM and in Kubernetes.
func expectAll(ctx context.Context, t *tenant, scim *scimClient, acknowledged map[string]string) {
	GinkgoHelper()
	GinkgoWriter.Printf("%d writes were acknowledged\n", len(acknowledged))
	stored := storedUsers(ctx, t.namespace)
	for userName, id := range acknowledged {
		Expect(stored).To(HaveKeyWithValue(id, userName))
	}
	total := scim.mustDo("GET", "/Users?count=0", "", 200).Body["totalResults"]
	Expect(total).To(BeNumerically("==", len(stored)))
}

func storedUsers(ctx context.Context, namespace string) map[string]string {
	GinkgoHelper()
	list := &scimv1.ScimUserList{}
	Expect(k8s.List(ctx, list, client.InNamespace(namespace))).To(Succeed())
	users := map[string]string{}
	for _, user := range list.Items {
		users[user.Name] = user.Spec.UserName
	}
	return users
}

func serverPods(ctx context.Context, namespace string) []corev1.Pod {
	GinkgoHelper()
	list := &corev1.PodList{}
	Expect(k8s.List(ctx, list, client.InNamespace(namespace), client.MatchingLabels{scimv1.EndpointLabel: "okta"})).To(Succeed())
	Expect(list.Items).NotTo(BeEmpty())
	return list.Items
}

// awaitReplaced waits until the pod is gone and as many others as before are ready.
func awaitReplaced(ctx context.Context, pod corev1.Pod) {
	GinkgoHelper()
	Eventually(func() bool {
		err := k8s.Get(ctx, client.ObjectKeyFromObject(&pod), &corev1.Pod{})
		return apierrors.IsNotFound(err)
	}).Should(BeTrue())
	deployment := &appsv1.Deployment{ObjectMeta: metav1.ObjectMeta{Name: "okta-scim", Namespace: pod.Namespace}}
	Expect(get(ctx, deployment)()).NotTo(BeNil())
	Eventually(func() int {
		ready := 0
		for _, other := range serverPods(ctx, pod.Namespace) {
			for _, condition := range other.Status.Conditions {
				if condition.Type == corev1.PodReady && condition.Status == corev1.ConditionTrue && other.DeletionTimestamp.IsZero() {
					ready++
				}
			}
		}
		return ready
	}).Should(BeEquivalentTo(ptr.Deref(deployment.Spec.Replicas, 1)))
}

// expectChildrenGone waits until nothing is left of an endpoint whose provider was deleted.
func expectChildrenGone(ctx context.Context, namespace string) {
	GinkgoHelper()
	expectServingGone(ctx, namespace)
	for _, secret := range []string{"okta-scim-digests", "okta-scim-token"} {
		expectGone(ctx, &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Name: secret, Namespace: namespace}})
	}
}

// expectServingGone waits until nothing is left of an endpoint but its tokens.
func expectServingGone(ctx context.Context, namespace string) {
	GinkgoHelper()
	expectGone(ctx, &scimv1.ScimEndpoint{ObjectMeta: metav1.ObjectMeta{Name: "okta", Namespace: namespace}})
	for _, child := range []client.Object{
		&appsv1.Deployment{}, &corev1.Service{}, &corev1.ServiceAccount{}, &rbacv1.Role{}, &rbacv1.RoleBinding{},
		&networkingv1.Ingress{}, &networkingv1.NetworkPolicy{}, &policyv1.PodDisruptionBudget{},
	} {
		child.SetName("okta-scim")
		child.SetNamespace(namespace)
		expectGone(ctx, child)
	}
}

func expectGone(ctx context.Context, obj client.Object) {
	GinkgoHelper()
	Eventually(func() bool {
		return apierrors.IsNotFound(k8s.Get(ctx, client.ObjectKeyFromObject(obj), obj))
	}).Should(BeTrue(), "%T %s", obj, obj.GetName())
}
