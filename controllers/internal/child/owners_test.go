// SPDX-License-Identifier: Apache-2.0

package child

import (
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"scim-operator.io/controllers/internal/outcome"
)

func owns(manager string, operation metav1.ManagedFieldsOperationType, subresource, fields string) metav1.ManagedFieldsEntry {
	return metav1.ManagedFieldsEntry{Manager: manager, Operation: operation, Subresource: subresource, FieldsV1: metav1.NewFieldsV1(fields)}
}

func TestTakeOver(t *testing.T) {
	const apply, update = metav1.ManagedFieldsOperationApply, metav1.ManagedFieldsOperationUpdate
	const ours = `{"f:spec":{"f:replicas":{},"f:template":{"f:image":{}}}}`
	for _, row := range []struct {
		name    string
		other   metav1.ManagedFieldsEntry
		foreign bool
		// mine and left are the operator's fields and the other's after that.
		mine, left string
	}{
		{"a field that the operator does not set", owns("kubectl", update, "", `{"f:metadata":{"f:labels":{"f:x":{}}},"f:spec":{"f:template":{"f:sidecar":{}}}}`),
			true, `{"f:spec":{"f:replicas":{},"f:template":{"f:image":{},"f:sidecar":{}}}}`, `{"f:metadata":{"f:labels":{"f:x":{}}}}`},
		{"nothing but such a field", owns("kubectl", update, "", `{"f:spec":{"f:paused":{}}}`),
			true, `{"f:spec":{"f:paused":{},"f:replicas":{},"f:template":{"f:image":{}}}}`, ""},
		{"a field that the operator sets to the same value", owns("argocd", apply, "", `{"f:spec":{"f:template":{"f:image":{}}}}`),
			false, ours, `{"f:spec":{"f:template":{"f:image":{}}}}`},
		{"labels of the child", owns("kubectl", update, "", `{"f:metadata":{"f:labels":{"f:x":{}}}}`),
			false, ours, `{"f:metadata":{"f:labels":{"f:x":{}}}}`},
		{"an annotation of the pods", owns("kubectl-rollout", update, "", `{"f:spec":{"f:template":{"f:metadata":{"f:annotations":{".":{},"f:x":{}}}}}}`),
			false, ours, `{"f:spec":{"f:template":{"f:metadata":{"f:annotations":{".":{},"f:x":{}}}}}}`},
		{"what an autoscaler sets", owns("autoscaler", update, "scale", `{"f:spec":{"f:replicas":{}}}`),
			false, ours, `{"f:spec":{"f:replicas":{}}}`},
		{"the status", owns("kube-controller-manager", update, "status", `{"f:status":{"f:replicas":{}}}`),
			false, ours, `{"f:status":{"f:replicas":{}}}`},
		{"what the control plane sets", owns("kube-controller-manager", update, "", `{"f:spec":{"f:paused":{}}}`),
			false, ours, `{"f:spec":{"f:paused":{}}}`},
	} {
		t.Run(row.name, func(t *testing.T) {
			own := owns(string(outcome.Owner), apply, "", ours)
			owners, foreign, err := takeOver([]metav1.ManagedFieldsEntry{own, row.other})
			if err != nil || foreign != row.foreign {
				t.Fatalf("foreign is %t, error %v", foreign, err)
			}
			got := map[string]string{}
			for _, entry := range owners {
				got[entry.Manager] = entry.FieldsV1.GetRawString()
			}
			if got[own.Manager] != row.mine || got[row.other.Manager] != row.left {
				t.Errorf("got %v", got)
			}
		})
	}
}
