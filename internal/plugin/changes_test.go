// SPDX-License-Identifier: Apache-2.0

package plugin

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sync/errgroup"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"scim-operator.io/api/v1alpha1"
)

// must runs a command that succeeds.
func must(t *testing.T, namespace, typed, args string) (out, notes string) {
	t.Helper()
	out, notes, err := kubectlScim(namespace, typed, strings.Fields(args)...)
	if err != nil {
		t.Fatalf("%s: %v\n%s", args, err, notes)
	}
	return out, notes
}

func requireAnnotations(t *testing.T, o *unstructured.Unstructured, want map[string]string) {
	t.Helper()
	for _, name := range []string{v1alpha1.ApproveHeldAnnotation, v1alpha1.RejectHeldAnnotation, approveAdoptionAnnotation} {
		if got := o.GetAnnotations()[name]; got != want[name] {
			t.Errorf("%s %s has %s=%q, not %q", o.GetKind(), o.GetName(), name, got, want[name])
		}
	}
}

// shown is the batch of okta with the digest of who was in it.
const shown = "hold-1@5feceb66ffc86f38d952786c6d696c79"

func TestApproveAndReject(t *testing.T) {
	namespace := tenant(t)
	_, notes, err := kubectlScim(namespace, "n\n", "approve", "okta")
	if !errors.Is(err, errNotConfirmed) {
		t.Errorf("answered n: %v", err)
	}
	golden(t, "approve-question.txt", notes)
	if _, _, err := kubectlScim(namespace, "", "approve", "okta"); !errors.Is(err, errNotConfirmed) {
		t.Errorf("answered nothing: %v", err)
	}
	requireAnnotations(t, read(t, namespace, kindIdentityProvider, "okta"), nil)

	out, _ := must(t, namespace, "y\n", "approve okta")
	golden(t, "approve.txt", out)
	requireAnnotations(t, read(t, namespace, kindIdentityProvider, "okta"), map[string]string{v1alpha1.ApproveHeldAnnotation: shown})
	requireAnnotations(t, read(t, namespace, kindScimEndpoint, "okta"), nil)

	// Another mind: of two contrary decisions about one batch, only the last is left.
	out, _ = must(t, namespace, "", "reject okta --yes -o json")
	golden(t, "reject.json", strings.ReplaceAll(out, namespace, "acme"))
	requireAnnotations(t, read(t, namespace, kindIdentityProvider, "okta"), map[string]string{v1alpha1.RejectHeldAnnotation: shown})
}

func TestApproveSomeUsers(t *testing.T) {
	namespace := tenant(t)
	_, _, err := kubectlScim(namespace, "", "approve", "okta", "--yes", "--user", "grace@acme.com", "--user", "ada@acme.com")
	if err == nil {
		t.Error("ada is not held")
	}
	requireAnnotations(t, read(t, namespace, kindScimUser, grace), nil) // all of them or none

	out, _ := must(t, namespace, "", "approve okta --yes --user GRACE@acme.com --user "+grace)
	golden(t, "approve-user.txt", out)
	requireAnnotations(t, read(t, namespace, kindScimUser, grace), map[string]string{v1alpha1.ApproveHeldAnnotation: "hold-1"})
	requireAnnotations(t, read(t, namespace, kindIdentityProvider, "okta"), nil)
}

