// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"context"
	"encoding/json"
	"reflect"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"scim-operator.io/api/v1alpha1"
	"scim-operator.io/controllers/internal/testenv"
)

const manager = "system:serviceaccount:scim-operator-system:scim-operator"

func serverOf(namespace, endpoint string) string {
	return "system:serviceaccount:" + namespace + ":" + endpoint + v1alpha1.ChildSuffix
}

func mergePatch(content any) client.Patch {
	encoded, err := json.Marshal(content)
	Expect(err).NotTo(HaveOccurred())
	return client.RawPatch(types.MergePatchType, encoded)
}

var _ = Describe("What marks an id as given up", func() {
	var namespace string

	annotate := func(value any) client.Patch {
		return mergePatch(map[string]any{"metadata": map[string]any{"annotations": map[string]any{v1alpha1.AbandonedAnnotation: value}}})
	}
	user := func(annotations map[string]string) *v1alpha1.ScimUser {
		return &v1alpha1.ScimUser{
			ObjectMeta: metav1.ObjectMeta{Namespace: namespace, GenerateName: "id-", Annotations: annotations},
			Spec:       v1alpha1.ScimUserSpec{EndpointRef: v1alpha1.EndpointReference{Name: name}, UserName: "ada"},
		}
	}
	abandoned := map[string]string{v1alpha1.AbandonedAnnotation: "true"}

	BeforeEach(func(ctx SpecContext) { namespace = env.Namespace(ctx) })

	DescribeTable("is not changed",
		func(ctx SpecContext, who func() string, before map[string]string, value any) {
			u := user(before)
			Expect(env.Client.Create(ctx, u)).To(Succeed())
			as := env.As(who(), "system:masters")
			err := as.Patch(ctx, u.DeepCopy(), annotate(value))
			Expect(err).To(And(Satisfy(apierrors.IsForbidden), MatchError(ContainSubstring("only keeps its id from being given to another person"))))
			Expect(as.Patch(ctx, u, mergePatch(map[string]any{"metadata": map[string]any{"annotations": map[string]any{"example.com/note": "x"}}}))).
				To(Succeed(), "other annotations")
		},
		Entry("taken away by an administrator", func() string { return "admin" }, abandoned, nil),
		Entry("taken away by the manager", func() string { return manager }, abandoned, nil),
		Entry("taken away by the server", func() string { return serverOf(namespace, name) }, abandoned, nil),
		Entry("emptied, which takes it away", func() string { return "admin" }, abandoned, ""),
		Entry("put on a user who is somebody", func() string { return "admin" }, nil, "true"),
	)

	It("is put on by the server that creates the object, and by nobody else", func(ctx SpecContext) {
		Expect(env.As(serverOf(namespace, name), "system:masters").Create(ctx, user(abandoned))).To(Succeed())
		Expect(editor(ctx).Create(ctx, user(abandoned))).To(Satisfy(apierrors.IsForbidden))
	})

	It("is taken away in an emergency", func(ctx SpecContext) {
		u := user(abandoned)
		Expect(env.Client.Create(ctx, u)).To(Succeed())
		Expect(env.As("admin", "system:masters", "scim-operator.io:break-glass").Patch(ctx, u, annotate(nil))).To(Succeed())
	})
})

