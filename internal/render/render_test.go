// SPDX-License-Identifier: Apache-2.0

package render

import (
	"path/filepath"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer/json"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/pod-security-admission/api"
	"k8s.io/pod-security-admission/policy"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"
	"sigs.k8s.io/yaml"

	"scim-operator.io/api/v1alpha1"
)

func testScheme(t *testing.T) *runtime.Scheme {
	t.Helper()
	scheme := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{clientgoscheme.AddToScheme, gatewayv1.Install, v1alpha1.AddToScheme} {
		if err := add(scheme); err != nil {
			t.Fatal(err)
		}
	}
	return scheme
}

// goldenObjects decodes every golden file strictly: an unknown or repeated field fails.
func goldenObjects(t *testing.T) map[string]runtime.Object {
	t.Helper()
	scheme := testScheme(t)
	decoder := json.NewSerializerWithOptions(json.DefaultMetaFactory, scheme, scheme,
		json.SerializerOptions{Yaml: true, Strict: true})
	objects := make(map[string]runtime.Object)
	for name := range endpoints(t) {
		for file, content := range readGolden(t, filepath.Join("testdata", name)) {
			object, _, err := decoder.Decode(content, nil, nil)
			if err != nil {
				t.Errorf("%s/%s: %v", name, file, err)
				continue
			}
			objects[name+"/"+file] = object
		}
	}
	return objects
}

func TestEveryChildIsOwnedAndLabelled(t *testing.T) {
	for path, object := range goldenObjects(t) {
		meta, ok := object.(metav1.Object)
		if !ok {
			t.Errorf("%s: %T has no metadata", path, object)
			continue
		}
		endpoint := meta.GetLabels()[v1alpha1.EndpointLabel]
		if endpoint == "" || meta.GetLabels()[v1alpha1.ManagedByLabel] != v1alpha1.ManagedByValue {
			t.Errorf("%s: labels %v do not say whose it is", path, meta.GetLabels())
		}
		owner := metav1.GetControllerOf(meta)
		if owner == nil || owner.Kind != "ScimEndpoint" || owner.Name != endpoint || owner.UID == "" {
			t.Errorf("%s: its controller is %v, not the ScimEndpoint %q", path, owner, endpoint)
		}
		if meta.GetNamespace() != "acme" {
			t.Errorf("%s: its namespace is %q, not the endpoint's", path, meta.GetNamespace())
		}
	}
}

func TestPodsMeetPodSecurityRestricted(t *testing.T) {
	evaluator, err := policy.NewEvaluator(policy.DefaultChecks(), nil)
	if err != nil {
		t.Fatal(err)
	}
	restricted := api.LevelVersion{Level: api.LevelRestricted, Version: api.LatestVersion()}
	pods := 0
	for path, object := range goldenObjects(t) {
		deployment, ok := object.(*appsv1.Deployment)
		if !ok {
			continue
		}
		pods++
		template := deployment.Spec.Template
		result := policy.AggregateCheckResults(evaluator.EvaluatePod(restricted, &template.ObjectMeta, &template.Spec))
		if !result.Allowed {
			t.Errorf("%s: %s: %s", path, result.ForbiddenReason(), result.ForbiddenDetail())
		}
	}
	if pods != len(endpoints(t)) {
		t.Errorf("%d pods were checked for %d endpoints", pods, len(endpoints(t)))
	}
}

// What a Deployment and a Service select must be what the pods carry.
func TestSelectorsMatchThePods(t *testing.T) {
	for name, ep := range endpoints(t) {
		podLabels := Labels(ep)
		for key, value := range PodLabels(ep) {
			if podLabels[key] != value {
				t.Errorf("%s: pods are selected by %s=%s and carry %q", name, key, value, podLabels[key])
			}
		}
	}
}

// What servers learn from the ScimEndpoint starts none of them anew.
func TestPauseAndConsistencyChangeNoChild(t *testing.T) {
	for name, ep := range endpoints(t) {
		changed := ep.DeepCopy()
		changed.Spec.Provisioning, changed.Spec.Consistency = v1alpha1.ProvisioningPaused, v1alpha1.ConsistencyEventual
		for child, object := range children(ep) {
			if diff := cmp.Diff(string(marshal(t, object)), string(marshal(t, children(changed)[child]))); diff != "" {
				t.Errorf("%s: it changes the %s:\n%s", name, child, diff)
			}
		}
	}
}

