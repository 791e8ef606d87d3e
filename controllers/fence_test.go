// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"context"
	"maps"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	policyv1 "k8s.io/api/policy/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"scim-operator.io/api/v1alpha1"
	"scim-operator.io/controllers/internal/testenv"
)

var _ = Describe("A manager", func() {
	var (
		namespace string
		as        client.Client
	)
	BeforeEach(func(ctx SpecContext) {
		namespace = env.Namespace(ctx)
		as = env.As(manager)
		By("waiting until the policies are in force")
		Eventually(func() error {
			return as.Create(ctx, &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, GenerateName: "probe-"}})
		}).Should(Satisfy(apierrors.IsForbidden))
	})

	labels := map[string]string{v1alpha1.ManagedByLabel: v1alpha1.ManagedByValue, v1alpha1.EndpointLabel: name}
	pods := map[string]string{v1alpha1.EndpointLabel: name}
	controlledBy := func(kind, name string) []metav1.OwnerReference {
		return []metav1.OwnerReference{{APIVersion: v1alpha1.GroupVersion.String(), Kind: kind, Name: name, UID: "1", Controller: ptr.To(true)}}
	}
	meta := func(childName string) metav1.ObjectMeta {
		return metav1.ObjectMeta{Namespace: namespace, Name: childName, Labels: maps.Clone(labels), OwnerReferences: controlledBy("ScimEndpoint", name)}
	}
	const child = name + v1alpha1.ChildSuffix
	// children is one of each kind, as an endpoint has it.
	children := func() []client.Object {
		selector := metav1.LabelSelector{MatchLabels: pods}
		return []client.Object{
			&corev1.Secret{ObjectMeta: meta(child + "-token-2"), Type: v1alpha1.TokenSecretType},
			&corev1.Secret{ObjectMeta: meta(child + "-digests"), Type: v1alpha1.DigestSecretType},
			&corev1.ServiceAccount{ObjectMeta: meta(child)},
			&corev1.Service{ObjectMeta: meta(child), Spec: corev1.ServiceSpec{Selector: pods, Ports: []corev1.ServicePort{{Port: 80}}}},
			server(meta(child)),
			&rbacv1.Role{ObjectMeta: meta(child)},
			&rbacv1.RoleBinding{ObjectMeta: meta(child), RoleRef: rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "Role", Name: child}},
			&networkingv1.NetworkPolicy{ObjectMeta: meta(child), Spec: networkingv1.NetworkPolicySpec{PodSelector: selector}},
			&networkingv1.Ingress{ObjectMeta: meta(child), Spec: networkingv1.IngressSpec{DefaultBackend: &networkingv1.IngressBackend{
				Service: &networkingv1.IngressServiceBackend{Name: child, Port: networkingv1.ServiceBackendPort{Number: 80}},
			}}},
			&policyv1.PodDisruptionBudget{ObjectMeta: meta(child), Spec: policyv1.PodDisruptionBudgetSpec{Selector: &selector}},
		}
	}
	refused := func(words string) OmegaMatcher {
		return And(Satisfy(apierrors.IsForbidden), MatchError(ContainSubstring("ValidatingAdmissionPolicy")), MatchError(ContainSubstring(words)))
	}
	const noChild = "writes nothing but what a ScimEndpoint consists of"

	It("writes the children of an endpoint", func(ctx SpecContext) {
		for _, obj := range children() {
			Expect(as.Create(ctx, obj)).To(Succeed(), "%T", obj)
			Expect(as.Patch(ctx, obj, annotated("example.com/note"))).To(Succeed(), "%T", obj)
		}
		Expect(as.Delete(ctx, children()[0])).To(Succeed())
	})

	It("creates no others", func(ctx SpecContext) {
		Expect(env.Client.Create(ctx, &rbacv1.Role{ObjectMeta: meta(child)})).To(Succeed(), "to which one is bound")
		for _, obj := range children() {
			for why, change := range map[string]func(){
				"another name": func() { obj.SetName(obj.GetName() + "x") },
				"no labels":    func() { obj.SetLabels(nil) },
				"another's label": func() {
					obj.SetLabels(map[string]string{v1alpha1.ManagedByLabel: v1alpha1.ManagedByValue, v1alpha1.EndpointLabel: "entra"})
				},
				"no controller":     func() { obj.SetOwnerReferences(nil) },
				"a foreign one":     func() { obj.SetOwnerReferences(controlledBy("IdentityProvider", name)) },
				"another's child":   func() { obj.SetOwnerReferences(controlledBy("ScimEndpoint", "entra")) },
				"no token's number": func() { obj.SetName(child + "-token-two") },
			} {
				before := obj.DeepCopyObject().(client.Object)
				change()
				Expect(as.Create(ctx, obj)).To(refused("scim-operator-manager-"), "%T with %s", obj, why)
				obj = before
			}
		}
		Expect(as.Create(ctx, &corev1.Secret{ObjectMeta: meta(child + "-token")})).To(refused(noChild), "a Secret of another type")
	})

	It("changes and deletes no object that is somebody else's", func(ctx SpecContext) {
		for _, obj := range children() {
			obj.SetLabels(nil)
			obj.SetOwnerReferences(nil)
			Expect(env.Client.Create(ctx, obj)).To(Succeed())
			Expect(as.Patch(ctx, obj.DeepCopyObject().(client.Object), annotated("example.com/note"))).To(refused(noChild), "%T", obj)
			claim := mergePatch(map[string]any{"metadata": map[string]any{"labels": labels, "ownerReferences": controlledBy("ScimEndpoint", name)}})
			Expect(as.Patch(ctx, obj.DeepCopyObject().(client.Object), claim)).To(refused(noChild), "%T", obj)
			err := as.Delete(ctx, obj)
			Expect(err).To(Satisfy(apierrors.IsForbidden), "%T", obj)
			if _, ok := obj.(*corev1.Secret); ok { // some kinds it may not delete at all
				Expect(err).To(refused(noChild))
			}
		}
	})

	It("takes back a child that a restore has left without its owner, or somebody without its labels", func(ctx SpecContext) {
		for i, obj := range children() {
			if i%2 == 0 {
				obj.SetOwnerReferences(nil)
			} else {
				obj.SetLabels(nil)
			}
			Expect(env.Client.Create(ctx, obj)).To(Succeed())
			claim := mergePatch(map[string]any{"metadata": map[string]any{"labels": labels, "ownerReferences": controlledBy("ScimEndpoint", name)}})
			Expect(as.Patch(ctx, obj, claim)).To(Succeed(), "%T", obj)
		}
	})

	DescribeTable("runs no server that",
		func(ctx SpecContext, words string, change func(*corev1.PodSpec)) {
			d := server(meta(child))
			change(&d.Spec.Template.Spec)
			Expect(as.Create(ctx, d.DeepCopy())).To(refused(words))

			By("which somebody else may add, and the manager leaves as it is")
			Expect(env.Client.Create(ctx, d)).To(Succeed())
			identity := map[string]any{"serviceAccountName": child, "serviceAccount": child}
			Expect(as.Patch(ctx, d, mergePatch(map[string]any{"spec": map[string]any{"template": map[string]any{"spec": identity}}}))).To(Succeed())
		},
		Entry("has another image", "may not run ", func(p *corev1.PodSpec) { p.Containers[0].Image = "evil" }),
		Entry("has another container", "may not run ", func(p *corev1.PodSpec) {
			p.InitContainers = []corev1.Container{{Name: "miner", Image: "evil"}}
		}),
		Entry("has another identity", "under the ServiceAccount of their endpoint", func(p *corev1.PodSpec) { p.ServiceAccountName = "admin" }),
		Entry("is privileged", "without privileges", func(p *corev1.PodSpec) {
			p.Containers[0].SecurityContext = &corev1.SecurityContext{Privileged: ptr.To(true)}
		}),
		Entry("has capabilities", "without privileges", func(p *corev1.PodSpec) {
			p.Containers[0].SecurityContext = &corev1.SecurityContext{Capabilities: &corev1.Capabilities{Add: []corev1.Capability{"SYS_ADMIN"}}}
		}),
		Entry("has the node's network", "nothing of the node", func(p *corev1.PodSpec) { p.HostNetwork = true }),
		Entry("has the node's processes", "nothing of the node", func(p *corev1.PodSpec) { p.HostPID = true }),
		Entry("has the node's files", "nothing of the node", func(p *corev1.PodSpec) {
			p.Volumes = []corev1.Volume{{Name: "root", VolumeSource: corev1.VolumeSource{HostPath: &corev1.HostPathVolumeSource{Path: "/"}}}}
		}),
	)

	It("grants what servers need, to servers", func(ctx SpecContext) {
		rule := func(group, resource string, verbs []string, names ...string) rbacv1.PolicyRule {
			return rbacv1.PolicyRule{APIGroups: []string{group}, Resources: []string{resource}, Verbs: verbs, ResourceNames: names}
		}
		role := func(r rbacv1.PolicyRule) error {
			return as.Create(ctx, &rbacv1.Role{ObjectMeta: meta(child), Rules: []rbacv1.PolicyRule{r}}, client.DryRunAll)
		}
		const group = "scim-operator.io"
		Expect(role(rule(group, "scimusers", []string{"get", "delete"}))).To(Succeed())
		Expect(role(rule("", "secrets", []string{"get"}, child+"-digests"))).To(Succeed())
		for _, r := range []rbacv1.PolicyRule{
			rule("", "secrets", []string{"get"}),
			rule("", "secrets", []string{"get"}, "vault"),
			rule("", "secrets", []string{"patch"}, child+"-digests"),
			rule("apps", "deployments", []string{"create"}),
			rule(group, "scimusers", []string{"release"}),
			rule(group, "scimendpoints", []string{"patch"}, name),
			rule(group, "scimendpoints", []string{"get"}),
			rule(group, "scimendpoints/status", []string{"patch"}, "entra"),
		} {
			Expect(role(r)).To(refused("grants servers what they need"), "%v", r)
		}
		binding := func(kind, subject, in, to string) error {
			return as.Create(ctx, &rbacv1.RoleBinding{
				ObjectMeta: meta(child), RoleRef: rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: kind, Name: to},
				Subjects: []rbacv1.Subject{{Kind: rbacv1.ServiceAccountKind, Name: subject, Namespace: in}},
			}, client.DryRunAll)
		}
		Expect(as.Create(ctx, &rbacv1.Role{ObjectMeta: meta(child)})).To(Succeed())
		Expect(binding("Role", child, namespace, child)).To(Succeed())
		for _, err := range []error{
			binding("Role", "default", namespace, child), binding("Role", child, "test-1", child), binding("ClusterRole", child, namespace, "scim-operator-manager"),
		} {
			Expect(err).To(refused("to nobody else"))
		}
	})

	It("opens no other pods", func(ctx SpecContext) {
		for _, obj := range []client.Object{
			&corev1.Service{ObjectMeta: meta(child), Spec: corev1.ServiceSpec{Ports: []corev1.ServicePort{{Port: 80}}}},
			&networkingv1.NetworkPolicy{ObjectMeta: meta(child)},
			&policyv1.PodDisruptionBudget{ObjectMeta: meta(child), Spec: policyv1.PodDisruptionBudgetSpec{Selector: &metav1.LabelSelector{MatchLabels: map[string]string{"app": "x"}}}},
		} {
			Expect(as.Create(ctx, obj)).To(refused("must select the servers"), "%T", obj)
		}
	})

	It("is not who may do everything, nor who has some of its rights", func(ctx SpecContext) {
		for _, user := range []client.Client{env.As("admin", "system:masters"), writer(ctx)} {
			Expect(user.Create(ctx, &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, GenerateName: "any-"}})).To(Succeed())
		}
	})
})