var _ = Describe("A user's status", func() {
	It("is not the server's to write, but for the condition Refused of its own users", func(ctx SpecContext) {
		namespace := env.Namespace(ctx)
		u := &v1alpha1.ScimUser{
			ObjectMeta: metav1.ObjectMeta{Namespace: namespace, GenerateName: "id-"},
			Spec:       v1alpha1.ScimUserSpec{EndpointRef: v1alpha1.EndpointReference{Name: name}, UserName: "ada"},
		}
		Expect(env.Client.Create(ctx, u)).To(Succeed())
		server := env.As(serverOf(namespace, name), "system:masters")
		write := func(as client.Client, field string, value any) error {
			return as.Status().Patch(ctx, u.DeepCopy(), mergePatch(map[string]any{"status": map[string]any{field: value}}))
		}
		condition := func(conditionType, reason string) []metav1.Condition {
			return []metav1.Condition{{Type: conditionType, Status: metav1.ConditionTrue, ObservedGeneration: 1, Reason: reason, LastTransitionTime: metav1.Now(), Message: "x"}}
		}
		values := map[string]any{
			"conditions":         condition(v1alpha1.ConditionActive, v1alpha1.ReasonProvisioned),
			"observedGeneration": 7,
			"userType":           "Technician",
			"userTypeRule":       "made up",
			"organizations":      []string{"acme"},
			"roles":              []string{"Admin"},
			"roleRules":          []string{"made up"},
			"roleLoss":           map[string]any{"time": metav1.Now()},
			"withheldRoles":      []string{"Admin"},
			"origin":             "Adopted",
			"returnedTime":       "2026-01-02T03:04:05.000000Z",
			"departure":          map[string]any{"wish": "Delete", "time": metav1.Now()},
		}
		status := reflect.TypeFor[v1alpha1.ScimUserStatus]()
		for i := range status.NumField() {
			field, _, _ := strings.Cut(status.Field(i).Tag.Get("json"), ",")
			Expect(values).To(HaveKey(field), "what would a server write there?")
			Expect(write(server, field, values[field])).To(Satisfy(apierrors.IsForbidden), field)
		}
		// What the manager has said of the user by then.
		ready := condition(v1alpha1.ConditionReady, v1alpha1.ReasonSucceeded)
		Expect(env.Client.Status().Patch(ctx, u.DeepCopy(),
			mergePatch(map[string]any{"status": map[string]any{"observedGeneration": 1, "conditions": ready}}))).To(Succeed())
		refused := append(condition(v1alpha1.ConditionRefused, v1alpha1.ReasonMutability), ready...)
		Expect(write(env.As(serverOf(namespace, "another"), "system:masters"), "conditions", refused)).
			To(And(Satisfy(apierrors.IsForbidden), MatchError(ContainSubstring("another endpoint has no say over it"))))
		Expect(write(server, "conditions", refused)).To(Succeed())
		Expect(write(server, "conditions", ready)).To(Succeed())
	})
})

var _ = Describe("An endpoint's status", func() {
	It("is not the server's to write, but for its own entry among the servers", func(ctx SpecContext) {
		namespace := env.Namespace(ctx)
		ep := &v1alpha1.ScimEndpoint{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name}}
		Expect(env.Client.Create(ctx, ep)).To(Succeed())
		server := env.As(serverOf(namespace, name), "system:masters")
		write := func(field string, value any) error {
			return server.Status().Patch(ctx, ep.DeepCopy(), mergePatch(map[string]any{"status": map[string]any{field: value}}))
		}
		values := map[string]any{
			"conditions": []metav1.Condition{{
				Type: "Ready", Status: metav1.ConditionTrue, Reason: v1alpha1.ReasonSucceeded, LastTransitionTime: metav1.Now(), Message: "x",
			}},
			"observedGeneration": 7,
			"baseURL":            "https://elsewhere.example",
			"routes":             []string{"elsewhere.example"},
			"claimedRoute":       "elsewhere.example",
			"otherEmailDomains":  v1alpha1.OtherEmailDomainsRefused,
			"replicas":           7,
			"readyReplicas":      7,
			"rules":              map[string]any{"observedRules": "made up"},
			"tokenGeneration":    7,
			"lastRequestTime":    metav1.Now(),
			"deprovisioning":     map[string]any{"holdID": "made up"},
			"externalIDs":        v1alpha1.ExternalIDsImmutable,
			"unknownAttributes":  v1alpha1.UnknownAttributesIgnored,
			"expiringTokens":     v1alpha1.ExpiringTokensUnsupported,
			"limits":             map[string]any{"maxPageSize": 7},
			"tokens":             []v1alpha1.TokenStatus{{ID: "0123456789ab", SecretName: "x", CreatedTime: metav1.Now()}},
		}
		status := reflect.TypeFor[v1alpha1.ScimEndpointStatus]()
		for i := range status.NumField() {
			field, _, _ := strings.Cut(status.Field(i).Tag.Get("json"), ",")
			if field == "servers" {
				continue
			}
			Expect(values).To(HaveKey(field), "what would a server write there?")
			Expect(write(field, values[field])).To(Satisfy(apierrors.IsForbidden), field)
		}
		Expect(write("servers", []v1alpha1.ServerStatus{{Name: "okta-scim-1", Address: "10.0.0.1:8081", Incarnation: "1"}})).To(Succeed())
	})
})

