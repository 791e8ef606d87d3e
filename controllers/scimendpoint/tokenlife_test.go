// SPDX-License-Identifier: Apache-2.0

package scimendpoint

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"slices"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	eventsv1 "k8s.io/api/events/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"scim-operator.io/api/v1alpha1"
	v1alpha1ac "scim-operator.io/api/v1alpha1/applyconfiguration/api/v1alpha1"
	"scim-operator.io/controllers/internal/child"
	"scim-operator.io/controllers/internal/testenv"
	"scim-operator.io/internal/token"
)

const day = 24 * time.Hour

// followsUses makes sure that the status shows what a server says of the last request, once in
// ten minutes at most, and believes no clock that is far ahead.
func followsUses(ctx context.Context, ep *v1alpha1.ScimEndpoint, said func(at time.Time) *v1alpha1ac.ServerStatusApplyConfiguration, shows func(at time.Time) OmegaMatcher) {
	GinkgoHelper()
	env.Create(ctx, &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Namespace: ep.Namespace, Name: "okta-scim-1", Labels: map[string]string{v1alpha1.EndpointLabel: ep.Name}},
		Spec:       corev1.PodSpec{Containers: []corev1.Container{{Name: "server", Image: "server"}}},
	})
	used := func(at time.Time) {
		GinkgoHelper()
		apply := v1alpha1ac.ScimEndpoint(ep.Name, ep.Namespace).WithStatus(v1alpha1ac.ScimEndpointStatus().
			WithServers(said(at).WithName("okta-scim-1").WithAddress("10.0.0.1:8081").WithIncarnation("1")))
		Expect(env.Client.Status().Apply(ctx, apply, client.FieldOwner("okta-scim-1"))).To(Succeed())
	}
	begin := time.Now().Truncate(time.Second)
	used(begin)
	Eventually(observed(ctx, ep)).Should(shows(begin))
	used(begin.Add(time.Second))
	Consistently(observed(ctx, ep), testenv.Quiet).Should(shows(begin))
	ahead.Store(int64(usePrecision))
	env.Touch(ctx, ep)
	Eventually(observed(ctx, ep)).Should(shows(begin.Add(time.Second)))

	By("not believing a clock that is far ahead")
	used(begin.Add(time.Hour))
	env.Touch(ctx, ep)
	Consistently(observed(ctx, ep), testenv.Quiet).Should(shows(begin.Add(time.Second)))
}

