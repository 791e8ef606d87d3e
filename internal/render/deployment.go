// SPDX-License-Identifier: Apache-2.0

package render

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/apimachinery/pkg/util/intstr"
	appsv1ac "k8s.io/client-go/applyconfigurations/apps/v1"
	corev1ac "k8s.io/client-go/applyconfigurations/core/v1"

	"scim-operator.io/api/v1alpha1"
)

const (
	// userID is the nonroot user of the image, which has no user database.
	userID int64 = 65532
	// routerGrace is how long a terminating server goes on as if nothing had happened,
	// so that every proxy and Ingress has taken it out of its endpoints, in seconds.
	routerGrace int64 = 10
	// terminationGrace also covers the requests in flight after that, in seconds.
	terminationGrace int64 = 60
	// revisionHistory is how many old ReplicaSets stay for kubectl rollout undo.
	revisionHistory int32 = 3
	// progressDeadline is after how long a rollout without progress has failed, in
	// seconds. A server that has many users to read needs some of it.
	progressDeadline int32 = 600
)

// Deployment runs the servers of the endpoint. Pausing changes nothing in it: servers
// learn of it from the ScimEndpoint, without a restart.
func Deployment(ep *v1alpha1.ScimEndpoint, options Options) *appsv1ac.DeploymentApplyConfiguration {
	return appsv1ac.Deployment(ep.ChildName(), ep.Namespace).
		WithLabels(Labels(ep)).
		WithOwnerReferences(owner(ep)).
		WithSpec(appsv1ac.DeploymentSpec().
			WithReplicas(ep.EffectiveReplicas()).
			WithRevisionHistoryLimit(revisionHistory).
			WithProgressDeadlineSeconds(progressDeadline).
			WithSelector(podSelector(ep)).
			// A new server is ready before an old one goes.
			WithStrategy(appsv1ac.DeploymentStrategy().
				WithType(appsv1.RollingUpdateDeploymentStrategyType).
				WithRollingUpdate(appsv1ac.RollingUpdateDeployment().
					WithMaxUnavailable(intstr.FromInt32(0)).
					WithMaxSurge(intstr.FromInt32(1)))).
			WithTemplate(corev1ac.PodTemplateSpec().
				WithLabels(Labels(ep)).
				WithAnnotations(podAnnotations(ep)).
				WithSpec(podSpec(ep, options))))
}

// podAnnotations name the definition that the servers read when they start, so that a change
// of it restarts them.
func podAnnotations(ep *v1alpha1.ScimEndpoint) map[string]string {
	encoded, _ := json.Marshal(ep.Definition()) // strings, numbers and booleans can always be encoded
	sum := sha256.Sum256(encoded)
	return map[string]string{
		"kubectl.kubernetes.io/default-container": ContainerName,
		DefinitionAnnotation:                      hex.EncodeToString(sum[:16]),
	}
}

func podSpec(ep *v1alpha1.ScimEndpoint, options Options) *corev1ac.PodSpecApplyConfiguration {
	return corev1ac.PodSpec().
		WithServiceAccountName(ep.ChildName()).
		WithAutomountServiceAccountToken(true).
		WithEnableServiceLinks(false).
		WithTerminationGracePeriodSeconds(terminationGrace).
		WithTopologySpreadConstraints(
			spread(ep, corev1.LabelHostname),
			spread(ep, corev1.LabelTopologyZone)).
		WithSecurityContext(corev1ac.PodSecurityContext().
			WithRunAsNonRoot(true).
			WithRunAsUser(userID).
			WithRunAsGroup(userID).
			WithSeccompProfile(corev1ac.SeccompProfile().WithType(corev1.SeccompProfileTypeRuntimeDefault))).
		WithContainers(container(ep, options))
}

// spread keeps replicas of one revision apart where there is room, and starts them all
// the same where there is none.
func spread(ep *v1alpha1.ScimEndpoint, topologyKey string) *corev1ac.TopologySpreadConstraintApplyConfiguration {
	return corev1ac.TopologySpreadConstraint().
		WithTopologyKey(topologyKey).
		WithMaxSkew(1).
		WithWhenUnsatisfiable(corev1.ScheduleAnyway).
		WithLabelSelector(podSelector(ep)).
		WithMatchLabelKeys(appsv1.DefaultDeploymentUniqueLabelKey)
}

