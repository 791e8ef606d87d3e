// SPDX-License-Identifier: Apache-2.0

package scimendpoint

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"scim-operator.io/api/v1alpha1"
	"scim-operator.io/controllers/internal/outcome"
	"scim-operator.io/controllers/internal/testenv"
	"scim-operator.io/internal/render"
)

func TestOverlap(t *testing.T) {
	for _, row := range []struct {
		a, b string
		want bool
	}{
		{"h/scim/v2", "h/scim/v2", true},
		{"h", "h/scim/v2", true},
		{"h", "h", true},
		{"h/scim", "h/scim/v2", true},
		{"h/scim/v2", "h/scim/v20", false},
		{"h/acme/scim", "h/umbrella/scim", false},
		{"h", "h.example", false},
	} {
		if overlap(row.a, row.b) != row.want || overlap(row.b, row.a) != row.want {
			t.Errorf("%q and %q: want %t", row.a, row.b, row.want)
		}
	}
}

func TestOlder(t *testing.T) {
	born := time.Date(2025, 1, 1, 0, 0, 0, 0, time.UTC)
	endpoint := func(uid types.UID, age time.Duration) *v1alpha1.ScimEndpoint {
		return &v1alpha1.ScimEndpoint{ObjectMeta: metav1.ObjectMeta{UID: uid, CreationTimestamp: metav1.NewTime(born.Add(-age))}}
	}
	for _, row := range []struct {
		name string
		a, b *v1alpha1.ScimEndpoint
	}{
		{"created before", endpoint("z", time.Second), endpoint("a", 0)},
		{"of the same second", endpoint("a", 0), endpoint("b", 0)},
	} {
		if !older(row.a, row.b) || older(row.b, row.a) {
			t.Errorf("%s: not in order", row.name)
		}
	}
}

// claimant is an endpoint of some age that asks for a path of the host h, and has routes.
func claimant(age int, path string, has ...string) *v1alpha1.ScimEndpoint {
	ep := newEndpoint("tenant", &v1alpha1.Exposure{
		BaseURL: "https://h" + path, Ingress: &v1alpha1.IngressExposure{Host: "h"},
	})
	ep.UID = types.UID(fmt.Sprint(age))
	ep.CreationTimestamp = metav1.NewTime(time.Unix(int64(1000-age), 0))
	ep.Status.ObservedGeneration = ptr.To[int64](1)
	ep.Status.Routes = has
	return ep
}

// claiming is a claimant that claims the path.
func claiming(age int, path string) *v1alpha1.ScimEndpoint {
	ep := claimant(age, path)
	ep.Status.ClaimedRoute = ep.Route()
	return ep
}

// restored is a claimant without a status, whose record has a route.
func restored(age int, path, route string) *v1alpha1.ScimEndpoint {
	ep := claimant(age, path)
	ep.Status = v1alpha1.ScimEndpointStatus{}
	ep.Annotations = map[string]string{v1alpha1.EndpointRecordAnnotation: `{"routes":["` + route + `"]}`}
	return ep
}

