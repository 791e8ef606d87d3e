// SPDX-License-Identifier: Apache-2.0

package scimendpoint

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	eventsv1 "k8s.io/api/events/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"scim-operator.io/api/v1alpha1"
	v1alpha1ac "scim-operator.io/api/v1alpha1/applyconfiguration/api/v1alpha1"
	"scim-operator.io/controllers/internal/testenv"
	"scim-operator.io/internal/token"
)

var _ = Describe("An endpoint with an OAuth issuer", func() {
	var (
		namespace string
		ep        *v1alpha1.ScimEndpoint
	)

	BeforeEach(func(ctx SpecContext) {
		ahead.Store(0)
		DeferCleanup(func() { ahead.Store(0) })
		namespace = env.Namespace(ctx)
		ep = newEndpoint(namespace, nil)
		ep.Spec.OAuth = &v1alpha1.OAuthPolicy{
			Issuer: "https://login.example.com", Audiences: []string{"scim"}, Subjects: []string{"okta"},
		}
		env.Create(ctx, ep)
		Eventually(observed(ctx, ep)).Should(testenv.IsTrue(v1alpha1.ConditionTokenReady, v1alpha1.ReasonTokenIssued))
		reportDeployment(ctx, ep, 1)
		Eventually(observed(ctx, ep)).Should(ready())
	})

	onlyOAuth := func(why string) OmegaMatcher {
		return And(ready(), testenv.IsTrue(v1alpha1.ConditionTokenReady, v1alpha1.ReasonOAuthOnly),
			testenv.Condition(v1alpha1.ConditionTokenReady, HaveField("Message", And(
				ContainSubstring(why), ContainSubstring("https://login.example.com"), ContainSubstring("Raise spec.token.generation above 1")))))
	}
	later := func(ctx context.Context, d time.Duration) {
		GinkgoHelper()
		ahead.Store(int64(d))
		env.Touch(ctx, ep)
	}
	versions := func(ctx context.Context) func() map[string]string {
		return func() map[string]string { return env.ResourceVersions(ctx, namespace, childLists()...) }
	}

	It("stays ready when its token expires, and is not warned of a token that nobody uses", func(ctx SpecContext) {
		later(ctx, 179*day)
		Consistently(observed(ctx, ep), testenv.Quiet).Should(testenv.IsTrue(v1alpha1.ConditionTokenReady, v1alpha1.ReasonTokenIssued))
		later(ctx, 180*day)
		Eventually(observed(ctx, ep)).Should(onlyOAuth("expired"))
		env.Touch(ctx, ep)
		rest := versions(ctx)()
		Consistently(versions(ctx), testenv.Quiet).Should(Equal(rest))
	})

	It("stays ready when its token is revoked, until there is no issuer either", func(ctx SpecContext) {
		id := observed(ctx, ep)(Default).Status.Tokens[0].ID
		testenv.Change(ctx, env, ep, func(ep *v1alpha1.ScimEndpoint) {
			ep.Spec.Token = &v1alpha1.TokenPolicy{RevokedTokenIDs: []string{id}}
		})
		Eventually(observed(ctx, ep)).Should(onlyOAuth(id + " was revoked"))
		testenv.Change(ctx, env, ep, func(ep *v1alpha1.ScimEndpoint) { ep.Spec.OAuth = nil })
		Eventually(observed(ctx, ep)).Should(testenv.IsFalse(v1alpha1.ConditionTokenReady, v1alpha1.ReasonTokenRevoked))
	})

	It("says that the CA certificates of the issuer cannot be read, and goes on when they are corrected", func(ctx SpecContext) {
		testenv.Change(ctx, env, ep, func(ep *v1alpha1.ScimEndpoint) {
			ep.Spec.OAuth.CACertificates = "-----BEGIN CERTIFICATE-----\nMIIB"
		})
		Eventually(observed(ctx, ep)).Should(And(
			testenv.StalledBecause(v1alpha1.ReasonInvalidSpec),
			testenv.Condition(v1alpha1.ConditionReady, HaveField("Message", ContainSubstring("spec.oauth.caCertificates")))))
		testenv.Change(ctx, env, ep, func(ep *v1alpha1.ScimEndpoint) { ep.Spec.OAuth.CACertificates = "" })
		Eventually(observed(ctx, ep)).Should(testenv.ReconcilingBecause(v1alpha1.ReasonProgressing)) // the servers start anew
		reportDeployment(ctx, ep, 1)
		Eventually(observed(ctx, ep)).Should(ready())
	})

	It("stays ready when everything that is known of its token is lost", func(ctx SpecContext) {
		withoutManager(func() {
			env.Remove(ctx, &corev1.Secret{ObjectMeta: objectMeta(namespace, ep.TokenSecretName(1))},
				&corev1.Secret{ObjectMeta: objectMeta(namespace, ep.DigestSecretName())})
		})
		Eventually(observed(ctx, ep)).Should(testenv.IsTrue(v1alpha1.ConditionTokenReady, v1alpha1.ReasonOAuthOnly))
		digests := fetch(ctx, namespace, ep.DigestSecretName(), &corev1.Secret{})(Default)
		Expect(token.DecodeDigests(digests.Data[v1alpha1.DigestsKey])).To(BeEmpty())
		Expect(digests.Data[v1alpha1.ServersKey]).To(HaveLen(v1alpha1.ServersKeySize))
	})

	It("shows when a request was last let in, once a minute at most", func(ctx SpecContext) {
		ofIssuer := func(at time.Time) *v1alpha1ac.ServerStatusApplyConfiguration {
			return v1alpha1ac.ServerStatus().WithLastOAuthTime(metav1.NewTime(at))
		}
		followsUses(ctx, ep, ofIssuer, func(at time.Time) OmegaMatcher {
			return And(HaveField("Status.LastRequestTime", HaveValue(HaveField("Time", BeTemporally("==", at)))),
				HaveField("Status.Tokens", ConsistOf(HaveField("LastUsedTime", BeNil()))))
		})
	})
})