// TestVerdictsBesideOthers: what was decided about other holds may still be carried out.
func TestVerdictsBesideOthers(t *testing.T) {
	namespace := tenant(t)
	for _, row := range []struct {
		name, args                string
		approved, rejected        string // before
		wantApproved, wantRejects string
	}{
		{"another was approved", "approve okta", "hold-0@aa", "", "hold-0@aa," + shown, ""},
		{"another was rejected", "reject okta", "", "hold-0@aa", "", "hold-0@aa," + shown},
		{"another mind about this one alone", "reject okta", "hold-0@aa,hold-1@bb,hold-2@cc", "hold-3@dd", "hold-0@aa,hold-2@cc", "hold-3@dd," + shown},
		{"the same again", "approve okta", shown, "", shown, ""},
		{"what was refused, once more as it is shown", "approve okta", "hold-1", "", shown, ""},
	} {
		t.Run(row.name, func(t *testing.T) {
			idp := read(t, namespace, kindIdentityProvider, "okta")
			idp.SetAnnotations(map[string]string{v1alpha1.ApproveHeldAnnotation: row.approved, v1alpha1.RejectHeldAnnotation: row.rejected})
			if err := api.Update(t.Context(), idp); err != nil {
				t.Fatal(err)
			}
			must(t, namespace, "", row.args+" --yes")
			requireAnnotations(t, read(t, namespace, kindIdentityProvider, "okta"),
				map[string]string{v1alpha1.ApproveHeldAnnotation: row.wantApproved, v1alpha1.RejectHeldAnnotation: row.wantRejects})
		})
	}
}

// TestVerdictsAtOnce: of two people who decide at the same time nobody's verdict is lost.
func TestVerdictsAtOnce(t *testing.T) {
	namespace := tenant(t)
	s := &session{client: api, namespace: namespace}
	var g errgroup.Group
	for _, id := range []string{"hold-1", "hold-2"} {
		g.Go(func() error { return s.give(t.Context(), approve, target{kindIdentityProvider, "okta", id}) })
	}
	if err := g.Wait(); err != nil {
		t.Fatal(err)
	}
	got := v1alpha1.HoldRefs(read(t, namespace, kindIdentityProvider, "okta").GetAnnotations()[v1alpha1.ApproveHeldAnnotation])
	if slices.Sort(got); !slices.Equal(got, []string{"hold-1", "hold-2"}) {
		t.Errorf("approved: %v", got)
	}
}

// TestDecideAboutOthersThanShown: what is held changes while a person reads the question.
func TestDecideAboutOthersThanShown(t *testing.T) {
	namespace := tenant(t)
	s := &session{client: api, namespace: namespace}
	for _, row := range []struct{ name, ref string }{
		{"another digest", "hold-1@00000000000000000000000000000000"},
		{"decided or gone", "hold-0@5feceb66ffc86f38d952786c6d696c79"},
	} {
		if err := s.give(t.Context(), approve, target{kindIdentityProvider, "okta", row.ref}); !errors.Is(err, errChanged) {
			t.Errorf("%s: %v", row.name, err)
		}
	}
	requireAnnotations(t, read(t, namespace, kindIdentityProvider, "okta"), nil)

	idp := read(t, namespace, kindIdentityProvider, "okta")
	unstructured.RemoveNestedField(idp.Object, "status", "deprovisioning", "digest")
	if err := api.Status().Update(t.Context(), idp); err != nil {
		t.Fatal(err)
	}
	if _, _, err := kubectlScim(namespace, "", "approve", "okta", "--yes"); err == nil || !strings.Contains(err.Error(), "does not say with which digest") {
		t.Error(err)
	}
}

// TestDecideAboutOneWhenNothingIsServed: the user says under which hold she is.
func TestDecideAboutOneWhenNothingIsServed(t *testing.T) {
	namespace := tenant(t)
	idp := read(t, namespace, kindIdentityProvider, "okta")
	unstructured.RemoveNestedField(idp.Object, "status", "deprovisioning")
	if err := api.Status().Update(t.Context(), idp); err != nil {
		t.Fatal(err)
	}
	if err := api.Delete(t.Context(), read(t, namespace, kindScimEndpoint, "okta")); err != nil {
		t.Fatal(err)
	}
	_, notes := must(t, namespace, "", "reject okta --yes --user grace@acme.com")
	if strings.Contains(notes, "0 users") {
		t.Errorf("a batch of nobody: %s", notes)
	}
	requireAnnotations(t, read(t, namespace, kindScimUser, grace), map[string]string{v1alpha1.RejectHeldAnnotation: "hold-1"})
}