func TestStand(t *testing.T) {
	deleted := claimant(9, "/scim")
	deleted.DeletionTimestamp = &metav1.Time{Time: time.Unix(2000, 0)}
	for _, row := range []struct {
		name       string
		ep         *v1alpha1.ScimEndpoint
		neighbours []*v1alpha1.ScimEndpoint
		want       standing
	}{
		{"alone", claimant(1, "/scim"), nil, asks},
		{"alone with its claim", claiming(1, "/scim"), nil, takes},
		{"to who is there, though younger", claimant(2, "/scim"), []*v1alpha1.ScimEndpoint{claimant(1, "/scim", "h/scim")}, gives},
		{"with a claim, to who is there, though younger", claiming(2, "/scim"), []*v1alpha1.ScimEndpoint{claimant(1, "/scim", "h/scim")}, gives},
		{"to who is there until it has moved away", claimant(2, "/scim"), []*v1alpha1.ScimEndpoint{claimant(1, "/new", "h/scim", "h/new")}, gives},
		{"to who is there below its path", claimant(2, "/scim"), []*v1alpha1.ScimEndpoint{claimant(1, "/scim/v2", "h/scim/v2")}, gives},
		{"not to who is elsewhere", claiming(1, "/scim"), []*v1alpha1.ScimEndpoint{claimant(2, "/other", "h/other")}, takes},
		{"not to an older one that comes after it", claimant(1, "/scim", "h/scim"), []*v1alpha1.ScimEndpoint{claimant(2, "/scim")}, holds},
		{"not to an older one that claims after it", claimant(1, "/scim", "h/scim"), []*v1alpha1.ScimEndpoint{claiming(2, "/scim")}, holds},
		{"to an older one that waits as well", claimant(1, "/scim"), []*v1alpha1.ScimEndpoint{claimant(2, "/scim")}, gives},
		{"not to a younger one that waits as well", claimant(2, "/scim"), []*v1alpha1.ScimEndpoint{claimant(1, "/scim")}, asks},
		{"with a claim, not to an older one that has none", claiming(1, "/scim"), []*v1alpha1.ScimEndpoint{claimant(2, "/scim")}, takes},
		{"with a claim, to an older one that claims as well", claiming(1, "/scim"), []*v1alpha1.ScimEndpoint{claiming(2, "/scim")}, gives},
		{"to one that claims above its path", claiming(1, "/scim"), []*v1alpha1.ScimEndpoint{claiming(2, "")}, gives},
		{"it takes nothing that a younger one claims", claiming(2, "/scim"), []*v1alpha1.ScimEndpoint{claiming(1, "/scim")}, waits},
		{"without a claim, to a younger one that claims", claimant(2, "/scim"), []*v1alpha1.ScimEndpoint{claiming(1, "/scim")}, gives},
		{"a claim on another path takes nothing", func() *v1alpha1.ScimEndpoint {
			ep := claiming(1, "/old")
			ep.Spec.Exposure.BaseURL = "https://h/new"
			return ep
		}(), nil, asks},
		{"not to one that is being deleted", claimant(1, "/scim"), []*v1alpha1.ScimEndpoint{deleted}, asks},
		{"not to an older one that has to wait for another", claimant(1, "/a"),
			[]*v1alpha1.ScimEndpoint{claimant(3, ""), claimant(2, "/b", "h/b")}, asks},
		{"not to an older one that has to wait for it", claimant(1, "/a", "h/a", "h/b"), []*v1alpha1.ScimEndpoint{claimant(3, "")}, holds},
		{"if both are there, to the older one", claimant(1, "/scim", "h/scim"), []*v1alpha1.ScimEndpoint{claimant(2, "/scim", "h/scim")}, gives},
		{"if both are there, not to the younger one", claimant(2, "/scim", "h/scim"), []*v1alpha1.ScimEndpoint{claimant(1, "/scim", "h/scim")}, holds},
		{"restored, it has claimed what is on record", restored(1, "/scim", "h/scim"), nil, takes},
		{"restored, to who has taken it meanwhile", restored(1, "/scim", "h/scim"), []*v1alpha1.ScimEndpoint{claimant(2, "/scim", "h/scim")}, gives},
		{"restored, to who claims it meanwhile", restored(1, "/scim", "h/scim"), []*v1alpha1.ScimEndpoint{claiming(2, "/scim")}, gives},
		{"to what is on record of a restored one", claiming(2, "/scim"), []*v1alpha1.ScimEndpoint{restored(1, "/scim", "h/scim")}, gives},
	} {
		t.Run(row.name, func(t *testing.T) {
			if got := stand(row.ep, row.neighbours); got != row.want {
				t.Errorf("got %d, want %d", got, row.want)
			}
		})
	}
}

