// SPDX-License-Identifier: Apache-2.0

package plugin

import (
	"encoding/json"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"scim-operator.io/api/v1alpha1"
)

// The annotations with which a person decides, and those that ask for it.
const (
	approveAdoptionAnnotation   = "scim-operator.io/approve-adoption"
	adoptionRequestedAnnotation = "scim-operator.io/adoption-requested-by"
	firstReadTimeAnnotation     = "scim-operator.io/first-read-time"
)

// The conditions of users and the reasons that the plugin has something to say about.
const (
	conditionRefused        = "Refused"
	conditionAmbiguousMatch = "AmbiguousMatch"
	reasonHeldByGuard       = "HeldByGuard"
	reasonTokenExpiring     = "TokenExpiring"
)

const (
	// firstTokenGeneration is the generation of a token policy that names none.
	firstTokenGeneration int64 = 1
	// maxRevokedTokens is how many ids token.revokedTokenIDs may have.
	maxRevokedTokens = 32
)

// The fields are read as the API server sends them, so that one plugin works with clusters
// whose operator is older or newer: what is not there is empty.
type fields map[string]any

func fieldsOf(o *unstructured.Unstructured) fields {
	if o == nil {
		return nil
	}
	return o.Object
}

// into decodes what is at a path, and says whether something that fits is there.
func (f fields) into(value any, path ...string) bool {
	found, ok, err := unstructured.NestedFieldNoCopy(f, path...)
	if !ok || err != nil {
		return false
	}
	encoded, err := json.Marshal(found)
	return err == nil && json.Unmarshal(encoded, value) == nil
}

func (f fields) text(path ...string) (value string) {
	_ = f.into(&value, path...)
	return value
}

func (f fields) number(path ...string) (value int64, ok bool) {
	ok = f.into(&value, path...)
	return value, ok
}

// heldBatch is status.deprovisioning: what the guard against mass deprovisioning holds.
type heldBatch struct {
	HoldID string `json:"holdID,omitempty"`
	// Loses is what its users lose when it is approved.
	Loses v1alpha1.HoldLoss `json:"loses,omitempty"`
	// Digest and Members are of who was in it when it was first shown.
	Digest  string `json:"digest,omitempty"`
	Members int64  `json:"members,omitempty"`
	// Verdict is what has been decided and is being carried out.
	Verdict  string       `json:"verdict,omitempty"`
	Held     int64        `json:"held,omitempty"`
	Since    *metav1.Time `json:"since,omitempty"`
	Examples []string     `json:"examples,omitempty"`
	// Queued are held since, Rejected stay active or keep roles because a person decided that.
	Queued   int64 `json:"queued,omitempty"`
	Rejected int64 `json:"rejected,omitempty"`
	// RefusedVerdict is a verdict that does not count.
	RefusedVerdict string `json:"refusedVerdict,omitempty"`
}

// ref is what a verdict about the batch names.
func (b *heldBatch) ref() string { return v1alpha1.HoldRef(b.HoldID, b.Digest) }

// loss is what the batch holds.
func (b *heldBatch) loss() string { return lossOf(b.Loses) }

func lossOf(loses v1alpha1.HoldLoss) string {
	if loses == v1alpha1.LosesRoles {
		return "the loss of roles"
	}
	return "the deactivation"
}

func (f fields) held() heldBatch {
	var batch heldBatch
	_ = f.into(&batch, "status", "deprovisioning")
	return batch
}

// tokenStatus is an entry of status.tokens of a ScimEndpoint.
type tokenStatus struct {
	ID            string       `json:"id"`
	SecretName    string       `json:"secretName,omitempty"`
	Generation    *int64       `json:"generation,omitempty"`
	CreatedTime   *metav1.Time `json:"createdTime,omitempty"`
	ExpiresTime   *metav1.Time `json:"expiresTime,omitempty"`
	LastUsedTime  *metav1.Time `json:"lastUsedTime,omitempty"`
	FirstReadTime *metav1.Time `json:"firstReadTime,omitempty"`
}

// brought says that somebody else made the token, in whose Secret it is.
func (t *tokenStatus) brought() bool { return t.Generation == nil }

func (f fields) tokens() []tokenStatus {
	var tokens []tokenStatus
	_ = f.into(&tokens, "status", "tokens")
	return tokens
}

// tokenPolicy is spec.token of a ScimEndpoint and spec.scim.endpoint.token of an
// IdentityProvider, as far as the plugin needs it.
type tokenPolicy struct {
	Generation      *int64   `json:"generation,omitempty"`
	Overlap         string   `json:"overlap,omitempty"`
	RenewBefore     string   `json:"renewBefore,omitempty"`
	RevokedTokenIDs []string `json:"revokedTokenIDs,omitempty"`
	SecretRef       *struct {
		Name string `json:"name"`
		Key  string `json:"key"`
	} `json:"secretRef,omitempty"`
}

func (f fields) tokenPolicy(path []string) tokenPolicy {
	var policy tokenPolicy
	_ = f.into(&policy, path...)
	return policy
}

// Where the owner of a token's policy has it.
var (
	tokenOfIdentityProvider = []string{"spec", "scim", "endpoint", "token"}
	tokenOfEndpoint         = []string{"spec", "token"}
)

// overlapOf is how long a token that is replaced goes on working.
func overlapOf(policy tokenPolicy) time.Duration {
	if d, err := time.ParseDuration(policy.Overlap); err == nil {
		return d
	}
	return time.Hour
}

// renewal is when another token takes the place of one unasked, zero for never.
func renewal(t *tokenStatus, policy tokenPolicy) time.Time {
	before, err := time.ParseDuration(policy.RenewBefore)
	if err != nil || before <= 0 || policy.SecretRef != nil || t.brought() || t.ExpiresTime == nil {
		return time.Time{}
	}
	return t.ExpiresTime.Add(-before)
}

// user is a ScimUser with the fields that its Go type may not have yet.
type user struct {
	v1alpha1.ScimUser
	fields fields
}

// holdIn names the batch in which the user is held, and what the user is to lose: of two the
// one that is shown, else that of the user's access.
func (u *user) holdIn(shown string) (holdID string, loses v1alpha1.HoldLoss) {
	holdID, loses = u.fields.text("status", "departure", "holdID"), v1alpha1.LosesAccess
	if roles := u.Status.RoleLoss; roles.Held() && (roles.HoldID == shown || !u.Status.Departure.Held()) {
		holdID, loses = roles.HoldID, v1alpha1.LosesRoles
	}
	return holdID, loses
}

func (u *user) origin() string { return u.fields.text("status", "origin") }