func container(ep *v1alpha1.ScimEndpoint, options Options) *corev1ac.ContainerApplyConfiguration {
	resources := ep.Spec.Resources
	if resources == nil {
		resources = defaultResources()
	}
	c := corev1ac.Container().
		WithName(ContainerName).
		WithImage(options.Image).
		WithArgs(arguments(ep, options)...).
		WithEnv(environment(ep, options)...).
		WithPorts(
			corev1ac.ContainerPort().WithName(HTTPPortName).WithContainerPort(HTTPPort).WithProtocol(corev1.ProtocolTCP),
			corev1ac.ContainerPort().WithName(OpsPortName).WithContainerPort(OpsPort).WithProtocol(corev1.ProtocolTCP),
			corev1ac.ContainerPort().WithName(PeerPortName).WithContainerPort(PeerPort).WithProtocol(corev1.ProtocolTCP)).
		WithResources(resourceRequirements(resources)).
		WithStartupProbe(probe("/livez", 2, 30)).
		WithLivenessProbe(probe("/livez", 10, 6)).
		WithReadinessProbe(probe("/readyz", 5, 2)).
		WithLifecycle(corev1ac.Lifecycle().WithPreStop(corev1ac.LifecycleHandler().
			WithSleep(corev1ac.SleepAction().WithSeconds(routerGrace)))).
		WithSecurityContext(corev1ac.SecurityContext().
			WithAllowPrivilegeEscalation(false).
			WithReadOnlyRootFilesystem(true).
			WithCapabilities(corev1ac.Capabilities().WithDrop("ALL")))
	if options.ImagePullPolicy != "" {
		c.WithImagePullPolicy(options.ImagePullPolicy)
	}
	return c
}

func arguments(ep *v1alpha1.ScimEndpoint, options Options) []string {
	args := []string{"serve", "--endpoint=" + ep.Name, "--base-url=" + ep.BaseURL()}
	if len(ep.Spec.TrustedProxies) > 0 {
		args = append(args, "--trusted-proxies="+strings.Join(ep.Spec.TrustedProxies, ","))
	}
	if ep.Spec.OAuth != nil {
		args = append(args, issuerArguments(options)...)
	}
	if options.OpenMetrics {
		args = append(args, "--open-metrics")
	}
	if options.LogLevel != "" {
		args = append(args, "--log-level="+options.LogLevel)
	}
	return args
}

// issuerArguments are for servers that ask an OAuth issuer for its keys. The proxy is no
// environment variable, which would count for the API server as well.
func issuerArguments(options Options) []string {
	var args []string
	if options.InternalIssuers {
		args = append(args, "--allow-internal-oauth-urls")
	}
	if options.Egress.Proxy == "" {
		return args
	}
	args = append(args, "--egress-proxy="+literal(options.Egress.Proxy))
	if options.Egress.NoProxy != "" {
		args = append(args, "--egress-no-proxy="+literal(options.Egress.NoProxy))
	}
	if options.Egress.ProxyResolves {
		args = append(args, "--egress-proxy-resolves")
	}
	return args
}

// environment holds no GOMEMLIMIT: the server reads the memory limit of its container
// itself, also one that an admission webhook or a resize has set.
func environment(ep *v1alpha1.ScimEndpoint, options Options) []*corev1ac.EnvVarApplyConfiguration {
	variables := []*corev1ac.EnvVarApplyConfiguration{
		fromField("POD_NAME", "metadata.name"),
		fromField("POD_NAMESPACE", "metadata.namespace"),
		fromField("POD_IP", "status.podIP"),
	}
	if ep.Spec.OAuth != nil && options.Egress.CABundle != "" {
		variables = append(variables, corev1ac.EnvVar().WithName(CABundleVariable).WithValue(literal(options.Egress.CABundle)))
	}
	return variables
}

// literal keeps Kubernetes from expanding $(NAME) in the value of a variable or an argument.
func literal(text string) string { return strings.ReplaceAll(text, "$", "$$") }

func fromField(name, path string) *corev1ac.EnvVarApplyConfiguration {
	return corev1ac.EnvVar().WithName(name).WithValueFrom(corev1ac.EnvVarSource().
		WithFieldRef(corev1ac.ObjectFieldSelector().WithAPIVersion("v1").WithFieldPath(path)))
}

func probe(path string, period, failures int32) *corev1ac.ProbeApplyConfiguration {
	return corev1ac.Probe().
		WithHTTPGet(corev1ac.HTTPGetAction().WithPath(path).WithPort(intstr.FromString(OpsPortName))).
		WithPeriodSeconds(period).
		WithTimeoutSeconds(min(period, 5)).
		WithFailureThreshold(failures)
}

func defaultResources() *corev1.ResourceRequirements {
	return &corev1.ResourceRequirements{
		Requests: corev1.ResourceList{
			corev1.ResourceCPU:    resource.MustParse("100m"),
			corev1.ResourceMemory: resource.MustParse("128Mi"),
		},
		Limits: corev1.ResourceList{
			corev1.ResourceMemory: resource.MustParse("1Gi"),
		},
	}
}

func resourceRequirements(r *corev1.ResourceRequirements) *corev1ac.ResourceRequirementsApplyConfiguration {
	ac := corev1ac.ResourceRequirements()
	if len(r.Requests) > 0 {
		ac.WithRequests(r.Requests)
	}
	if len(r.Limits) > 0 {
		ac.WithLimits(r.Limits)
	}
	for _, claim := range r.Claims {
		c := corev1ac.ResourceClaim().WithName(claim.Name)
		if claim.Request != "" {
			c.WithRequest(claim.Request)
		}
		ac.WithClaims(c)
	}
	return ac
}
