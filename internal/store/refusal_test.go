// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"
	"errors"
	"fmt"
	"math/bits"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	admissionv1 "k8s.io/api/admissionregistration/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"

	api "scim-operator.io/api/v1alpha1"
	"scim-operator.io/internal/scim"
)

// request is a change of a user, and whether its answer is the right one.
type request struct {
	patch  string
	mutate Mutate // instead of patch
	match  Match
	right  func(error) bool
}

// addition is a change that nothing is wrong with. The order of the addresses shows the
// order of the changes.
func addition(i int) request {
	return request{
		patch: fmt.Sprintf(`{"op":"add","path":"emails","value":[{"value":"%d@acme.com"}]}`, i),
		right: func(err error) bool { return err == nil },
	}
}

func refusedWith(status int, scimType string) func(error) bool {
	return func(err error) bool {
		var refusal *scim.Error
		return errors.As(err, &refusal) && refusal.Status == status && refusal.ScimType == scimType
	}
}

// guilty are changes that are refused, by whoever refuses them.
func guilty(t *testing.T, w *world, r *replica) map[string]request {
	t.Helper()
	r.user(userBody("taken"))
	refusePosition(t, w)
	// More than a request can send: the engine would refuse it.
	certificates := func(count int) Mutate {
		a := r.userAttributes.certificates
		var list scim.List
		for range count {
			c := scim.NewBuilder(1)
			c.SetText(a.value, strings.Repeat("A", 60_000))
			list = append(list, c.Object())
		}
		return func(current *scim.Object, _ *scim.Members) (*scim.Object, bool, error) {
			return current.With(a.attr, list), true, nil
		}
	}
	return map[string]request{
		"the bound of an attribute": {
			patch: fmt.Sprintf(`{"op":"replace","path":"externalId","value":%q}`, strings.Repeat("x", 1025)),
			right: refusedWith(http.StatusBadRequest, scim.ScimTypeInvalidValue),
		},
		"the size that etcd stores":                   {mutate: certificates(29), right: refusedWith(http.StatusRequestEntityTooLarge, "")},
		"the size that the API server's client sends": {mutate: certificates(40), right: refusedWith(http.StatusRequestEntityTooLarge, "")},
		"the size that the API server takes":          {mutate: certificates(60), right: refusedWith(http.StatusRequestEntityTooLarge, "")},
		"a policy of the cluster": {
			patch: `{"op":"replace","path":"title","value":"refused by the policy"}`,
			right: func(err error) bool {
				var later *Unavailable
				return errors.As(err, &later)
			},
		},
		"a name that is taken": {
			patch: `{"op":"replace","path":"userName","value":"taken"}`,
			right: refusedWith(http.StatusConflict, scim.ScimTypeUniqueness),
		},
		"the change itself": {
			patch: `{"op":"replace","path":"emails[display pr].value","value":"x"}`,
			right: refusedWith(http.StatusBadRequest, scim.ScimTypeNoTarget),
		},
		"another version": {
			patch: `{"op":"replace","path":"title","value":"x"}`,
			match: NewMatch(`W/"none"`, ""),
			right: refusedWith(http.StatusPreconditionFailed, ""),
		},
	}
}

