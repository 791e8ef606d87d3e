// SPDX-License-Identifier: Apache-2.0

//go:build e2e

package e2e

import (
	"context"
	"crypto/rand"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	scimv1 "scim-operator.io/api/v1alpha1"
	"scim-operator.io/internal/token"
)

var _ = Describe("the life of a token", Ordered, func() {
	var (
		t        *tenant
		endpoint *scimv1.ScimEndpoint
		// all are the endpoint's own Ingress and each server alone.
		all []*scimClient
	)
	policy := func(ctx context.Context, change func(*scimv1.TokenPolicy)) {
		GinkgoHelper()
		t.update(ctx, func(s *scimv1.IdentityProviderSpec) {
			if s.SCIM.Endpoint.Token == nil {
				s.SCIM.Endpoint.Token = &scimv1.TokenPolicy{}
			}
			change(s.SCIM.Endpoint.Token)
		})
	}
	// issued waits, as the documentation says, until a generation is done, and reads the token.
	issued := func(ctx context.Context, generation int64) string {
		GinkgoHelper()
		name := fmt.Sprintf("okta-scim-token-%d", generation)
		Eventually(get(ctx, endpoint)).Should(HaveField("Status.TokenGeneration", HaveValue(BeEquivalentTo(generation))))
		Eventually(get(ctx, t.provider)).Should(HaveField("Status.Connection.TokenSecretName", name))
		secret := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: t.namespace}}
		Expect(get(ctx, secret)()).To(HaveField("Data", HaveKey("token")))
		return string(secret.Data["token"])
	}
	tokenReady := func(status metav1.ConditionStatus, reason string) OmegaMatcher {
		return HaveField("Status.Conditions", ContainElement(And(
			HaveField("Type", scimv1.ConditionTokenReady), HaveField("Status", status), HaveField("Reason", reason))))
	}
	accepted := HaveEach(200)
	// Who is refused often enough is told to slow down, which nobody is who has a right token.
	refused := HaveEach(BeElementOf(401, 429))

	BeforeAll(func(ctx context.Context) {
		t = newTenant(ctx, "tokens", 2)
		endpoint = &scimv1.ScimEndpoint{ObjectMeta: metav1.ObjectMeta{Name: "okta", Namespace: t.namespace}}
		all = append(t.servers(ctx), t.scim())
		Expect(all).To(HaveLen(3))
	})

	It("is replaced under load without a failed request, and the old one ends with the overlap", func(ctx context.Context) {
		old := t.token
		stop, use := startClients(t.scim(), 4)
		policy(ctx, func(p *scimv1.TokenPolicy) {
			p.Generation, p.Overlap = ptr.To[int64](2), &metav1.Duration{Duration: 15 * time.Second}
		})
		t.token = issued(ctx, 2)
		use(t.token)
		failed := stop()
		Expect(failed).To(BeEmpty())

		Eventually(everywhere(old, all...)).Should(refused)
		Expect(all[0].with(old).do("GET", "/Users", "")).To(HaveField("Body", HaveKeyWithValue("detail", ContainSubstring("has been replaced"))))
		Expect(everywhere(t.token, all...)()).To(accepted)
		Eventually(get(ctx, endpoint)).Should(HaveField("Status.Tokens", ConsistOf(HaveField("ID", tokenID(t.token)))))
		first := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Name: "okta-scim-token", Namespace: t.namespace}}
		Eventually(func() bool {
			_, err := get(ctx, first)()
			return apierrors.IsNotFound(err)
		}).Should(BeTrue(), "the Secret of a token goes with it")
	})

	It("is refused by every server within two seconds of being revoked", func(ctx context.Context) {
		old := t.token
		policy(ctx, func(p *scimv1.TokenPolicy) { p.Overlap = nil })
		Expect(plugin(ctx, t.namespace, "token", "rotate", "okta")).NotTo(BeEmpty())
		t.token = issued(ctx, 3)
		Eventually(everywhere(t.token, all...)).Should(accepted)
		Expect(everywhere(old, all...)()).To(accepted, "the overlap is an hour")

		Expect(pluginCommand(ctx, t.namespace, "token", "revoke", "okta", tokenID(old)).Run()).NotTo(Succeed(), "nobody has said yes")
		Expect(everywhere(old, all...)()).To(accepted)
		plugin(ctx, t.namespace, "token", "revoke", "okta", tokenID(old), "--yes")
		Eventually(everywhere(old, all...), 2*time.Second, 20*time.Millisecond).Should(refused)
		Expect(get(ctx, t.provider)()).To(HaveField("Spec.SCIM.Endpoint.Token.RevokedTokenIDs", ConsistOf(tokenID(old))))

		policy(ctx, func(p *scimv1.TokenPolicy) { p.RevokedTokenIDs = nil })
		t.awaitReady(ctx)
		Expect(everywhere(old, all...)()).To(refused, "what was revoked does not come back")
		Expect(everywhere(t.token, all...)()).To(accepted)
	})

	It("expires, and whoever still has it is told so", func(ctx context.Context) {
		// The shortest lifetime is an hour: this one has gone by but for a few seconds.
		age(ctx, t.namespace, 3*time.Second)
		Eventually(everywhere(t.token, all...)).Should(refused)
		for _, c := range all {
			Expect(c.with(t.token).do("GET", "/Users", "")).To(HaveField("Body", HaveKeyWithValue("detail", ContainSubstring("the access token has expired"))))
		}
		touch(ctx, endpoint) // what is done to the digests the manager sees within five minutes
		Eventually(get(ctx, endpoint)).Should(tokenReady(metav1.ConditionFalse, scimv1.ReasonTokenExpired))

		policy(ctx, func(p *scimv1.TokenPolicy) { p.Generation = ptr.To[int64](4) })
		t.token = issued(ctx, 4)
		Eventually(everywhere(t.token, all...)).Should(accepted)
		Eventually(get(ctx, endpoint)).Should(tokenReady(metav1.ConditionTrue, scimv1.ReasonTokenIssued))
	})

	It("is brought by somebody else, unless it is weak", func(ctx context.Context) {
		weak, good := strings.Repeat("password", 8), rand.Text()+rand.Text()
		Expect(k8s.Create(ctx, &corev1.Secret{
			ObjectMeta: metav1.ObjectMeta{Name: "vault", Namespace: t.namespace},
			StringData: map[string]string{"weak": weak, "good": good},
		})).To(Succeed())

		policy(ctx, func(p *scimv1.TokenPolicy) {
			p.SecretRef, p.Overlap = &scimv1.TokenSecretReference{Name: "vault", Key: "weak"}, &metav1.Duration{}
		})
		Eventually(get(ctx, endpoint)).Should(tokenReady(metav1.ConditionFalse, scimv1.ReasonTokenTooWeak))
		Expect(fmt.Sprint(endpoint.Status)).NotTo(ContainSubstring(weak))
		Expect(everywhere(weak, all...)()).To(refused)
		Expect(everywhere(t.token, all...)()).To(accepted, "the one before goes on")

		policy(ctx, func(p *scimv1.TokenPolicy) { p.SecretRef.Key = "good" })
		Eventually(get(ctx, endpoint)).Should(tokenReady(metav1.ConditionTrue, scimv1.ReasonTokenProvided))
		Eventually(everywhere(good, all...)).Should(accepted)
		Eventually(everywhere(t.token, all...)).Should(refused, "there was no overlap")
		t.awaitReady(ctx)
	})
})

