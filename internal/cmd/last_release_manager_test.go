// SPDX-License-Identifier: Apache-2.0

package cmd

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"os"
	"os/exec"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/rest"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"scim-operator.io/api/v1alpha1"
	"scim-operator.io/internal/token"
)

// asCommand makes the binary of these tests be scim-operator.
const asCommand = "SCIM_OPERATOR_TEST_COMMAND"

func TestMain(m *testing.M) {
	if os.Getenv(asCommand) != "" {
		if NewCommand(os.Args).Execute() != nil {
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// rollback is a namespace whose manager is this release, the last one, and this one again. The
// kinds and the admission policies are of this release all the time: only the binary changes.
type rollback struct {
	t       *testing.T
	config  *rest.Config
	client  client.Client
	binary  string // of the last release
	metrics string
	stop    func()
}

// manage starts a manager, and ends the one before it.
func (r *rollback) manage(binary string) {
	r.t.Helper()
	if r.stop != nil {
		r.stop()
	}
	r.metrics = freePort(r.t)
	process := exec.Command(binary, "manager", "--server-image=registry.example.com/scim-operator:test", "--leader-elect=true", "--leader-election-namespace=default",
		"--metrics-bind-address="+r.metrics, "--health-probe-bind-address="+freePort(r.t), "--kubeconfig="+writeKubeconfig(r.t, r.config, ""))
	process.Env = append(os.Environ(), asCommand+"=1")
	r.stop = startProcess(r.t, process)
}

func (r *rollback) thisRelease() { r.manage(os.Args[0]) }
func (r *rollback) lastRelease() { r.manage(r.binary) }

// settled waits until the manager has looked at everything and has had nothing to do for a
// while.
func (r *rollback) settled() {
	r.t.Helper()
	const calm = 100 // looks, of which 100 are in a second
	last, same := "", 0
	awaitThat(r.t, "the manager has nothing to do", func() bool {
		now, busy := r.work()
		if busy || now != last {
			last, same = now, 0
			return false
		}
		same++
		return same >= calm
	})
}

// work is how much the controllers have done, and whether they are at it.
func (r *rollback) work() (done string, busy bool) {
	response, err := http.Get("http://" + r.metrics + "/metrics")
	if err != nil {
		return "", true
	}
	defer func() { _ = response.Body.Close() }()
	totals := map[string]float64{}
	for lines := bufio.NewScanner(response.Body); lines.Scan(); {
		metric, text, _ := strings.Cut(lines.Text(), " ")
		value, _ := strconv.ParseFloat(text, 64)
		switch name, labels, _ := strings.Cut(metric, "{"); name {
		case "workqueue_depth", "controller_runtime_active_workers":
			busy = busy || value != 0
		case "controller_runtime_reconcile_total":
			_, controller, _ := strings.Cut(labels, `controller="`)
			controller, _, _ = strings.Cut(controller, `"`)
			totals[controller] += value
		}
	}
	for _, controller := range []string{"identityprovider", "scimendpoint", "scimuser", "scimgroup"} {
		busy = busy || totals[controller] == 0
	}
	return fmt.Sprint(totals), busy
}

func (r *rollback) create(objects ...client.Object) {
	r.t.Helper()
	for _, o := range objects {
		if err := r.client.Create(context.Background(), o); err != nil {
			r.t.Fatal(err)
		}
	}
}

func (r *rollback) user(id string) *v1alpha1.ScimUser {
	r.t.Helper()
	user := &v1alpha1.ScimUser{}
	if err := r.client.Get(context.Background(), client.ObjectKey{Namespace: "acme", Name: id}, user); err != nil {
		r.t.Fatal(err)
	}
	return user
}

// change changes a user as somebody: the spec is the server's to change, annotations are an
// administrator's.
func (r *rollback) change(as client.Client, id string, change func(*v1alpha1.ScimUser)) {
	r.t.Helper()
	err := errors.New("it has not been tried")
	awaitThat(r.t, "the change of "+id+" is accepted", func() bool { // the role of the servers may be new
		user := r.user(id)
		change(user)
		if next := as.Update(context.Background(), user); fmt.Sprint(next) != fmt.Sprint(err) {
			err = next
			r.t.Logf("the change of %s: %v", id, err)
		}
		return err == nil
	})
}

// server is the identity of the endpoint's servers.
func (r *rollback) server() client.Client {
	r.t.Helper()
	config := rest.CopyConfig(r.config)
	config.Impersonate = rest.ImpersonationConfig{UserName: "system:serviceaccount:acme:okta-scim", Groups: []string{"system:authenticated"}}
	c, err := client.New(config, client.Options{Scheme: r.client.Scheme()})
	if err != nil {
		r.t.Fatal(err)
	}
	return c
}

// awaitActive waits until a user has a state for a reason.
func (r *rollback) awaitActive(id string, status metav1.ConditionStatus, reason string) {
	r.t.Helper()
	awaitThat(r.t, fmt.Sprintf("%s has Active %s, %s", id, status, reason), func() bool {
		c := meta.FindStatusCondition(r.user(id).Status.Conditions, v1alpha1.ConditionActive)
		return c != nil && c.Status == status && c.Reason == reason
	})
}

// kept is what must outlive a rollback.
type kept struct {
	// Specs and Decisions of everything that a person or an identity provider has written, by
	// kind and name. Decisions are annotations.
	Specs, Decisions map[string]any
	// States of users: whether they are active, and why, and what else was made of them.
	States map[string]string
	// Tokens are the IDs of those that are accepted, and Secrets what is delivered.
	Tokens  []string
	Secrets map[string]map[string][]byte
}

func (r *rollback) kept() kept {
	r.t.Helper()
	k := kept{Specs: map[string]any{}, Decisions: map[string]any{}, States: map[string]string{}, Secrets: map[string]map[string][]byte{}}
	for _, kind := range []string{"IdentityProvider", "ScimEndpoint", "ScimUser", "ScimGroup", "ScimGroupSlice", "ScimClaim"} {
		list := &unstructured.UnstructuredList{}
		list.SetGroupVersionKind(v1alpha1.GroupVersion.WithKind(kind + "List"))
		if err := r.client.List(context.Background(), list, client.InNamespace("acme")); err != nil {
			r.t.Fatal(err)
		}
		for i := range list.Items {
			o := &list.Items[i]
			k.Specs[kind+" "+o.GetName()] = o.Object["spec"]
			k.Decisions[kind+" "+o.GetName()] = o.GetAnnotations()
		}
	}
	users := &v1alpha1.ScimUserList{}
	if err := r.client.List(context.Background(), users); err != nil {
		r.t.Fatal(err)
	}
	for i := range users.Items {
		s := &users.Items[i].Status
		active := ptr.Deref(meta.FindStatusCondition(s.Conditions, v1alpha1.ConditionActive), metav1.Condition{})
		k.States[users.Items[i].Name] = fmt.Sprint(active.Status, " ", active.Reason, " ", s.UserType, s.Organizations, s.Roles, s.WithheldRoles)
	}
	r.keptTokens(&k)
	return k
}

func (r *rollback) keptTokens(k *kept) {
	r.t.Helper()
	secrets := &corev1.SecretList{}
	if err := r.client.List(context.Background(), secrets, client.InNamespace("acme")); err != nil {
		r.t.Fatal(err)
	}
	for i := range secrets.Items {
		secret := &secrets.Items[i]
		if secret.Type != v1alpha1.DigestSecretType {
			k.Secrets[secret.Name] = secret.Data
			continue
		}
		digests, err := token.DecodeDigests(secret.Data[v1alpha1.DigestsKey])
		if err != nil {
			r.t.Fatal(err)
		}
		for _, d := range digests {
			k.Tokens = append(k.Tokens, fmt.Sprint(secret.Name, " ", d.ID, " ", d.ExpiresTime))
		}
		k.Secrets[secret.Name] = map[string][]byte{v1alpha1.ServersKey: secret.Data[v1alpha1.ServersKey]}
	}
}

// same reports what is different, but for what the last release does not know of an endpoint
// that belongs to a provider: this release makes it again from the provider.
func (k kept) same(t *testing.T, when string, now kept, ownEndpoints bool) {
	t.Helper()
	equal := func(what string, before, after any) {
		if !reflect.DeepEqual(before, after) {
			t.Errorf("%s: %s was\n%v\nand is\n%v", when, what, before, after)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(k.Specs)) {
		if name != "ScimEndpoint okta" || ownEndpoints {
			equal(name, k.Specs[name], now.Specs[name])
			equal(name+"'s annotations", k.Decisions[name], now.Decisions[name])
		}
	}
	for _, name := range slices.Sorted(maps.Keys(k.States)) {
		equal("the state of "+name, k.States[name], now.States[name])
	}
	equal("the list of tokens", k.Tokens, now.Tokens)
	for _, name := range slices.Sorted(maps.Keys(k.Secrets)) {
		equal("Secret "+name, k.Secrets[name], now.Secrets[name])
	}
}

func rollbackUser(id string, active bool) *v1alpha1.ScimUser {
	return &v1alpha1.ScimUser{
		ObjectMeta: metav1.ObjectMeta{Name: id, Namespace: "acme", Labels: map[string]string{v1alpha1.EndpointLabel: "okta"}},
		Spec: v1alpha1.ScimUserSpec{
			EndpointRef: v1alpha1.EndpointReference{Name: "okta"}, UserName: id + "@acme.com", Active: ptr.To(active),
		},
	}
}

// A rollback of the binary alone. The last release may stall on what it does not know, but it
// destroys nothing that a person has decided: whoever is held or rejected stays active, whoever
// is gone stays gone, and tokens are the same. This release finds everything as it was.
func TestTheLastReleasesManagerDestroysNothing(t *testing.T) {
	r := &rollback{t: t, binary: lastRelease(t)}
	r.config, r.client = api(t)
	if _, err := newLogger("error"); err != nil {
		t.Fatal(err)
	}
	installPolicies(t, r.config)
	r.thisRelease()

	provider := &v1alpha1.IdentityProvider{ObjectMeta: metav1.ObjectMeta{Name: "okta", Namespace: "acme"}}
	provider.Spec = v1alpha1.IdentityProviderSpec{
		Type: v1alpha1.ProviderOkta, SignOn: v1alpha1.SignOnSpec{None: &v1alpha1.NoSignOnSpec{}},
		SCIM: &v1alpha1.SCIMSpec{Provisioning: v1alpha1.ProvisioningEnabled, Endpoint: &v1alpha1.ScimEndpointTemplate{}},
	}
	provider.Spec.SCIM.OrganizationID = "42"
	provider.Spec.SCIM.Roles = []v1alpha1.RoleRule{{Name: "Tier1", UserMatcher: v1alpha1.UserMatcher{Groups: []string{"IT Support"}}}}
	provider.Spec.SCIM.Deprovisioning = &v1alpha1.Deprovisioning{Guard: &v1alpha1.DeprovisioningGuard{
		MaxUsers: ptr.To[int32](1), Window: &metav1.Duration{Duration: 168 * time.Hour}, OnDisable: v1alpha1.GuardOnDisableHold,
	}}
	provider.Spec.SCIM.Endpoint.Limits = &v1alpha1.EndpointLimits{MaxPageSize: ptr.To[int32](77)}
	own := &v1alpha1.ScimEndpoint{ObjectMeta: metav1.ObjectMeta{Name: "own", Namespace: "acme"}}
	own.Spec.Provisioning = v1alpha1.ProvisioningEnabled
	own.Spec.Limits = &v1alpha1.EndpointLimits{MaxPageSize: ptr.To[int32](78)}
	r.create(&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "acme"}}, provider, own)
	ids := []string{"stays", "gone", "held", "rejected", "approved"}
	for _, id := range ids {
		r.create(rollbackUser(id, true))
	}
	r.create(&v1alpha1.ScimGroup{
		ObjectMeta: metav1.ObjectMeta{Name: "support", Namespace: "acme", Labels: map[string]string{v1alpha1.EndpointLabel: "okta"}},
		Spec: v1alpha1.ScimGroupSpec{EndpointRef: v1alpha1.EndpointReference{Name: "okta"}, DisplayName: "IT Support",
			Members: []v1alpha1.GroupMember{{Value: "stays"}, {Value: "held"}}, MemberCount: ptr.To[int64](2)},
	})
	for _, id := range ids {
		r.awaitActive(id, metav1.ConditionTrue, v1alpha1.ReasonProvisioned)
	}
	server := r.server()
	leave := func(id string) { r.change(server, id, func(u *v1alpha1.ScimUser) { u.Spec.Active = ptr.To(false) }) }
	decide := func(id, verdict string) {
		r.change(r.client, id, func(u *v1alpha1.ScimUser) {
			metav1.SetMetaDataAnnotation(&u.ObjectMeta, verdict, u.Status.Departure.HoldID)
		})
	}
	awaitThat(t, "tokens are issued", func() bool { return len(r.kept().Tokens) == 2 })
	leave("gone")
	r.awaitActive("gone", metav1.ConditionFalse, v1alpha1.ReasonDeactivatedByProvider)
	for _, id := range []string{"held", "rejected", "approved"} {
		leave(id)
		r.awaitActive(id, metav1.ConditionTrue, v1alpha1.ReasonHeldByGuard)
	}
	decide("rejected", v1alpha1.RejectHeldAnnotation)
	decide("approved", v1alpha1.ApproveHeldAnnotation)
	r.awaitActive("rejected", metav1.ConditionTrue, v1alpha1.ReasonDeprovisioningRejected)
	r.awaitActive("approved", metav1.ConditionFalse, v1alpha1.ReasonDeactivatedByProvider)
	awaitThat(t, "the hold is shown to a person", func() bool {
		decisions, _ := r.kept().Decisions["IdentityProvider okta"].(map[string]string)
		return decisions[v1alpha1.HoldsAnnotation] != ""
	})
	asked := startReplica(t, r.config, &v1alpha1.ScimEndpoint{ObjectMeta: provider.ObjectMeta}, "okta-scim-0")
	accepts := func(when string) {
		secret := &corev1.Secret{}
		if err := r.client.Get(context.Background(), client.ObjectKey{Namespace: "acme", Name: "okta-scim-token"}, secret); err != nil {
			t.Fatal(err)
		}
		awaitThat(t, "a server accepts the token "+when, func() bool {
			status, _ := asked.ask(string(secret.Data[v1alpha1.TokenKey]))
			return status == http.StatusOK
		})
	}
	accepts("at first")
	r.settled()
	before := r.kept()

	r.lastRelease()
	r.settled()
	before.same(t, "with the last release", r.kept(), false)
	touch := func(displayName string) { // so that a manager decides about all of them again
		for _, id := range ids {
			r.change(server, id, func(u *v1alpha1.ScimUser) { u.Spec.DisplayName = displayName })
			awaitThat(t, "the manager has looked at "+id, func() bool {
				u := r.user(id)
				return ptr.Deref(u.Status.ObservedGeneration, -1) == u.Generation
			})
		}
		r.settled()
	}
	touch("Another")
	accepts("with the last release")
	touched := r.kept()
	if !reflect.DeepEqual(before.States, touched.States) || !reflect.DeepEqual(before.Tokens, touched.Tokens) {
		t.Errorf("the last release makes\n%v %v\nof\n%v %v", touched.States, touched.Tokens, before.States, before.Tokens)
	}

	r.thisRelease()
	r.settled()
	touch("")
	accepts("with this release again")
	before.same(t, "with this release again", r.kept(), true)
}
