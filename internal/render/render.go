// SPDX-License-Identifier: Apache-2.0

// Package render says what the children of a ScimEndpoint look like. Every function is
// pure: the same endpoint always gives the same child, spelled out so that applying it
// twice changes nothing. The golden files in testdata show in review what a change here
// does to a cluster.
package render

import (
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	metav1ac "k8s.io/client-go/applyconfigurations/meta/v1"

	"scim-operator.io/api/v1alpha1"
)

// Options are what the manager, not the endpoint, decides about the servers.
type Options struct {
	// Image of the servers, the operator's own.
	Image string
	// ImagePullPolicy of it; empty leaves the choice to Kubernetes.
	ImagePullPolicy corev1.PullPolicy
	// LogLevel is passed to the servers; empty leaves the choice to them.
	LogLevel string
	// InternalIssuers lets the URLs of OAuth issuers lead to internal addresses.
	InternalIssuers bool
	// OpenMetrics lets everybody read the servers' metrics who reaches their port.
	OpenMetrics bool
	// Egress is the way to OAuth issuers.
	Egress Egress
}

// Egress is the way that servers take to OAuth issuers. Everybody who may read Deployments
// sees it.
type Egress struct {
	// Proxy is the URL of an HTTP proxy, without a user name or password; empty for none.
	Proxy string
	// NoProxy lists the hosts that are asked without it, as the environment variable does.
	NoProxy string
	// ProxyResolves gives the proxy names instead of addresses.
	ProxyResolves bool
	// CABundle has CA certificates in PEM that are trusted beside the system's.
	CABundle string
}

const (
	// ContainerName names the only container of a server pod.
	ContainerName = "server"
	// HTTPPort serves SCIM, over HTTP/1.1 and HTTP/2 without TLS.
	HTTPPort int32 = 8080
	// HTTPPortName is its name in the pod and in the Service.
	HTTPPortName = "http"
	// OpsPort serves metrics and probes.
	OpsPort int32 = 8081
	// OpsPortName is its name in the pod.
	OpsPortName = "ops"
	// PeerPort answers the other replicas.
	PeerPort int32 = 8082
	// PeerPortName is its name in the pod.
	PeerPortName = "peer"

	// DefinitionAnnotation on a pod is a digest of the definition of the endpoint that its
	// server read when it was started.
	DefinitionAnnotation = "scim-operator.io/definition"

	// CABundleVariable is the environment variable of a server that has the CA bundle itself.
	CABundleVariable = "EGRESS_CA_BUNDLE"

	nameLabel      = "app.kubernetes.io/name"
	instanceLabel  = "app.kubernetes.io/instance"
	componentLabel = "app.kubernetes.io/component"
	appName        = "scim-server"
	component      = "server"
)

// Labels are on every child of the endpoint.
func Labels(ep *v1alpha1.ScimEndpoint) map[string]string {
	return map[string]string{
		nameLabel:               appName,
		instanceLabel:           ep.Name,
		componentLabel:          component,
		v1alpha1.ManagedByLabel: v1alpha1.ManagedByValue,
		v1alpha1.EndpointLabel:  ep.Name,
	}
}

// PodLabels select the endpoint's server pods. A Deployment's selector can never
// change, so neither can they.
func PodLabels(ep *v1alpha1.ScimEndpoint) map[string]string {
	return map[string]string{
		nameLabel:              appName,
		v1alpha1.EndpointLabel: ep.Name,
	}
}

func podSelector(ep *v1alpha1.ScimEndpoint) *metav1ac.LabelSelectorApplyConfiguration {
	return metav1ac.LabelSelector().WithMatchLabels(PodLabels(ep))
}

// owner is the reference of metav1.NewControllerRef in the form that is applied.
func owner(ep *v1alpha1.ScimEndpoint) *metav1ac.OwnerReferenceApplyConfiguration {
	return applied(ownerReference(ep))
}

// keepers are the owner references of the Secrets of the tokens, which outlive the endpoint
// when its IdentityProvider is disabled and go when that is deleted: the endpoint, and
// beside it the IdentityProvider that controls the endpoint, if one does.
func keepers(ep *v1alpha1.ScimEndpoint) []metav1.OwnerReference {
	owners := []metav1.OwnerReference{*ownerReference(ep)}
	provider := metav1.GetControllerOf(ep)
	if provider == nil || provider.Kind != "IdentityProvider" || provider.APIVersion != v1alpha1.GroupVersion.String() {
		return owners
	}
	return append(owners, metav1.OwnerReference{
		APIVersion: provider.APIVersion, Kind: provider.Kind, Name: provider.Name, UID: provider.UID,
	})
}

// applied is an owner reference in the form that is applied.
func applied(ref *metav1.OwnerReference) *metav1ac.OwnerReferenceApplyConfiguration {
	ac := metav1ac.OwnerReference().
		WithAPIVersion(ref.APIVersion).
		WithKind(ref.Kind).
		WithName(ref.Name).
		WithUID(ref.UID)
	ac.Controller, ac.BlockOwnerDeletion = ref.Controller, ref.BlockOwnerDeletion
	return ac
}

func ownerReference(ep *v1alpha1.ScimEndpoint) *metav1.OwnerReference {
	return metav1.NewControllerRef(ep, v1alpha1.GroupVersion.WithKind("ScimEndpoint"))
}
