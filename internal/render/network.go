// SPDX-License-Identifier: Apache-2.0

package render

import (
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	policyv1 "k8s.io/api/policy/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	corev1ac "k8s.io/client-go/applyconfigurations/core/v1"
	metav1ac "k8s.io/client-go/applyconfigurations/meta/v1"
	networkingv1ac "k8s.io/client-go/applyconfigurations/networking/v1"
	policyv1ac "k8s.io/client-go/applyconfigurations/policy/v1"

	"scim-operator.io/api/v1alpha1"
)

// Service leads to the SCIM port of the servers that are ready, over both IP families
// where the cluster has both.
func Service(ep *v1alpha1.ScimEndpoint) *corev1ac.ServiceApplyConfiguration {
	return corev1ac.Service(ep.ChildName(), ep.Namespace).
		WithLabels(Labels(ep)).
		WithOwnerReferences(owner(ep)).
		WithSpec(corev1ac.ServiceSpec().
			WithType(corev1.ServiceTypeClusterIP).
			WithIPFamilyPolicy(corev1.IPFamilyPolicyPreferDualStack).
			WithSelector(PodLabels(ep)).
			WithPorts(corev1ac.ServicePort().
				WithName(HTTPPortName).
				WithProtocol(corev1.ProtocolTCP).
				WithPort(v1alpha1.ServicePort).
				WithTargetPort(intstr.FromString(HTTPPortName))))
}

// NetworkPolicy lets anybody reach the SCIM port, which asks for a token. The port for peers
// is for the endpoint's own pods, and the ops port for pods of the cluster, as Prometheus may
// run in any namespace: metrics ask for a token, too. The kubelet's probes need no rule.
//
// Outgoing traffic is not restricted. A server talks to its peers and the API server,
// and a policy sees the API server behind its Service, at an address and port that
// differ from cluster to cluster; a wrong guess would stop provisioning.
func NetworkPolicy(ep *v1alpha1.ScimEndpoint) *networkingv1ac.NetworkPolicyApplyConfiguration {
	return networkingv1ac.NetworkPolicy(ep.ChildName(), ep.Namespace).
		WithLabels(Labels(ep)).
		WithOwnerReferences(owner(ep)).
		WithSpec(networkingv1ac.NetworkPolicySpec().
			WithPodSelector(podSelector(ep)).
			WithPolicyTypes(networkingv1.PolicyTypeIngress).
			WithIngress(
				networkingv1ac.NetworkPolicyIngressRule().
					WithPorts(policyPort(HTTPPort)),
				networkingv1ac.NetworkPolicyIngressRule().
					WithPorts(policyPort(OpsPort)).
					WithFrom(networkingv1ac.NetworkPolicyPeer().WithNamespaceSelector(metav1ac.LabelSelector())),
				networkingv1ac.NetworkPolicyIngressRule().
					WithPorts(policyPort(PeerPort)).
					WithFrom(networkingv1ac.NetworkPolicyPeer().WithPodSelector(podSelector(ep)))))
}

func policyPort(port int32) *networkingv1ac.NetworkPolicyPortApplyConfiguration {
	return networkingv1ac.NetworkPolicyPort().
		WithProtocol(corev1.ProtocolTCP).
		WithPort(intstr.FromInt32(port))
}

// PodDisruptionBudget takes servers away one at a time. With maxUnavailable, unlike
// minAvailable, an only replica can still be drained from its node; and a server that
// is broken anyway never stands in the way.
func PodDisruptionBudget(ep *v1alpha1.ScimEndpoint) *policyv1ac.PodDisruptionBudgetApplyConfiguration {
	return policyv1ac.PodDisruptionBudget(ep.ChildName(), ep.Namespace).
		WithLabels(Labels(ep)).
		WithOwnerReferences(owner(ep)).
		WithSpec(policyv1ac.PodDisruptionBudgetSpec().
			WithMaxUnavailable(intstr.FromInt32(1)).
			WithUnhealthyPodEvictionPolicy(policyv1.AlwaysAllow).
			WithSelector(podSelector(ep)))
}
