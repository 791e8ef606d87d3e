// SPDX-License-Identifier: Apache-2.0

// Package namespaced shows that a manager works with the rights of config/namespaced, which are
// rights in single namespaces alone.
package namespaced

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/yaml"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"scim-operator.io/api/v1alpha1"
	"scim-operator.io/controllers"
	"scim-operator.io/controllers/internal/testenv"
	"scim-operator.io/controllers/scimendpoint"
	"scim-operator.io/internal/render"
	"scim-operator.io/test/assets"
)

const (
	namespace = "test-1"
	name      = "okta"
	manager   = "system:serviceaccount:scim-operator-system:scim-operator"
)

var env *testenv.Env

func TestNamespaced(t *testing.T) {
	RegisterFailHandler(Fail)
	RunSpecs(t, "A manager with rights in single namespaces")
}

type noWebsite struct{}

func (noWebsite) Fetch(context.Context, string) ([]byte, error) { return nil, errors.New("no way out") }

var _ = BeforeSuite(func(ctx SpecContext) {
	SetDefaultEventuallyTimeout(testenv.Bound)
	SetDefaultEventuallyPollingInterval(testenv.Poll)
	env = testenv.Start(func() cache.Options { return controllers.CacheOptions([]string{namespace}) })
	DeferCleanup(func() { env.Stop() })
	Expect(env.Namespace(ctx)).To(Equal(namespace))
	for _, binding := range []string{"manager", "scim-operator-server-image"} {
		env.Remove(ctx, &rbacv1.ClusterRoleBinding{ObjectMeta: metav1.ObjectMeta{Name: binding}})
	}
	bindRoles(ctx)
	Eventually(func() error {
		return env.As(manager).List(ctx, &v1alpha1.ScimUserList{}, client.InNamespace(namespace))
	}).Should(Succeed())
	Eventually(func() error { return env.As(manager).List(ctx, &v1alpha1.ScimUserList{}) }).Should(Satisfy(apierrors.IsForbidden))
	DeferCleanup(env.Run(func(ctx context.Context, mgr ctrl.Manager) error {
		return controllers.Setup(ctx, mgr, controllers.Options{
			Servers: render.Options{Image: testenv.Image}, Metadata: noWebsite{},
			Exposure: scimendpoint.ExposureRules{Namespaced: true, Namespaces: []string{namespace}},
		})
	}))
})

// bindRoles applies config/namespaced/tenant to the namespace.
func bindRoles(ctx context.Context) {
	GinkgoHelper()
	text, err := os.ReadFile(filepath.Join(assets.Root(), "config", "namespaced", "tenant", "role_bindings.yaml"))
	Expect(err).NotTo(HaveOccurred())
	decoder := yaml.NewYAMLOrJSONDecoder(bytes.NewReader(text), 4096)
	for range 2 {
		binding := &rbacv1.RoleBinding{}
		Expect(decoder.Decode(binding)).To(Succeed())
		binding.Namespace = namespace
		env.Create(ctx, binding)
	}
}

func newProvider(in string) *v1alpha1.IdentityProvider {
	return &v1alpha1.IdentityProvider{
		ObjectMeta: metav1.ObjectMeta{Namespace: in, Name: name},
		Spec: v1alpha1.IdentityProviderSpec{
			Type:   v1alpha1.ProviderOkta,
			SignOn: v1alpha1.SignOnSpec{None: &v1alpha1.NoSignOnSpec{}},
			SCIM: &v1alpha1.SCIMSpec{
				Provisioning: v1alpha1.ProvisioningEnabled,
				Endpoint: &v1alpha1.ScimEndpointTemplate{Exposure: &v1alpha1.Exposure{
					Ingress: &v1alpha1.IngressExposure{Host: in + ".example.com", TLSSecretName: "scim-tls"},
				}},
			},
		},
	}
}

func provider(ctx context.Context, in string) func(Gomega) *v1alpha1.IdentityProvider {
	return func(g Gomega) *v1alpha1.IdentityProvider {
		idp := &v1alpha1.IdentityProvider{}
		g.Expect(env.Get(ctx, in, name, idp)).To(Succeed())
		return idp
	}
}

var _ = Describe("A provider", func() {
	It("is ready where the manager has rights, and its people are decided", func(ctx SpecContext) {
		env.Create(ctx, newProvider(namespace))
		Eventually(func(g Gomega) {
			deployment := &appsv1.Deployment{}
			g.Expect(env.Get(ctx, namespace, name+v1alpha1.ChildSuffix, deployment)).To(Succeed())
			deployment.Status = appsv1.DeploymentStatus{
				ObservedGeneration: deployment.Generation, Replicas: 1, UpdatedReplicas: 1, ReadyReplicas: 1, AvailableReplicas: 1,
			}
			g.Expect(env.Client.Status().Update(ctx, deployment)).To(Succeed())
		}).Should(Succeed())
		Eventually(provider(ctx, namespace)).Should(WithTransform(func(idp *v1alpha1.IdentityProvider) bool {
			return meta.IsStatusConditionTrue(idp.Status.Conditions, v1alpha1.ConditionReady)
		}, BeTrue()))
		env.Create(ctx, &v1alpha1.ScimUser{
			ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "alice"},
			Spec:       v1alpha1.ScimUserSpec{EndpointRef: v1alpha1.EndpointReference{Name: name}, UserName: "alice"},
		})
		Eventually(func(g Gomega) []metav1.Condition {
			user := &v1alpha1.ScimUser{}
			g.Expect(env.Get(ctx, namespace, "alice", user)).To(Succeed())
			return user.Status.Conditions
		}).Should(ContainElement(HaveField("Type", v1alpha1.ConditionActive)))
	})

	It("is left alone elsewhere, where the manager can read nothing", func(ctx SpecContext) {
		elsewhere := env.Namespace(ctx)
		env.Create(ctx, newProvider(elsewhere))
		Consistently(provider(ctx, elsewhere), testenv.Quiet).Should(HaveField("Status.ObservedGeneration", HaveValue(BeEquivalentTo(-1))))
		as := env.As(manager)
		Expect(as.List(ctx, &corev1.PodList{})).To(Satisfy(apierrors.IsForbidden))
		Expect(as.Get(ctx, client.ObjectKey{Namespace: elsewhere, Name: "vault"}, &corev1.Secret{})).To(Satisfy(apierrors.IsForbidden))
		Expect(as.Create(ctx, &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: elsewhere, Name: "vault"}})).To(Satisfy(apierrors.IsForbidden))
	})
})
