// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"context"
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/metrics"

	"scim-operator.io/api/v1alpha1"
	"scim-operator.io/controllers/internal/testenv"
	"scim-operator.io/internal/render"
)

const name = "okta"

var (
	env *testenv.Env
	// watched are the namespaces that the manager works in.
	watched = []string{"test-1", "test-2", "test-4"}
)

func TestControllers(t *testing.T) {
	RegisterFailHandler(Fail)
	RunSpecs(t, "All controllers in one manager")
}

// noWebsite stands for a cluster without a way out.
type noWebsite struct{}

func (noWebsite) Fetch(context.Context, string) ([]byte, error) { return nil, errors.New("no way out") }

var _ = BeforeSuite(func(ctx SpecContext) {
	SetDefaultEventuallyTimeout(testenv.Bound)
	SetDefaultEventuallyPollingInterval(testenv.Poll)
	env = testenv.Start(func() cache.Options { return CacheOptions(watched) })
	DeferCleanup(func() { env.Stop() })
	for range append(watched, "test-3") {
		env.Namespace(ctx)
	}
	DeferCleanup(env.Run(func(ctx context.Context, mgr ctrl.Manager) error {
		return Setup(ctx, mgr, Options{Servers: render.Options{Image: testenv.Image}, Metadata: noWebsite{}})
	}))
})

func newProvider(namespace string) *v1alpha1.IdentityProvider {
	metadata, err := os.ReadFile("../internal/saml/testdata/okta.xml")
	Expect(err).NotTo(HaveOccurred())
	return &v1alpha1.IdentityProvider{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name},
		Spec: v1alpha1.IdentityProviderSpec{
			Type:   v1alpha1.ProviderOkta,
			SignOn: v1alpha1.SignOnSpec{SAML: &v1alpha1.SAMLSpec{Metadata: v1alpha1.SAMLMetadataSource{XML: string(metadata)}}},
			SCIM: &v1alpha1.SCIMSpec{
				Provisioning:    v1alpha1.ProvisioningEnabled,
				DirectoryPolicy: v1alpha1.DirectoryPolicy{OrganizationID: "42"},
				Endpoint: &v1alpha1.ScimEndpointTemplate{
					Exposure:      &v1alpha1.Exposure{Ingress: &v1alpha1.IngressExposure{Host: namespace + ".example.com", TLSSecretName: "scim-tls"}},
					ResourceTypes: []v1alpha1.SchemaResourceType{newResourceType()},
					Me:            &v1alpha1.MeReference{UserName: "svc-okta@example.com"},
				},
			},
		},
	}
}

func newResourceType() v1alpha1.SchemaResourceType {
	serial := v1alpha1.ResourceAttribute{Uniqueness: v1alpha1.UniquenessServer}
	serial.Name, serial.Type = "serialNumber", "string"
	return v1alpha1.SchemaResourceType{
		Name: "Device", Endpoint: "/Devices", Schema: "urn:example:device:2.0:Device",
		Attributes: []v1alpha1.ResourceAttribute{serial},
	}
}

// startServers does what the Deployment controller would.
func startServers(ctx context.Context, namespace string) {
	Eventually(func(g Gomega) {
		var deployment appsv1.Deployment
		g.Expect(env.Get(ctx, namespace, name+v1alpha1.ChildSuffix, &deployment)).To(Succeed())
		deployment.Status = appsv1.DeploymentStatus{
			ObservedGeneration: deployment.Generation, Replicas: 1, UpdatedReplicas: 1, ReadyReplicas: 1, AvailableReplicas: 1,
		}
		g.Expect(env.Client.Status().Update(ctx, &deployment)).To(Succeed())
	}).Should(Succeed())
}

func provider(ctx context.Context, namespace string) func(Gomega) *v1alpha1.IdentityProvider {
	return func(g Gomega) *v1alpha1.IdentityProvider {
		idp := &v1alpha1.IdentityProvider{}
		g.Expect(env.Get(ctx, namespace, name, idp)).To(Succeed())
		return idp
	}
}

// metricsOf are the operator's own metrics of a namespace, by name and other labels.
func metricsOf(namespace string) map[string]float64 {
	families, err := metrics.Registry.Gather()
	Expect(err).NotTo(HaveOccurred())
	found := map[string]float64{}
	for _, family := range families {
		if !strings.HasPrefix(family.GetName(), "scim_operator_") {
			continue
		}
		for _, metric := range family.GetMetric() {
			labels := map[string]string{}
			for _, pair := range metric.GetLabel() {
				labels[pair.GetName()] = pair.GetValue()
			}
			if labels["namespace"] == namespace {
				series := strings.Fields(strings.Join([]string{family.GetName(), labels["kind"], labels["name"], labels["type"]}, " "))
				found[strings.Join(series, " ")] = metric.GetGauge().GetValue()
			}
		}
	}
	return found
}