var _ = Describe("What the identity provider said of a user", Ordered, func() {
	var namespace string
	var ep *v1alpha1.ScimEndpoint
	var user *v1alpha1.ScimUser
	set := func(field string, value any) client.Patch {
		return mergePatch(map[string]any{"spec": map[string]any{field: value}})
	}
	as := func(who string, groups ...string) client.Client {
		return env.As(who, append(groups, "system:masters")...)
	}

	BeforeAll(func(ctx SpecContext) {
		namespace = env.Namespace(ctx)
		ep = &v1alpha1.ScimEndpoint{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name}}
		Expect(env.Client.Create(ctx, ep)).To(Succeed())
		user = &v1alpha1.ScimUser{
			ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "ada", Finalizers: []string{v1alpha1.ClaimsFinalizer}},
			Spec:       v1alpha1.ScimUserSpec{EndpointRef: v1alpha1.EndpointReference{Name: name}, UserName: "ada", Title: "Countess"},
		}
		Expect(as(serverOf(namespace, name)).Create(ctx, user)).To(Succeed())
		By("waiting until the API server knows the endpoint")
		var written int
		Eventually(func() error {
			written++
			return as("admin").Patch(ctx, user.DeepCopy(), set("displayName", strings.Repeat("x", written)))
		}).WithTimeout(2 * testenv.Bound).Should(Satisfy(apierrors.IsForbidden))
	})

	DescribeTable("is not for others to change",
		func(ctx SpecContext, who func() string, words string) {
			for field, value := range map[string]any{
				"title": "Duchess", "displayName": "Somebody Else", "active": false, "emails": []any{map[string]any{"value": "x@example.com"}},
				"userName": "grace", "externalId": "1", "account": map[string]any{"userType": "Technician"},
			} {
				err := as(who()).Patch(ctx, user.DeepCopy(), set(field, value))
				Expect(err).To(And(Satisfy(apierrors.IsForbidden), MatchError(ContainSubstring(words))), field)
			}
			err := as(who()).Patch(ctx, user.DeepCopy(), set("title", nil))
			Expect(err).To(Satisfy(apierrors.IsForbidden), "taking something away")
		},
		Entry("an ordinary user", func() string { return "admin" }, "change the user or group in the identity provider instead"),
		Entry("the manager", func() string { return manager }, "change the user or group in the identity provider instead"),
		Entry("another endpoint's server", func() string { return serverOf(namespace, "entra") }, "the ScimEndpoint okta"),
		Entry("the server of that name in another namespace", func() string { return serverOf("test-1", name) }, "change the user or group in the identity provider instead"),
	)

	It("leaves the preferences to people", func(ctx SpecContext) {
		for field, value := range map[string]any{
			"preferredLanguage": "en", "locale": "en-GB", "timezone": "Europe/London", "phoneNumbers": []any{map[string]any{"value": "+44 1"}},
		} {
			Expect(as("admin").Patch(ctx, user.DeepCopy(), set(field, value))).To(Succeed(), field)
			Expect(as("admin").Patch(ctx, user.DeepCopy(), set(field, nil))).To(Succeed(), field)
			err := as(serverOf(namespace, "entra")).Patch(ctx, user.DeepCopy(), set(field, value))
			Expect(err).To(Satisfy(apierrors.IsForbidden), field)
		}
		both := mergePatch(map[string]any{"spec": map[string]any{"locale": "en-GB", "title": "Duchess"}})
		Expect(as("admin").Patch(ctx, user.DeepCopy(), both)).To(Satisfy(apierrors.IsForbidden))
	})

	It("is for the endpoint's server and, in an emergency, for the break-glass group", func(ctx SpecContext) {
		Expect(as(serverOf(namespace, name)).Patch(ctx, user.DeepCopy(), set("title", "Duchess"))).To(Succeed())
		Expect(as("admin", "scim-operator.io:break-glass").Patch(ctx, user.DeepCopy(), set("title", "Countess"))).To(Succeed())
	})

	It("belongs to the endpoint for ever", func(ctx SpecContext) {
		for _, who := range []string{"admin", manager, serverOf(namespace, name), serverOf(namespace, "entra")} {
			for _, to := range []any{nil, map[string]any{"name": "entra"}} {
				Expect(as(who).Patch(ctx, user.DeepCopy(), set("endpointRef", to))).NotTo(Succeed(), "%s to %v", who, to)
			}
		}
	})

	It("can be edited once there is no endpoint, but for what keeps the userName that of one", func(ctx SpecContext) {
		Expect(env.Client.Delete(ctx, ep)).To(Succeed())
		Eventually(func() error { return as("admin").Patch(ctx, user.DeepCopy(), set("title", "Duchess")) }).Should(Succeed())
		for field, value := range map[string]any{
			"userName": "grace", "deletedTime": "2026-01-02T03:04:05.000000Z", "adoptedTime": "2026-01-02T03:04:05.000000Z", "endpointRef": nil,
			"returnedTime": "2026-01-02T03:04:05.000000Z",
		} {
			Expect(as("admin").Patch(ctx, user.DeepCopy(), set(field, value))).NotTo(Succeed(), field)
		}
		withoutFinalizer := mergePatch(map[string]any{"metadata": map[string]any{"finalizers": nil}})
		Expect(as("admin").Patch(ctx, user.DeepCopy(), withoutFinalizer)).To(Satisfy(apierrors.IsForbidden))
		Expect(as(serverOf(namespace, "entra")).Patch(ctx, user.DeepCopy(), set("title", "x"))).To(Satisfy(apierrors.IsForbidden))
	})
})

