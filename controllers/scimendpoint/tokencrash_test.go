// SPDX-License-Identifier: Apache-2.0

package scimendpoint

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/tools/events"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"scim-operator.io/api/v1alpha1"
	"scim-operator.io/controllers/internal/child"
	"scim-operator.io/controllers/internal/outcome"
	"scim-operator.io/controllers/internal/testenv"
	"scim-operator.io/internal/token"
)

var errCrashed = errors.New("the manager is no more")

// mortal is a client of a manager that dies after so many writes.
func mortal(writes int) client.Client {
	write := func(do func() error) error {
		if writes--; writes < 0 {
			return errCrashed
		}
		return do()
	}
	return interceptor.NewClient(env.Client, interceptor.Funcs{
		Create: func(ctx context.Context, c client.WithWatch, obj client.Object, opts ...client.CreateOption) error {
			return write(func() error { return c.Create(ctx, obj, opts...) })
		},
		Delete: func(ctx context.Context, c client.WithWatch, obj client.Object, opts ...client.DeleteOption) error {
			return write(func() error { return c.Delete(ctx, obj, opts...) })
		},
		Apply: func(ctx context.Context, c client.WithWatch, obj runtime.ApplyConfiguration, opts ...client.ApplyOption) error {
			return write(func() error { return c.Apply(ctx, obj, opts...) })
		},
		SubResourcePatch: func(ctx context.Context, c client.Client, subResource string, obj client.Object, patch client.Patch, opts ...client.SubResourcePatchOption) error {
			return write(func() error { return c.SubResource(subResource).Patch(ctx, obj, patch, opts...) })
		},
	})
}

// reconcileTokens is one look of a manager at the tokens of an endpoint. It reports whether
// the manager died.
func reconcileTokens(ctx context.Context, ep *v1alpha1.ScimEndpoint, c client.Client) (died bool) {
	GinkgoHelper()
	return reconcileTokensWith(ctx, ep, c, outcome.NewReporter(c, nil))
}

func reconcileTokensWith(ctx context.Context, ep *v1alpha1.ScimEndpoint, c client.Client, reporter *outcome.Reporter) (died bool) {
	GinkgoHelper()
	r := &Reconciler{
		client: c, live: env.Client, children: child.Client{Client: c, Live: env.Client},
		reporter: reporter, clock: clock{now: now},
	}
	current := &v1alpha1.ScimEndpoint{}
	pass, err := r.reporter.Begin(ctx, client.ObjectKeyFromObject(ep), current, &current.Status.ObservedGeneration)
	Expect(err).NotTo(HaveOccurred())
	_, err = r.ensureTokens(ctx, pass, current)
	if errors.Is(err, errCrashed) {
		return true
	}
	_, err = pass.End(ctx, outcome.Result{Reason: v1alpha1.ReasonSucceeded, Message: "Done."}, err)
	return errors.Is(err, errCrashed)
}

var _ = Describe("Events of a token", Ordered, func() {
	BeforeAll(func() {
		stopManager()
		DeferCleanup(func() { ahead.Store(0); startManager() })
	})

	It("tell of each step towards its end once, and of what is done about it", func(ctx SpecContext) {
		namespace := env.Namespace(ctx)
		ep := newEndpoint(namespace, nil)
		env.Create(ctx, ep)
		recorder := events.NewFakeRecorder(16)
		reporter := outcome.NewReporter(env.Client, recorder)
		told := func() (notes []string) {
			for range 2 { // looking twice tells nothing new
				Expect(reconcileTokensWith(ctx, ep, env.Client, reporter)).To(BeFalse())
			}
			for {
				select {
				case note := <-recorder.Events:
					if strings.Contains(note, " Token") {
						notes = append(notes, note)
					}
				default:
					return notes
				}
			}
		}
		at := func(d time.Duration) []string {
			ahead.Store(int64(d))
			return told()
		}
		tells := func(parts ...string) OmegaMatcher {
			return ConsistOf(containAll(parts...))
		}
		Expect(at(0)).To(tells("Normal TokenIssued", "okta-scim-token"))
		Expect(at(149 * day)).To(BeEmpty())
		Expect(at(150 * day)).To(tells("Warning TokenExpiring", "within 30 days"))
		Expect(at(165 * day)).To(BeEmpty())
		Expect(at(166 * day)).To(tells("Warning TokenExpiring", "within 14 days"))
		Expect(at(173 * day)).To(tells("Warning TokenExpiring", "within 7 days"))
		Expect(at(179 * day)).To(tells("Warning TokenExpiring", "within 1 day"))
		testenv.Change(ctx, env, ep, func(ep *v1alpha1.ScimEndpoint) { ep.Spec.Token = &v1alpha1.TokenPolicy{Generation: ptr.To[int64](2)} })
		Expect(told()).To(tells("Normal TokenIssued", "okta-scim-token-2", "goes on working until"))
		Expect(at(179*day + 2*time.Hour)).To(BeEmpty())
		newest := recorded(ctx, ep)[0]
		testenv.Change(ctx, env, ep, func(ep *v1alpha1.ScimEndpoint) { ep.Spec.Token.RevokedTokenIDs = []string{newest.ID} })
		Expect(told()).To(ContainElement(containAll("Warning TokenRevoked", newest.ID)))
	})
})

// containAll matches text with all of the parts.
func containAll(parts ...string) OmegaMatcher {
	matchers := make([]OmegaMatcher, len(parts))
	for i, part := range parts {
		matchers[i] = ContainSubstring(part)
	}
	return And(matchers...)
}