func beReady() OmegaMatcher {
	return WithTransform(func(idp *v1alpha1.IdentityProvider) bool {
		return meta.IsStatusConditionTrue(idp.Status.Conditions, v1alpha1.ConditionReady)
	}, BeTrue())
}

var _ = Describe("An identity provider", Ordered, func() {
	namespace := watched[0]
	kinds := func() []client.ObjectList {
		return []client.ObjectList{
			&v1alpha1.IdentityProviderList{}, &v1alpha1.ScimEndpointList{}, &v1alpha1.ScimUserList{}, &v1alpha1.ScimGroupList{},
			&corev1.SecretList{}, &corev1.ServiceList{}, &appsv1.DeploymentList{}, &networkingv1.IngressList{}, &rbacv1.RoleList{},
		}
	}

	It("becomes Ready when its servers run", func(ctx SpecContext) {
		Expect(env.Client.Create(ctx, newProvider(namespace))).To(Succeed())
		startServers(ctx, namespace)
		Eventually(provider(ctx, namespace)).Should(And(beReady(),
			HaveField("Status.Connection.BaseURL", "https://test-1.example.com/scim/v2"),
			HaveField("Status.Connection.TokenSecretName", "okta-scim-token")))
		Expect(env.Get(ctx, namespace, "okta-scim-token", &corev1.Secret{})).To(Succeed())
	})

	It("passes its resource types and who /Me is on to its servers", func(ctx SpecContext) {
		endpoint, role := &v1alpha1.ScimEndpoint{}, &rbacv1.Role{}
		Expect(env.Get(ctx, namespace, name, endpoint)).To(Succeed())
		Expect(endpoint.Spec.ResourceTypes).To(ConsistOf(newResourceType()))
		Expect(endpoint.Spec.Me).To(HaveValue(HaveField("UserName", "svc-okta@example.com")))
		Expect(env.Get(ctx, namespace, name+v1alpha1.ChildSuffix, role)).To(Succeed())
		Expect(role.Rules).To(ContainElement(HaveField("Resources", ContainElement("scimresources"))))
	})

	It("and its endpoint show in the metrics, with the days on which sign-on and the token end", func() {
		Expect(metricsOf(namespace)).To(And(
			HaveKeyWithValue("scim_operator_condition IdentityProvider okta Ready", 1.0),
			HaveKeyWithValue("scim_operator_condition IdentityProvider okta SSOConfigured", 1.0),
			HaveKeyWithValue("scim_operator_condition ScimEndpoint okta Available", 1.0),
			HaveKeyWithValue("scim_operator_saml_last_certificate_expiry_timestamp_seconds okta", BeNumerically(">", float64(time.Now().Unix()))),
			HaveKeyWithValue("scim_operator_last_token_expiry_timestamp_seconds okta", BeNumerically("~", float64(time.Now().Add(180*24*time.Hour).Unix()), 3600)),
			HaveKeyWithValue("scim_operator_token_expiring okta", 0.0),
			HaveKeyWithValue("scim_operator_token_must_not_expire okta", 0.0),
		))
	})

	It("shows what came of the users and groups that arrive", func(ctx SpecContext) {
		for _, id := range []string{"alice", "barbara"} {
			Expect(env.Client.Create(ctx, &v1alpha1.ScimUser{
				ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: id},
				Spec: v1alpha1.ScimUserSpec{
					EndpointRef: v1alpha1.EndpointReference{Name: name}, UserName: id,
					Account: &v1alpha1.AccountExtension{UserType: map[string]string{"alice": "Technician"}[id]},
				},
			})).To(Succeed())
		}
		Expect(env.Client.Create(ctx, &v1alpha1.ScimGroup{
			ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "staff"},
			Spec: v1alpha1.ScimGroupSpec{
				EndpointRef: v1alpha1.EndpointReference{Name: name}, DisplayName: "Staff",
				Members: []v1alpha1.GroupMember{{Value: "alice"}, {Value: "barbara"}},
			},
		})).To(Succeed())
		Eventually(provider(ctx, namespace)).Should(And(
			HaveField("Status.Users", HaveValue(BeEquivalentTo(2))),
			HaveField("Status.Technicians", HaveValue(BeEquivalentTo(1))),
			HaveField("Status.Groups", HaveValue(BeEquivalentTo(1)))))
		barbara, staff := &v1alpha1.ScimUser{}, &v1alpha1.ScimGroup{}
		Eventually(func(g Gomega) {
			g.Expect(env.Get(ctx, namespace, "barbara", barbara)).To(Succeed())
			g.Expect(barbara.Status.Organizations).To(ConsistOf("42"))
			g.Expect(env.Get(ctx, namespace, "staff", staff)).To(Succeed())
			g.Expect(staff.Status.UnresolvedMembers).To(HaveValue(BeEquivalentTo(0)))
		}).Should(Succeed())
	})

	It("is left alone at rest, and all that belongs to it", func(ctx SpecContext) {
		versions := func() map[string]string { return env.ResourceVersions(ctx, namespace, kinds()...) }
		rest := versions()
		Consistently(versions, 2*testenv.Quiet, time.Second).Should(Equal(rest))
	})

	It("goes, and its people stay", func(ctx SpecContext) {
		Expect(env.Client.Delete(ctx, provider(ctx, namespace)(Default))).To(Succeed())
		Eventually(func() error { return env.Get(ctx, namespace, name, &v1alpha1.IdentityProvider{}) }).Should(Satisfy(apierrors.IsNotFound))
		var users v1alpha1.ScimUserList
		Consistently(func(g Gomega) []v1alpha1.ScimUser {
			g.Expect(env.Client.List(ctx, &users, client.InNamespace(namespace))).To(Succeed())
			return users.Items
		}, testenv.Quiet).Should(HaveLen(2))
	})
})

