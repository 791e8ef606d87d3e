// SPDX-License-Identifier: Apache-2.0

package v1alpha1

import (
	"slices"
	"strings"
)

// With these annotations a person decides about holds. At an IdentityProvider or a
// ScimEndpoint their value is a HoldRef or, while several verdicts are being carried out,
// several of them with commas between. At a ScimUser it is the holdID.
const (
	ApproveHeldAnnotation = "scim-operator.io/approve-held"
	RejectHeldAnnotation  = "scim-operator.io/reject-held"
)

// With these annotations the manager remembers what became of people who are to leave: a
// restore keeps metadata and drops the status. Nobody else writes them.
const (
	// DepartureAnnotation (ScimUser) is the Departure of a user about whom a person has to decide
	// or has decided, and whether provisioning has ended for the user.
	DepartureAnnotation = "scim-operator.io/departure"
	// RoleLossAnnotation (ScimUser) is the RoleLoss of a user who keeps roles because the loss is
	// held or was rejected.
	RoleLossAnnotation = "scim-operator.io/role-loss"
	// HoldsAnnotation (IdentityProvider, ScimEndpoint) lists the holds that were shown to a
	// person, each with the digest of its members.
	HoldsAnnotation = "scim-operator.io/holds"
)

const (
	// MaxHolds is how many holds such an annotation decides about. Of more, the last count.
	MaxHolds = 32
	// maxHoldsLength bounds what is read of an annotation: any annotations of an object
	// together may have 256 KiB, and this is asked of every user.
	maxHoldsLength = MaxHolds * 132
)

// HoldRef names a hold together with what was shown of it: a verdict about a hold with other
// members is refused.
func HoldRef(holdID, digest string) string { return holdID + "@" + digest }

// ParseHoldRef takes a HoldRef apart. A verdict about a single user has no digest.
func ParseHoldRef(ref string) (holdID, digest string) {
	holdID, digest, _ = strings.Cut(ref, "@")
	return holdID, digest
}

// HoldRefs are the holds that an annotation decides about, as they are written.
func HoldRefs(annotation string) []string {
	if annotation == "" {
		return nil
	}
	if excess := len(annotation) - maxHoldsLength; excess > 0 {
		_, annotation, _ = strings.Cut(annotation[excess:], ",") // the first may be cut
	}
	var refs []string
	for ref := range strings.SplitSeq(annotation, ",") {
		if ref = strings.TrimSpace(ref); ref != "" {
			refs = append(refs, ref)
		}
	}
	return refs[max(len(refs)-MaxHolds, 0):]
}

// WithHold is the annotation when it decides about one more hold.
func WithHold(annotation, ref string) string {
	holdID, _ := ParseHoldRef(ref)
	refs := append(HoldRefs(WithoutHold(annotation, holdID)), ref)
	return strings.Join(refs[max(len(refs)-MaxHolds, 0):], ",")
}

// WithoutHold is the annotation when it does not decide about a hold, "" when it decides
// about none.
func WithoutHold(annotation, holdID string) string {
	return strings.Join(slices.DeleteFunc(HoldRefs(annotation), func(ref string) bool {
		other, _ := ParseHoldRef(ref)
		return other == holdID
	}), ",")
}
