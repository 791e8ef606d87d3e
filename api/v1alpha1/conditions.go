// SPDX-License-Identifier: Apache-2.0

package v1alpha1

// Condition types. Ready is always present; Reconciling and Stalled are present only
// when True, and never both (the kstatus contract that kubectl wait, Flux and Argo CD
// rely on).
const (
	// ConditionReady is True when the object does what its spec asks for.
	ConditionReady = "Ready"
	// ConditionReconciling is True while the controller works towards the spec.
	ConditionReconciling = "Reconciling"
	// ConditionStalled is True when nothing will change until a person changes something.
	ConditionStalled = "Stalled"

	// ConditionSSOConfigured (IdentityProvider) is True when the metadata that the identity
	// provider publishes is usable for sign-on now, or when sign-on is not managed here.
	ConditionSSOConfigured = "SSOConfigured"
	// ConditionScimReady (IdentityProvider) is True when the ScimEndpoint serves.
	ConditionScimReady = "ScimReady"

	// ConditionTokenReady (ScimEndpoint) is True when clients can be let in: a token has
	// been issued and the servers hold its digest, or there is an OAuth issuer.
	ConditionTokenReady = "TokenReady"
	// ConditionAvailable (ScimEndpoint) is True when at least one replica serves and
	// no rollout is under way without one.
	ConditionAvailable = "Available"
	// ConditionExposed (ScimEndpoint) is True when the Ingress exists as asked for, when
	// every Gateway has accepted the HTTPRoute, or when neither was asked for. It never
	// waits for a load balancer's address.
	ConditionExposed = "Exposed"

	// ConditionLinkingBlocked (IdentityProvider, ScimEndpoint) is present, and True, while
	// users who were here before are to be adopted and nobody can be.
	ConditionLinkingBlocked = "LinkingBlocked"
	// ConditionLinkConflict (ScimEndpoint) is present, and True, while users of other endpoints
	// keep this endpoint from creating users whom its identity provider asked for.
	ConditionLinkConflict = "LinkConflict"

	// ConditionUnreadableValues (ScimEndpoint) is present, and True, while resources have
	// stored values that do not have the type that the endpoint declares.
	ConditionUnreadableValues = "UnreadableValues"

	// ConditionDomainConflict (IdentityProvider) is present, and True, while another provider of
	// the namespace claims one of its e-mail domains. Ready does not depend on it.
	ConditionDomainConflict = "DomainConflict"
	// ConditionHeld (IdentityProvider, ScimEndpoint) is present, and True, while users are held
	// until a person decides about them. Ready does not depend on it.
	ConditionHeld = "Held"
	// ConditionPolicyMissing (ScimEndpoint) is present, and True, while an admission policy
	// that protects users and groups is missing from the cluster, or says something else
	// than the manager's release needs.
	ConditionPolicyMissing = "PolicyMissing"

	// ConditionActive (ScimUser) is True when the person may sign in.
	ConditionActive = "Active"
	// ConditionRolesHeld (ScimUser) is present, and True, while the account keeps roles, or the
	// type Technician, that the identity provider has taken from the user.
	ConditionRolesHeld = "RolesHeld"
	// ConditionWithheld (ScimUser) is present, and True, while the account lacks
	// something that the identity provider or a rule asks for.
	ConditionWithheld = "Withheld"
	// ConditionAdoptionRequested (ScimUser) is present, and True, while an identity
	// provider waits for an administrator to let it adopt the user.
	ConditionAdoptionRequested = "AdoptionRequested"
	// ConditionAmbiguousMatch (ScimUser) is present, and True, while the user may be the
	// same person as several who were here before.
	ConditionAmbiguousMatch = "AmbiguousMatch"
	// ConditionUnresolvedReference (ScimUser) is present, and True, while the user refers to
	// somebody who is not there.
	ConditionUnresolvedReference = "UnresolvedReference"
	// ConditionRefused (ScimUser) is present, and True, while the last request of the
	// identity provider about this user was refused, or a part of it.
	ConditionRefused = "Refused"
)

