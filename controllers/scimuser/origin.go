// SPDX-License-Identifier: Apache-2.0

package scimuser

import (
	"fmt"
	"strings"

	"scim-operator.io/api/v1alpha1"
	"scim-operator.io/controllers/internal/outcome"
)

// tellOrigin says how the user came to belong to an identity provider, or which one would
// adopt the user.
func tellOrigin(pass *outcome.Pass, user *v1alpha1.ScimUser) {
	origin := user.Origin()
	if origin == v1alpha1.OriginAdopted && user.Status.Origin != origin {
		pass.Tell(v1alpha1.ReasonAdopted, fmt.Sprintf("This user was here before and belongs to ScimEndpoint %s from now on.", user.Spec.EndpointRef.Name))
	}
	user.Status.Origin = origin
	if back := user.Spec.ReturnedTime; back != nil && !back.Equal(user.Status.ReturnedTime) {
		pass.Tell(v1alpha1.ReasonReturned, "The identity provider had deleted this user and has created the user again: "+
			"the id, and the memberships in groups that still name it, are those of before.")
	}
	user.Status.ReturnedTime = user.Spec.ReturnedTime
	tellOnce(pass, user, v1alpha1.ConditionAdoptionRequested, v1alpha1.ReasonApprovalRequired, adoptionRequested(user))
	tellOnce(pass, user, v1alpha1.ConditionAmbiguousMatch, v1alpha1.ReasonSeveralMatch, ambiguousMatch(user))
}

// tellOnce keeps a condition that is there while there is something to say, and sends an
// event when there is for the first time, or something else.
func tellOnce(pass *outcome.Pass, user *v1alpha1.ScimUser, condition, reason, message string) {
	if message == "" {
		outcome.Remove(user, condition)
		return
	}
	outcome.Set(user, condition, true, reason, message)
	if outcome.Find(user, condition).Message != pass.Before(condition).Message {
		pass.Warn(reason, message)
	}
}

// adoptionRequested says who waits for an approval, "" when nobody does.
func adoptionRequested(user *v1alpha1.ScimUser) string {
	asking := user.Annotations[v1alpha1.AdoptionRequestedAnnotation]
	if user.Linked() || asking == "" {
		return ""
	}
	first, _, several := strings.Cut(asking, ",")
	if approved := user.Annotations[v1alpha1.ApproveAdoptionAnnotation]; approved != "" && strings.Contains(","+asking+",", ","+approved+",") {
		return fmt.Sprintf("ScimEndpoint %s may adopt this user, and does so when its identity provider tries again.", approved)
	}
	if several {
		return fmt.Sprintf("The ScimEndpoints %s would adopt this user. To approve one of them: kubectl annotate scimuser %s -n %s %s=<endpoint>",
			strings.ReplaceAll(asking, ",", ", "), user.Name, user.Namespace, v1alpha1.ApproveAdoptionAnnotation)
	}
	return fmt.Sprintf("ScimEndpoint %s would adopt this user. To approve: kubectl annotate scimuser %s -n %s %s=%s",
		first, user.Name, user.Namespace, v1alpha1.ApproveAdoptionAnnotation, first)
}

// ambiguousMatch says with whom the user may be mistaken, "" when with nobody.
func ambiguousMatch(user *v1alpha1.ScimUser) string {
	alike := user.Annotations[v1alpha1.AmbiguousMatchAnnotation]
	if !user.Linked() || alike == "" {
		return ""
	}
	return fmt.Sprintf("This user was made anew because it could not be told which user who was here before is the same person: %s. Delete those who are, or take the annotation %s away.",
		strings.ReplaceAll(alike, ",", ", "), v1alpha1.AmbiguousMatchAnnotation)
}