// startClients has several clients write and read without a pause. What use is given they
// present from then on, and stop, once they have done so for a while, tells what failed.
func startClients(scim *scimClient, clients int) (stop func() []string, use func(token string)) {
	GinkgoHelper()
	var (
		current atomic.Pointer[scimClient]
		stopped atomic.Bool
		asked   atomic.Int64
		lock    sync.Mutex
		done    sync.WaitGroup
		failed  []string
	)
	current.Store(scim)
	try := func(method, path, body string) answer {
		result, err := current.Load().do(method, path, body)
		asked.Add(1)
		if err != nil || result.Status/100 != 2 {
			lock.Lock()
			defer lock.Unlock()
			failed = append(failed, fmt.Sprintf("%s %s: %d %v %v", method, path, result.Status, result.Body, err))
		}
		return result
	}
	for n := range clients {
		done.Go(func() {
			path := "/Users/" + try("POST", "/Users", userBody(fmt.Sprintf("busy-%d@e2e.example", n))).id()
			for i := 0; i < 20000 && !stopped.Load(); i++ {
				try("PATCH", path, patchBody(fmt.Sprintf(`{"op":"replace","path":"title","value":"%d"}`, i)))
				try("GET", path, "")
			}
		})
	}
	more := func() {
		GinkgoHelper()
		before := asked.Load()
		Eventually(asked.Load).Should(BeNumerically(">", before+50))
	}
	more()
	use = func(token string) { current.Store(scim.with(token)) }
	stop = func() []string {
		more()
		stopped.Store(true)
		done.Wait()
		return failed
	}
	return stop, use
}

func tokenID(plaintext string) string {
	return token.NewDigest(token.Plaintext(plaintext), time.Now()).ID
}

// touch has the manager reconcile an object.
func touch(ctx context.Context, object client.Object) {
	GinkgoHelper()
	note := fmt.Sprintf(`{"metadata":{"annotations":{"e2e.example/touched":%q}}}`, time.Now().Format(time.RFC3339Nano))
	Expect(k8s.Patch(ctx, object, client.RawPatch(types.MergePatchType, []byte(note)))).To(Succeed())
}

// age moves the newest token's life into the past, so that it ends after the given time.
func age(ctx context.Context, namespace string, left time.Duration) {
	GinkgoHelper()
	secret := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Name: "okta-scim-digests", Namespace: namespace}}
	Eventually(func(g Gomega) {
		g.Expect(get(ctx, secret)()).NotTo(BeNil())
		record, err := token.DecodeRecord(secret.Data[scimv1.TokenRecordKey])
		g.Expect(err).NotTo(HaveOccurred())
		newest := record.Newest()
		g.Expect(newest).NotTo(BeNil())
		past := time.Until(newest.ExpiresTime).Truncate(time.Second) - left
		newest.CreatedTime, newest.ExpiresTime = newest.CreatedTime.Add(-past), newest.ExpiresTime.Add(-past)
		secret.Data[scimv1.TokenRecordKey], err = token.EncodeRecord(record)
		g.Expect(err).NotTo(HaveOccurred())
		secret.Data[scimv1.DigestsKey], err = token.EncodeDigests(record.Digests())
		g.Expect(err).NotTo(HaveOccurred())
		g.Expect(k8s.Update(ctx, secret)).To(Succeed())
	}).Should(Succeed())
}