// Reasons common to several kinds.
const (
	ReasonSucceeded       = "Succeeded"
	ReasonProgressing     = "Progressing"
	ReasonReconcileFailed = "ReconcileFailed"
	ReasonInvalidSpec     = "InvalidSpec"
	ReasonTerminating     = "Terminating"
	// ReasonChildConflict: an object of a child's name exists and belongs to somebody else.
	ReasonChildConflict = "ChildConflict"
)

// Reasons of SSOConfigured. Metadata is a SAML document, or an OpenID discovery document and
// the keys that it names.
const (
	// ReasonSignOnNotManaged: spec.signOn is none, so nothing is checked.
	ReasonSignOnNotManaged     = "SignOnNotManaged"
	ReasonMetadataValid        = "MetadataValid"
	ReasonCertificateExpiring  = "CertificateExpiring"
	ReasonCertificateExpired   = "CertificateExpired"
	ReasonMetadataInvalid      = "MetadataInvalid"
	ReasonMetadataNotFound     = "MetadataNotFound"
	ReasonMetadataUnreachable  = "MetadataUnreachable"
	ReasonMetadataURLForbidden = "MetadataURLForbidden"
	// ReasonMetadataSignatureInvalid: no key of signedBy has signed the whole document.
	ReasonMetadataSignatureInvalid = "MetadataSignatureInvalid"
)

// ReasonPolicyNotInForce is that of the condition PolicyMissing.
const ReasonPolicyNotInForce = "PolicyNotInForce"

// Reasons of ScimReady and of the Ready condition it leads to.
const (
	ReasonSSONotConfigured     = "SSONotConfigured"
	ReasonProvisioningEnabled  = "ProvisioningEnabled"
	ReasonProvisioningDisabled = "ProvisioningDisabled"
	ReasonProvisioningPaused   = "ProvisioningPaused"
	ReasonEndpointNotReady     = "EndpointNotReady"
)

// Reasons of TokenReady.
const (
	ReasonTokenIssued = "TokenIssued"
	// ReasonTokenProvided: the token is the one in the Secret that the spec refers to.
	ReasonTokenProvided = "TokenProvided"
	// ReasonTokenExpiring: the last token in force ends soon, and none follows by itself.
	ReasonTokenExpiring    = "TokenExpiring"
	ReasonTokenExpired     = "TokenExpired"
	ReasonTokenRevoked     = "TokenRevoked"
	ReasonTokenDigestsLost = "TokenDigestsLost"
	// ReasonTokenSecretNotFound: there is no such Secret or key as the spec refers to.
	ReasonTokenSecretNotFound = "TokenSecretNotFound"
	// ReasonTokenTooWeak: what the spec refers to is not accepted as a token.
	ReasonTokenTooWeak = "TokenTooWeak"
	// ReasonOAuthOnly: no token of the endpoint's own is in force, and clients are let in
	// with access tokens of the OAuth issuer.
	ReasonOAuthOnly = "OAuthOnly"
)

// Reasons of Available.
const (
	ReasonReplicasReady   = "ReplicasReady"
	ReasonReplicasUnready = "ReplicasUnready"
	ReasonRolloutFailed   = "RolloutFailed"
)

// ReasonTypeChanged is that of the condition UnreadableValues: an attribute was declared
// with another type when the values were stored.
const ReasonTypeChanged = "TypeChanged"

// Reasons of Exposed.
const (
	ReasonIngressApplied = "IngressApplied"
	// ReasonHTTPRouteAccepted: every Gateway that the spec names has accepted the HTTPRoute.
	ReasonHTTPRouteAccepted = "HTTPRouteAccepted"
	// ReasonHTTPRoutePending: a Gateway has not said yet whether it accepts the HTTPRoute.
	ReasonHTTPRoutePending = "HTTPRoutePending"
	// ReasonHTTPRouteNotAccepted: a Gateway does not accept the HTTPRoute.
	ReasonHTTPRouteNotAccepted = "HTTPRouteNotAccepted"
	// ReasonHTTPRouteNotResolved: a Gateway has accepted the HTTPRoute and cannot follow its
	// references.
	ReasonHTTPRouteNotResolved = "HTTPRouteNotResolved"
	ReasonNotExposed           = "NotExposed"
	ReasonGatewayAPIMissing    = "GatewayAPIMissing"
	// ReasonHostInUse: another ScimEndpoint is exposed under the same host and path.
	ReasonHostInUse = "HostInUse"
	// ReasonHostNotAllowed: the annotation AllowedHostsAnnotation of the namespace does not
	// name the host.
	ReasonHostNotAllowed = "HostNotAllowed"
	// ReasonAnnotationNotAllowed: the manager does not allow an annotation of the Ingress.
	ReasonAnnotationNotAllowed = "AnnotationNotAllowed"
	// ReasonTLSRequired: the Ingress has no certificate, and the spec has no word for that.
	ReasonTLSRequired = "TLSRequired"
)

