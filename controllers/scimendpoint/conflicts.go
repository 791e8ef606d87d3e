// SPDX-License-Identifier: Apache-2.0

package scimendpoint

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"scim-operator.io/api/v1alpha1"
	"scim-operator.io/controllers/internal/outcome"
)

const (
	// conflictsLook is how often it is looked whether a conflict is over: users of other
	// endpoints do not call for it.
	conflictsLook = 10 * time.Minute
	// maxConflicts bounds the users whom the condition names.
	maxConflicts = 8
)

// observeConflicts sets LinkConflict while a user of another endpoint, who kept a server from
// creating one, still belongs there. The identity provider is not told who that is. It returns
// when to look again, zero for never.
func (r *Reconciler) observeConflicts(ctx context.Context, pass *outcome.Pass, ep *v1alpha1.ScimEndpoint) (next time.Duration, err error) {
	var standing []v1alpha1.LinkConflict
	for _, server := range ep.Status.Servers {
		for _, conflict := range server.LinkConflicts {
			if slices.Contains(standing, conflict) {
				continue
			}
			stands, err := r.stands(ctx, ep, conflict)
			if err != nil {
				return 0, fmt.Errorf("look for ScimUser %s: %w", conflict.User, err)
			}
			if stands {
				standing = append(standing, conflict)
			}
		}
	}
	if len(standing) == 0 {
		outcome.Remove(ep, v1alpha1.ConditionLinkConflict)
		return 0, nil
	}
	message := conflictMessage(ep, standing)
	if pass.Before(v1alpha1.ConditionLinkConflict).Message != message {
		pass.Warn(v1alpha1.ReasonProvisionedElsewhere, message)
	}
	outcome.Set(ep, v1alpha1.ConditionLinkConflict, true, v1alpha1.ReasonProvisionedElsewhere, message)
	return conflictsLook, nil
}

// stands reports whether a user belongs to the other endpoint still, and this one links.
func (r *Reconciler) stands(ctx context.Context, ep *v1alpha1.ScimEndpoint, conflict v1alpha1.LinkConflict) (bool, error) {
	if !ep.Spec.Links() || conflict.Endpoint == ep.Name {
		return false, nil
	}
	user := &v1alpha1.ScimUser{}
	if err := r.client.Get(ctx, client.ObjectKey{Namespace: ep.Namespace, Name: conflict.User}, user); err != nil {
		return false, client.IgnoreNotFound(err)
	}
	return user.Live() && user.Linked() && user.Spec.EndpointRef.Name == conflict.Endpoint, nil
}

func conflictMessage(ep *v1alpha1.ScimEndpoint, standing []v1alpha1.LinkConflict) string {
	slices.SortFunc(standing, func(a, b v1alpha1.LinkConflict) int {
		return cmp.Or(cmp.Compare(a.Endpoint, b.Endpoint), cmp.Compare(a.User, b.User))
	})
	named := make([]string, 0, maxConflicts)
	for _, conflict := range standing[:min(len(standing), maxConflicts)] {
		named = append(named, fmt.Sprintf("ScimUser %s of ScimEndpoint %s", conflict.User, conflict.Endpoint))
	}
	return fmt.Sprintf("The identity provider was refused users who belong to another endpoint: %s. "+
		"Remove them there (or, where that identity provider is gone, kubectl delete scimuser -n %s <name>), "+
		"or set linking: Never for this one to have users of its own.", strings.Join(named, ", "), ep.Namespace)
}