var _ = Describe("Who releases claims", func() {
	// account gives a ServiceAccount of a namespace a ClusterRole everywhere, and returns it as a client.
	account := func(ctx context.Context, namespace, role string) client.Client {
		user := "system:serviceaccount:" + namespace + ":scim-operator"
		Expect(env.Client.Create(ctx, &rbacv1.ClusterRoleBinding{
			ObjectMeta: metav1.ObjectMeta{GenerateName: "releases-"},
			RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: role},
			Subjects:   []rbacv1.Subject{{Kind: rbacv1.ServiceAccountKind, Namespace: namespace, Name: "scim-operator"}},
		})).To(Succeed())
		as := env.As(user)
		Eventually(func() error { return as.List(ctx, &v1alpha1.ScimUserList{}) }).Should(Succeed())
		return as
	}
	kept := func(ctx context.Context) *v1alpha1.ScimUser {
		u := &v1alpha1.ScimUser{
			ObjectMeta: metav1.ObjectMeta{Namespace: env.Namespace(ctx), GenerateName: "id-", Finalizers: []string{v1alpha1.ClaimsFinalizer, "example.com/hold"}},
			Spec:       v1alpha1.ScimUserSpec{EndpointRef: v1alpha1.EndpointReference{Name: name}, UserName: "ada"},
		}
		Expect(env.Client.Create(ctx, u)).To(Succeed())
		return u
	}
	release := mergePatch(map[string]any{"metadata": map[string]any{"finalizers": []string{"example.com/hold"}}})

	It("is a manager, in whatever namespace it is installed", func(ctx SpecContext) {
		Expect(account(ctx, "elsewhere", "scim-operator-manager").Patch(ctx, kept(ctx), release)).To(Succeed())
	})

	It("is nobody by name, nor by a wildcard", func(ctx SpecContext) {
		Expect(env.Client.Create(ctx, &rbacv1.ClusterRole{
			ObjectMeta: metav1.ObjectMeta{Name: "everything"},
			Rules:      []rbacv1.PolicyRule{{APIGroups: []string{"*"}, Resources: []string{"*"}, Verbs: []string{"*"}}},
		})).To(Succeed())
		Expect(account(ctx, "gitops", "everything").Patch(ctx, kept(ctx), release)).To(Satisfy(apierrors.IsForbidden))
		Expect(env.As(manager, "system:masters").Patch(ctx, kept(ctx), release)).To(Satisfy(apierrors.IsForbidden))
	})
})

