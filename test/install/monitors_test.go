// SPDX-License-Identifier: Apache-2.0

// Package install shows that what is installed fits together, as kustomize renders it.
package install

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	kubeyaml "k8s.io/apimachinery/pkg/util/yaml"
	"sigs.k8s.io/yaml"

	"scim-operator.io/api/v1alpha1"
	"scim-operator.io/internal/render"
	"scim-operator.io/test/assets"
)

// monitor is what is used of the Prometheus Operator's ServiceMonitor and PodMonitor.
type monitor struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata"`

	Spec struct {
		NamespaceSelector struct {
			Any bool `json:"any"`
		} `json:"namespaceSelector"`
		Selector            metav1.LabelSelector `json:"selector"`
		PodTargetLabels     []string             `json:"podTargetLabels"`
		Endpoints           []scrape             `json:"endpoints"`
		PodMetricsEndpoints []scrape             `json:"podMetricsEndpoints"`
	} `json:"spec"`
}

type scrape struct {
	Port        string `json:"port"`
	HonorLabels bool   `json:"honorLabels"`
	Scheme      string `json:"scheme"`
	TLSConfig   struct {
		InsecureSkipVerify bool `json:"insecureSkipVerify"`
	} `json:"tlsConfig"`
	Authorization struct {
		Credentials corev1.SecretKeySelector `json:"credentials"`
	} `json:"authorization"`
}

// mayRead makes sure that the token with which a monitor scrapes is that of an account with a right.
func mayRead(t *testing.T, s *scrape, right rbacv1.PolicyRule) {
	t.Helper()
	ref := s.Authorization.Credentials
	var account string
	for _, secret := range manifests[corev1.Secret](t, "prometheus", "Secret") {
		if secret.Name == ref.Name && secret.Type == corev1.SecretTypeServiceAccountToken && ref.Key == corev1.ServiceAccountTokenKey {
			account = secret.Annotations[corev1.ServiceAccountNameKey]
		}
	}
	var granted []rbacv1.PolicyRule
	for _, binding := range manifests[rbacv1.ClusterRoleBinding](t, "prometheus", "ClusterRoleBinding") {
		for _, role := range manifests[rbacv1.ClusterRole](t, "default", "ClusterRole") {
			if role.Name == binding.RoleRef.Name && binding.Subjects[0].Name == account {
				granted = append(granted, role.Rules...)
			}
		}
	}
	if diff := cmp.Diff([]rbacv1.PolicyRule{right}, granted); diff != "" {
		t.Errorf("the account %q that scrapes %s may (-want +got):\n%s", account, s.Port, diff)
	}
}

// documents are what kustomize makes of a kustomization, document by document.
func documents(t *testing.T, kustomization string) [][]byte {
	t.Helper()
	return documentsOf(t, filepath.Join(assets.Root(), "config", kustomization))
}

func documentsOf(t *testing.T, directory string) (found [][]byte) {
	t.Helper()
	binaries, err := assets.Directory()
	if err != nil {
		t.Fatal(err)
	}
	kubectl := filepath.Join(binaries, "kubectl")
	out, err := exec.CommandContext(t.Context(), kubectl, "kustomize", directory).Output()
	if err != nil {
		t.Fatalf("kubectl kustomize %s: %v", directory, err)
	}
	reader := kubeyaml.NewYAMLReader(bufio.NewReader(bytes.NewReader(out)))
	for {
		document, err := reader.Read()
		if errors.Is(err, io.EOF) {
			return found
		}
		if err != nil {
			t.Fatal(err)
		}
		found = append(found, document)
	}
}

// all are the kinds and names of a kustomization.
func all(t *testing.T, kustomization string) (found []metav1.PartialObjectMetadata) {
	t.Helper()
	for _, document := range documents(t, kustomization) {
		var object metav1.PartialObjectMetadata
		if err := yaml.Unmarshal(document, &object); err != nil {
			t.Fatal(err)
		}
		found = append(found, object)
	}
	return found
}

// manifests are the objects of a kind in a kustomization.
func manifests[T any](t *testing.T, kustomization, kind string) []*T {
	t.Helper()
	return manifestsIn[T](t, documents(t, kustomization), kind)
}

func manifestsIn[T any](t *testing.T, documents [][]byte, kind string) []*T {
	t.Helper()
	var found []*T
	for _, document := range documents {
		var meta metav1.TypeMeta
		if err := yaml.Unmarshal(document, &meta); err != nil {
			t.Fatal(err)
		}
		if meta.Kind != kind {
			continue
		}
		object := new(T)
		if err := yaml.UnmarshalStrict(document, object); err != nil {
			t.Fatalf("%s: %v", kind, err)
		}
		found = append(found, object)
	}
	if len(found) == 0 {
		t.Fatalf("there is no %s", kind)
	}
	return found
}

