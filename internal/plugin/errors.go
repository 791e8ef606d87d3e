// SPDX-License-Identifier: Apache-2.0

package plugin

import (
	"fmt"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
)

// inWords says what a person can do about an error of the API server. Errors of this
// package say so already.
func inWords(err error) error {
	switch {
	case err == nil:
		return nil
	case apierrors.IsForbidden(err) && strings.Contains(err.Error(), "ValidatingAdmissionPolicy"):
		return fmt.Errorf("an admission policy of the cluster refuses this: %w", err)
	case apierrors.IsForbidden(err):
		return fmt.Errorf("you do not have the permission (RBAC): %w\nask an administrator of the cluster for it; docs/kubectl.md lists what each command needs", err)
	case apierrors.IsUnauthorized(err):
		return fmt.Errorf("the API server does not know you; sign in again or choose another --context: %w", err)
	case apierrors.IsConflict(err):
		return fmt.Errorf("somebody else has changed it at the same time; look again and repeat the command: %w", err)
	case apierrors.IsResourceExpired(err):
		return fmt.Errorf("the directory has changed too much while it was read; repeat the command: %w", err)
	case isUnknownField(err):
		return fmt.Errorf("this cluster's scim-operator is older than the plugin and does not know the field; bring its custom resource definitions up to date: %w", err)
	case noKind(err):
		return fmt.Errorf("this cluster has no scim-operator: its custom resource definitions are missing; install them or choose another --context: %w", err)
	}
	return err
}

func isUnknownField(err error) bool {
	return (apierrors.IsBadRequest(err) || apierrors.IsInvalid(err)) && strings.Contains(err.Error(), "unknown field")
}

func noKind(err error) bool {
	return meta.IsNoMatchError(err) || apierrors.IsNotFound(err) && strings.Contains(err.Error(), "could not find the requested resource")
}
