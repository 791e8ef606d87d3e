// SPDX-License-Identifier: Apache-2.0

//go:build e2e

package e2e

import (
	"context"
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

	It("belongs to the IdP from then on, but for her preferences", func(ctx context.Context) {
		patch := func(spec string) error {
			return k8s.Patch(ctx, ada.DeepCopy(), client.RawPatch(types.MergePatchType, []byte(`{"spec":`+spec+`}`)))
		}
		Expect(apierrors.IsForbidden(patch(`{"title":"Duchess"}`))).To(BeTrue())
		Expect(apierrors.IsForbidden(patch(`{"endpointRef":null}`)) || apierrors.IsInvalid(patch(`{"endpointRef":null}`))).To(BeTrue())
		Expect(patch(`{"timezone":"Europe/Paris"}`)).To(Succeed())

		t.update(ctx, func(s *scimv1.IdentityProviderSpec) { s.SCIM.Provisioning = scimv1.ProvisioningDisabled })
		Eventually(func() error { return patch(`{"title":"Duchess"}`) }).Should(Succeed(), "with provisioning disabled")
	})
})
