// SPDX-License-Identifier: Apache-2.0

package scimendpoint

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/log"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"scim-operator.io/api/v1alpha1"
	"scim-operator.io/controllers/internal/outcome"
)

// +kubebuilder:rbac:groups="",resources=namespaces,verbs=get;list;watch

// permissionRetry is how soon a namespace that is not watched is read again.
const permissionRetry = 10 * time.Minute

// maxNamedAnnotations bounds the annotations that a message names.
const maxNamedAnnotations = 3

// ExposureRules are what the cluster's administrators allow those who write endpoints.
type ExposureRules struct {
	// Annotations that an Ingress may have: keys, or prefixes that end in *.
	Annotations []string
	// RequireAllowedHosts exposes nothing of a namespace without AllowedHostsAnnotation.
	RequireAllowedHosts bool
	// Namespaced says that the manager has no rights to list and watch Namespaces, and may
	// read those that it works in.
	Namespaced bool
	// Namespaces are those that the manager works in, none for all.
	Namespaces []string
}

// DefaultIngressAnnotations choose an issuer of certificates that the cluster already has.
var DefaultIngressAnnotations = []string{
	"cert-manager.io/cluster-issuer", "cert-manager.io/issuer", "cert-manager.io/issuer-kind", "cert-manager.io/issuer-group",
}

// checkExposure fails when the endpoint asks to be exposed as it may not be.
func (r *Reconciler) checkExposure(ctx context.Context, ep *v1alpha1.ScimEndpoint) error {
	if ep.Host() == "" {
		return nil
	}
	if ingress := ep.Spec.Exposure.Ingress; ingress != nil {
		if failure := r.exposure.checkIngress(ingress); failure != nil {
			return failure
		}
	}
	allowed, annotated, err := r.allowedHosts(ctx, ep.Namespace)
	switch {
	case err != nil:
		return err
	case annotated && hostAllowed(allowed, ep.Host()), !annotated && !r.exposure.RequireAllowedHosts:
		return nil
	}
	failure := outcome.Stalled(v1alpha1.ReasonHostNotAllowed,
		"Endpoints of namespace %s may not be exposed under host %s; a cluster administrator adds it to the annotation %s of the Namespace.",
		ep.Namespace, ep.Host(), v1alpha1.AllowedHostsAnnotation)
	if r.exposure.Namespaced {
		failure = failure.After(permissionRetry)
	}
	return failure
}

// checkIngress returns what the Ingress may not be, or nil. Its schema asks for TLS as well; an
// object may be older than that.
func (x ExposureRules) checkIngress(ingress *v1alpha1.IngressExposure) *outcome.Failure {
	if ingress.TLSSecretName == "" && ingress.TLS == "" {
		return outcome.Stalled(v1alpha1.ReasonTLSRequired,
			"The Ingress for %s has no certificate; give tlsSecretName, or tls: ControllerCertificate where the Ingress controller has one, or tls: InsecurePlaintext to send tokens unencrypted.", ingress.Host)
	}
	var refused []string
	for key := range ingress.Annotations {
		if !slices.ContainsFunc(x.Annotations, func(pattern string) bool { return matches(pattern, key) }) {
			refused = append(refused, key)
		}
	}
	if len(refused) == 0 {
		return nil
	}
	slices.Sort(refused)
	named := outcome.ClipTo(strings.Join(refused[:min(len(refused), maxNamedAnnotations)], ", "), maxControllerMessage)
	return outcome.Stalled(v1alpha1.ReasonAnnotationNotAllowed,
		"%d annotations of the Ingress are not allowed here: %s. Remove them, or have them added to the manager's flag --allowed-ingress-annotations.", len(refused), named)
}

func matches(pattern, key string) bool {
	if prefix, found := strings.CutSuffix(pattern, "*"); found {
		return strings.HasPrefix(key, prefix)
	}
	return pattern == key
}

// allowedHosts returns what the Namespace's annotation names, and whether it has one.
func (r *Reconciler) allowedHosts(ctx context.Context, namespace string) (hosts string, annotated bool, err error) {
	var reader client.Reader = r.client
	if r.exposure.Namespaced {
		reader = r.live
	}
	ns := &metav1.PartialObjectMetadata{}
	ns.SetGroupVersionKind(corev1.SchemeGroupVersion.WithKind("Namespace"))
	if err := reader.Get(ctx, client.ObjectKey{Name: namespace}, ns); err != nil {
		return "", false, fmt.Errorf("read which hosts namespace %s may use: %w", namespace, err)
	}
	hosts, annotated = ns.Annotations[v1alpha1.AllowedHostsAnnotation]
	return hosts, annotated, nil
}

// hostAllowed reports whether a list of hosts has the host, or *. and a domain that it is under, or *.
func hostAllowed(list, host string) bool {
	return slices.ContainsFunc(strings.Split(list, ","), func(entry string) bool {
		entry = strings.ToLower(strings.TrimSpace(entry))
		domain, wildcard := strings.CutPrefix(entry, "*")
		return entry == host || entry == "*" || wildcard && strings.HasPrefix(domain, ".") && strings.HasSuffix(host, domain) && len(host) > len(domain)
	})
}

// onlyAllowedHosts keeps of a Namespace in the cache what allowedHosts reads.
func onlyAllowedHosts(obj any) (any, error) {
	from, ok := obj.(*metav1.PartialObjectMetadata)
	if !ok {
		return obj, nil
	}
	kept := &metav1.PartialObjectMetadata{
		TypeMeta:   from.TypeMeta,
		ObjectMeta: metav1.ObjectMeta{Name: from.Name, UID: from.UID, ResourceVersion: from.ResourceVersion},
	}
	if hosts, annotated := from.Annotations[v1alpha1.AllowedHostsAnnotation]; annotated {
		kept.Annotations = map[string]string{v1alpha1.AllowedHostsAnnotation: hosts}
	}
	return kept, nil
}

// allowedHostsChanged passes what may permit a host or forbid it.
func allowedHostsChanged() predicate.Predicate {
	return predicate.Funcs{
		CreateFunc: func(event.CreateEvent) bool { return false },
		DeleteFunc: func(event.DeleteEvent) bool { return false },
		UpdateFunc: func(e event.UpdateEvent) bool {
			before, had := e.ObjectOld.GetAnnotations()[v1alpha1.AllowedHostsAnnotation]
			now, has := e.ObjectNew.GetAnnotations()[v1alpha1.AllowedHostsAnnotation]
			return had != has || before != now
		},
	}
}

// endpointsIn maps a Namespace to its endpoints and to those that share a host with them.
func (r *Reconciler) endpointsIn(ctx context.Context, namespace client.Object) []reconcile.Request {
	var endpoints v1alpha1.ScimEndpointList
	if err := r.client.List(ctx, &endpoints, client.InNamespace(namespace.GetName()), client.UnsafeDisableDeepCopy); err != nil {
		log.FromContext(ctx).Error(err, "cannot tell which endpoints a namespace has", "namespace", namespace.GetName())
		return nil
	}
	var requests []reconcile.Request
	for i := range endpoints.Items {
		requests = append(requests, reconcile.Request{NamespacedName: client.ObjectKeyFromObject(&endpoints.Items[i])})
		requests = append(requests, r.neighboursOf(ctx, &endpoints.Items[i])...)
	}
	return requests
}
