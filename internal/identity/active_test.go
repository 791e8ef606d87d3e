// SPDX-License-Identifier: Apache-2.0

package identity

import (
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"scim-operator.io/api/v1alpha1"
)

func user(account *v1alpha1.AccountExtension) *v1alpha1.ScimUser {
	return &v1alpha1.ScimUser{Spec: v1alpha1.ScimUserSpec{Account: account}}
}

func TestActive(t *testing.T) {
	yes, no := true, false
	deleted := metav1.NewMicroTime(time.Date(2026, 3, 4, 6, 6, 7, 890, time.FixedZone("CET", 3600)))
	for _, row := range []struct {
		name    string
		nobodys bool // no identity provider has provisioned the user
		said    *bool
		deleted *metav1.MicroTime
		active  bool
		reason  string
		says    string
	}{
		{"nothing is said", false, nil, nil, true, v1alpha1.ReasonProvisioned, "has provisioned"},
		{"active", false, &yes, nil, true, v1alpha1.ReasonProvisioned, "has provisioned"},
		{"not active", false, &no, nil, false, v1alpha1.ReasonDeactivatedByProvider, "deactivated"},
		{"deleted", false, nil, &deleted, false, v1alpha1.ReasonDeletedByProvider, "2026-03-04T05:06:07Z"},
		{"deleted while active", false, &yes, &deleted, false, v1alpha1.ReasonDeletedByProvider, "deleted"},
		{"deleted while not active", false, &no, &deleted, false, v1alpha1.ReasonDeletedByProvider, "deleted"},
		{"nothing is said of one who belongs to nobody", true, nil, nil, true, v1alpha1.ReasonUnlinked, "No identity provider"},
		{"one who belongs to nobody is active", true, &yes, nil, true, v1alpha1.ReasonUnlinked, "No identity provider"},
		{"one who belongs to nobody is not active", true, &no, nil, false, v1alpha1.ReasonDeactivated, "spec.active is false"},
	} {
		t.Run(row.name, func(t *testing.T) {
			u := user(nil)
			if !row.nobodys {
				u.Spec.EndpointRef.Name = "okta"
			}
			u.Spec.Active, u.Spec.DeletedTime = row.said, row.deleted
			active, reason, message := Active(u)
			if active != row.active || reason != row.reason || !strings.Contains(message, row.says) {
				t.Errorf("got %v, %s: %s", active, reason, message)
			}
		})
	}
}
