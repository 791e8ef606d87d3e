// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"encoding/json"
	"reflect"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"scim-operator.io/api/v1alpha1"
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
		Expect(env.As("admin", "system:masters").Create(ctx, user(abandoned))).To(Satisfy(apierrors.IsForbidden))
	})

	It("is taken away in an emergency", func(ctx SpecContext) {
		u := user(abandoned)
		Expect(env.Client.Create(ctx, u)).To(Succeed())
		Expect(env.As("admin", "system:masters", "scim-operator.io:break-glass").Patch(ctx, u, annotate(nil))).To(Succeed())
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
			"replicas":           7,
			"readyReplicas":      7,
			"rules":              map[string]any{"observedRules": "made up"},
			"deprovisioning":     map[string]any{"holdID": "made up"},
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
