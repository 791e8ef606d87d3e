// SPDX-License-Identifier: Apache-2.0

package v1alpha1

import (
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

const (
	// DefaultReplicas is the number of servers when the spec names none.
	DefaultReplicas int32 = 1
	// DefaultBasePath is the path of a base URL that the spec does not give.
	DefaultBasePath = "/scim/v2"
	// ServicePort is the port of an endpoint's Service.
	ServicePort int32 = 80
)

// Consistency says which writes a read shows.
// +kubebuilder:validation:Enum=Eventual;Strong
type Consistency string

const (
	// ConsistencyEventual shows a write on the server that made it, and on the others a
	// moment later.
	ConsistencyEventual Consistency = "Eventual"
	// ConsistencyStrong shows every write that was answered before the read began,
	// whichever server made it.
	ConsistencyStrong Consistency = "Strong"
)

// ScimEndpointTemplate is the part of a ScimEndpoint's spec that an IdentityProvider
// passes on.
// +kubebuilder:validation:XValidation:rule="!has(self.extensions) || self.extensions.all(e, e.resourceType in ['User', 'Group'] || has(self.resourceTypes) && self.resourceTypes.exists(t, t.name == e.resourceType))",message="an extension names a resource type that there is not: resourceType must be User, Group or the name of one of resourceTypes"
// +kubebuilder:validation:XValidation:rule="!has(self.extensions) || !has(self.resourceTypes) || self.resourceTypes.all(t, !self.extensions.exists(e, e.schema.lowerAscii() == t.schema.lowerAscii()))",message="a resource type and an extension have the same schema; URNs are compared without case"
type ScimEndpointTemplate struct {
	// replicas is the number of servers, 1 to 32. Left out, it is 1.
	// +optional
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=32
	Replicas *int32 `json:"replicas,omitempty"`

	// consistency is Strong or Eventual. With Strong a read on any server shows every
	// write that was answered before it began; a server asks the others for that. With
	// Eventual it does not, and shows writes of others a moment later. Writes and the
	// uniqueness of names are the same with both. Left out, it is Strong.
	// +optional
	Consistency Consistency `json:"consistency,omitempty"`

	// exposure says how identity providers reach the endpoint from outside the
	// cluster. Left out, only the Service exists.
	// +optional
	Exposure *Exposure `json:"exposure,omitempty"`

	// resources of each server. Left out, 100m CPU and 128Mi memory are requested and
	// memory is limited to 1Gi.
	// +optional
	Resources *corev1.ResourceRequirements `json:"resources,omitempty"`

	// resourceTypes are types of resources of one's own, served like users and groups and
	// kept as ScimResources. A change of them starts the servers anew, one after the
	// other. The resources of a type that is no longer here stay and are not served.
	// +optional
	// +listType=map
	// +listMapKey=name
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=4
	// +kubebuilder:validation:XValidation:rule="self.all(a, self.exists_one(b, a.name.lowerAscii() == b.name.lowerAscii()))",message="two resource types have the same name; names are compared without case"
	// +kubebuilder:validation:XValidation:rule="self.all(a, self.exists_one(b, a.endpoint.lowerAscii() == b.endpoint.lowerAscii()))",message="two resource types have the same endpoint; endpoints are compared without case"
	// +kubebuilder:validation:XValidation:rule="self.all(a, self.exists_one(b, a.schema.lowerAscii() == b.schema.lowerAscii()))",message="two resource types have the same schema; URNs are compared without case"
	ResourceTypes []SchemaResourceType `json:"resourceTypes,omitempty"` //nolint:kubeapilinter // what it requires is inline

	// extensions add attributes of one's own to users, groups and resourceTypes. A change
	// of them starts the servers anew, one after the other. What resources have of an
	// extension that is no longer here stays in their spec.
	// +optional
	// +listType=map
	// +listMapKey=schema
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=8
	// +kubebuilder:validation:XValidation:rule="self.all(a, self.exists_one(b, a.schema.lowerAscii() == b.schema.lowerAscii()))",message="two extensions have the same schema; URNs are compared without case"
	Extensions []SchemaExtension `json:"extensions,omitempty"`

	// me is the user that /Me stands for, for everybody who has a token of this endpoint.
	// Left out, /Me answers 501.
	// +optional
	Me *MeReference `json:"me,omitempty"`

	// token says how long the endpoint's token lives, and when another one takes over.
	// Left out, it lives 180 days and is replaced when generation is raised.
	// +optional
	Token *TokenPolicy `json:"token,omitempty"`

	// limits bound what clients may cost: the sizes and rates of their requests, and the
	// pages of lists. A change restarts the servers, one after the other. Left out, the
	// limits are those in the status.
	// +optional
	Limits *EndpointLimits `json:"limits,omitempty"`

	AccessPolicy `json:",inline"`

	ProviderBehavior `json:",inline"`
}

// MeReference names a user of the endpoint.
type MeReference struct {
	// userName of the user, compared without case. The user may be created later.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=1024
	UserName string `json:"userName,omitempty"`
}

// Exposure says how identity providers reach an endpoint.
// +kubebuilder:validation:XValidation:rule="!(has(self.ingress) && has(self.httpRoute))",message="expose the endpoint through an Ingress or an HTTPRoute, not both"
// +kubebuilder:validation:XValidation:rule="has(self.ingress) || has(self.httpRoute) || has(self.baseURL)",message="give ingress, httpRoute, or the baseURL under which you expose the Service yourself"
type Exposure struct {
	// baseURL under which identity providers reach the endpoint, when it is not
	// https://<host>/scim/v2. Its path is also the path that is routed and served.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=1024
	// +kubebuilder:validation:XValidation:rule="isURL(self) && self.matches('^https?://([A-Za-z0-9]([-A-Za-z0-9]*[A-Za-z0-9])?([.][A-Za-z0-9]([-A-Za-z0-9]*[A-Za-z0-9])?)*|[[][0-9A-Fa-f:.]+[]])(:[0-9]+)?(/[A-Za-z0-9_~-][A-Za-z0-9._~-]*)*$')",message="baseURL must look like https://host[:port]/path: the host a DNS name or IP address; the path of letters, digits and . _ ~ - with no part that begins with a dot; without a trailing slash, query, fragment or user information"
	// +kubebuilder:validation:XValidation:rule="!self.matches('^[a-z]+://[^/]*:[0-9]+(/|$)') || self.matches('^[a-z]+://[^/]*:([1-9][0-9]{0,3}|[1-5][0-9]{4}|6[0-4][0-9]{3}|65[0-4][0-9]{2}|655[0-2][0-9]|6553[0-5])(/|$)')",message="the port in baseURL must be a number from 1 to 65535"
	BaseURL string `json:"baseURL,omitempty"`

	// ingress exposes the endpoint through an Ingress.
	// +optional
	Ingress *IngressExposure `json:"ingress,omitempty"`

	// httpRoute exposes the endpoint through a Gateway API HTTPRoute.
	// +optional
	HTTPRoute *HTTPRouteExposure `json:"httpRoute,omitempty"`
}

// IngressTLS says what encrypts the requests to an Ingress that has no certificate of the spec's.
// +kubebuilder:validation:Enum=ControllerCertificate;InsecurePlaintext
type IngressTLS string

const (
	// IngressControllerCertificate is TLS with a certificate that the Ingress controller
	// has for the host.
	IngressControllerCertificate IngressTLS = "ControllerCertificate"
	// IngressInsecurePlaintext is no TLS at the Ingress: requests, and the tokens in them,
	// can be read on their way unless something in front of the Ingress controller
	// encrypts them.
	IngressInsecurePlaintext IngressTLS = "InsecurePlaintext"
)

// IngressExposure describes the Ingress to make.
// +kubebuilder:validation:XValidation:rule="has(self.tlsSecretName) != has(self.tls)",message="name the host's certificate in tlsSecretName, or give in tls, instead of it, ControllerCertificate where the Ingress controller has one, or InsecurePlaintext to expose tokens to whoever can read the traffic"
type IngressExposure struct {
	// className of the Ingress. Left out, the cluster's default class takes it.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	// +kubebuilder:validation:XValidation:rule="self.matches('^[a-z0-9]([-a-z0-9]*[a-z0-9])?([.][a-z0-9]([-a-z0-9]*[a-z0-9])?)*$')",message="className must have only lower case letters, digits, hyphens and dots, and begin and end with a letter or digit"
	ClassName string `json:"className,omitempty"`

	// host name under which the endpoint is reached.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	// +kubebuilder:validation:XValidation:rule="self.matches('^[a-z0-9]([-a-z0-9]*[a-z0-9])?([.][a-z0-9]([-a-z0-9]*[a-z0-9])?)*$') && !self.matches('^[0-9.]+$')",message="host must be a DNS name in lower case, without a port, and not an IP address"
	Host string `json:"host,omitempty"`

	// tlsSecretName names the Secret of type kubernetes.io/tls with the host's
	// certificate. Either tlsSecretName or tls is given.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	// +kubebuilder:validation:XValidation:rule="self.matches('^[a-z0-9]([-a-z0-9]*[a-z0-9])?([.][a-z0-9]([-a-z0-9]*[a-z0-9])?)*$')",message="tlsSecretName must have only lower case letters, digits, hyphens and dots, and begin and end with a letter or digit"
	TLSSecretName string `json:"tlsSecretName,omitempty"`

	// tls is ControllerCertificate or InsecurePlaintext. With ControllerCertificate the
	// Ingress asks for TLS with a certificate that the Ingress controller has for the host.
	// With InsecurePlaintext it asks for none: requests, and the tokens in them, can be read
	// on their way, unless something in front of the Ingress controller encrypts them.
	// +optional
	TLS IngressTLS `json:"tls,omitempty"`

	// annotations for the Ingress, such as a cert-manager issuer. The manager's flag
	// --allowed-ingress-annotations says which may be given.
	// +optional
	// +kubebuilder:validation:MaxProperties=32
	Annotations map[string]string `json:"annotations,omitempty"`
}

// HTTPRouteExposure describes the Gateway API HTTPRoute to make.
type HTTPRouteExposure struct {
	// host name under which the endpoint is reached.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	// +kubebuilder:validation:XValidation:rule="self.matches('^[a-z0-9]([-a-z0-9]*[a-z0-9])?([.][a-z0-9]([-a-z0-9]*[a-z0-9])?)*$') && !self.matches('^[0-9.]+$')",message="host must be a DNS name in lower case, without a port, and not an IP address"
	Host string `json:"host,omitempty"`

	// parentRefs name the Gateways (or their listeners) that the route attaches to.
	// +required
	// +listType=atomic
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=8
	ParentRefs []GatewayReference `json:"parentRefs,omitempty"`
}

// GatewayReference names a Gateway, and one of its listeners where wanted.
type GatewayReference struct {
	// name of the Gateway.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	// +kubebuilder:validation:XValidation:rule="self.matches('^[a-z0-9]([-a-z0-9]*[a-z0-9])?([.][a-z0-9]([-a-z0-9]*[a-z0-9])?)*$')",message="the Gateway's name must have only lower case letters, digits, hyphens and dots, and begin and end with a letter or digit"
	Name string `json:"name,omitempty"`

	// namespace of the Gateway. Left out, it is the endpoint's own.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	// +kubebuilder:validation:XValidation:rule="self.matches('^[a-z0-9]([-a-z0-9]*[a-z0-9])?$')",message="namespace must have only lower case letters, digits and hyphens, and begin and end with a letter or digit"
	Namespace string `json:"namespace,omitempty"`

	// sectionName names a listener of the Gateway.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	// +kubebuilder:validation:XValidation:rule="self.matches('^[a-z0-9]([-a-z0-9]*[a-z0-9])?([.][a-z0-9]([-a-z0-9]*[a-z0-9])?)*$')",message="sectionName must have only lower case letters, digits, hyphens and dots, and begin and end with a letter or digit"
	SectionName string `json:"sectionName,omitempty"`
}

// ScimEndpointSpec is one served SCIM endpoint.
// +kubebuilder:validation:XValidation:rule="has(self.emailDomains) || !has(self.linking) || self.linking != 'ByEmail'",message="linking ByEmail needs emailDomains: only addresses of these domains tell who a user is"
type ScimEndpointSpec struct {
	ScimEndpointTemplate `json:",inline"`

	// provisioning is Enabled or Paused. Left out, it is Enabled. An endpoint that is
	// to be switched off is deleted; its users and groups stay.
	// +optional
	// +kubebuilder:validation:XValidation:rule="self != 'Disabled'",message="to disable a ScimEndpoint delete it; its users and groups stay"
	Provisioning Provisioning `json:"provisioning,omitempty"`

	DirectoryPolicy `json:",inline"`

	EmailDomainPolicy `json:",inline"`
}

// ScimEndpointStatus is what became of a ScimEndpoint's spec.
type ScimEndpointStatus struct {
	// conditions are TokenReady, Available, Exposed and Ready, and Reconciling, Stalled,
	// LinkingBlocked, PolicyMissing, UnreadableValues or Held when True.
	// +optional
	// +listType=map
	// +listMapKey=type
	// +kubebuilder:validation:MaxItems=16
	Conditions []metav1.Condition `json:"conditions,omitempty"`

	// observedGeneration is the newest metadata.generation this status speaks of.
	// +optional
	// +kubebuilder:validation:Minimum=-1
	ObservedGeneration *int64 `json:"observedGeneration,omitempty"`

	// baseURL is the SCIM base URL in force.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=2048
	BaseURL string `json:"baseURL,omitempty"`

	// routes are the host and path under which requests are let in to the servers, such
	// as scim.acme.com/scim/v2: no other endpoint gets them. There are two while the
	// endpoint moves from one to another.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MaxItems=2
	// +kubebuilder:validation:items:MinLength=1
	// +kubebuilder:validation:items:MaxLength=1280
	Routes []string `json:"routes,omitempty"`

	// claimedRoute is the route that the endpoint asks for. It becomes one of routes, and
	// requests are let in under it, once no other endpoint has or claims it.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=1280
	ClaimedRoute string `json:"claimedRoute,omitempty"`

	// replicas is the number of servers asked for.
	// +optional
	// +kubebuilder:validation:Minimum=0
	Replicas *int32 `json:"replicas,omitempty"`

	// readyReplicas is the number of servers that take requests.
	// +optional
	// +kubebuilder:validation:Minimum=0
	ReadyReplicas *int32 `json:"readyReplicas,omitempty"`

	// tokens that the servers accept, the newest first. Never a secret.
	// +optional
	// +listType=map
	// +listMapKey=id
	// +kubebuilder:validation:MaxItems=2
	Tokens []TokenStatus `json:"tokens,omitempty"`

	// tokenGeneration is the newest generation of spec.token for which there has been a
	// token.
	// +optional
	// +kubebuilder:validation:Minimum=1
	TokenGeneration *int64 `json:"tokenGeneration,omitempty"`

	// lastRequestTime is when a request with a token, of whatever kind, was last let in, ten
	// minutes late at most.
	// +optional
	LastRequestTime *metav1.Time `json:"lastRequestTime,omitempty"`

	// servers are the running replicas, each entry written by the replica itself: it
	// is how replicas find each other to keep reads consistent.
	// +optional
	// +listType=map
	// +listMapKey=name
	// +kubebuilder:validation:MaxItems=64
	Servers []ServerStatus `json:"servers,omitempty"`

	// rules says how far the rules for users have been applied, and what the ones in
	// the preview would do.
	// +optional
	Rules *RulesStatus `json:"rules,omitempty"`

	// deprovisioning says how people leave, and who is held.
	// +optional
	Deprovisioning *DeprovisioningStatus `json:"deprovisioning,omitempty"`

	// otherEmailDomains is the value in force.
	// +optional
	OtherEmailDomains OtherEmailDomains `json:"otherEmailDomains,omitempty"`

	// externalIDs is the value in force.
	// +optional
	ExternalIDs ExternalIDs `json:"externalIDs,omitempty"`

	// unknownAttributes is the value in force.
	// +optional
	UnknownAttributes UnknownAttributes `json:"unknownAttributes,omitempty"`

	// expiringTokens is the value in force.
	// +optional
	ExpiringTokens ExpiringTokens `json:"expiringTokens,omitempty"`

	// limits are those in force.
	// +optional
	Limits *EndpointLimits `json:"limits,omitempty"`
}

// ServerStatus is one running replica of an endpoint.
type ServerStatus struct {
	// name of the pod.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	Name string `json:"name,omitempty"`

	// address is host:port where its peers ask for the newest write it has acknowledged.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=300
	Address string `json:"address,omitempty"`

	// incarnation is different after every start of the replica's process.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=64
	Incarnation string `json:"incarnation,omitempty"`

	// tokens that the replica was presented, and when last. It writes when what status.tokens
	// says is ten minutes old.
	// +optional
	// +listType=map
	// +listMapKey=id
	// +kubebuilder:validation:MaxItems=4
	Tokens []TokenUse `json:"tokens,omitempty"`

	// lastOAuthTime is when the replica last let in an access token of the OAuth issuer. It
	// is written as tokens is, and only when lastRequestTime does not say as much.
	// +optional
	LastOAuthTime *metav1.Time `json:"lastOAuthTime,omitempty"`

	// linkConflicts are users of other endpoints who kept this endpoint from creating a user of
	// its own, the last of them. It is written at most once a minute.
	// +optional
	// +listType=map
	// +listMapKey=user
	// +kubebuilder:validation:MaxItems=8
	LinkConflicts []LinkConflict `json:"linkConflicts,omitempty"`

	// unreadable is present while the replica finds stored values that do not have the type
	// that resourceTypes or extensions declare. It is written at most once a minute.
	// +optional
	Unreadable *UnreadableValues `json:"unreadable,omitempty"`
}

// UnreadableValues are stored values that do not have the declared type. They are kept, and
// not shown over SCIM.
type UnreadableValues struct {
	// resources is the number of users, groups and other resources with such a value.
	// +required
	// +kubebuilder:validation:Minimum=1
	Resources *int64 `json:"resources,omitempty"`

	// resource is the kind and name of one of them, such as scimusers/2819c223.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=300
	Resource string `json:"resource,omitempty"`

	// attribute of that resource with such a value.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=300
	Attribute string `json:"attribute,omitempty"`
}

// LinkConflict is a user of another endpoint whom an endpoint's identity provider asked to
// create.
type LinkConflict struct {
	// user is the name of the ScimUser.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	User string `json:"user,omitempty"`

	// endpoint is the name of the ScimEndpoint that the user belongs to.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	Endpoint string `json:"endpoint,omitempty"`
}

// MaxLinkConflicts bounds the linkConflicts of a server.
const MaxLinkConflicts = 8

// ScimEndpoint is one served SCIM 2.0 endpoint: a Deployment behind a Service and,
// where asked for, an Ingress or HTTPRoute, with a token of its own.
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:shortName=scimep,categories=scim
// +kubebuilder:printcolumn:name="Ready",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].status`
// +kubebuilder:printcolumn:name="Reason",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].reason`
// +kubebuilder:printcolumn:name="Replicas",type=integer,JSONPath=`.status.readyReplicas`
// +kubebuilder:printcolumn:name="URL",type=string,JSONPath=`.status.baseURL`
// +kubebuilder:printcolumn:name="Message",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].message`,priority=1
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
// +kubebuilder:validation:XValidation:rule="self.metadata.name.size() <= 50",message="the name of a ScimEndpoint may have at most 50 characters, because its children are named after it"
// +kubebuilder:validation:XValidation:rule="self.metadata.name.matches('^[a-z]([-a-z0-9]*[a-z0-9])?$')",message="the name of a ScimEndpoint must begin with a letter and have only lower case letters, digits and hyphens, because its Service is named after it"
type ScimEndpoint struct {
	metav1.TypeMeta `json:",inline"`

	// metadata is standard object metadata.
	// +optional
	metav1.ObjectMeta `json:"metadata,omitzero"`

	// spec is the endpoint asked for.
	// +optional
	Spec ScimEndpointSpec `json:"spec,omitempty,omitzero"`

	// status is what became of it.
	// +optional
	// +default={"observedGeneration":-1}
	Status ScimEndpointStatus `json:"status,omitempty,omitzero"`
}

// ScimEndpointList is a list of ScimEndpoints.
// +kubebuilder:object:root=true
type ScimEndpointList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []ScimEndpoint `json:"items"`
}

