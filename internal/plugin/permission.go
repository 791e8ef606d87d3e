// SPDX-License-Identifier: Apache-2.0

package plugin

import (
	"context"
	"fmt"

	authorizationv1 "k8s.io/api/authorization/v1"

	"scim-operator.io/api/v1alpha1"
)

// verbApprove is the verb of RBAC that a decision takes on the object that bears it.
const verbApprove = "approve"

var resources = map[string]string{
	kindIdentityProvider: "identityproviders", kindScimEndpoint: "scimendpoints", kindScimUser: "scimusers",
}

// mayDecide fails unless whoever asks may write a decision to an object, so that nobody
// answers a question in vain. An API server that does not say is left to refuse the write.
func (s *session) mayDecide(ctx context.Context, kind, name string) error {
	for _, verb := range []string{"patch", verbApprove} {
		review := &authorizationv1.SelfSubjectAccessReview{Spec: authorizationv1.SelfSubjectAccessReviewSpec{
			ResourceAttributes: &authorizationv1.ResourceAttributes{
				Namespace: s.namespace, Verb: verb, Group: v1alpha1.GroupVersion.Group, Resource: resources[kind], Name: name,
			},
		}}
		if err := s.client.Create(ctx, review); err != nil || review.Status.Allowed {
			continue
		}
		grant := ""
		if verb == verbApprove {
			grant = "; the ClusterRole scim-operator-approve has it"
		}
		return fmt.Errorf("you may not decide this: you lack the verb %q on %s.%s in the namespace %q (RBAC)%s. Nothing was changed",
			verb, resources[kind], v1alpha1.GroupVersion.Group, s.namespace, grant)
	}
	return nil
}
