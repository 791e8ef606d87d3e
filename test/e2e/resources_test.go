// SPDX-License-Identifier: Apache-2.0

//go:build e2e

package e2e

import (
	"context"
	"net/url"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	scimv1 "scim-operator.io/api/v1alpha1"
)

func deviceType() scimv1.SchemaResourceType {
	serial := scimv1.ResourceAttribute{Uniqueness: scimv1.UniquenessServer}
	serial.Name, serial.Type = "serialNumber", "string"
	return scimv1.SchemaResourceType{
		Name: "Device", Endpoint: "/Devices", Schema: "urn:example:device:2.0:Device",
		Attributes: []scimv1.ResourceAttribute{serial},
	}
}

var _ = Describe("a declared resource type and /Me", Ordered, func() {
	var t *tenant
	var device *scimv1.ScimResource

	BeforeAll(func(ctx context.Context) { t = newTenant(ctx, "devices", 2) })

	// served waits until every server has been started anew: until many answers in a row,
	// from whichever server, are the same.
	served := func(path string, status int) {
		GinkgoHelper()
		scim := t.scim()
		Eventually(func(g Gomega) {
			for range 30 {
				answer, err := scim.do("GET", path, "")
				g.Expect(err).NotTo(HaveOccurred())
				g.Expect(answer.Status).To(Equal(status))
			}
		}).Should(Succeed())
	}

	It("are not there before they are declared", func() {
		t.scim().mustDo("GET", "/Devices", "", 404)
		t.scim().mustDo("GET", "/Me", "", 501)
	})

	It("are served once they are, and Kubernetes shows the same", func(ctx context.Context) {
		t.update(ctx, func(spec *scimv1.IdentityProviderSpec) {
			spec.SCIM.Endpoint.ResourceTypes = []scimv1.SchemaResourceType{deviceType()}
			spec.SCIM.Endpoint.Me = &scimv1.MeReference{UserName: "svc@e2e.example"}
		})
		served("/Devices", 200)
		t.awaitReady(ctx)
		id := t.scim().mustDo("POST", "/Devices", `{"serialNumber":"SN-1"}`, 201).id()
		t.scim().mustDo("POST", "/Devices", `{"serialNumber":"sn-1"}`, 409)
		found := t.scim().mustDo("GET", "/Devices?filter="+url.QueryEscape(`serialNumber eq "sn-1"`), "", 200)
		Expect(found.resources()).To(ConsistOf(HaveKeyWithValue("id", id)))
		t.scim().mustDo("PATCH", "/Devices/"+id, patchBody(`{"op":"replace","path":"serialNumber","value":"SN-2"}`), 200)
		device = &scimv1.ScimResource{ObjectMeta: metav1.ObjectMeta{Name: id, Namespace: t.namespace}}
		Expect(get(ctx, device)()).To(HaveField("Spec.Attributes", HaveKeyWithValue("serialNumber", HaveField("Raw", BeEquivalentTo(`"SN-2"`)))))

		me := t.scim().mustDo("POST", "/Me", userBody("svc@e2e.example"), 201)
		Expect(t.scim().mustDo("GET", "/Me", "", 200).Header.Get("Location")).To(HaveSuffix("/Users/" + me.id()))
	})

	It("are guarded as users and groups are", func(ctx context.Context) {
		change := client.RawPatch(types.MergePatchType, []byte(`{"spec":{"externalId":"x"}}`))
		Expect(apierrors.IsForbidden(k8s.Patch(ctx, device.DeepCopy(), change))).To(BeTrue())
		strip := client.RawPatch(types.MergePatchType, []byte(`{"metadata":{"finalizers":null}}`))
		Expect(apierrors.IsForbidden(k8s.Patch(ctx, device.DeepCopy(), strip))).To(BeTrue())
		other := impersonating("system:serviceaccount:"+t.namespace+":entra-scim", "system:masters")
		Expect(apierrors.IsForbidden(other.Delete(ctx, device.DeepCopy()))).To(BeTrue())
	})

	It("stay, and are not served, when they are declared no longer", func(ctx context.Context) {
		t.update(ctx, func(spec *scimv1.IdentityProviderSpec) {
			spec.SCIM.Endpoint.ResourceTypes, spec.SCIM.Endpoint.Me = nil, nil
		})
		served("/Devices", 404)
		Expect(get(ctx, device)()).To(HaveField("DeletionTimestamp", BeNil()))
	})

	It("give their claims back when kubectl deletes them", func(ctx context.Context) {
		Expect(k8s.Delete(ctx, device)).To(Succeed())
		Eventually(func() bool {
			return apierrors.IsNotFound(k8s.Get(ctx, client.ObjectKeyFromObject(device), device))
		}).Should(BeTrue())
		claims := &scimv1.ScimClaimList{}
		Expect(k8s.List(ctx, claims, client.InNamespace(t.namespace))).To(Succeed())
		Expect(claims.Items).NotTo(ContainElement(HaveField("Spec.Attribute", BeEquivalentTo("Device.serialNumber"))))
	})
})
