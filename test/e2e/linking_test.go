// SPDX-License-Identifier: Apache-2.0

//go:build e2e

package e2e

import (
	"context"
	"fmt"
	"net/http"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	scimv1 "scim-operator.io/api/v1alpha1"
)

var _ = Describe("who was here before", Ordered, func() {
	var t *tenant
	var ada *scimv1.ScimUser
	const created = `{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"],"userName":"00u1-ada","externalId":"00u1",` +
		`"title":"Countess","emails":[{"value":"Ada@E2E.example","type":"work","primary":true}]}`

	BeforeAll(func(ctx context.Context) {
		t = newTenant(ctx, "linking", 2, func(s *scimv1.IdentityProviderSpec) {
			s.EmailDomains, s.SCIM.Linking = []string{"e2e.example"}, scimv1.LinkingByEmail
		})
		ada = &scimv1.ScimUser{
			ObjectMeta: metav1.ObjectMeta{Name: "ada", Namespace: t.namespace},
			Spec: scimv1.ScimUserSpec{
				UserName: "ada", Timezone: "Europe/London", Emails: []scimv1.MultiValue{{Value: "ada@e2e.example"}},
			},
		}
		Expect(k8s.Create(ctx, ada.DeepCopy())).To(Succeed())
	})

	It("has a status and is not shown over SCIM", func(ctx context.Context) {
		Eventually(get(ctx, ada)).Should(HaveField("Status.Conditions", ContainElement(And(
			HaveField("Type", scimv1.ConditionActive), HaveField("Reason", scimv1.ReasonUnlinked)))))
		Expect(t.scim().do("GET", "/Users/ada", "")).To(HaveField("Status", http.StatusNotFound))
	})

	It("is adopted when the IdP creates a user of the same e-mail address", func(ctx context.Context) {
		Expect(t.scim().mustDo("POST", "/Users", created, http.StatusCreated).id()).To(Equal("ada"))
		Eventually(get(ctx, ada)).Should(And(
			HaveField("Spec.UserName", "00u1-ada"), HaveField("Spec.Title", "Countess"), HaveField("Spec.Timezone", "Europe/London"),
			HaveField("Spec.EndpointRef.Name", "okta"), HaveField("Finalizers", ContainElement(scimv1.ClaimsFinalizer)),
			HaveField("Status.Origin", scimv1.OriginAdopted)))
		Expect(t.scim().do("POST", "/Users", created)).To(HaveField("Status", http.StatusConflict), "there is one of her")
	})

	Context("with a second IdP in the namespace, which asks before it adopts", func() {
		const who = `{"userName":"%s","emails":[{"value":"%s"}]}`
		var second *tenant
		var grace *scimv1.ScimUser

		BeforeAll(func(ctx context.Context) {
			grace = &scimv1.ScimUser{
				ObjectMeta: metav1.ObjectMeta{Name: "grace", Namespace: t.namespace},
				Spec:       scimv1.ScimUserSpec{UserName: "grace", Emails: []scimv1.MultiValue{{Value: "grace@e2e.example"}}},
			}
			Expect(k8s.Create(ctx, grace.DeepCopy())).To(Succeed())
			second = t.second(ctx, "entra", func(s *scimv1.IdentityProviderSpec) { s.SCIM.LinkingApproval = scimv1.LinkingApprovalRequired })
		})

		It("never takes somebody from the first: it is told that somebody else has her", func(ctx context.Context) {
			body := fmt.Sprintf(who, "ada@entra.example", "ada@e2e.example")
			refusal := second.scim().mustDo("POST", "/Users", body, http.StatusConflict)
			Expect(refusal.Body).To(And(HaveKeyWithValue("scimType", "uniqueness"), HaveKeyWithValue("detail", And(
				ContainSubstring("is provisioned by another identity provider"), ContainSubstring("remove the user there"), Not(ContainSubstring("okta"))))))
			Expect(get(ctx, ada)()).To(And(HaveField("Spec.EndpointRef.Name", "okta"), HaveField("Spec.UserName", "00u1-ada")))
			second.scim().mustDo("GET", "/Users/ada", "", http.StatusNotFound)
			second.scim().mustDo("DELETE", "/Users/ada", "", http.StatusNotFound)
		})

		It("adopts once an administrator has approved", func(ctx context.Context) {
			body := fmt.Sprintf(who, "grace@entra.example", "grace@e2e.example")
			refusal := second.scim().mustDo("POST", "/Users", body, http.StatusConflict)
			Expect(refusal.Body).To(HaveKeyWithValue("detail", ContainSubstring("once the administrator of this service approves")))
			Eventually(get(ctx, grace)).Should(And(
				HaveField("Spec.EndpointRef.Name", BeEmpty()), HaveField("Status.Origin", BeEmpty()),
				HaveField("Status.Conditions", ContainElement(And(
					HaveField("Type", scimv1.ConditionAdoptionRequested), HaveField("Reason", scimv1.ReasonApprovalRequired))))))

			approval := `{"metadata":{"annotations":{"` + scimv1.ApproveAdoptionAnnotation + `":"entra"}}}`
			Expect(k8s.Patch(ctx, grace.DeepCopy(), client.RawPatch(types.MergePatchType, []byte(approval)))).To(Succeed())
			// The server learns of it a moment later, and until then the answer is the same.
			Eventually(func() (answer, error) { return second.scim().do("POST", "/Users", body) }).Should(HaveField("Status", http.StatusCreated))
			Eventually(get(ctx, grace)).Should(And(
				HaveField("Spec.EndpointRef.Name", "entra"), HaveField("Spec.UserName", "grace@entra.example"),
				HaveField("Status.Origin", scimv1.OriginAdopted),
				HaveField("Status.Conditions", Not(ContainElement(HaveField("Type", scimv1.ConditionAdoptionRequested))))))
		})
	})

	It("is adopted by userName alone only once an administrator has approved", func(ctx context.Context) {
		third := t.second(ctx, "onelogin", func(s *scimv1.IdentityProviderSpec) {
			s.Type, s.SCIM.Linking = scimv1.ProviderOneLogin, scimv1.LinkingByUserName
		})
		linus := &scimv1.ScimUser{
			ObjectMeta: metav1.ObjectMeta{Name: "linus", Namespace: t.namespace},
			Spec:       scimv1.ScimUserSpec{UserName: "linus"}, // there is no address that could agree
		}
		Expect(k8s.Create(ctx, linus.DeepCopy())).To(Succeed())
		const body = `{"userName":"linus","emails":[{"value":"linus@e2e.example"}]}`
		// The server learns of the record a moment later.
		Eventually(get(ctx, linus)).Should(HaveField("Status.Conditions", Not(BeEmpty())))
		refusal := third.scim().mustDo("POST", "/Users", body, http.StatusConflict)
		Expect(refusal.Body).To(HaveKeyWithValue("detail", ContainSubstring("once the administrator of this service approves")))
		Expect(get(ctx, linus)()).To(HaveField("Spec.EndpointRef.Name", BeEmpty()))

		approval := `{"metadata":{"annotations":{"` + scimv1.ApproveAdoptionAnnotation + `":"onelogin"}}}`
		Expect(k8s.Patch(ctx, linus.DeepCopy(), client.RawPatch(types.MergePatchType, []byte(approval)))).To(Succeed())
		Eventually(func() (answer, error) { return third.scim().do("POST", "/Users", body) }).Should(HaveField("Status", http.StatusCreated))
		Eventually(get(ctx, linus)).Should(And(HaveField("Spec.EndpointRef.Name", "onelogin"), HaveField("Status.Origin", scimv1.OriginAdopted)))
	})

	It("belongs to the IdP from then on, but for her preferences", func(ctx context.Context) {
		patch := func(spec string) error {
			return k8s.Patch(ctx, ada.DeepCopy(), client.RawPatch(types.MergePatchType, []byte(`{"spec":`+spec+`}`)))
		}
		Expect(apierrors.IsForbidden(patch(`{"title":"Duchess"}`))).To(BeTrue())
		Expect(apierrors.IsForbidden(patch(`{"endpointRef":null}`)) || apierrors.IsInvalid(patch(`{"endpointRef":null}`))).To(BeTrue())
		Expect(patch(`{"timezone":"Europe/Paris"}`)).To(Succeed())

		t.update(ctx, func(s *scimv1.IdentityProviderSpec) { s.SCIM.Provisioning = scimv1.ProvisioningDisabled })
		Eventually(func() error { return patch(`{"title":"Duchess"}`) }).Should(Succeed(), "with provisioning disabled")
		Expect(apierrors.IsForbidden(patch(`{"userName":"somebody-else"}`))).To(BeTrue(), "her claim is on the name")
	})
})
