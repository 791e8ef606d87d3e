// SPDX-License-Identifier: Apache-2.0

package v1alpha1

import (
	"slices"
	"strings"
)

// With these annotations a person decides about holds: their value is a holdID or, while
// several verdicts are being carried out, several of them with commas between.
const (
	ApproveHeldAnnotation = "scim-operator.io/approve-held"
	RejectHeldAnnotation  = "scim-operator.io/reject-held"
)

// With these annotations the manager remembers what became of people who are to leave: a
// restore keeps metadata and drops the status. Nobody else writes them.
const (
	// DepartureAnnotation (ScimUser) is the Departure of a user who is held or whose leaving was
	// rejected, and whether provisioning has ended for the user.
	DepartureAnnotation = "scim-operator.io/departure"
	// HoldsAnnotation (IdentityProvider, ScimEndpoint) lists the holds that were shown to a
	// person, each as a SealedHold.
	HoldsAnnotation = "scim-operator.io/holds"
)

const (
	// MaxHoldIDs is how many holds such an annotation decides about. Of more, the last count.
	MaxHoldIDs = 32
	// maxHoldIDsLength bounds what is read of an annotation: any annotations of an object
	// together may have 256 KiB, and this is asked of every user.
	maxHoldIDsLength = MaxHoldIDs * 66
)

// HoldIDs are the holds that an annotation decides about.
func HoldIDs(annotation string) []string {
	if annotation == "" {
		return nil
	}
	if excess := len(annotation) - maxHoldIDsLength; excess > 0 {
		_, annotation, _ = strings.Cut(annotation[excess:], ",") // the first may be cut
	}
	var ids []string
	for id := range strings.SplitSeq(annotation, ",") {
		if id = strings.TrimSpace(id); id != "" {
			ids = append(ids, id)
		}
	}
	return ids[max(len(ids)-MaxHoldIDs, 0):]
}

// WithHoldID is the annotation when it decides about one more hold.
func WithHoldID(annotation, id string) string {
	ids := append(HoldIDs(WithoutHoldID(annotation, id)), id)
	return strings.Join(ids[max(len(ids)-MaxHoldIDs, 0):], ",")
}

// WithoutHoldID is the annotation when it does not decide about a hold, "" when it decides
// about none.
func WithoutHoldID(annotation, id string) string {
	return strings.Join(slices.DeleteFunc(HoldIDs(annotation), func(other string) bool { return other == id }), ",")
}