// refusePosition makes a policy of the cluster refuse a title of the users of a namespace.
func refusePosition(t *testing.T, w *world) {
	t.Helper()
	clients, err := kubernetes.NewForConfig(environment)
	if err != nil {
		t.Fatal(err)
	}
	policies := clients.AdmissionregistrationV1()
	name := "title-" + w.namespace
	fail, forbidden := admissionv1.Fail, metav1.StatusReasonForbidden
	_, err = policies.ValidatingAdmissionPolicies().Create(t.Context(), &admissionv1.ValidatingAdmissionPolicy{
		ObjectMeta: metav1.ObjectMeta{Name: name},
		Spec: admissionv1.ValidatingAdmissionPolicySpec{
			FailurePolicy: &fail,
			MatchConstraints: &admissionv1.MatchResources{ResourceRules: []admissionv1.NamedRuleWithOperations{{
				RuleWithOperations: admissionv1.RuleWithOperations{
					Operations: []admissionv1.OperationType{admissionv1.Create, admissionv1.Update},
					Rule:       admissionv1.Rule{APIGroups: []string{api.GroupVersion.Group}, APIVersions: []string{"*"}, Resources: []string{string(usersResource)}},
				},
			}}},
			Validations: []admissionv1.Validation{{Expression: `object.?spec.?title.orValue("") != "refused by the policy"`, Reason: &forbidden}},
		},
	}, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = policies.ValidatingAdmissionPolicies().Delete(t.Context(), name, metav1.DeleteOptions{})
	})
	_, err = policies.ValidatingAdmissionPolicyBindings().Create(t.Context(), &admissionv1.ValidatingAdmissionPolicyBinding{
		ObjectMeta: metav1.ObjectMeta{Name: name},
		Spec: admissionv1.ValidatingAdmissionPolicyBindingSpec{
			PolicyName: name, ValidationActions: []admissionv1.ValidationAction{admissionv1.Deny},
			MatchResources: &admissionv1.MatchResources{NamespaceSelector: &metav1.LabelSelector{
				MatchLabels: map[string]string{"kubernetes.io/metadata.name": w.namespace},
			}},
		},
	}, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = policies.ValidatingAdmissionPolicyBindings().Delete(t.Context(), name, metav1.DeleteOptions{})
	})
	n := 0
	eventually(t, "the policy is in force", func() bool {
		n++
		u := &api.ScimUser{ObjectMeta: metav1.ObjectMeta{Name: fmt.Sprintf("probe-%d", n), Namespace: w.namespace}}
		u.Spec.UserName, u.Spec.Title = u.Name, "refused by the policy"
		return w.raw.create(t.Context(), usersResource, u, &api.ScimUser{}) != nil
	})
}

// together sends changes of one user that wait for one write, in their order, and returns
// their answers.
func (r *replica) together(id string, requests []request) []outcome {
	r.t.Helper()
	key, gate := queueKey{r.users, id}, make(chan struct{})
	changes := make([]*change, 0, len(requests)+1)
	add := func(match Match, mutate Mutate) {
		c := &change{match: match, mutate: mutate, outcome: make(chan outcome, 1)}
		if !r.writers.enqueue(key, c) {
			r.t.Fatal("the queue is full")
		}
		changes = append(changes, c)
	}
	add(Match{}, func(current *scim.Object, _ *scim.Members) (*scim.Object, bool, error) {
		<-gate
		return current, false, nil
	})
	for _, q := range requests {
		if q.mutate != nil {
			add(q.match, q.mutate)
			continue
		}
		p, err := r.users.rt.ParsePatch([]byte(`{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":[` + q.patch + `]}`))
		if err != nil {
			r.t.Fatal(err)
		}
		add(q.match, p.Apply)
	}
	close(gate)
	outcomes := make([]outcome, len(requests))
	<-changes[0].outcome
	for i, c := range changes[1:] {
		outcomes[i] = <-c.outcome
	}
	return outcomes
}

// requireOwnAnswers checks that each request has its own answer, and that those which
// succeeded have had their effect, in their order. It returns how many writes of users f saw.
func (r *replica) requireOwnAnswers(f *faults, requests []request) (writes int) {
	r.t.Helper()
	u := r.user(userBody("user-" + randomSuffix()))
	before := len(f.written())
	outcomes := r.together(u.ID, requests)
	var want []string
	for i, o := range outcomes {
		if !requests[i].right(o.err) {
			r.t.Errorf("%.80s at place %d of %d is answered with %v", requests[i].patch, i, len(requests), o.err)
		}
		if address, ok := strings.CutPrefix(requests[i].patch, `{"op":"add","path":"emails","value":[{"value":"`); ok {
			want = append(want, strings.TrimSuffix(address, `"}]}`))
		}
	}
	read, err := r.Get(r.t.Context(), r.users.rt, u.ID)
	if err != nil {
		r.t.Fatal(err)
	}
	var got []string
	for _, email := range objects(read.Object(), r.userAttributes.emails.attr) {
		got = append(got, email.Text(r.userAttributes.emails.value))
	}
	if !slices.Equal(got, want) {
		r.t.Errorf("the addresses are %v, want %v", got, want)
	}
	for _, write := range f.written()[before:] {
		if write == "patch scimusers" {
			writes++
		}
	}
	r.delete(r.users.rt, u.ID)
	return writes
}