// Reasons of a ScimUser's Active condition.
const (
	ReasonProvisioned           = "Provisioned"
	ReasonDeactivatedByProvider = "DeactivatedByProvider"
	ReasonDeletedByProvider     = "DeletedByProvider"
	// ReasonUnlinked: no identity provider has provisioned the user, who is active.
	ReasonUnlinked = "Unlinked"
	// ReasonDeactivated: no identity provider has provisioned the user, and somebody has
	// set active to false.
	ReasonDeactivated = "Deactivated"
	// ReasonHeldByGuard: the identity provider wants the user to be inactive, as it wants of
	// more users than the guard lets go; the user is active until a person decides.
	ReasonHeldByGuard = "HeldByGuard"
	// ReasonLastProtectedRoleHolder: so does the last one who has a protected role.
	ReasonLastProtectedRoleHolder = "LastProtectedRoleHolder"
	// ReasonDeprovisioningRejected: a person has decided that the user stays active.
	ReasonDeprovisioningRejected = "DeprovisioningRejected"
)

// ReasonRoleLossRejected is that of the condition RolesHeld when a person has decided that the
// account keeps its roles; until a person decides, it is HeldByGuard.
const ReasonRoleLossRejected = "RoleLossRejected"

// Reasons that have to do with users who were here before.
const (
	// ReasonApprovalRequired is that of the condition AdoptionRequested, and of its event.
	ReasonApprovalRequired = "ApprovalRequired"
	// ReasonSeveralMatch is that of the condition AmbiguousMatch, and of its event.
	ReasonSeveralMatch = "SeveralMatch"
	// ReasonAdopted is that of the event that tells of an adoption.
	ReasonAdopted = "Adopted"
	// ReasonReturned is that of the event that tells that a deleted user got the record back.
	ReasonReturned = "Returned"
	// ReasonProvisionedElsewhere is that of the condition LinkConflict, and of its event.
	ReasonProvisionedElsewhere = "ProvisionedElsewhere"
	// ReasonEmailDomainsMissing is that of the condition LinkingBlocked, and of its event.
	ReasonEmailDomainsMissing = "EmailDomainsMissing"
	// ReasonDomainClaimedTwice is the reason of DomainConflict.
	ReasonDomainClaimedTwice = "DomainClaimedTwice"
)

// Reasons of the condition Held.
const (
	// ReasonDeprovisioningHeld: users are held, and a person has to decide about them. It is
	// also the reason of the events about holds.
	ReasonDeprovisioningHeld = "DeprovisioningHeld"
	// ReasonApplyingVerdict: what a person decided about them is being carried out.
	ReasonApplyingVerdict = "ApplyingVerdict"
	// ReasonVerdictRefused: a person has decided about a hold without naming what was shown
	// of it. It is also the reason of an event.
	ReasonVerdictRefused = "VerdictRefused"
)

// Reasons of events about holds.
const (
	// ReasonHoldOpened: more users are held after a hold was shown, in another hold.
	ReasonHoldOpened = "HoldOpened"
	// ReasonHoldGrown: they have become ten times as many.
	ReasonHoldGrown = "HoldGrown"
)

// Reasons of Ready that come from people who leave.
const (
	// ReasonDeactivatingUsers: users become inactive because their provisioning has ended.
	ReasonDeactivatingUsers = "DeactivatingUsers"
)