func TestExposureIsRenderedOnlyWhenAskedFor(t *testing.T) {
	ingress := &v1alpha1.IngressExposure{Host: "scim.acme.com"}
	route := &v1alpha1.HTTPRouteExposure{Host: "scim.acme.com", ParentRefs: []v1alpha1.GatewayReference{{Name: "public"}}}
	for _, row := range []struct {
		name           string
		exposure       *v1alpha1.Exposure
		ingress, route bool
	}{
		{"nothing asked for", nil, false, false},
		{"only a base URL", &v1alpha1.Exposure{BaseURL: "https://scim.acme.com"}, false, false},
		{"an Ingress", &v1alpha1.Exposure{Ingress: ingress}, true, false},
		{"an HTTPRoute", &v1alpha1.Exposure{HTTPRoute: route}, false, true},
	} {
		ep := &v1alpha1.ScimEndpoint{Spec: v1alpha1.ScimEndpointSpec{
			ScimEndpointTemplate: v1alpha1.ScimEndpointTemplate{Exposure: row.exposure}}}
		if got := Ingress(ep) != nil; got != row.ingress {
			t.Errorf("%s: an Ingress is rendered: %v", row.name, got)
		}
		if got := HTTPRoute(ep) != nil; got != row.route {
			t.Errorf("%s: an HTTPRoute is rendered: %v", row.name, got)
		}
	}
}

// What the options leave out is left to Kubernetes and to the server.
func TestOptionsMayBeLeftOut(t *testing.T) {
	ep := endpoints(t)["minimal"]
	pod := Deployment(ep, Options{Image: "scim-operator"}).Spec.Template.Spec
	server := pod.Containers[0]
	if server.ImagePullPolicy != nil {
		t.Errorf("imagePullPolicy is %q, although none was asked for", *server.ImagePullPolicy)
	}
	want := []string{"serve", "--endpoint=okta", "--base-url=http://okta-scim.acme.svc/scim/v2"}
	if diff := cmp.Diff(want, server.Args); diff != "" {
		t.Errorf("arguments (-want +got):\n%s", diff)
	}
}

// A claim that the pod does not have is for the API server to refuse, not to be dropped.
func TestResourcesAreGivenAsAskedFor(t *testing.T) {
	ep := endpoints(t)["minimal"]
	ep.Spec.Resources = &corev1.ResourceRequirements{
		Requests: corev1.ResourceList{corev1.ResourceCPU: resource.MustParse("1")},
		Claims:   []corev1.ResourceClaim{{Name: "card"}, {Name: "cards", Request: "first"}},
	}
	var got corev1.ResourceRequirements
	server := Deployment(ep, testOptions).Spec.Template.Spec.Containers[0]
	if err := yaml.UnmarshalStrict(marshal(t, server.Resources), &got); err != nil {
		t.Fatal(err)
	}
	if !equality.Semantic.DeepEqual(*ep.Spec.Resources, got) {
		t.Errorf("asked for %v, given %v", *ep.Spec.Resources, got)
	}
}

// The caller's object must come through unchanged: it may be the informer's.
func TestRenderingLeavesTheEndpointAlone(t *testing.T) {
	for name, ep := range endpoints(t) {
		before := ep.DeepCopy()
		children(ep)
		if diff := cmp.Diff(before, ep); diff != "" {
			t.Errorf("%s: rendering changed the endpoint:\n%s", name, diff)
		}
	}
}

// Servers learn when they start whom the issuer lets in, and whom to take for the issuer.
func TestAChangeOfTheIssuerStartsTheServersAnew(t *testing.T) {
	known := map[string]bool{}
	for name, given := range map[string]*v1alpha1.OAuthPolicy{
		"none":            nil,
		"one":             {Issuer: "https://idp.example.com"},
		"its CA":          {Issuer: "https://idp.example.com", CACertificates: "a"},
		"the next CA too": {Issuer: "https://idp.example.com", CACertificates: "ab"},
	} {
		ep := &v1alpha1.ScimEndpoint{}
		ep.Spec.OAuth = given
		d := podAnnotations(ep)[DefinitionAnnotation]
		if known[d] {
			t.Errorf("%s: the servers do not learn of it", name)
		}
		known[d] = true
	}
}