// A change that is refused stands at every place of a group of changes.
func TestARefusalIsThatOfOneChangeAlone(t *testing.T) {
	w, f := newWorld(t), &faults{}
	r := w.start(nil, f.wrap)
	for name, culprit := range guilty(t, w, r) {
		t.Run(name, func(t *testing.T) {
			r := &replica{Store: r.Store, t: t}
			for _, size := range []int{2, 3, 8, 64} {
				most := 0
				for place := range size {
					if size > 8 && name != "the bound of an attribute" && place%21 != 0 {
						continue
					}
					requests := make([]request, size)
					for i := range requests {
						requests[i] = addition(i)
					}
					requests[place] = culprit
					most = max(most, r.requireOwnAnswers(f, requests))
				}
				// The group, on the newest version too, and the halves on both sides.
				if bound := 4 * (bits.Len(uint(size)) + 1); most > bound {
					t.Errorf("a group of %d took %d writes, want at most %d", size, most, bound)
				}
				t.Logf("a group of %d took at most %d writes", size, most)
			}
		})
	}
}

// However many changes of a group are refused, they cost a few writes each at most.
func TestManyRefusalsAreThoseOfTheirChanges(t *testing.T) {
	w, f := newWorld(t), &faults{}
	r := w.start(nil, f.wrap)
	culprit := guilty(t, w, r)["the bound of an attribute"]
	const size = 64
	for _, every := range []int{1, 2, 3, 4, 16} {
		requests := make([]request, size)
		for i := range requests {
			if requests[i] = addition(i); i%every == every-1 {
				requests[i] = culprit
			}
		}
		writes := r.requireOwnAnswers(f, requests)
		if writes > 3*size {
			t.Errorf("with every %d. change refused, %d changes took %d writes", every, size, writes)
		}
		t.Logf("with every %d. change refused, %d changes took %d writes", every, size, writes)
	}
}

// rival is a client behind whose refused writes of a user somebody else changes the user, so often.
type rival struct {
	client
	world   *world
	left    atomic.Int64
	refused atomic.Int64
}

func (r *rival) wrap(c client) client {
	r.client = c
	return r
}

func (r *rival) mergePatch(ctx context.Context, of resource, name string, patch []byte, into object) error {
	err := r.client.mergePatch(ctx, of, name, patch, into)
	if of != usersResource || !refused(err) || apierrors.IsConflict(err) {
		return err
	}
	r.refused.Add(1)
	if n := r.left.Add(-1); n >= 0 {
		elsewhere := fmt.Appendf(nil, `{"spec":{"title":"%d"}}`, n)
		if failed := r.world.raw.mergePatch(ctx, of, name, elsewhere, &api.ScimUser{}); failed != nil {
			return failed
		}
	}
	return err
}

// A refusal is answered, and the changes that wait with it go on, however often others change
// the user meanwhile.
func TestARefusalIsNotPutOffByOtherWriters(t *testing.T) {
	const size, place, others = 8, 3, 60
	w := newWorld(t)
	elsewhere := &rival{world: w}
	elsewhere.left.Store(others)
	f := &faults{}
	r := w.start(nil, func(c client) client { return f.wrap(elsewhere.wrap(c)) })
	requests := make([]request, size)
	for i := range requests {
		requests[i] = addition(i)
	}
	requests[place] = request{
		patch: fmt.Sprintf(`{"op":"replace","path":"externalId","value":%q}`, strings.Repeat("x", 1025)),
		right: refusedWith(http.StatusBadRequest, scim.ScimTypeInvalidValue),
	}
	r.requireOwnAnswers(f, requests)
	if n, bound := elsewhere.refused.Load(), int64(2*(bits.Len(size)+1)); n > bound {
		t.Errorf("the API server refused %d writes, want at most %d", n, bound)
	}
}
