// SPDX-License-Identifier: Apache-2.0

package identityprovider

import (
	"context"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"scim-operator.io/api/v1alpha1"
	"scim-operator.io/controllers/internal/outcome"
	"scim-operator.io/controllers/internal/testenv"
	"scim-operator.io/internal/identity"
)

// isActive does what the controller of users would.
func isActive(ctx context.Context, user *v1alpha1.ScimUser, active bool, departure *v1alpha1.Departure) {
	Expect(env.Client.Get(ctx, client.ObjectKeyFromObject(user), user)).To(Succeed())
	patch := client.MergeFrom(user.DeepCopy())
	outcome.Set(user, v1alpha1.ConditionReady, true, v1alpha1.ReasonSucceeded, "For the test.")
	reason := map[bool]string{true: v1alpha1.ReasonProvisioned, false: v1alpha1.ReasonDeactivatedByProvider}[active]
	outcome.Set(user, v1alpha1.ConditionActive, active, reason, "For the test.")
	user.Status.ObservedGeneration, user.Status.Departure = ptr.To(user.Generation), departure
	Expect(env.Client.Status().Patch(ctx, user, patch)).To(Succeed())
}

func provisionedUser(namespace, id string) *v1alpha1.ScimUser {
	return &v1alpha1.ScimUser{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: id},
		Spec:       v1alpha1.ScimUserSpec{EndpointRef: v1alpha1.EndpointReference{Name: name}, UserName: id},
	}
}