// TestApproveAnEndpoint: nobody owns it, so the decision is its own.
func TestApproveAnEndpoint(t *testing.T) {
	namespace := tenant(t)
	ep := read(t, namespace, kindScimEndpoint, "tools")
	if err := unstructured.SetNestedMap(ep.Object, map[string]any{"holdID": "hold-7", "digest": "77", "held": int64(1), "examples": []any{"x@acme.com"}}, "status", "deprovisioning"); err != nil {
		t.Fatal(err)
	}
	if err := api.Status().Update(t.Context(), ep); err != nil {
		t.Fatal(err)
	}
	must(t, namespace, "", "approve tools --yes")
	requireAnnotations(t, read(t, namespace, kindScimEndpoint, "tools"), map[string]string{v1alpha1.ApproveHeldAnnotation: "hold-7@77"})
}

func TestApproveAnAdoption(t *testing.T) {
	namespace := tenant(t)
	out, _ := must(t, namespace, "", "approve tools --adoption barbara@acme.com --yes")
	golden(t, "approve-adoption.txt", out)
	requireAnnotations(t, read(t, namespace, kindScimUser, barbara), map[string]string{approveAdoptionAnnotation: "tools"})
	// One is left that waits, and needs no name.
	must(t, namespace, "", "approve --adoption barbara@acme.com --yes")
	requireAnnotations(t, read(t, namespace, kindScimUser, barbara), map[string]string{approveAdoptionAnnotation: "okta"})
}

func TestShowToken(t *testing.T) {
	namespace := tenant(t)
	out, notes := must(t, namespace, "", "token show okta")
	golden(t, "token-show.txt", out)
	if strings.Contains(notes, "scimop_") {
		t.Errorf("the token is in the notes: %s", notes)
	}
	if got := read(t, namespace, "Secret", "okta-scim-token-2").GetAnnotations()[firstReadTimeAnnotation]; got != "2026-11-27T12:00:00Z" {
		t.Errorf("first read at %q", got)
	}
	before := read(t, namespace, "Secret", "okta-scim-token-2").GetResourceVersion()
	out, notes = must(t, namespace, "", "token show okta -o json")
	golden(t, "token-show.json", strings.ReplaceAll(out, namespace, "acme"))
	if !strings.Contains(notes, "first read out at 2026-11-27T12:00:00Z") {
		t.Errorf("not said that it was read before: %s", notes)
	}
	if read(t, namespace, "Secret", "okta-scim-token-2").GetResourceVersion() != before {
		t.Error("the Secret has been written again")
	}
}

// TestShowATokenOfSomebodyElse: their Secret is not written to, and not to be deleted.
func TestShowATokenOfSomebodyElse(t *testing.T) {
	namespace := tenant(t)
	const made = "scimop_the-token-of-okta"
	vault := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "vault"}, StringData: map[string]string{"scim": made}}
	if err := api.Create(t.Context(), vault); err != nil {
		t.Fatal(err)
	}
	endpoint := read(t, namespace, kindScimEndpoint, "okta")
	before := endpoint.DeepCopy()
	if err := errors.Join(
		unstructured.SetNestedStringMap(endpoint.Object, map[string]string{"name": "vault", "key": "scim"}, "spec", "token", "secretRef"),
		api.Patch(t.Context(), endpoint, client.MergeFrom(before)),
	); err != nil {
		t.Fatal(err)
	}
	before = endpoint.DeepCopy()
	endpoint.Object["status"].(map[string]any)["tokens"] = []any{map[string]any{
		"id": "a6c562311c4a", "secretName": "vault", "createdTime": "2026-11-01T12:00:00Z"}}
	if err := api.Status().Patch(t.Context(), endpoint, client.MergeFrom(before)); err != nil {
		t.Fatal(err)
	}
	out, notes := must(t, namespace, "", "token show okta")
	if !strings.Contains(out, made) || strings.Contains(notes, "delete") {
		t.Errorf("%s%s", out, notes)
	}
	if got := read(t, namespace, "Secret", "vault"); got.GetAnnotations()[firstReadTimeAnnotation] != "" || got.GetResourceVersion() != vault.ResourceVersion {
		t.Error("somebody else's Secret was written to")
	}
}

