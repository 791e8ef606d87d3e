// SPDX-License-Identifier: Apache-2.0

//go:build e2e

package e2e

import (
	"context"
	"fmt"
	"sync"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	scimv1 "scim-operator.io/api/v1alpha1"
)

var _ = Describe("two hundred people", Ordered, func() {
	const size = 200 // a quarter of them in the group, with the role, in the department, and none of these
	const group, role, department = "IT Support", "Field engineer", "IT"
	var (
		t    *tenant
		scim *scimClient
	)
	all := func(reason string) map[string]int { return map[string]int{reason: size} }
	// decided counts the users by type and the rule that decided.
	decided := func(ctx context.Context) func() (map[string]int, error) {
		return func() (map[string]int, error) {
			list := &scimv1.ScimUserList{}
			err := k8s.List(ctx, list, client.InNamespace(t.namespace))
			counts := map[string]int{}
			for _, user := range list.Items {
				counts[fmt.Sprintf("%s by %s", user.Status.UserType, user.Status.UserTypeRule)]++
			}
			return counts, err
		}
	}
	before := map[string]int{
		"Technician by userTypes.technicians.groups: " + group: size / 4,
		"Technician by userTypes.technicians.roles: " + role:   size / 4,
		"Technician by userTypes.technicians.expression":       size / 4,
		"EndUser by default": size / 4,
	}

	BeforeAll(func(ctx context.Context) {
		t = newTenant(ctx, "people", 1, func(s *scimv1.IdentityProviderSpec) {
			s.SCIM.UserTypes = &scimv1.UserTypeRules{Technicians: &scimv1.UserMatcher{
				Groups: []string{group}, Roles: []string{role}, Expression: `user.enterprise.department == "` + department + `"`,
			}}
			s.SCIM.Endpoint.Token = &scimv1.TokenPolicy{Delivery: &scimv1.TokenDelivery{DeleteAfter: &metav1.Duration{Duration: time.Minute}}}
		})
		scim = t.scim()
	})

	It("are technicians by a group, a role or an expression, and end users otherwise", func(ctx context.Context) {
		attributes := []string{
			``, `,"roles":[{"value":"` + role + `"}]`,
			`,"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User":{"department":"` + department + `"}`, ``,
		}
		var lock sync.Mutex
		var members string
		var clients sync.WaitGroup
		for kind, more := range attributes {
			clients.Go(func() {
				defer GinkgoRecover()
				for i := range size / 4 {
					id := scim.mustDo("POST", "/Users", fmt.Sprintf(`{"userName":"person-%d-%d@e2e.example"%s}`, kind, i, more), 201).id()
					if kind == 0 {
						lock.Lock()
						members += `,{"value":"` + id + `"}`
						lock.Unlock()
					}
				}
			})
		}
		clients.Wait()
		scim.mustDo("POST", "/Groups", `{"displayName":"`+group+`","members":[`+members[1:]+`]}`, 201)
		Eventually(decided(ctx)).Should(Equal(before))
	})

	It("are not changed by rules that are only tried, and the status says whom they would change", func(ctx context.Context) {
		t.update(ctx, func(s *scimv1.IdentityProviderSpec) {
			s.SCIM.Preview = &scimv1.AccountRules{UserTypes: &scimv1.UserTypeRules{Technicians: &scimv1.UserMatcher{Groups: []string{group}}}}
		})
		Eventually(get(ctx, t.provider)).Should(HaveField("Status.Rules.Preview", And(
			HaveField("Changed", HaveValue(BeEquivalentTo(size/2))), HaveField("Users", HaveValue(BeEquivalentTo(size))),
			HaveField("Examples", And(HaveLen(10), HaveEach(HaveField("Change", HavePrefix("Technician becomes EndUser"))))))))
		Expect(decided(ctx)()).To(Equal(before))
	})

	It("are decided anew when the rules are moved to their place", func(ctx context.Context) {
		t.update(ctx, func(s *scimv1.IdentityProviderSpec) { s.SCIM.UserTypes, s.SCIM.Preview = s.SCIM.Preview.UserTypes, nil })
		t.awaitReady(ctx)
		Expect(decided(ctx)()).To(Equal(map[string]int{
			"Technician by userTypes.technicians.groups: " + group: size / 4, "EndUser by default": size / 4 * 3,
		}), "Ready says that all of them are done")
		Eventually(get(ctx, t.provider)).Should(And(
			HaveField("Status.Technicians", HaveValue(BeEquivalentTo(size/4))),
			HaveField("Status.Rules", And(HaveField("UsersDecided", HaveValue(BeEquivalentTo(size))), HaveField("Preview", BeNil())))))
	})

	It("go on when the Secret of the token deletes itself", func(ctx context.Context) {
		secret := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Name: "okta-scim-token", Namespace: t.namespace}}
		Eventually(func() bool {
			_, err := get(ctx, secret)()
			return apierrors.IsNotFound(err)
		}).Should(BeTrue(), "a minute after it was made")
		Expect(scim.status()).To(Equal(200))
		Eventually(get(ctx, t.provider)).Should(HaveField("Status.Connection.TokenSecretName", BeEmpty()))
	})

	It("become inactive when provisioning ends and onDisable is Deactivate, and active when it begins again", func(ctx context.Context) {
		t.update(ctx, func(s *scimv1.IdentityProviderSpec) {
			s.SCIM.OnDisable, s.SCIM.Provisioning = scimv1.OnDisableDeactivate, scimv1.ProvisioningDisabled
		})
		Eventually(t.standing(ctx)).Should(Equal(all("False ProvisioningDisabled")))
		t.awaitReady(ctx)
		Eventually(get(ctx, t.provider)).Should(HaveField("Status.Active", HaveValue(BeEquivalentTo(0))))

		t.update(ctx, func(s *scimv1.IdentityProviderSpec) { s.SCIM.Provisioning = scimv1.ProvisioningEnabled })
		Eventually(t.standing(ctx)).Should(Equal(all("True Provisioned")))
		t.awaitReady(ctx)
	})

	It("become inactive before their provider goes, and stay so", func(ctx context.Context) {
		Expect(k8s.Delete(ctx, t.provider)).To(Succeed())
		Eventually(func() bool {
			_, err := get(ctx, t.provider)()
			return apierrors.IsNotFound(err)
		}).Should(BeTrue())
		Expect(t.standing(ctx)()).To(Equal(all("False ProvisioningDisabled")))
		expectChildrenGone(ctx, t.namespace)
		Expect(t.standing(ctx)()).To(Equal(all("False ProvisioningDisabled")))
	})
})