var _ = Describe("An identity provider whose users are to be inactive when it ends", func() {
	var (
		namespace    string
		idp          *v1alpha1.IdentityProvider
		ada, bob     *v1alpha1.ScimUser
		hasFinalizer = HaveField("Finalizers", ContainElement(v1alpha1.DepartureFinalizer))
		deactivating = testenv.ReconcilingBecause(v1alpha1.ReasonDeactivatingUsers)
		stillActive  = func(n int64) OmegaMatcher { return HaveField("Status.Active", HaveValue(Equal(n))) }
		providerIs   = func(ctx context.Context) func() error {
			return func() error { return env.Get(ctx, namespace, name, &v1alpha1.IdentityProvider{}) }
		}
		beGone       = Satisfy(apierrors.IsNotFound)
		setProvision = func(ctx context.Context, p v1alpha1.Provisioning, onDisable v1alpha1.OnDisable) {
			testenv.Change(ctx, env, idp, func(idp *v1alpha1.IdentityProvider) {
				idp.Spec.SCIM.Provisioning, idp.Spec.SCIM.OnDisable = p, onDisable
			})
		}
	)

	BeforeEach(func(ctx SpecContext) {
		ahead.Store(0)
		DeferCleanup(func() { ahead.Store(0) })
		namespace = env.Namespace(ctx)
		idp = newProvider(namespace, inline(metadata(year)), v1alpha1.ProvisioningEnabled)
		ada, bob = provisionedUser(namespace, "ada"), provisionedUser(namespace, "bob")
		env.Create(ctx, idp, ada, bob)
		isActive(ctx, ada, true, nil)
		isActive(ctx, bob, true, nil)
		reportEndpoint(ctx, namespace, endpointReady()...)
		Eventually(observed(ctx, idp)).Should(And(serving(), stillActive(2)))
	})

	It("is disabled when they are, which their number shows, and is enabled again", func(ctx SpecContext) {
		Expect(observed(ctx, idp)(Default)).To(And(Not(hasFinalizer), HaveField("Status.OnDisable", v1alpha1.OnDisableKeep)))
		setProvision(ctx, v1alpha1.ProvisioningDisabled, v1alpha1.OnDisableDeactivate)
		Eventually(noEndpoint(ctx, namespace)).Should(beGone)
		Eventually(observed(ctx, idp)).Should(And(deactivating, hasFinalizer, HaveField("Status.OnDisable", v1alpha1.OnDisableDeactivate)))
		ahead.Store(int64(time.Minute))
		isActive(ctx, ada, false, nil)
		Eventually(observed(ctx, idp)).Should(And(deactivating, stillActive(1)))
		isActive(ctx, bob, false, nil)
		Eventually(observed(ctx, idp)).Should(testenv.IsTrue(v1alpha1.ConditionReady, v1alpha1.ReasonProvisioningDisabled))
		Expect(observed(ctx, idp)(Default)).To(stillActive(0), "however lately the counts were written")
		setProvision(ctx, v1alpha1.ProvisioningEnabled, v1alpha1.OnDisableKeep)
		Eventually(observed(ctx, idp)).Should(Not(hasFinalizer))
		Eventually(endpoint(ctx, namespace)).Should(HaveField("Spec.Provisioning", v1alpha1.ProvisioningEnabled))
	})

	It("goes when they are, also by another manager", func(ctx SpecContext) {
		setProvision(ctx, v1alpha1.ProvisioningEnabled, v1alpha1.OnDisableDeactivate)
		Eventually(observed(ctx, idp)).Should(hasFinalizer)
		env.Remove(ctx, idp)
		Eventually(noEndpoint(ctx, namespace)).Should(beGone, "nothing is served meanwhile")
		Eventually(observed(ctx, idp)).Should(testenv.ReconcilingBecause(v1alpha1.ReasonTerminating))
		isActive(ctx, ada, false, nil)
		stopManager()
		startManager()
		Consistently(providerIs(ctx), testenv.Quiet).Should(Succeed())
		isActive(ctx, bob, false, nil)
		Eventually(providerIs(ctx)).Should(beGone)
		Expect(env.Client.Get(ctx, client.ObjectKeyFromObject(ada), ada)).To(Succeed(), "people stay")
	})

	It("waits for a person when it is deleted and a guard covers that, and not when it is disabled", func(ctx SpecContext) {
		hold := &v1alpha1.Deprovisioning{Guard: &v1alpha1.DeprovisioningGuard{MaxUsers: ptr.To[int32](0), OnDisable: v1alpha1.GuardOnDisableHold}}
		testenv.Change(ctx, env, idp, func(idp *v1alpha1.IdentityProvider) { idp.Spec.SCIM.Deprovisioning = hold })
		setProvision(ctx, v1alpha1.ProvisioningDisabled, v1alpha1.OnDisableDeactivate)
		Eventually(observed(ctx, idp)).Should(deactivating)
		held := func(because string) *v1alpha1.Departure {
			return &v1alpha1.Departure{Wish: v1alpha1.DeprovisioningDeactivate, HeldBecause: because, HoldID: "h1", Time: metav1.Now().Rfc3339Copy()}
		}
		isActive(ctx, ada, true, held(v1alpha1.ReasonHeldByGuard))
		isActive(ctx, bob, true, held(v1alpha1.ReasonHeldByGuard))
		patch := client.MergeFrom(observed(ctx, idp)(Default).DeepCopy())
		shows := observed(ctx, idp)(Default)
		shows.Status.Deprovisioning = &v1alpha1.DeprovisioningStatus{HoldID: "h1", Digest: "d1", Held: ptr.To[int64](2)}
		Expect(env.Client.Status().Patch(ctx, shows, patch)).To(Succeed())
		waits := testenv.IsTrue(v1alpha1.ConditionHeld, v1alpha1.ReasonDeprovisioningHeld)
		Eventually(observed(ctx, idp)).Should(And(testenv.IsTrue(v1alpha1.ConditionReady, v1alpha1.ReasonProvisioningDisabled), waits))

		env.Remove(ctx, idp)
		Eventually(observed(ctx, idp)).Should(And(testenv.ReconcilingBecause(v1alpha1.ReasonTerminating), waits))
		isActive(ctx, ada, false, nil)
		Consistently(providerIs(ctx), testenv.Quiet).Should(Succeed())
		isActive(ctx, bob, true, held(v1alpha1.ReasonDeprovisioningRejected))
		Eventually(providerIs(ctx)).Should(beGone)
	})

	It("goes at once when somebody changes their mind, or never asked for it", func(ctx SpecContext) {
		setProvision(ctx, v1alpha1.ProvisioningEnabled, v1alpha1.OnDisableDeactivate)
		Eventually(observed(ctx, idp)).Should(hasFinalizer)
		env.Remove(ctx, idp)
		Eventually(observed(ctx, idp)).Should(testenv.ReconcilingBecause(v1alpha1.ReasonTerminating))
		setProvision(ctx, v1alpha1.ProvisioningEnabled, v1alpha1.OnDisableKeep)
		Eventually(providerIs(ctx)).Should(beGone)
	})

	It("does not wait for users of an endpoint that is somebody else's", func(ctx SpecContext) {
		setProvision(ctx, v1alpha1.ProvisioningDisabled, v1alpha1.OnDisableDeactivate)
		Eventually(observed(ctx, idp)).Should(deactivating)
		env.Create(ctx, &v1alpha1.ScimEndpoint{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name}})
		env.Touch(ctx, idp)
		Eventually(observed(ctx, idp)).Should(testenv.IsTrue(v1alpha1.ConditionReady, v1alpha1.ReasonProvisioningDisabled))
		env.Remove(ctx, idp)
		Eventually(providerIs(ctx)).Should(beGone)
	})
})