// Servers learn how to link when they start.
func TestAChangeOfLinkingStartsTheServersAnew(t *testing.T) {
	definitions := func(change func(*v1alpha1.ScimEndpointSpec)) string {
		ep := &v1alpha1.ScimEndpoint{}
		change(&ep.Spec)
		return podAnnotations(ep)[DefinitionAnnotation]
	}
	domains := func(d ...string) func(*v1alpha1.ScimEndpointSpec) {
		return func(s *v1alpha1.ScimEndpointSpec) { s.Linking, s.EmailDomains = v1alpha1.LinkingByEmail, d }
	}
	known := map[string]bool{}
	for name, change := range map[string]func(*v1alpha1.ScimEndpointSpec){
		"nothing":        func(*v1alpha1.ScimEndpointSpec) {},
		"by userName":    func(s *v1alpha1.ScimEndpointSpec) { s.Linking = v1alpha1.LinkingByUserName },
		"by e-mail":      domains("acme.com"),
		"another domain": domains("acme.org"),
		"after approval": func(s *v1alpha1.ScimEndpointSpec) {
			domains("acme.com")(s)
			s.LinkingApproval = v1alpha1.LinkingApprovalRequired
		},
		"one more domain": domains("acme.com", "acme.org"),
	} {
		d := definitions(change)
		if known[d] {
			t.Errorf("%s: the servers do not learn of it", name)
		}
		known[d] = true
	}
	never := definitions(func(s *v1alpha1.ScimEndpointSpec) {
		s.Linking, s.EmailDomains = v1alpha1.LinkingNever, []string{"acme.com"}
	})
	if nothing := definitions(func(*v1alpha1.ScimEndpointSpec) {}); never != nothing {
		t.Error("the servers start anew for domains that they do not use")
	}
}

// Servers learn of their identity provider's behavior when they start.
func TestAChangeOfTheProvidersBehaviorRestartsTheServers(t *testing.T) {
	digest := func(b v1alpha1.ProviderBehavior) string {
		ep := &v1alpha1.ScimEndpoint{}
		ep.Spec.ProviderBehavior = b
		return podAnnotations(ep)[DefinitionAnnotation]
	}
	known := map[string]bool{}
	for name, behavior := range map[string]v1alpha1.ProviderBehavior{
		"nothing":            {},
		"immutable":          {ExternalIDs: v1alpha1.ExternalIDsImmutable},
		"ignored":            {UnknownAttributes: v1alpha1.UnknownAttributesIgnored},
		"immutable, ignored": {ExternalIDs: v1alpha1.ExternalIDsImmutable, UnknownAttributes: v1alpha1.UnknownAttributesIgnored},
	} {
		d := digest(behavior)
		if known[d] {
			t.Errorf("%s: the servers are not restarted", name)
		}
		known[d] = true
	}
	spelledOut := digest(v1alpha1.ProviderBehavior{
		ExternalIDs: v1alpha1.ExternalIDsReassignable, UnknownAttributes: v1alpha1.UnknownAttributesRefused,
	})
	if spelledOut != digest(v1alpha1.ProviderBehavior{}) {
		t.Error("the servers are restarted for values that are in force already")
	}
}

func TestTheWayToAnIssuerIsToldWhereThereIsOne(t *testing.T) {
	options := testOptions
	options.Egress = Egress{Proxy: "http://proxy:3128", NoProxy: ".corp,$(HOME)", ProxyResolves: true, CABundle: "PEM $(POD_IP)"}
	flags := []string{"--egress-proxy=http://proxy:3128", "--egress-no-proxy=.corp,$$(HOME)", "--egress-proxy-resolves"}
	for name, ep := range endpoints(t) {
		for _, oauth := range []*v1alpha1.OAuthPolicy{nil, {Issuer: "https://login.example.com"}} {
			ep.Spec.OAuth = oauth
			container := Deployment(ep, options).Spec.Template.Spec.Containers[0]
			for _, flag := range flags {
				if slices.Contains(container.Args, flag) != (oauth != nil) {
					t.Errorf("%s, issuer %v: the arguments are %v", name, oauth, container.Args)
				}
			}
			bundle := ""
			for _, variable := range container.Env {
				if *variable.Name == CABundleVariable {
					bundle = *variable.Value
				}
			}
			if want := map[bool]string{true: "PEM $$(POD_IP)"}[oauth != nil]; bundle != want {
				t.Errorf("%s, issuer %v: the CA bundle is %q", name, oauth, bundle)
			}
			// Neither the way to a proxy nor any other is closed.
			if types := NetworkPolicy(ep).Spec.PolicyTypes; !slices.Equal(types, []networkingv1.PolicyType{networkingv1.PolicyTypeIngress}) {
				t.Errorf("%s: the NetworkPolicy is about %v", name, types)
			}
		}
	}
}