// ChildName is the name of every child of the endpoint but the Secrets.
func (e *ScimEndpoint) ChildName() string { return e.Name + ChildSuffix }

// EffectiveReplicas is the number of servers in force.
func (e *ScimEndpoint) EffectiveReplicas() int32 {
	if e.Spec.Replicas == nil {
		return DefaultReplicas
	}
	return *e.Spec.Replicas
}

// Paused says whether requests are to be answered with 503 and Retry-After.
func (e *ScimEndpoint) Paused() bool { return e.Spec.Provisioning == ProvisioningPaused }

// EventualReads says whether reads may miss what another server has just written.
func (e *ScimEndpoint) EventualReads() bool { return e.Spec.Consistency == ConsistencyEventual }

// Host is the name under which the endpoint is exposed, or "" when it is not.
func (e *ScimEndpoint) Host() string {
	switch x := e.Spec.Exposure; {
	case x == nil:
		return ""
	case x.Ingress != nil:
		return x.Ingress.Host
	case x.HTTPRoute != nil:
		return x.HTTPRoute.Host
	default:
		return ""
	}
}

// Route is the host and path under which the endpoint asks for requests, or "" when it is
// not to be exposed.
func (e *ScimEndpoint) Route() string {
	if host := e.Host(); host != "" {
		return host + e.BasePath()
	}
	return ""
}

// BaseURL is the SCIM base URL in force, without a trailing slash.
func (e *ScimEndpoint) BaseURL() string {
	if x := e.Spec.Exposure; x != nil && x.BaseURL != "" {
		return x.BaseURL
	}
	if host := e.Host(); host != "" {
		return "https://" + host + DefaultBasePath
	}
	return "http://" + e.ChildName() + "." + e.Namespace + ".svc" + DefaultBasePath
}

// BasePath is the path of the base URL: "" or "/a/b". Nothing in a base URL that the
// schema admits needs parsing or unescaping to tell its path.
func (e *ScimEndpoint) BasePath() string {
	_, rest, _ := strings.Cut(e.BaseURL(), "://")
	_, path, found := strings.Cut(rest, "/")
	if !found {
		return ""
	}
	return "/" + path
}

// GetConditions lets shared helpers read the conditions.
func (e *ScimEndpoint) GetConditions() []metav1.Condition { return e.Status.Conditions }

// SetConditions lets shared helpers replace the conditions.
func (e *ScimEndpoint) SetConditions(c []metav1.Condition) { e.Status.Conditions = c }