// calls are the events that call for a person to decide about a hold.
func calls(ctx context.Context, namespace string) func(Gomega) []string {
	return env.Notes(ctx, namespace, v1alpha1.ReasonDeprovisioningHeld)
}

var _ = Describe("Who is held", func() {
	It("is shown with the provider, which is Ready as ever, and so are the counts", func(ctx SpecContext) {
		ahead.Store(0)
		DeferCleanup(func() { ahead.Store(0) })
		namespace := env.Namespace(ctx)
		idp := newProvider(namespace, inline(metadata(year)), v1alpha1.ProvisioningEnabled)
		idp.Spec.SCIM.Deprovisioning = &v1alpha1.Deprovisioning{
			Policy: v1alpha1.DeprovisioningDeactivate, Retention: &metav1.Duration{Duration: 720 * time.Hour},
			Guard: &v1alpha1.DeprovisioningGuard{MaxUsers: ptr.To[int32](20), MaxPercent: ptr.To[int32](10), Window: &metav1.Duration{Duration: time.Hour}},
		}
		ada, bob, eve := provisionedUser(namespace, "ada"), provisionedUser(namespace, "bob"), provisionedUser(namespace, "eve")
		eve.Spec.DeletedTime = ptr.To(metav1.NowMicro())
		env.Create(ctx, idp, ada, bob, eve)
		Eventually(endpoint(ctx, namespace)).Should(HaveField("Spec.Deprovisioning", Equal(idp.Spec.SCIM.Deprovisioning)))
		held := &v1alpha1.Departure{
			Wish: v1alpha1.DeprovisioningDelete, HeldBecause: v1alpha1.ReasonHeldByGuard, HoldID: "h1", Time: metav1.Now().Rfc3339Copy(),
		}
		isActive(ctx, ada, true, nil)
		isActive(ctx, bob, false, nil)
		isActive(ctx, eve, true, held)
		group := &v1alpha1.ScimGroup{
			ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "staff"},
			Spec:       v1alpha1.ScimGroupSpec{EndpointRef: v1alpha1.EndpointReference{Name: name}, DisplayName: "Staff"},
		}
		env.Create(ctx, group)
		unresolved := client.MergeFrom(group.DeepCopy())
		group.Status.UnresolvedMembers = ptr.To[int64](3)
		Expect(env.Client.Status().Patch(ctx, group, unresolved)).To(Succeed())
		counts := func(active, held, unresolved int64) OmegaMatcher {
			return And(
				HaveField("Status.Users", HaveValue(BeEquivalentTo(2))),
				HaveField("Status.Active", HaveValue(Equal(active))),
				HaveField("Status.Held", HaveValue(Equal(held))),
				HaveField("Status.UnresolvedMembers", HaveValue(Equal(unresolved))),
			)
		}
		Eventually(observed(ctx, idp)).Should(counts(2, 1, 3))

		shows := func(d v1alpha1.DeprovisioningStatus, conditions ...metav1.Condition) {
			reportEndpoint(ctx, namespace, conditions...)
			ep := endpoint(ctx, namespace)(Default)
			patch := client.MergeFrom(ep.DeepCopy())
			ep.Status.Deprovisioning = &d
			Expect(env.Client.Status().Patch(ctx, ep, patch)).To(Succeed())
		}
		d := v1alpha1.DeprovisioningStatus{
			Policy: v1alpha1.DeprovisioningDeactivate, HoldID: "h1", Digest: "d1", Held: ptr.To[int64](1), Since: ptr.To(held.Time), Examples: []string{"eve"},
		}
		called := func(holdID string) string {
			return identity.HeldMessage(&v1alpha1.DeprovisioningStatus{HoldID: holdID, Digest: "d1"})
		}
		ready, waits := testenv.IsTrue(v1alpha1.ConditionReady, v1alpha1.ReasonProvisioningEnabled), testenv.IsTrue(v1alpha1.ConditionHeld, v1alpha1.ReasonDeprovisioningHeld)
		shows(d, endpointReady()...)
		Eventually(observed(ctx, idp)).Should(And(serving(), ready, waits,
			HaveField("Status.Deprovisioning.HoldID", "h1"), HaveField("Status.Deprovisioning.Examples", ConsistOf("eve"))))
		Eventually(calls(ctx, namespace)).Should(ConsistOf(called("h1")))

		By("being held although something else keeps the provider from being Ready, and calling for a person once")
		d.HoldID = "h2"
		shows(d, endpointStalled()...)
		Eventually(observed(ctx, idp)).Should(And(testenv.StalledBecause(v1alpha1.ReasonEndpointNotReady), waits, HaveField("Status.Deprovisioning.HoldID", "h2")))
		Eventually(calls(ctx, namespace)).Should(ConsistOf(called("h1"), called("h2")))
		stopManager()
		startManager()
		shows(d, endpointReady()...)
		Eventually(observed(ctx, idp)).Should(And(ready, waits))
		d.Verdict = v1alpha1.HoldApproved
		shows(d, endpointRollingOut()...)
		Eventually(observed(ctx, idp)).Should(And(HaveField("Status.Deprovisioning.Verdict", v1alpha1.HoldApproved),
			testenv.IsTrue(v1alpha1.ConditionHeld, v1alpha1.ReasonApplyingVerdict)))
		Expect(calls(ctx, namespace)(Default)).To(HaveLen(2))

		By("being approved, and everything coming to rest")
		isActive(ctx, eve, false, &v1alpha1.Departure{Wish: v1alpha1.DeprovisioningDelete, HoldID: "h1", Time: held.Time})
		shows(v1alpha1.DeprovisioningStatus{Policy: v1alpha1.DeprovisioningDeactivate}, endpointReady()...)
		ahead.Store(int64(time.Minute))
		env.Touch(ctx, idp)
		Eventually(observed(ctx, idp)).Should(And(counts(1, 0, 3), testenv.IsTrue(v1alpha1.ConditionReady, v1alpha1.ReasonProvisioningEnabled),
			HaveField("Status.Deprovisioning.HoldID", BeEmpty()), testenv.Condition(v1alpha1.ConditionHeld, HaveField("Type", BeEmpty()))))
		version := func() string { return observed(ctx, idp)(Default).ResourceVersion }
		rest := version()
		Consistently(version, testenv.Quiet).Should(Equal(rest))
	})
})