// TestAnotherTokenInTheSecret: what is not in force is not shown.
func TestAnotherTokenInTheSecret(t *testing.T) {
	namespace := tenant(t)
	ctx := t.Context()
	secret := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "okta-scim-token-2"}}
	if err := api.Delete(ctx, secret); err != nil {
		t.Fatal(err)
	}
	secret.StringData = map[string]string{v1alpha1.TokenKey: "scimop_another"}
	if err := api.Create(ctx, secret); err != nil {
		t.Fatal(err)
	}
	out, notes, err := kubectlScim(namespace, "", "token", "show", "okta")
	if err == nil || !strings.Contains(err.Error(), "does not hold, under the key \"token\", the token a6c562311c4a that is in force") || strings.Contains(out+notes+err.Error(), "scimop_") {
		t.Errorf("%s%s%v", out, notes, err)
	}
}

func TestRotate(t *testing.T) {
	namespace := tenant(t)
	generation := func(kind, name string, path []string) int64 {
		n, _ := fieldsOf(read(t, namespace, kind, name)).number(append(slices.Clone(path), "generation")...)
		return n
	}
	out, _ := must(t, namespace, "", "token rotate okta")
	golden(t, "token-rotate.txt", out)
	// Two have been reached before, whatever the spec says now.
	if got := generation(kindIdentityProvider, "okta", tokenOfIdentityProvider); got != 3 {
		t.Errorf("generation %d", got)
	}
	policy := fieldsOf(read(t, namespace, kindIdentityProvider, "okta")).tokenPolicy(tokenOfIdentityProvider)
	if policy.Overlap != "2h" || !slices.Equal(policy.RevokedTokenIDs, []string{"aaaaaaaaaaaa"}) {
		t.Errorf("the rest of the policy has changed: %+v", policy)
	}
	must(t, namespace, "", "token rotate okta")
	if got := generation(kindIdentityProvider, "okta", tokenOfIdentityProvider); got != 4 {
		t.Errorf("generation %d", got)
	}
	out, _ = must(t, namespace, "", "token rotate tools -o yaml")
	golden(t, "token-rotate.yaml", strings.ReplaceAll(out, namespace, "acme"))
	if got := generation(kindScimEndpoint, "tools", tokenOfEndpoint); got != 2 {
		t.Errorf("generation %d of who has named none", got)
	}
}

func TestRotateATokenOfSomebodyElse(t *testing.T) {
	namespace := tenant(t)
	ep := read(t, namespace, kindScimEndpoint, "tools")
	if err := unstructured.SetNestedMap(ep.Object, map[string]any{"name": "vault", "key": "token"}, "spec", "token", "secretRef"); err != nil {
		t.Fatal(err)
	}
	if err := api.Update(t.Context(), ep); err != nil {
		t.Fatal(err)
	}
	_, _, err := kubectlScim(namespace, "", "token", "rotate", "tools")
	if err == nil || !strings.Contains(err.Error(), "is taken from the Secret vault, which somebody else maintains: write the new token there") {
		t.Error(err)
	}
}

