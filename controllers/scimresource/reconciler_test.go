// SPDX-License-Identifier: Apache-2.0

package scimresource

import (
	"context"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"scim-operator.io/api/v1alpha1"
	"scim-operator.io/controllers/internal/claims"
	"scim-operator.io/controllers/internal/testenv"
)

func newDevice(namespace, name string) *v1alpha1.ScimResource {
	return &v1alpha1.ScimResource{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name, Finalizers: []string{v1alpha1.ClaimsFinalizer}},
		Spec: v1alpha1.ScimResourceSpec{
			EndpointRef: v1alpha1.EndpointReference{Name: "okta"}, ResourceType: "Device",
			Attributes: map[string]apiextensionsv1.JSON{"serialNumber": {Raw: []byte(`"` + name + `"`)}},
		},
	}
}

// newClaim is the claim on a value, as it is compared.
func newClaim(namespace, holder string, attribute v1alpha1.ClaimedAttribute, value string) *v1alpha1.ScimClaim {
	return &v1alpha1.ScimClaim{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: v1alpha1.ClaimName("okta", attribute, value)},
		Spec: v1alpha1.ScimClaimSpec{
			EndpointRef: v1alpha1.EndpointReference{Name: "okta"}, Attribute: attribute,
			Value: value, HolderRef: v1alpha1.ObjectReference{Name: holder},
		},
	}
}

// declareDevices makes the endpoint of the devices.
func declareDevices(namespace string) *v1alpha1.ScimEndpoint {
	attribute := func(name string, caseExact bool, uniqueness v1alpha1.AttributeUniqueness) v1alpha1.ResourceAttribute {
		a := v1alpha1.ResourceAttribute{Uniqueness: uniqueness}
		a.Name, a.Type, a.CaseExact = name, "string", ptr.To(caseExact)
		return a
	}
	ep := &v1alpha1.ScimEndpoint{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "okta"}}
	ep.Spec.ResourceTypes = []v1alpha1.SchemaResourceType{{
		Name: "Device", Endpoint: "/Devices", Schema: "urn:example:params:scim:schemas:device:2.0:Device",
		Attributes: []v1alpha1.ResourceAttribute{
			attribute("serialNumber", true, v1alpha1.UniquenessServer), attribute("assetTag", false, v1alpha1.UniquenessGlobal),
			attribute("model", false, v1alpha1.UniquenessNone),
		},
	}}
	return ep
}

func create(ctx context.Context, objects ...client.Object) {
	for _, o := range objects {
		Expect(env.Client.Create(ctx, o)).To(Succeed())
	}
}

func find(ctx context.Context, o client.Object) func() error {
	return func() error { return env.Client.Get(ctx, client.ObjectKeyFromObject(o), o) }
}

var _ = Describe("A resource of a declared type", func() {
	var namespace string

	BeforeEach(func(ctx SpecContext) { namespace = env.Namespace(ctx) })

	for _, declared := range []bool{true, false} {
		name := "takes its claims with it, and nobody else's"
		if !declared {
			name += ", when its type is not declared any more"
		}
		It(name, func(ctx SpecContext) {
			if declared {
				create(ctx, declareDevices(namespace))
			}
			device := newDevice(namespace, "device")
			device.Spec.Attributes["serialNumber"] = apiextensionsv1.JSON{Raw: []byte(`"SN-Ü1"`)}
			device.Spec.Attributes["assetTag"] = apiextensionsv1.JSON{Raw: []byte(`" Tag-7 "`)}
			device.Spec.Attributes["model"] = apiextensionsv1.JSON{Raw: []byte(`7`)}
			another := newClaim(namespace, "other", "Device.serialNumber", "device")
			create(ctx, device,
				newClaim(namespace, "device", "Device.serialNumber", "SN-Ü1"), newClaim(namespace, "device", "Device.assetTag", "tag-7"),
				another, newClaim(namespace, "device", v1alpha1.ClaimUserName, "SN-Ü1"))
			Expect(env.Client.Delete(ctx, device)).To(Succeed())
			Eventually(find(ctx, device)).Should(Satisfy(apierrors.IsNotFound))
			var left v1alpha1.ScimClaimList
			Expect(env.Client.List(ctx, &left, client.InNamespace(namespace))).To(Succeed())
			Expect(left.Items).To(ConsistOf(HaveField("Name", another.Name), HaveField("Spec.Attribute", v1alpha1.ClaimUserName)))
			Expect(env.Lists("scimclaims")).To(BeZero(), "the claims of a whole directory are looked through for one resource")
		})
	}

	It("leaves a claim that another has on its value", func(ctx SpecContext) {
		device := newDevice(namespace, "device")
		create(ctx, device, newClaim(namespace, "other", "Device.serialNumber", "device"))
		Expect(env.Client.Delete(ctx, device)).To(Succeed())
		Eventually(find(ctx, device)).Should(Satisfy(apierrors.IsNotFound))
		var left v1alpha1.ScimClaimList
		Expect(env.Client.List(ctx, &left, client.InNamespace(namespace))).To(Succeed())
		Expect(left.Items).To(HaveLen(1))
	})

	It("stays for an hour when it keeps an id, also when it is deleted earlier, and then goes", func(ctx SpecContext) {
		DeferCleanup(func() { ahead.Store(0) })
		var kept []*v1alpha1.ScimResource
		for _, name := range []string{"left-alone", "deleted"} {
			device := newDevice(namespace, name)
			device.Annotations = map[string]string{v1alpha1.AbandonedAnnotation: "true"}
			create(ctx, device)
			kept = append(kept, device)
		}
		Expect(env.Client.Delete(ctx, kept[1])).To(Succeed())
		Consistently(func(g Gomega) {
			for _, device := range kept {
				g.Expect(find(ctx, device)()).To(Succeed())
			}
		}, testenv.Quiet).Should(Succeed())
		ahead.Store(int64(claims.AbandonedAge + time.Minute))
		for _, device := range kept {
			touch := client.MergeFrom(device.DeepCopy())
			device.Labels = map[string]string{"example.com/touched": "true"}
			Expect(env.Client.Patch(ctx, device, touch)).To(Succeed())
			Eventually(find(ctx, device)).Should(Satisfy(apierrors.IsNotFound))
		}
	})

	It("is left alone otherwise", func(ctx SpecContext) {
		create(ctx, newDevice(namespace, "a"), newDevice(namespace, "b"))
		rest := env.ResourceVersions(ctx, namespace, &v1alpha1.ScimResourceList{})
		Expect(rest).To(HaveLen(2))
		Consistently(func() map[string]string {
			return env.ResourceVersions(ctx, namespace, &v1alpha1.ScimResourceList{})
		}, testenv.Quiet, 500*time.Millisecond).Should(Equal(rest))
	})
})