// server is a Deployment as a manager may write it.
func server(of metav1.ObjectMeta) *appsv1.Deployment {
	pods := map[string]string{v1alpha1.EndpointLabel: name}
	return &appsv1.Deployment{ObjectMeta: of, Spec: appsv1.DeploymentSpec{
		Selector: &metav1.LabelSelector{MatchLabels: pods},
		Template: corev1.PodTemplateSpec{
			ObjectMeta: metav1.ObjectMeta{Labels: pods},
			Spec: corev1.PodSpec{
				ServiceAccountName: of.Name,
				Containers:         []corev1.Container{{Name: "server", Image: testenv.Image}},
			},
		},
	}}
}

func annotated(with string) client.Patch {
	return mergePatch(map[string]any{"metadata": map[string]any{"annotations": map[string]any{with: "x"}}})
}

// writer may write Secrets everywhere, and release nothing.
func writer(ctx context.Context) client.Client {
	GinkgoHelper()
	role := &rbacv1.ClusterRole{
		ObjectMeta: metav1.ObjectMeta{GenerateName: "writes-secrets-"},
		Rules:      []rbacv1.PolicyRule{{APIGroups: []string{""}, Resources: []string{"secrets"}, Verbs: []string{"create"}}},
	}
	Expect(env.Client.Create(ctx, role)).To(Succeed())
	Expect(env.Client.Create(ctx, &rbacv1.ClusterRoleBinding{
		ObjectMeta: metav1.ObjectMeta{GenerateName: "writes-secrets-"},
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: role.Name},
		Subjects:   []rbacv1.Subject{{APIGroup: rbacv1.GroupName, Kind: rbacv1.UserKind, Name: "writer"}},
	})).To(Succeed())
	as := env.As("writer")
	Eventually(func() error {
		return as.Create(ctx, &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: metav1.NamespaceDefault, GenerateName: "any-"}})
	}).Should(Succeed())
	return as
}