var _ = Describe("The life of a token", func() {
	var (
		namespace string
		ep        *v1alpha1.ScimEndpoint
		first     string
	)

	BeforeEach(func(ctx SpecContext) {
		ahead.Store(0)
		DeferCleanup(func() { ahead.Store(0) })
		namespace = env.Namespace(ctx)
		ep = newEndpoint(namespace, nil)
	})

	plaintextIn := func(ctx context.Context, serial int64) string {
		GinkgoHelper()
		var secret corev1.Secret
		Eventually(func() error { return env.Get(ctx, namespace, ep.TokenSecretName(serial), &secret) }).Should(Succeed())
		return string(secret.Data[v1alpha1.TokenKey])
	}
	issued := func(ctx context.Context, policy *v1alpha1.TokenPolicy) {
		GinkgoHelper()
		ep.Spec.Token = policy
		env.Create(ctx, ep)
		Eventually(observed(ctx, ep)).Should(testenv.IsTrue(v1alpha1.ConditionTokenReady, v1alpha1.ReasonTokenIssued))
		first = plaintextIn(ctx, 1)
	}
	change := func(ctx context.Context, how func(*v1alpha1.TokenPolicy)) {
		GinkgoHelper()
		testenv.Change(ctx, env, ep, func(ep *v1alpha1.ScimEndpoint) {
			if ep.Spec.Token == nil {
				ep.Spec.Token = &v1alpha1.TokenPolicy{}
			}
			how(ep.Spec.Token)
		})
	}
	rotate := func(generation int64) func(*v1alpha1.TokenPolicy) {
		return func(p *v1alpha1.TokenPolicy) { p.Generation = ptr.To(generation) }
	}
	later := func(ctx context.Context, d time.Duration) {
		GinkgoHelper()
		ahead.Store(int64(d))
		env.Touch(ctx, ep)
	}
	secrets := func(ctx context.Context) func(Gomega) []string {
		return func(g Gomega) (names []string) {
			var all corev1.SecretList
			g.Expect(env.Client.List(ctx, &all, client.InNamespace(namespace))).To(Succeed())
			for _, s := range all.Items {
				if s.Type == v1alpha1.TokenSecretType {
					names = append(names, s.Name)
				}
			}
			return names
		}
	}
	events := func(ctx context.Context, reason string) func(Gomega) []string {
		return env.Notes(ctx, namespace, reason)
	}
	vault := func(value string) *corev1.Secret {
		return &corev1.Secret{ObjectMeta: objectMeta(namespace, "vault"), Data: map[string][]byte{"scim": []byte(value)}}
	}
	strong := func() string {
		GinkgoHelper()
		plaintext, err := token.Generate()
		Expect(err).NotTo(HaveOccurred())
		return string(plaintext)
	}
	referring := &v1alpha1.TokenPolicy{SecretRef: &v1alpha1.TokenSecretReference{Name: "vault", Key: "scim"}}
	id := func(plaintext string) string { return token.NewDigest(token.Plaintext(plaintext), now()).ID }

	It("lasts 180 days unless said otherwise, and shows in the status", func(ctx SpecContext) {
		issued(ctx, nil)
		current := observed(ctx, ep)(Default)
		Expect(current.Status.TokenGeneration).To(HaveValue(BeEquivalentTo(1)))
		Expect(current.Status.Tokens).To(HaveLen(1))
		shown := current.Status.Tokens[0]
		Expect(shown.ID).To(Equal(id(first)))
		Expect(shown.Generation).To(HaveValue(BeEquivalentTo(1)))
		Expect(shown.ExpiresTime.Sub(shown.CreatedTime.Time)).To(Equal(180 * day))
		Expect(shown.LastUsedTime).To(BeNil())
	})

	It("is warned of 30, 14, 7 and 1 days before its end, and ends", func(ctx SpecContext) {
		issued(ctx, nil)
		for _, step := range []struct {
			left  time.Duration
			words string
		}{{30 * day, "within 30 days"}, {14 * day, "within 14 days"}, {7 * day, "within 7 days"}, {day, "within 1 day"}} {
			later(ctx, 180*day-step.left)
			Eventually(observed(ctx, ep)).Should(And(
				testenv.IsTrue(v1alpha1.ConditionTokenReady, v1alpha1.ReasonTokenExpiring),
				testenv.Condition(v1alpha1.ConditionTokenReady, HaveField("Message", And(ContainSubstring(step.words), ContainSubstring("Raise spec.token.generation above 1"))))))
			Eventually(events(ctx, v1alpha1.ReasonTokenExpiring)).Should(ContainElement(ContainSubstring("within 30 days"))) // and a series of it
		}
		Expect(accepts(ctx, ep, first)(Default)).To(BeTrue())
		later(ctx, 180*day)
		Eventually(observed(ctx, ep)).Should(And(
			testenv.IsFalse(v1alpha1.ConditionTokenReady, v1alpha1.ReasonTokenExpired),
			testenv.StalledBecause(v1alpha1.ReasonTokenExpired),
			HaveField("Status.Tokens", BeEmpty())))
		Expect(accepts(ctx, ep, first)(Default)).To(BeFalse())
		Eventually(secrets(ctx)).Should(BeEmpty())
		change(ctx, rotate(2))
		Eventually(observed(ctx, ep)).Should(testenv.IsTrue(v1alpha1.ConditionTokenReady, v1alpha1.ReasonTokenIssued))
		Expect(accepts(ctx, ep, first)(Default)).To(BeFalse())
	})

	It("overlaps with that of the next one when the generation is raised", func(ctx SpecContext) {
		issued(ctx, nil)
		change(ctx, rotate(2))
		Eventually(observed(ctx, ep)).Should(And(
			testenv.IsTrue(v1alpha1.ConditionTokenReady, v1alpha1.ReasonTokenIssued),
			HaveField("Status.TokenGeneration", HaveValue(BeEquivalentTo(2)))))
		second := plaintextIn(ctx, 2)
		Expect(ep.TokenSecretName(2)).To(Equal("okta-scim-token-2"))
		Expect(accepts(ctx, ep, first)(Default)).To(BeTrue())
		Expect(accepts(ctx, ep, second)(Default)).To(BeTrue())
		current := observed(ctx, ep)(Default)
		Expect(current.Status.Tokens).To(HaveExactElements(
			And(HaveField("ID", id(second)), HaveField("SecretName", "okta-scim-token-2"), HaveField("Generation", HaveValue(BeEquivalentTo(2)))),
			And(HaveField("ID", id(first)), HaveField("SecretName", "okta-scim-token"), HaveField("Generation", HaveValue(BeEquivalentTo(1))))))
		Expect(current.Status.Tokens[1].ExpiresTime.Time).To(BeTemporally("~", time.Now().Add(time.Hour), time.Minute))
		var secret corev1.Secret
		Expect(env.Get(ctx, namespace, "okta-scim-token-2", &secret)).To(Succeed())
		Expect(secret.Immutable).To(HaveValue(BeTrue()))

		later(ctx, time.Hour+time.Minute)
		Eventually(secrets(ctx)).Should(ConsistOf("okta-scim-token-2"))
		Eventually(observed(ctx, ep)).Should(HaveField("Status.Tokens", HaveExactElements(HaveField("ID", id(second)))))
		Expect(accepts(ctx, ep, first)(Default)).To(BeFalse())
		Expect(accepts(ctx, ep, second)(Default)).To(BeTrue())

		change(ctx, rotate(1)) // lowering it is for nothing
		Eventually(observed(ctx, ep)).Should(HaveField("Status.TokenGeneration", HaveValue(BeEquivalentTo(2))))
		Consistently(secrets(ctx), testenv.Quiet).Should(ConsistOf("okta-scim-token-2"))
	})

	It("ends at once when the next one comes without overlap", func(ctx SpecContext) {
		issued(ctx, &v1alpha1.TokenPolicy{Overlap: &metav1.Duration{}})
		change(ctx, rotate(2))
		second := plaintextIn(ctx, 2)
		Eventually(accepts(ctx, ep, second)).Should(BeTrue())
		Expect(accepts(ctx, ep, first)(Default)).To(BeFalse())
	})

	It("is shared by two at most", func(ctx SpecContext) {
		issued(ctx, &v1alpha1.TokenPolicy{Overlap: &metav1.Duration{Duration: day}})
		change(ctx, rotate(2))
		second := plaintextIn(ctx, 2)
		Eventually(accepts(ctx, ep, second)).Should(BeTrue())
		change(ctx, rotate(3))
		third := plaintextIn(ctx, 3)
		Eventually(accepts(ctx, ep, third)).Should(BeTrue())
		Expect(accepts(ctx, ep, second)(Default)).To(BeTrue())
		Expect(accepts(ctx, ep, first)(Default)).To(BeFalse())
		Eventually(secrets(ctx)).Should(ConsistOf("okta-scim-token-2", "okta-scim-token-3"))
	})

	It("is renewed before its end where that is asked for", func(ctx SpecContext) {
		issued(ctx, &v1alpha1.TokenPolicy{RenewBefore: &metav1.Duration{Duration: 20 * day}})
		later(ctx, 159*day)
		Consistently(observed(ctx, ep), testenv.Quiet).Should(testenv.IsTrue(v1alpha1.ConditionTokenReady, v1alpha1.ReasonTokenIssued))
		Expect(secrets(ctx)(Default)).To(ConsistOf("okta-scim-token"))
		later(ctx, 160*day+time.Minute)
		second := plaintextIn(ctx, 2)
		Eventually(accepts(ctx, ep, second)).Should(BeTrue())
		Expect(accepts(ctx, ep, first)(Default)).To(BeTrue())
		Eventually(observed(ctx, ep)).Should(testenv.Condition(v1alpha1.ConditionTokenReady, HaveField("Message", ContainSubstring("goes on working until"))))
		Expect(observed(ctx, ep)(Default).Status.TokenGeneration).To(HaveValue(BeEquivalentTo(1)))
	})

	It("ends for good when it is revoked", func(ctx SpecContext) {
		issued(ctx, nil)
		change(ctx, func(p *v1alpha1.TokenPolicy) { p.RevokedTokenIDs = []string{id(first)} })
		Eventually(observed(ctx, ep)).Should(And(
			testenv.IsFalse(v1alpha1.ConditionTokenReady, v1alpha1.ReasonTokenRevoked),
			testenv.StalledBecause(v1alpha1.ReasonTokenRevoked),
			testenv.Condition(v1alpha1.ConditionTokenReady, HaveField("Message", ContainSubstring("Raise spec.token.generation above 1")))))
		Expect(accepts(ctx, ep, first)(Default)).To(BeFalse())
		Eventually(events(ctx, v1alpha1.ReasonTokenRevoked)).Should(ContainElement(ContainSubstring(id(first))))
		Eventually(secrets(ctx)).Should(BeEmpty())

		change(ctx, func(p *v1alpha1.TokenPolicy) { p.RevokedTokenIDs = nil })
		Consistently(accepts(ctx, ep, first), testenv.Quiet).Should(BeFalse())
		change(ctx, rotate(2))
		Eventually(observed(ctx, ep)).Should(testenv.IsTrue(v1alpha1.ConditionTokenReady, v1alpha1.ReasonTokenIssued))
		Expect(accepts(ctx, ep, plaintextIn(ctx, 2))(Default)).To(BeTrue())
		Expect(accepts(ctx, ep, first)(Default)).To(BeFalse())
	})

	It("comes to an end of its own while the next one goes on when one of two is revoked", func(ctx SpecContext) {
		issued(ctx, nil)
		change(ctx, func(p *v1alpha1.TokenPolicy) {
			p.Generation, p.RevokedTokenIDs = ptr.To[int64](2), []string{id(first)}
		})
		Eventually(accepts(ctx, ep, plaintextIn(ctx, 2))).Should(BeTrue())
		Expect(accepts(ctx, ep, first)(Default)).To(BeFalse())
		Eventually(observed(ctx, ep)).Should(And(testenv.IsTrue(v1alpha1.ConditionTokenReady, v1alpha1.ReasonTokenIssued), HaveField("Status.Tokens", HaveLen(1))))
	})

	It("may be that of a token somebody else maintains", func(ctx SpecContext) {
		ep.Spec.Token = referring.DeepCopy()
		env.Create(ctx, ep)
		Eventually(observed(ctx, ep)).Should(And(
			testenv.IsFalse(v1alpha1.ConditionTokenReady, v1alpha1.ReasonTokenSecretNotFound),
			testenv.ReconcilingBecause(v1alpha1.ReasonTokenSecretNotFound)))
		one := strong()
		env.Create(ctx, vault(one))
		env.Touch(ctx, ep)
		Eventually(observed(ctx, ep)).Should(testenv.IsTrue(v1alpha1.ConditionTokenReady, v1alpha1.ReasonTokenProvided))
		Expect(accepts(ctx, ep, one)(Default)).To(BeTrue())
		Expect(observed(ctx, ep)(Default).Status.Tokens).To(ConsistOf(And(
			HaveField("SecretName", "vault"), HaveField("Generation", BeNil()), HaveField("ID", id(one)))))

		By("replacing it, which overlaps")
		two := strong()
		Expect(env.Client.Update(ctx, vault(two))).To(Succeed())
		env.Touch(ctx, ep)
		Eventually(accepts(ctx, ep, two)).Should(BeTrue())
		Expect(accepts(ctx, ep, one)(Default)).To(BeTrue())

		By("making it weak: what was accepted goes on")
		const weak = "changeme-changeme-changeme-changeme-changeme"
		Expect(env.Client.Update(ctx, vault(weak))).To(Succeed())
		env.Touch(ctx, ep)
		Eventually(observed(ctx, ep)).Should(And(
			testenv.IsFalse(v1alpha1.ConditionTokenReady, v1alpha1.ReasonTokenTooWeak),
			testenv.StalledBecause(v1alpha1.ReasonTokenTooWeak),
			testenv.Condition(v1alpha1.ConditionTokenReady, HaveField("Message", And(ContainSubstring("goes on working"), Not(ContainSubstring(weak)))))))
		Expect(accepts(ctx, ep, two)(Default)).To(BeTrue())
		Expect(accepts(ctx, ep, weak)(Default)).To(BeFalse())
		Expect(env.Client.Update(ctx, vault(two))).To(Succeed())

		By("issuing none meanwhile, and letting nobody's Secret be touched")
		change(ctx, rotate(5))
		Eventually(observed(ctx, ep)).Should(testenv.IsTrue(v1alpha1.ConditionTokenReady, v1alpha1.ReasonTokenProvided))
		Expect(secrets(ctx)(Default)).To(BeEmpty())

		By("taking the reference out, which revokes it")
		change(ctx, func(p *v1alpha1.TokenPolicy) { p.SecretRef = nil })
		Eventually(observed(ctx, ep)).Should(testenv.IsTrue(v1alpha1.ConditionTokenReady, v1alpha1.ReasonTokenIssued))
		Expect(accepts(ctx, ep, one)(Default)).To(BeFalse())
		Expect(accepts(ctx, ep, two)(Default)).To(BeFalse())
		Expect(accepts(ctx, ep, plaintextIn(ctx, 1))(Default)).To(BeTrue())
		Eventually(events(ctx, v1alpha1.ReasonTokenRevoked)).ShouldNot(BeEmpty())
		Expect(env.Get(ctx, namespace, "vault", &corev1.Secret{})).To(Succeed())
	})

	It("is not that of a Secret of the operator's own", func(ctx SpecContext) {
		issued(ctx, nil)
		change(ctx, func(p *v1alpha1.TokenPolicy) {
			p.SecretRef = &v1alpha1.TokenSecretReference{Name: ep.TokenSecretName(1), Key: v1alpha1.TokenKey}
		})
		Eventually(observed(ctx, ep)).Should(testenv.IsFalse(v1alpha1.ConditionTokenReady, v1alpha1.ReasonTokenTooWeak))
		Expect(accepts(ctx, ep, first)(Default)).To(BeTrue())
	})

	It("does not change when its Secret is deleted after a while, and tells when it was read", func(ctx SpecContext) {
		issued(ctx, &v1alpha1.TokenPolicy{Delivery: &v1alpha1.TokenDelivery{DeleteAfter: &metav1.Duration{Duration: day}}})
		read := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
		secret := &corev1.Secret{ObjectMeta: objectMeta(namespace, ep.TokenSecretName(1))}
		note := func(when string) {
			testenv.Change(ctx, env, secret, func(s *corev1.Secret) {
				s.Annotations = map[string]string{v1alpha1.FirstReadTimeAnnotation: when}
			})
		}
		note(read.Format(time.RFC3339))
		shown := HaveField("Status.Tokens", ConsistOf(HaveField("FirstReadTime", HaveValue(HaveField("Time", BeTemporally("==", read))))))
		Eventually(observed(ctx, ep)).Should(shown)
		note("yesterday")
		later(ctx, 23*time.Hour)
		Consistently(secrets(ctx), testenv.Quiet).Should(ConsistOf("okta-scim-token"))
		later(ctx, day+time.Minute)
		Eventually(secrets(ctx)).Should(BeEmpty())
		Eventually(observed(ctx, ep)).Should(And(
			testenv.IsTrue(v1alpha1.ConditionTokenReady, v1alpha1.ReasonTokenIssued),
			testenv.Condition(v1alpha1.ConditionTokenReady, HaveField("Message", ContainSubstring("has been deleted"))),
			shown))
		Expect(accepts(ctx, ep, first)(Default)).To(BeTrue())
	})

	It("is looked at again when its Secret is due to be deleted, whatever the API server's clock said", func(ctx SpecContext) {
		issued(ctx, &v1alpha1.TokenPolicy{Delivery: &v1alpha1.TokenDelivery{DeleteAfter: &metav1.Duration{Duration: day}}})
		var secret, digests corev1.Secret
		Expect(env.Get(ctx, namespace, ep.TokenSecretName(1), &secret)).To(Succeed())
		Expect(env.Get(ctx, namespace, ep.DigestSecretName(), &digests)).To(Succeed())
		record, err := token.DecodeRecord(digests.Data[v1alpha1.TokenRecordKey])
		Expect(err).NotTo(HaveOccurred())
		current := observed(ctx, ep)(Default)
		age := func(d time.Duration) (time.Duration, error) {
			r := &Reconciler{
				client: env.Client, live: env.Client, children: child.Client{Client: env.Client, Live: env.Client},
				clock: clock{now: func() time.Time { return secret.CreationTimestamp.Add(d) }},
			}
			_, wait, err := r.sweepTokens(ctx, current, &memory{record: *record})
			return wait, err
		}
		Expect(age(-time.Minute)).To(Equal(day + time.Minute))
		Expect(age(day - time.Second)).To(Equal(time.Second))
		Expect(secrets(ctx)(Default)).To(ConsistOf("okta-scim-token"))
		Expect(age(day)).To(BeZero())
		Eventually(secrets(ctx)).Should(BeEmpty())
	})

	It("shows when it was last used, once a minute at most", func(ctx SpecContext) {
		issued(ctx, nil)
		ofToken := func(at time.Time) *v1alpha1ac.ServerStatusApplyConfiguration {
			return v1alpha1ac.ServerStatus().WithTokens(v1alpha1ac.TokenUse().WithID(id(first)).WithLastUsedTime(metav1.NewTime(at)))
		}
		followsUses(ctx, ep, ofToken, func(at time.Time) OmegaMatcher {
			same := HaveValue(HaveField("Time", BeTemporally("==", at)))
			return And(HaveField("Status.Tokens", ConsistOf(HaveField("LastUsedTime", same))), HaveField("Status.LastRequestTime", same))
		})
	})

	It("leaves everything at rest, after whatever has happened", func(ctx SpecContext) {
		issued(ctx, nil)
		change(ctx, rotate(2))
		Eventually(observed(ctx, ep)).Should(HaveField("Status.Tokens", HaveLen(2)))
		env.Create(ctx, vault(strong()))
		change(ctx, func(p *v1alpha1.TokenPolicy) { p.SecretRef = referring.SecretRef.DeepCopy() })
		Eventually(observed(ctx, ep)).Should(testenv.IsTrue(v1alpha1.ConditionTokenReady, v1alpha1.ReasonTokenProvided))
		versions := func() map[string]string { return env.ResourceVersions(ctx, namespace, childLists()...) }
		Eventually(func(g Gomega) {
			rest := versions()
			g.Consistently(versions, time.Second).Should(Equal(rest))
		}).Should(Succeed())
		env.Touch(ctx, ep)
		rest := versions()
		Consistently(versions, testenv.Quiet).Should(Equal(rest))
	})

	It("gives the token away in no status, event or log", func(ctx SpecContext) {
		issued(ctx, nil)
		change(ctx, rotate(2))
		Eventually(observed(ctx, ep)).Should(HaveField("Status.Tokens", HaveLen(2)))
		const weak = "weak-weak-weak-weak-weak-weak-weak-weak"
		plaintexts := []string{first, plaintextIn(ctx, 2), strong(), weak}
		env.Create(ctx, vault(plaintexts[2]))
		change(ctx, func(p *v1alpha1.TokenPolicy) { p.SecretRef = referring.SecretRef.DeepCopy() })
		Eventually(observed(ctx, ep)).Should(testenv.IsTrue(v1alpha1.ConditionTokenReady, v1alpha1.ReasonTokenProvided))
		Expect(env.Client.Update(ctx, vault(weak))).To(Succeed())
		env.Touch(ctx, ep)
		Eventually(observed(ctx, ep)).Should(testenv.IsFalse(v1alpha1.ConditionTokenReady, v1alpha1.ReasonTokenTooWeak))
		Eventually(events(ctx, v1alpha1.ReasonTokenTooWeak)).ShouldNot(BeEmpty())

		var all eventsv1.EventList
		var digests corev1.Secret
		Expect(env.Client.List(ctx, &all, client.InNamespace(namespace))).To(Succeed())
		Expect(env.Get(ctx, namespace, ep.DigestSecretName(), &digests)).To(Succeed())
		encoded, err := json.Marshal([]any{all, observed(ctx, ep)(Default)})
		Expect(err).NotTo(HaveOccurred())
		public := strings.Join([]string{string(encoded), env.Output.String(),
			string(digests.Data[v1alpha1.DigestsKey]), string(digests.Data[v1alpha1.TokenRecordKey])}, "\n")
		for _, plaintext := range plaintexts {
			Expect(strings.Contains(public, plaintext)).To(BeFalse())
			Expect(strings.Contains(public, base64.StdEncoding.EncodeToString([]byte(plaintext)))).To(BeFalse())
		}
		Expect(slices.Contains(plaintexts, "")).To(BeFalse())
	})

	It("begins anew when everything is lost and the generation is raised", func(ctx SpecContext) {
		issued(ctx, nil)
		withoutManager(func() {
			env.Remove(ctx, &corev1.Secret{ObjectMeta: objectMeta(namespace, ep.TokenSecretName(1))},
				&corev1.Secret{ObjectMeta: objectMeta(namespace, ep.DigestSecretName())})
		})
		Eventually(observed(ctx, ep)).Should(And(testenv.StalledBecause(v1alpha1.ReasonTokenDigestsLost),
			testenv.Condition(v1alpha1.ConditionTokenReady, HaveField("Message", ContainSubstring("raise spec.token.generation above 1")))))
		change(ctx, rotate(2))
		Eventually(observed(ctx, ep)).Should(testenv.IsTrue(v1alpha1.ConditionTokenReady, v1alpha1.ReasonTokenIssued))
		Expect(accepts(ctx, ep, plaintextIn(ctx, 2))(Default)).To(BeTrue())
		Expect(accepts(ctx, ep, first)(Default)).To(BeFalse())
	})

	It("goes on as it was when the digest Secret is lost in an overlap", func(ctx SpecContext) {
		issued(ctx, nil)
		change(ctx, rotate(2))
		Eventually(observed(ctx, ep)).Should(HaveField("Status.Tokens", HaveLen(2)))
		second := plaintextIn(ctx, 2)
		ends := observed(ctx, ep)(Default).Status.Tokens[1].ExpiresTime.Time
		withoutManager(func() { env.Remove(ctx, &corev1.Secret{ObjectMeta: objectMeta(namespace, ep.DigestSecretName())}) })
		Eventually(accepts(ctx, ep, second)).Should(BeTrue())
		Expect(accepts(ctx, ep, first)(Default)).To(BeTrue())
		Expect(observed(ctx, ep)(Default).Status.Tokens[1].ExpiresTime.Time).To(BeTemporally("==", ends))
		Consistently(secrets(ctx), testenv.Quiet).Should(ConsistOf("okta-scim-token", "okta-scim-token-2"))
	})

	It("is taken over from an operator that kept no record", func(ctx SpecContext) {
		issued(ctx, nil)
		withoutManager(func() {
			testenv.Change(ctx, env, &corev1.Secret{ObjectMeta: objectMeta(namespace, ep.DigestSecretName())}, func(s *corev1.Secret) {
				digest := token.NewDigest(token.Plaintext(first), time.Now())
				encoded, err := token.EncodeDigests([]token.Digest{digest})
				Expect(err).NotTo(HaveOccurred())
				s.Data = map[string][]byte{v1alpha1.DigestsKey: encoded}
			})
			env.Remove(ctx, &corev1.Secret{ObjectMeta: objectMeta(namespace, ep.TokenSecretName(1))})
		})
		Eventually(accepts(ctx, ep, first)).Should(BeTrue())
		Consistently(gone(ctx, namespace, ep.TokenSecretName(1), &corev1.Secret{}), testenv.Quiet).Should(Satisfy(apierrors.IsNotFound))
		Expect(observed(ctx, ep)(Default).Status.Tokens[0].ExpiresTime.Time).To(BeTemporally("~", time.Now().Add(180*day), time.Hour))
	})
})