var _ = Describe("A user who belongs to no endpoint", func() {
	var namespace string
	as := func(who string) client.Client { return env.As(who, "system:masters") }
	spec := func(fields map[string]any) client.Patch { return mergePatch(map[string]any{"spec": fields}) }
	annotation := func(key, value string) client.Patch {
		return mergePatch(map[string]any{"metadata": map[string]any{"annotations": map[string]any{key: value}}})
	}
	belongsTo := func(endpoint string) map[string]any {
		return map[string]any{"endpointRef": map[string]any{"name": endpoint}, "title": "Countess", "adoptedTime": "2026-01-02T03:04:05.000000Z"}
	}
	newUser := func() *v1alpha1.ScimUser {
		return &v1alpha1.ScimUser{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, GenerateName: "ada-"}, Spec: v1alpha1.ScimUserSpec{UserName: "ada"}}
	}

	BeforeEach(func(ctx SpecContext) { namespace = env.Namespace(ctx) })

	It("is made, changed and deleted by people", func(ctx SpecContext) {
		user := newUser()
		Expect(as("admin").Create(ctx, user)).To(Succeed())
		Expect(as("admin").Patch(ctx, user, spec(map[string]any{"userName": "grace", "title": "Admiral", "active": false}))).To(Succeed())
		Expect(as("admin").Patch(ctx, user, annotation(v1alpha1.ApproveAdoptionAnnotation, name))).To(Succeed())
		Expect(as("admin").Delete(ctx, user)).To(Succeed())
		abandoned := newUser()
		abandoned.Annotations = map[string]string{v1alpha1.AbandonedAnnotation: "true"}
		Expect(editor(ctx).Create(ctx, abandoned)).To(Satisfy(apierrors.IsForbidden))
	})

	It("is given to an endpoint by that endpoint's server and nobody else", func(ctx SpecContext) {
		user := newUser()
		Expect(as("admin").Create(ctx, user)).To(Succeed())
		for _, who := range []string{"admin", manager, serverOf(namespace, "entra"), serverOf("test-1", name)} {
			Expect(as(who).Patch(ctx, user.DeepCopy(), spec(belongsTo(name)))).To(Satisfy(apierrors.IsForbidden), who)
		}
		Expect(as(serverOf(namespace, name)).Patch(ctx, user, spec(belongsTo(name)))).To(Succeed())
		Expect(as(serverOf(namespace, "entra")).Patch(ctx, user.DeepCopy(), spec(belongsTo("entra")))).NotTo(Succeed())
	})

	It("is nothing else to a server", func(ctx SpecContext) {
		user := newUser()
		server := as(serverOf(namespace, name))
		Expect(server.Create(ctx, newUser())).To(Satisfy(apierrors.IsForbidden))
		Expect(as("admin").Create(ctx, user)).To(Succeed())
		Expect(server.Patch(ctx, user.DeepCopy(), spec(map[string]any{"title": "x"}))).To(Satisfy(apierrors.IsForbidden))
		Expect(server.Delete(ctx, user.DeepCopy())).To(Satisfy(apierrors.IsForbidden))
		Expect(server.Patch(ctx, user.DeepCopy(), annotation(v1alpha1.ApproveAdoptionAnnotation, name))).
			To(And(Satisfy(apierrors.IsForbidden), MatchError(ContainSubstring("a server does not approve its own adoptions"))))
		Expect(server.Patch(ctx, user.DeepCopy(), annotation(v1alpha1.AdoptionRequestedAnnotation, name))).To(Succeed())
	})
})