// TestAClaimAsksNothingOfTheAPIServer has an endpoint claim a path of a host that a thousand
// others share.
func TestAClaimAsksNothingOfTheAPIServer(t *testing.T) {
	const others = 1000
	ep := claimant(0, "/mine")
	ep.Status.ObservedGeneration = nil
	objects := []client.Object{ep, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "tenant"}}}
	for n := range others {
		path := fmt.Sprint("/", n)
		other := claimant(n+1, path, "h"+path)
		other.Name = fmt.Sprint("other-", n)
		objects = append(objects, other)
	}
	writes, reads := 0, 0
	scheme := runtime.NewScheme()
	if err := errors.Join(v1alpha1.AddToScheme(scheme), corev1.AddToScheme(scheme)); err != nil {
		t.Fatal(err)
	}
	c := fake.NewClientBuilder().WithScheme(scheme).WithObjects(objects...).WithStatusSubresource(ep).
		WithIndex(&v1alpha1.ScimEndpoint{}, hostIndex, indexHost).
		WithInterceptorFuncs(interceptor.Funcs{
			SubResourcePatch: func(ctx context.Context, c client.Client, sub string, obj client.Object, patch client.Patch, opts ...client.SubResourcePatchOption) error {
				writes++
				return c.SubResource(sub).Patch(ctx, obj, patch, opts...)
			},
		}).Build()
	live := interceptor.NewClient(c, interceptor.Funcs{
		Get: func(context.Context, client.WithWatch, client.ObjectKey, client.Object, ...client.GetOption) error {
			reads++
			return errors.New("not asked")
		},
		List: func(context.Context, client.WithWatch, client.ObjectList, ...client.ListOption) error {
			reads++
			return errors.New("not asked")
		},
	})
	r := &Reconciler{client: c, live: live, reporter: outcome.NewReporter(c, nil)}
	claim := func() error {
		current := &v1alpha1.ScimEndpoint{}
		pass, err := r.reporter.Begin(t.Context(), client.ObjectKeyFromObject(ep), current, &current.Status.ObservedGeneration)
		if err != nil {
			return err
		}
		return r.claimRoute(t.Context(), pass, current)
	}
	var failure *outcome.Failure
	if err := claim(); !errors.As(err, &failure) || failure.Reason != v1alpha1.ReasonProgressing {
		t.Errorf("the claim is not made: %v", err)
	}
	if err := claim(); err != nil {
		t.Errorf("the route is not taken: %v", err)
	}
	if reads != 0 || writes != 2 {
		t.Errorf("it read %d times from the API server and wrote %d times", reads, writes)
	}
	if err := c.Get(t.Context(), client.ObjectKeyFromObject(ep), ep); err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(ep.Status.Routes, []string{ep.Route()}) || ep.Status.ClaimedRoute != "" {
		t.Errorf("it has %v and claims %q", ep.Status.Routes, ep.Status.ClaimedRoute)
	}
	if got := r.neighboursOf(t.Context(), ep); len(got) != 0 {
		t.Errorf("%d others, each with a path of its own, are reconciled for it", len(got))
	}
}