// Reasons of a ScimUser's Withheld condition, the gravest first.
const (
	// ReasonRoleProtected: a protected role is asked for. It is also the reason of the
	// event that tells of the first time.
	ReasonRoleProtected = "RoleProtected"
	// ReasonOrganizationNotAllowed: an organization is named that is not on the list.
	ReasonOrganizationNotAllowed = "OrganizationNotAllowed"
	// ReasonExpressionFailed: an expression has no answer for this user.
	ReasonExpressionFailed = "ExpressionFailed"
)

// ReasonManagerUnresolved is that of the condition UnresolvedReference: the manager of the
// enterprise extension is the id of no user of the endpoint.
const ReasonManagerUnresolved = "ManagerUnresolved"

// Reasons of a ScimUser's Refused condition, after the scimType of the refusal (RFC 7644
// §3.12).
const (
	ReasonInvalidValue  = "InvalidValue"
	ReasonInvalidSyntax = "InvalidSyntax"
	ReasonInvalidPath   = "InvalidPath"
	ReasonInvalidFilter = "InvalidFilter"
	ReasonNoTarget      = "NoTarget"
	ReasonMutability    = "Mutability"
	ReasonUniqueness    = "Uniqueness"
	// ReasonVersionOutdated: the request was about another version of the user than the newest
	// (412).
	ReasonVersionOutdated = "VersionOutdated"
	// ReasonAttributesIgnored: the request succeeded without attributes that no schema of
	// the endpoint has.
	ReasonAttributesIgnored = "AttributesIgnored"
	// ReasonRequestRefused: for another reason, which the message says.
	ReasonRequestRefused = "RequestRefused"
)

// Reasons of Ready that come from the rules for users.
const (
	// ReasonInvalidExpression: an expression of the rules in force cannot be understood.
	ReasonInvalidExpression = "InvalidExpression"
	// ReasonApplyingRules: users are being decided by rules that have changed.
	ReasonApplyingRules = "ApplyingRules"
)

// Reasons of a ScimGroup's Ready condition.
const (
	ReasonMembersResolved   = "MembersResolved"
	ReasonMembersUnresolved = "MembersUnresolved"
	// ReasonMembersLost: a slice that the group names does not exist.
	ReasonMembersLost = "MembersLost"
)

// ManagedByLabel and ManagedByValue mark the objects the operator made for its own use;
// the manager's cache holds no Secret without them.
const (
	ManagedByLabel = "app.kubernetes.io/managed-by"
	ManagedByValue = "scim-operator"
	// AllowedHostsAnnotation of a Namespace lists, with commas between them, the hosts under
	// which endpoints of the namespace may be exposed; *.acme.com allows every host below
	// acme.com. Whoever may change Namespaces decides it.
	AllowedHostsAnnotation = "scim-operator.io/allowed-hosts"
	// EndpointLabel names the ScimEndpoint an object belongs to.
	EndpointLabel = "scim-operator.io/endpoint"
	// ProviderLabel names the IdentityProvider that a ScimEndpoint was made for.
	ProviderLabel = "scim-operator.io/identity-provider"
	// EndpointRecordAnnotation on a ScimEndpoint is what a restore must keep of its status: its
	// routes and which tokens were issued. Only the manager writes it.
	EndpointRecordAnnotation = "scim-operator.io/record"
	// ClaimsFinalizer keeps a user or group until its claims are released, so that a
	// claim whose holder is missing always means a creation that was never finished. It
	// keeps an abandoned one until its creation cannot be under way any more.
	ClaimsFinalizer = "scim-operator.io/claims"
	// AbandonedAnnotation marks a user or group that only keeps its id from being used: a
	// creation that was under way under this id was given up and must not succeed any
	// more. It is never live.
	AbandonedAnnotation = "scim-operator.io/abandoned"
	// DepartureFinalizer keeps an IdentityProvider with onDisable: Deactivate until its users
	// are inactive.
	DepartureFinalizer = "scim-operator.io/departure"
	// ChildSuffix ends the name of every child of a ScimEndpoint, the ServiceAccount's
	// included: the admission policy recognises a server's identity by it.
	ChildSuffix = "-scim"
)
