// SPDX-License-Identifier: Apache-2.0

package scimendpoint

import (
	"context"
	"reflect"
	"sync/atomic"
	"testing"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	policyv1 "k8s.io/api/policy/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"scim-operator.io/api/v1alpha1"
	"scim-operator.io/controllers/internal/testenv"
	"scim-operator.io/internal/render"
)

const name = "okta"

// exposureRules are those of the suite's managers.
var exposureRules = ExposureRules{Annotations: []string{"cert-manager.io/issuer", "example.com/*"}}

var (
	env *testenv.Env
	// stopManager stops the running manager.
	stopManager func()
	// ahead is by how much the managers' clock is ahead of time.
	ahead atomic.Int64
)

func now() time.Time { return time.Now().Add(time.Duration(ahead.Load())) }

func TestScimEndpoint(t *testing.T) {
	RegisterFailHandler(Fail)
	RunSpecs(t, "ScimEndpoint controller")
}

func setupWith(options render.Options, exposure ExposureRules) testenv.Setup {
	return func(ctx context.Context, mgr ctrl.Manager) error {
		return setup(ctx, mgr, options, exposure, nil, clock{now, time.Second})
	}
}

func startManager() {
	stopManager = env.Run(setupWith(render.Options{Image: testenv.Image}, exposureRules))
}

var _ = BeforeSuite(func() {
	SetDefaultEventuallyTimeout(testenv.Bound)
	SetDefaultEventuallyPollingInterval(testenv.Poll)
	env = testenv.Start(func() cache.Options { return cache.Options{ByObject: CacheByObject()} })
	DeferCleanup(func() { env.Stop() })
	startManager()
	DeferCleanup(func() { stopManager() })
})

// withoutManager does something while no manager runs, as after a crash.
func withoutManager(do func()) {
	stopManager()
	do()
	startManager()
}

func newEndpoint(namespace string, exposure *v1alpha1.Exposure) *v1alpha1.ScimEndpoint {
	return &v1alpha1.ScimEndpoint{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name},
		Spec: v1alpha1.ScimEndpointSpec{
			ScimEndpointTemplate: v1alpha1.ScimEndpointTemplate{Exposure: exposure},
			DirectoryPolicy:      v1alpha1.DirectoryPolicy{OrganizationID: "42"},
		},
	}
}

// hostFor is the host of the endpoint in a namespace; no host can be had twice.
func hostFor(namespace string) string { return namespace + ".example.com" }

func throughIngress(namespace string) *v1alpha1.Exposure {
	return &v1alpha1.Exposure{Ingress: &v1alpha1.IngressExposure{Host: hostFor(namespace), ClassName: "nginx", TLSSecretName: "scim-tls"}}
}

func throughHTTPRoute(namespace string) *v1alpha1.Exposure {
	return &v1alpha1.Exposure{HTTPRoute: &v1alpha1.HTTPRouteExposure{
		Host: hostFor(namespace), ParentRefs: []v1alpha1.GatewayReference{{Name: "public"}},
	}}
}

func namespaceNamed(name string) *corev1.Namespace {
	return &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name}}
}

// childLists are the kinds of all children.
func childLists() []client.ObjectList {
	return []client.ObjectList{
		&corev1.SecretList{}, &corev1.ServiceList{}, &corev1.ServiceAccountList{}, &appsv1.DeploymentList{},
		&rbacv1.RoleList{}, &rbacv1.RoleBindingList{}, &networkingv1.IngressList{}, &networkingv1.NetworkPolicyList{},
		&policyv1.PodDisruptionBudgetList{}, &v1alpha1.ScimEndpointList{},
	}
}

// fetch polls an object of the kind of the example.
func fetch[T client.Object](ctx context.Context, namespace, name string, example T) func(Gomega) T {
	return func(g Gomega) T {
		obj := reflect.New(reflect.TypeOf(example).Elem()).Interface().(T)
		g.Expect(env.Get(ctx, namespace, name, obj)).To(Succeed())
		return obj
	}
}

func gone(ctx context.Context, namespace, name string, obj client.Object) func() error {
	return func() error { return env.Get(ctx, namespace, name, obj) }
}

// observed polls the endpoint as far as the controller has seen it.
func observed(ctx context.Context, ep *v1alpha1.ScimEndpoint) func(Gomega) *v1alpha1.ScimEndpoint {
	return func(g Gomega) *v1alpha1.ScimEndpoint {
		current := &v1alpha1.ScimEndpoint{}
		g.Expect(env.Client.Get(ctx, client.ObjectKeyFromObject(ep), current)).To(Succeed())
		g.Expect(current.Status.ObservedGeneration).To(HaveValue(Equal(current.Generation)))
		return current
	}
}

func ready() OmegaMatcher { return testenv.IsTrue(v1alpha1.ConditionReady, v1alpha1.ReasonSucceeded) }

// reportDeployment does what the Deployment controller would: it says how many of the
// servers run and what else there is to say.
func reportDeployment(ctx context.Context, ep *v1alpha1.ScimEndpoint, available int32, conditions ...appsv1.DeploymentCondition) {
	var deployment appsv1.Deployment
	Eventually(func(g Gomega) {
		g.Expect(env.Get(ctx, ep.Namespace, ep.ChildName(), &deployment)).To(Succeed())
		deployment.Status = appsv1.DeploymentStatus{
			ObservedGeneration: deployment.Generation,
			Replicas:           max(available, 1),
			UpdatedReplicas:    available,
			ReadyReplicas:      available,
			AvailableReplicas:  available,
			Conditions:         conditions,
		}
		g.Expect(env.Client.Status().Update(ctx, &deployment)).To(Succeed())
	}).Should(Succeed())
}