func TestRevoke(t *testing.T) {
	namespace := tenant(t)
	revoked := func() []string {
		return fieldsOf(read(t, namespace, kindIdentityProvider, "okta")).tokenPolicy(tokenOfIdentityProvider).RevokedTokenIDs
	}
	if _, _, err := kubectlScim(namespace, "no\n", "token", "revoke", "okta", "bbbbbbbbbbbb"); !errors.Is(err, errNotConfirmed) {
		t.Error(err)
	}
	if got := revoked(); len(got) != 1 {
		t.Errorf("%v are revoked", got)
	}
	out, _ := must(t, namespace, "yes\n", "token revoke okta bbbbbbbbbbbb")
	golden(t, "token-revoke.txt", out)
	if got := revoked(); !slices.Equal(got, []string{"aaaaaaaaaaaa", "bbbbbbbbbbbb"}) {
		t.Errorf("%v are revoked", got)
	}
	_, notes := must(t, namespace, "", "token revoke okta bbbbbbbbbbbb")
	if !strings.Contains(notes, "has been revoked before") || len(revoked()) != 2 {
		t.Errorf("revoked again: %s", notes)
	}
	_, notes = must(t, namespace, "", "token revoke tools cccccccccccc --yes -o json")
	if !strings.Contains(notes, "It is the only one") {
		t.Errorf("not warned: %s", notes)
	}
	if got := fieldsOf(read(t, namespace, kindScimEndpoint, "tools")).tokenPolicy(tokenOfEndpoint).RevokedTokenIDs; !slices.Equal(got, []string{"cccccccccccc"}) {
		t.Errorf("%v are revoked", got)
	}
}

// TestFieldsOfAnotherVersion: a cluster that does not know a field refuses it, rather than
// dropping what a person has decided.
func TestFieldsOfAnotherVersion(t *testing.T) {
	namespace := tenant(t)
	s := &session{client: api, namespace: namespace}
	secret := &corev1.Secret{}
	if err := api.Get(t.Context(), client.ObjectKey{Namespace: namespace, Name: "okta-scim-token-2"}, secret); err != nil {
		t.Fatal(err)
	}
	err := inWords(s.merge(t.Context(), secret, map[string]any{"unheardOf": 1}))
	if err == nil || !strings.Contains(err.Error(), "older than the plugin") {
		t.Error(err)
	}
}

// TestStatusWrittenMeanwhile: what the operator writes at the same time is in nobody's way.
func TestStatusWrittenMeanwhile(t *testing.T) {
	namespace := tenant(t)
	s := &session{client: api, namespace: namespace}
	p, err := s.provider(t.Context(), "okta")
	if err != nil {
		t.Fatal(err)
	}
	o, err := s.get(t.Context(), p.kind(), p.name)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.annotate(t.Context(), o, map[string]any{"example.com/note": "x"}); err != nil {
		t.Fatal(err)
	}
	if err := s.setToken(t.Context(), p, "generation", 3); err != nil {
		t.Error(err)
	}
}

// TestChangedMeanwhile: of two who change a token's policy at once, one is told.
func TestChangedMeanwhile(t *testing.T) {
	namespace := tenant(t)
	s := &session{client: api, namespace: namespace}
	p, err := s.provider(t.Context(), "okta")
	if err != nil {
		t.Fatal(err)
	}
	must(t, namespace, "", "token rotate okta")
	err = inWords(s.setToken(t.Context(), p, "generation", 3))
	if err == nil || !strings.Contains(err.Error(), "somebody else has changed it at the same time") {
		t.Error(err)
	}
}

// TestReadingInParts: a list ends at its bound, and says so.
func TestReadingInParts(t *testing.T) {
	s := &session{client: api, namespace: "acme"}
	for _, c := range []struct {
		size  int64
		bound int
		seen  int
		whole bool
	}{
		{size: 2, bound: 100, seen: 6, whole: true},
		{size: 2, bound: 4, seen: 4, whole: false},
		{size: 2, bound: 6, seen: 6, whole: true},
		{size: 500, bound: 1, seen: 6, whole: true},
	} {
		seen := map[string]bool{}
		whole, err := reading{session: s, list: listOf(kindScimUser), size: c.size, bound: c.bound}.each(t.Context(), func(page client.ObjectList) bool {
			for _, item := range page.(*unstructured.UnstructuredList).Items {
				seen[item.GetName()] = true
			}
			return false
		})
		if err != nil || whole != c.whole || len(seen) != c.seen {
			t.Errorf("%+v: saw %d, whole %v, %v", c, len(seen), whole, err)
		}
	}
}