var _ = Describe("A host that two namespaces ask for", func() {
	var first, second *v1alpha1.ScimEndpoint

	BeforeEach(func(ctx SpecContext) {
		first = newEndpoint(env.Namespace(ctx), nil)
		first.Spec.Exposure = throughIngress(first.Namespace)
		second = newEndpoint(env.Namespace(ctx), throughIngress(first.Namespace))
		env.Create(ctx, first)
		Eventually(observed(ctx, first)).Should(testenv.IsTrue(v1alpha1.ConditionExposed, v1alpha1.ReasonIngressApplied))
	})

	ingressOf := func(ctx context.Context, ep *v1alpha1.ScimEndpoint) func() error {
		return gone(ctx, ep.Namespace, ep.ChildName(), &networkingv1.Ingress{})
	}
	moveTo := func(ctx context.Context, ep *v1alpha1.ScimEndpoint, host string) {
		testenv.Change(ctx, env, ep, func(ep *v1alpha1.ScimEndpoint) { ep.Spec.Exposure.Ingress.Host = host })
	}
	givesWay := And(
		testenv.IsFalse(v1alpha1.ConditionExposed, v1alpha1.ReasonHostInUse),
		testenv.StalledBecause(v1alpha1.ReasonHostInUse),
		HaveField("Status.Routes", BeEmpty()),
	)
	exposed := And(
		testenv.IsTrue(v1alpha1.ConditionExposed, v1alpha1.ReasonIngressApplied),
		WithTransform(func(ep *v1alpha1.ScimEndpoint) bool { return slices.Equal(ep.Status.Routes, []string{ep.Route()}) }, BeTrue()),
	)

	It("stays with who has it until that goes", func(ctx SpecContext) {
		env.Create(ctx, second)
		Eventually(observed(ctx, second)).Should(givesWay)
		Expect(ingressOf(ctx, second)()).To(Satisfy(apierrors.IsNotFound))
		Expect(observed(ctx, first)(Default)).To(exposed)
		Expect(ingressOf(ctx, first)()).To(Succeed())
		Expect(observed(ctx, second)(Default)).To(testenv.Condition(v1alpha1.ConditionExposed,
			HaveField("Message", And(ContainSubstring(first.Host()), Not(ContainSubstring(first.Namespace+"/"))))))

		env.Remove(ctx, first)
		Eventually(observed(ctx, second)).Should(exposed)
		Eventually(ingressOf(ctx, second)).Should(Succeed())
	})

	It("is free once who has it has moved away", func(ctx SpecContext) {
		second.Spec.Exposure.BaseURL = "https://" + first.Host() + "/scim"
		env.Create(ctx, second)
		Eventually(observed(ctx, second)).Should(givesWay)
		moveTo(ctx, first, "elsewhere."+first.Namespace)
		Eventually(observed(ctx, second)).Should(exposed)
		Expect(fetch(ctx, first.Namespace, first.ChildName(), &networkingv1.Ingress{})(Default).Spec.Rules).
			To(ConsistOf(HaveField("Host", "elsewhere."+first.Namespace)))
		Eventually(observed(ctx, first)).Should(exposed)
	})

	It("is not taken away by an older endpoint that moves there, nor by a restart of the manager", func(ctx SpecContext) {
		host := first.Host()
		moveTo(ctx, first, "elsewhere."+first.Namespace)
		Eventually(observed(ctx, first)).Should(exposed)
		env.Create(ctx, second)
		Eventually(observed(ctx, second)).Should(exposed)
		moveTo(ctx, first, host)
		Eventually(observed(ctx, first)).Should(givesWay)
		Eventually(ingressOf(ctx, first)).Should(Satisfy(apierrors.IsNotFound))
		version := observed(ctx, second)(Default).ResourceVersion

		withoutManager(func() { env.Touch(ctx, first) })
		env.Touch(ctx, first)
		Consistently(observed(ctx, second), testenv.Quiet).Should(And(exposed, HaveField("ResourceVersion", version)))
		Expect(observed(ctx, first)(Default)).To(givesWay)

		env.Remove(ctx, second)
		Eventually(observed(ctx, first)).Should(exposed)
	})

	It("goes to the oldest of those that wait", func(ctx SpecContext) {
		third := newEndpoint(env.Namespace(ctx), throughIngress(first.Namespace))
		env.Create(ctx, second, third)
		Eventually(observed(ctx, second)).Should(givesWay)
		Eventually(observed(ctx, third)).Should(givesWay)
		if older(third, second) {
			second, third = third, second
		}
		withoutManager(func() { env.Remove(ctx, first) })
		Eventually(observed(ctx, second)).Should(exposed)
		Consistently(observed(ctx, third), testenv.Quiet).Should(givesWay)
	})

	It("is kept by the older one if two have it nevertheless", func(ctx SpecContext) {
		withoutManager(func() {
			env.Create(ctx, second)
			patch := client.MergeFrom(second.DeepCopy())
			second.Status.Routes = []string{second.Route()}
			Expect(env.Client.Status().Patch(ctx, second, patch)).To(Succeed())
			if older(second, first) {
				first, second = second, first
			}
		})
		Eventually(observed(ctx, second)).Should(givesWay)
		Eventually(observed(ctx, first)).Should(exposed)
		Eventually(ingressOf(ctx, second)).Should(Satisfy(apierrors.IsNotFound))
	})

	It("is never with two of many that ask two managers at once", func(ctx SpecContext) {
		const many = 8
		DeferCleanup(env.RunBeside(setupWith(render.Options{Image: "registry.example.com/scim-operator:v1"}, exposureRules)))
		ingresses, err := env.Client.Watch(ctx, &networkingv1.IngressList{})
		Expect(err).NotTo(HaveOccurred())
		DeferCleanup(ingresses.Stop)
		host := "many." + first.Namespace
		rivals := make([]*v1alpha1.ScimEndpoint, many)
		var creations sync.WaitGroup
		for i := range rivals {
			rivals[i] = newEndpoint(env.Namespace(ctx), &v1alpha1.Exposure{Ingress: &v1alpha1.IngressExposure{Host: host, TLS: v1alpha1.IngressControllerCertificate}})
			creations.Go(func() {
				defer GinkgoRecover()
				env.Create(ctx, rivals[i])
			})
		}
		creations.Wait()
		losers := 0
		for _, ep := range rivals {
			Eventually(observed(ctx, ep)).Should(Or(givesWay, exposed))
			if len(observed(ctx, ep)(Default).Status.Routes) == 0 {
				losers++
			}
		}
		Expect(losers).To(Equal(many - 1))
		end := &networkingv1.Ingress{ObjectMeta: objectMeta(first.Namespace, "end"), Spec: networkingv1.IngressSpec{
			DefaultBackend: &networkingv1.IngressBackend{Service: &networkingv1.IngressServiceBackend{Name: "x", Port: networkingv1.ServiceBackendPort{Number: 1}}},
		}}
		env.Create(ctx, end)
		namespaces := map[string]bool{}
		Eventually(ingresses.ResultChan()).Should(Receive(WithTransform(func(e watch.Event) string {
			ingress := e.Object.(*networkingv1.Ingress)
			if len(ingress.Spec.Rules) > 0 && ingress.Spec.Rules[0].Host == host {
				namespaces[ingress.Namespace] = true
			}
			return ingress.Name
		}, Equal("end"))))
		Expect(namespaces).To(HaveLen(1))
	})

	It("may be shared under different paths, and an Ingress goes that is no longer so", func(ctx SpecContext) {
		second.Spec.Exposure.BaseURL = "https://" + first.Host() + "/second/scim"
		env.Create(ctx, second)
		Eventually(observed(ctx, second)).Should(exposed)
		testenv.Change(ctx, env, second, func(ep *v1alpha1.ScimEndpoint) { ep.Spec.Exposure.BaseURL = "" })
		Eventually(observed(ctx, second)).Should(givesWay)
		Eventually(ingressOf(ctx, second)).Should(Satisfy(apierrors.IsNotFound))
	})

	It("is given up by who fails to move on and wants to be somewhere else again", func(ctx SpecContext) {
		env.Create(ctx, second)
		Eventually(observed(ctx, second)).Should(givesWay)
		testenv.Change(ctx, env, first, func(ep *v1alpha1.ScimEndpoint) {
			ep.Spec.Exposure.Ingress.Host = "elsewhere." + ep.Namespace
			ep.Spec.Exposure.Ingress.Annotations = map[string]string{"example.com/no such name": "x"}
		})
		Eventually(observed(ctx, first)).Should(And(
			testenv.StalledBecause(v1alpha1.ReasonInvalidSpec),
			HaveField("Status.Routes", ConsistOf(second.Route(), first.Route()))))
		Expect(observed(ctx, second)(Default)).To(givesWay)
		testenv.Change(ctx, env, first, func(ep *v1alpha1.ScimEndpoint) { ep.Spec.Exposure.Ingress.Host = "third." + ep.Namespace })
		Eventually(observed(ctx, first)).Should(HaveField("Status.Routes", ConsistOf(first.Route())))
		Eventually(observed(ctx, second)).Should(exposed)
	})
})
