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
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	scimv1 "scim-operator.io/api/v1alpha1"
)

// managerPods are the operator's own pods.
func managerPods(ctx context.Context) []corev1.Pod {
	GinkgoHelper()
	list := &corev1.PodList{}
	Expect(k8s.List(ctx, list, client.InNamespace("scim-operator-system"), client.MatchingLabels{
		"app.kubernetes.io/name": "scim-operator", "app.kubernetes.io/component": "manager",
	})).To(Succeed())
	return list.Items
}

var _ = Describe("a mass deletion by the identity provider", Ordered, func() {
	const (
		size  = 120
		limit = 10
	)
	var (
		t    *tenant
		scim *scimClient
		ids  []string
	)

	BeforeAll(func(ctx context.Context) {
		t = newTenant(ctx, "guard", 2)
		t.update(ctx, func(s *scimv1.IdentityProviderSpec) {
			s.SCIM.Deprovisioning = &scimv1.Deprovisioning{Guard: &scimv1.DeprovisioningGuard{
				MaxUsers: ptr.To[int32](limit), Window: &metav1.Duration{Duration: time.Hour},
			}}
		})
		t.awaitReady(ctx)
		scim = t.scim()
		for i := range size {
			ids = append(ids, scim.mustDo("POST", "/Users", userBody(fmt.Sprintf("leaver-%d@e2e.example", i)), 201).id())
		}
		Eventually(t.standing(ctx)).Should(Equal(map[string]int{"True Provisioned": size}))
	})

	It("is answered as ever while the manager is killed in the middle: exactly as many leave as may, and the rest is held", func(ctx context.Context) {
		before := managerPods(ctx)
		Expect(before).NotTo(BeEmpty())
		half, work := make(chan struct{}), make(chan int)
		var clients sync.WaitGroup
		for range 4 {
			clients.Go(func() {
				defer GinkgoRecover()
				for i := range work {
					scim.mustDo("DELETE", "/Users/"+ids[i], "", 204)
					scim.mustDo("GET", "/Users/"+ids[i], "", 404)
				}
			})
		}
		clients.Go(func() {
			defer close(work)
			for i := range size {
				if i == size/2 {
					close(half)
				}
				work <- i
			}
		})
		Eventually(half).Should(BeClosed())
		for i := range before {
			Expect(client.IgnoreNotFound(k8s.Delete(ctx, &before[i], client.GracePeriodSeconds(0)))).To(Succeed())
		}
		clients.Wait()
		want := map[string]int{"False DeletedByProvider": limit, "True HeldByGuard": size - limit}
		Eventually(t.standing(ctx)).Should(Equal(want))
		Consistently(t.standing(ctx), 10*time.Second).Should(Equal(want))
		Expect(managerPods(ctx)).NotTo(ContainElement(HaveField("UID", before[0].UID)), "another manager has gone on")
	})

	It("calls for a person: the provider says how to decide, and is Ready for every pipeline", func(ctx context.Context) {
		Eventually(get(ctx, t.provider)).Should(And(
			HaveField("Status.Conditions", ContainElements(
				And(HaveField("Type", scimv1.ConditionReady), HaveField("Status", metav1.ConditionTrue)),
				And(HaveField("Type", scimv1.ConditionHeld), HaveField("Status", metav1.ConditionTrue), HaveField("Reason", scimv1.ReasonDeprovisioningHeld)))),
			HaveField("Status.Held", HaveValue(BeEquivalentTo(size-limit))),
			HaveField("Status.Active", HaveValue(BeEquivalentTo(size-limit))),
			HaveField("Status.Users", HaveValue(BeEquivalentTo(0))),
			HaveField("Status.Deprovisioning.HoldID", Not(BeEmpty())),
			HaveField("Status.Deprovisioning.Examples", Not(BeEmpty()))))
	})

	It("goes on when the person approves with an annotation, hold by hold as each is shown", func(ctx context.Context) {
		left := func() int64 {
			Expect(k8s.Get(ctx, client.ObjectKeyFromObject(t.provider), t.provider)).To(Succeed())
			return ptr.Deref(t.provider.Status.Held, 0)
		}
		for before := left(); before > 0; before = left() {
			d := t.provider.Status.Deprovisioning
			Eventually(func() error {
				if err := k8s.Get(ctx, client.ObjectKeyFromObject(t.provider), t.provider); err != nil {
					return err
				}
				verdicts := t.provider.Annotations[scimv1.ApproveHeldAnnotation]
				metav1.SetMetaDataAnnotation(&t.provider.ObjectMeta, scimv1.ApproveHeldAnnotation, scimv1.WithHold(verdicts, scimv1.HoldRef(d.HoldID, d.Digest)))
				return k8s.Update(ctx, t.provider)
			}).Should(Succeed())
			Eventually(left).Should(BeNumerically("<=", before-ptr.Deref(d.Held, 0)))
			Eventually(get(ctx, t.provider)).Should(Or(
				HaveField("Status.Held", HaveValue(BeEquivalentTo(0))),
				HaveField("Status.Deprovisioning", HaveValue(HaveField("HoldID", And(Not(BeEmpty()), Not(Equal(d.HoldID))))))))
		}
		Eventually(t.standing(ctx)).Should(Equal(map[string]int{"False DeletedByProvider": size}))
		t.awaitReady(ctx)
	})
})
