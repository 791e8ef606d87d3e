// SPDX-License-Identifier: Apache-2.0

//go:build e2e

package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/url"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/intstr"
	typedcorev1 "k8s.io/client-go/kubernetes/typed/core/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// servers are clients that each speak with one server of the tenant alone, and with no
// other. Not every cluster lets a test reach the address of a pod, so an Ingress of its own
// leads to each.
func (t *tenant) servers(ctx context.Context) []*scimClient {
	GinkgoHelper()
	base, err := url.Parse(t.provider.Spec.SCIM.Endpoint.Exposure.BaseURL)
	Expect(err).NotTo(HaveOccurred())
	var clients []*scimClient
	for i, pod := range serverPods(ctx, t.namespace) {
		name := fmt.Sprintf("server-%d", i)
		host := name + "." + base.Hostname()
		selector := map[string]string{"e2e.example/server": name}
		mark := client.RawPatch(types.MergePatchType, []byte(`{"metadata":{"labels":{"e2e.example/server":"`+name+`"}}}`))
		Expect(k8s.Patch(ctx, &pod, mark)).To(Succeed())
		ca := t.certificate(ctx, name, host)
		Expect(k8s.Create(ctx, &corev1.Service{
			ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: t.namespace},
			Spec:       corev1.ServiceSpec{Selector: selector, Ports: []corev1.ServicePort{{Port: 80, TargetPort: intstr.FromString("http")}}},
		})).To(Succeed())
		Expect(k8s.Create(ctx, &networkingv1.Ingress{
			ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: t.namespace},
			Spec: networkingv1.IngressSpec{
				TLS: []networkingv1.IngressTLS{{Hosts: []string{host}, SecretName: name}},
				Rules: []networkingv1.IngressRule{{Host: host, IngressRuleValue: networkingv1.IngressRuleValue{
					HTTP: &networkingv1.HTTPIngressRuleValue{Paths: []networkingv1.HTTPIngressPath{{
						Path: "/", PathType: ptr.To(networkingv1.PathTypePrefix),
						Backend: networkingv1.IngressBackend{Service: &networkingv1.IngressServiceBackend{
							Name: name, Port: networkingv1.ServiceBackendPort{Number: 80},
						}},
					}}},
				}}},
			},
		})).To(Succeed())
		clients = append(clients, newSCIMClient("https://"+host+":"+base.Port()+base.Path, t.token, ca))
	}
	for _, c := range clients {
		Eventually(c.status).Should(Equal(200))
	}
	return clients
}

// with is the same client with another token.
func (c *scimClient) with(token string) *scimClient {
	other := *c
	other.token = token
	return &other
}

// status is that of the answer to a request that every token in force may make.
func (c *scimClient) status() (int, error) {
	result, err := c.do("GET", "/Users?count=0", "")
	return result.Status, err
}

// everywhere says how the servers, each asked alone, and the endpoint's own Ingress answer
// whoever has a token.
func everywhere(token string, clients ...*scimClient) func() ([]int, error) {
	return func() ([]int, error) {
		var statuses []int
		for _, c := range clients {
			status, err := c.with(token).status()
			if err != nil {
				return nil, err
			}
			statuses = append(statuses, status)
		}
		return statuses, nil
	}
}

// logged is what the tenant's servers have written that is of one logger, line by line, and
// all of what they have written as it is.
func (t *tenant) logged(ctx context.Context, logger string) (lines []map[string]any, all string) {
	GinkgoHelper()
	core, err := typedcorev1.NewForConfig(restConfig)
	Expect(err).NotTo(HaveOccurred())
	for _, pod := range serverPods(ctx, t.namespace) {
		content, err := core.Pods(t.namespace).GetLogs(pod.Name, &corev1.PodLogOptions{Container: "server"}).DoRaw(ctx)
		if apierrors.IsNotFound(err) {
			continue // it has gone meanwhile
		}
		Expect(err).NotTo(HaveOccurred())
		all += string(content)
		for line := range bytes.Lines(content) {
			var fields map[string]any
			if json.Unmarshal(line, &fields) == nil && fields["logger"] == logger {
				lines = append(lines, fields)
			}
		}
	}
	return lines, all
}