var _ = Describe("A namespace", func() {
	It("is served with its own token and endpoint, and one that is not watched is not", func(ctx SpecContext) {
		Expect(env.Client.Create(ctx, newProvider("test-3"))).To(Succeed())
		Expect(env.Client.Create(ctx, newProvider("test-2"))).To(Succeed())
		startServers(ctx, "test-2")
		Eventually(provider(ctx, "test-2")).Should(And(beReady(),
			HaveField("Status.Connection.BaseURL", "https://test-2.example.com/scim/v2")))
		Expect(provider(ctx, "test-3")(Default).Status.ObservedGeneration).To(HaveValue(BeEquivalentTo(-1)))
	})
})

var _ = Describe("The end of a provider", func() {
	It("makes its users inactive where it asks for that, before it goes, and never deletes them", func(ctx SpecContext) {
		namespace := watched[2]
		idp := newProvider(namespace)
		idp.Spec.SCIM.OnDisable = v1alpha1.OnDisableDeactivate
		Expect(env.Client.Create(ctx, idp)).To(Succeed())
		startServers(ctx, namespace)
		Eventually(provider(ctx, namespace)).Should(beReady())
		for _, id := range []string{"alice", "barbara", "carol"} {
			Expect(env.Client.Create(ctx, &v1alpha1.ScimUser{
				ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: id},
				Spec:       v1alpha1.ScimUserSpec{EndpointRef: v1alpha1.EndpointReference{Name: name}, UserName: id},
			})).To(Succeed())
		}
		active := func(g Gomega) map[string]int {
			var users v1alpha1.ScimUserList
			g.Expect(env.Client.List(ctx, &users, client.InNamespace(namespace))).To(Succeed())
			counts := map[string]int{}
			for i := range users.Items {
				if c := meta.FindStatusCondition(users.Items[i].Status.Conditions, v1alpha1.ConditionActive); c != nil {
					counts[string(c.Status)+" "+c.Reason]++
				}
			}
			return counts
		}
		Eventually(active).Should(Equal(map[string]int{"True Provisioned": 3}))
		set := func(p v1alpha1.Provisioning) {
			testenv.Change(ctx, env, idp, func(idp *v1alpha1.IdentityProvider) { idp.Spec.SCIM.Provisioning = p })
		}
		set(v1alpha1.ProvisioningDisabled)
		Eventually(active).Should(Equal(map[string]int{"False ProvisioningDisabled": 3}))
		Eventually(provider(ctx, namespace), 2*testenv.Bound).Should(And(beReady(), HaveField("Status.Active", HaveValue(BeEquivalentTo(0)))))
		set(v1alpha1.ProvisioningEnabled)
		Eventually(active).Should(Equal(map[string]int{"True Provisioned": 3}))
		Eventually(func() error { return env.Get(ctx, namespace, name, &v1alpha1.ScimEndpoint{}) }).Should(Succeed())
		Eventually(func() map[string]float64 { return metricsOf(namespace) }).Should(HaveKeyWithValue("scim_operator_held_users okta", 0.0))

		Expect(env.Client.Delete(ctx, idp)).To(Succeed())
		Eventually(func() error { return env.Get(ctx, namespace, name, idp) }).Should(Satisfy(apierrors.IsNotFound))
		Expect(active(Default)).To(Equal(map[string]int{"False ProvisioningDisabled": 3}))
		Consistently(active, testenv.Quiet).Should(Equal(map[string]int{"False ProvisioningDisabled": 3}))
	})
})