func selects(t *testing.T, selector *metav1.LabelSelector, of map[string]string) bool {
	t.Helper()
	s, err := metav1.LabelSelectorAsSelector(selector)
	if err != nil {
		t.Fatal(err)
	}
	return s.Matches(labels.Set(of))
}

// serverPods is what the pods of an endpoint are made from.
func serverPods(t *testing.T) corev1.PodTemplateSpec {
	t.Helper()
	ep := &v1alpha1.ScimEndpoint{ObjectMeta: metav1.ObjectMeta{Namespace: "acme", Name: "okta"}}
	content, err := yaml.Marshal(render.Deployment(ep, render.Options{Image: "x"}))
	if err != nil {
		t.Fatal(err)
	}
	var deployment appsv1.Deployment
	if err := yaml.UnmarshalStrict(content, &deployment); err != nil {
		t.Fatal(err)
	}
	return deployment.Spec.Template
}

// portNamed is the number of a container's port, or 0.
func portNamed(pod *corev1.PodTemplateSpec, name string) int32 {
	for _, container := range pod.Spec.Containers {
		for _, port := range container.Ports {
			if port.Name == name {
				return port.ContainerPort
			}
		}
	}
	return 0
}

func TestPrometheusFindsTheManager(t *testing.T) {
	m := manifests[monitor](t, "prometheus", "ServiceMonitor")[0]
	manager := manifests[appsv1.Deployment](t, "default", "Deployment")[0]
	var selected []*corev1.Service
	for _, service := range manifests[corev1.Service](t, "default", "Service") {
		if service.Namespace == m.Namespace && selects(t, &m.Spec.Selector, service.Labels) {
			selected = append(selected, service)
		}
	}
	if len(selected) != 1 || len(m.Spec.Endpoints) != 1 {
		t.Fatalf("the ServiceMonitor selects %d Services, and has %d endpoints", len(selected), len(m.Spec.Endpoints))
	}
	service := selected[0]
	if service.Name != "scim-operator-metrics" {
		t.Errorf("the Service is called %s, and the alert ScimOperatorDown looks for the job scim-operator-metrics", service.Name)
	}
	if service.Namespace != manager.Namespace || !labels.SelectorFromSet(service.Spec.Selector).Matches(labels.Set(manager.Spec.Template.Labels)) {
		t.Error("the Service does not lead to the manager")
	}
	var port int32
	for _, p := range service.Spec.Ports {
		if p.Name == m.Spec.Endpoints[0].Port {
			port = portNamed(&manager.Spec.Template, p.TargetPort.StrVal)
		}
	}
	if port != 8443 || m.Spec.Endpoints[0].Scheme != "https" {
		t.Errorf("metrics are asked for by %s at port %d; the default of --metrics-bind-address is :8443", m.Spec.Endpoints[0].Scheme, port)
	}
	mayRead(t, &m.Spec.Endpoints[0], rbacv1.PolicyRule{NonResourceURLs: []string{"/metrics"}, Verbs: []string{"get"}})
	policy := manifests[networkingv1.NetworkPolicy](t, "default", "NetworkPolicy")[0]
	if !selects(t, &policy.Spec.PodSelector, manager.Spec.Template.Labels) || portNamed(&manager.Spec.Template, policy.Spec.Ingress[0].Ports[0].Port.StrVal) != port {
		t.Error("the NetworkPolicy does not let metrics of the manager through")
	}
	if !m.Spec.Endpoints[0].HonorLabels {
		t.Error("the namespace in the metrics is not the provider's but the manager's")
	}
}

func TestPrometheusFindsTheServers(t *testing.T) {
	m := manifests[monitor](t, "prometheus", "PodMonitor")[0]
	pods := serverPods(t)
	if !m.Spec.NamespaceSelector.Any {
		t.Error("servers are looked for in one namespace only")
	}
	if !selects(t, &m.Spec.Selector, pods.Labels) {
		t.Errorf("the PodMonitor does not select pods with the labels %v", pods.Labels)
	}
	for _, manager := range manifests[appsv1.Deployment](t, "default", "Deployment") {
		if selects(t, &m.Spec.Selector, manager.Spec.Template.Labels) {
			t.Error("the PodMonitor selects the manager, too")
		}
	}
	if len(m.Spec.PodMetricsEndpoints) != 1 || portNamed(&pods, m.Spec.PodMetricsEndpoints[0].Port) != render.OpsPort {
		t.Errorf("metrics are asked for at %v", m.Spec.PodMetricsEndpoints)
	}
	mayRead(t, &m.Spec.PodMetricsEndpoints[0], rbacv1.PolicyRule{
		APIGroups: []string{"scim-operator.io"}, Resources: []string{"scimendpoints/metrics"}, Verbs: []string{"get"},
	})
	if len(m.Spec.PodTargetLabels) != 1 || pods.Labels[m.Spec.PodTargetLabels[0]] != "okta" {
		t.Errorf("metrics do not say the endpoint, but %q", m.Spec.PodTargetLabels)
	}
}