var _ = Describe("The key that servers share", func() {
	var (
		namespace string
		ep        *v1alpha1.ScimEndpoint
	)

	BeforeEach(func(ctx SpecContext) {
		namespace = env.Namespace(ctx)
		ep = newEndpoint(namespace, nil)
		env.Create(ctx, ep)
		Eventually(observed(ctx, ep)).Should(testenv.IsTrue(v1alpha1.ConditionTokenReady, v1alpha1.ReasonTokenIssued))
	})

	key := func(ctx context.Context) func(Gomega) []byte {
		return func(g Gomega) []byte {
			return fetch(ctx, namespace, ep.DigestSecretName(), &corev1.Secret{})(g).Data[v1alpha1.ServersKey]
		}
	}
	set := func(ctx context.Context, value []byte) {
		GinkgoHelper()
		testenv.Change(ctx, env, &corev1.Secret{ObjectMeta: objectMeta(namespace, ep.DigestSecretName())}, func(s *corev1.Secret) {
			if s.Data[v1alpha1.ServersKey] = value; value == nil {
				delete(s.Data, v1alpha1.ServersKey)
			}
		})
	}

	It("is written once, whatever becomes of tokens", func(ctx SpecContext) {
		Eventually(key(ctx)).Should(HaveLen(v1alpha1.ServersKeySize))
		first := key(ctx)(Default)
		testenv.Change(ctx, env, ep, func(ep *v1alpha1.ScimEndpoint) {
			ep.Spec.Token = &v1alpha1.TokenPolicy{Generation: ptr.To[int64](2)}
		})
		Eventually(observed(ctx, ep)).Should(HaveField("Status.Tokens", HaveLen(2)))
		Expect(key(ctx)(Default)).To(Equal(first))
		withoutManager(func() {})
		env.Touch(ctx, ep)
		Consistently(key(ctx), testenv.Quiet).Should(Equal(first))
	})

	It("comes to an installation that has none, or one that is no key", func(ctx SpecContext) {
		for _, value := range [][]byte{nil, {}, []byte("short")} {
			withoutManager(func() { set(ctx, value) })
			Eventually(key(ctx)).Should(HaveLen(v1alpha1.ServersKeySize))
		}
		Expect(observed(ctx, ep)(Default).Status.Tokens).To(HaveLen(1))
	})

	It("shows in no status, event or log", func(ctx SpecContext) {
		Eventually(key(ctx)).Should(HaveLen(v1alpha1.ServersKeySize))
		var all eventsv1.EventList
		Expect(env.Client.List(ctx, &all, client.InNamespace(namespace))).To(Succeed())
		encoded, err := json.Marshal([]any{all, observed(ctx, ep)(Default)})
		Expect(err).NotTo(HaveOccurred())
		public := string(encoded) + env.Output.String()
		Expect(strings.Contains(public, base64.StdEncoding.EncodeToString(key(ctx)(Default)))).To(BeFalse())
		Expect(strings.Contains(public, string(key(ctx)(Default)))).To(BeFalse())
	})
})