// The manager dies after each of its writes, and another one goes on from what it left.
var _ = Describe("A manager that dies between two writes", Ordered, func() {
	BeforeAll(func() {
		stopManager()
		DeferCleanup(startManager)
	})

	for _, row := range []struct {
		name string
		// before is what the endpoint is like, after what is asked for then.
		before, after *v1alpha1.TokenPolicy
		// live is how many tokens there are in the end, secrets how many of them can be read.
		live, secrets int
	}{
		{"issues a first token once", nil, nil, 1, 1},
		{"issues the next token once, and keeps the old one", &v1alpha1.TokenPolicy{}, &v1alpha1.TokenPolicy{Generation: ptr.To[int64](2)}, 2, 2},
		{"takes a token that is brought, and keeps the old one", &v1alpha1.TokenPolicy{},
			&v1alpha1.TokenPolicy{SecretRef: &v1alpha1.TokenSecretReference{Name: "vault", Key: "scim"}}, 2, 1},
		{"takes the reference out and issues one token",
			&v1alpha1.TokenPolicy{SecretRef: &v1alpha1.TokenSecretReference{Name: "vault", Key: "scim"}}, &v1alpha1.TokenPolicy{}, 1, 1},
		{"revokes for good", &v1alpha1.TokenPolicy{}, &v1alpha1.TokenPolicy{Generation: ptr.To[int64](2), RevokedTokenIDs: []string{"the first"}}, 1, 1},
	} {
		It(row.name, func(ctx SpecContext) {
			died := true
			for writes := 0; died; writes++ {
				Expect(writes).To(BeNumerically("<", 10), "it never comes to an end")
				namespace := env.Namespace(ctx)
				ep := newEndpoint(namespace, nil)
				brought, err := token.Generate()
				Expect(err).NotTo(HaveOccurred())
				env.Create(ctx, &corev1.Secret{ObjectMeta: objectMeta(namespace, "vault"), Data: map[string][]byte{"scim": []byte(brought)}})
				ep.Spec.Token = row.before
				env.Create(ctx, ep)
				if row.before != nil {
					Expect(reconcileTokens(ctx, ep, env.Client)).To(BeFalse())
				}
				old := recorded(ctx, ep)
				testenv.Change(ctx, env, ep, func(ep *v1alpha1.ScimEndpoint) {
					ep.Spec.Token = row.after.DeepCopy()
					if ep.Spec.Token != nil && len(ep.Spec.Token.RevokedTokenIDs) > 0 {
						ep.Spec.Token.RevokedTokenIDs = []string{old[0].ID}
					}
				})
				died = reconcileTokens(ctx, ep, mortal(writes))
				for range 3 { // the last two have nothing to do
					Expect(reconcileTokens(ctx, ep, env.Client)).To(BeFalse())
				}
				after := fmt.Sprintf("after %d writes", writes)
				now := recorded(ctx, ep)
				Expect(now).To(HaveLen(row.live), after)
				if row.live == 2 {
					Expect(now).To(ContainElement(HaveField("ID", old[0].ID)), after)
				}
				if row.live == 1 && len(old) > 0 {
					Expect(now).NotTo(ContainElement(HaveField("ID", old[0].ID)), after)
				}
				var secrets corev1.SecretList
				Expect(env.Client.List(ctx, &secrets, client.InNamespace(namespace))).To(Succeed())
				delivered := 0
				for _, s := range secrets.Items {
					if s.Type == v1alpha1.TokenSecretType {
						delivered++
						digest := token.NewDigest(token.Plaintext(s.Data[v1alpha1.TokenKey]), s.CreationTimestamp.Time)
						Expect(now).To(ContainElement(HaveField("ID", digest.ID)), after)
					}
				}
				Expect(delivered).To(Equal(row.secrets), after)
				Expect(observed(ctx, ep)(Default).Status.Tokens).To(HaveLen(row.live), after)
			}
		})
	}

	It("overwrites nothing that another one has written meanwhile", func(ctx SpecContext) {
		namespace := env.Namespace(ctx)
		ep := newEndpoint(namespace, nil)
		env.Create(ctx, ep)
		Expect(reconcileTokens(ctx, ep, env.Client)).To(BeFalse())
		testenv.Change(ctx, env, ep, func(ep *v1alpha1.ScimEndpoint) { ep.Spec.Token = &v1alpha1.TokenPolicy{Generation: ptr.To[int64](2)} })
		// The other one rotates while this one is about to write down what it has read.
		overtaken := interceptor.NewClient(env.Client, interceptor.Funcs{
			Create: func(ctx context.Context, c client.WithWatch, obj client.Object, opts ...client.CreateOption) error {
				Expect(reconcileTokens(ctx, ep, env.Client)).To(BeFalse())
				return c.Create(ctx, obj, opts...)
			},
		})
		Expect(reconcileTokens(ctx, ep, overtaken)).To(BeFalse())
		Expect(recorded(ctx, ep)).To(HaveLen(2))
		var secrets corev1.SecretList
		Expect(env.Client.List(ctx, &secrets, client.InNamespace(namespace))).To(Succeed())
		Expect(secrets.Items).To(HaveLen(3)) // two tokens and the digests
	})
})

// recorded are the tokens in force.
func recorded(ctx context.Context, ep *v1alpha1.ScimEndpoint) []token.Token {
	GinkgoHelper()
	var secret corev1.Secret
	if env.Get(ctx, ep.Namespace, ep.DigestSecretName(), &secret) != nil {
		return nil
	}
	record, err := token.DecodeRecord(secret.Data[v1alpha1.TokenRecordKey])
	Expect(err).NotTo(HaveOccurred())
	return record.Live(now())
}
