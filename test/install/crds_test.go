// SPDX-License-Identifier: Apache-2.0

package install

import (
	"testing"

	admissionv1 "k8s.io/api/admissionregistration/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
)

// What is installed has the CRDs and what protects them; what is deleted has neither.
func TestNobodyGoesWithTheOperator(t *testing.T) {
	if crds := manifests[apiextensionsv1.CustomResourceDefinition](t, "install", "CustomResourceDefinition"); len(crds) != 7 {
		t.Errorf("config/install has %d CRDs", len(crds))
	}
	protected := func(kustomization string) bool {
		for _, policy := range manifests[admissionv1.ValidatingAdmissionPolicy](t, kustomization, "ValidatingAdmissionPolicy") {
			if policy.Name == "scim-operator-crds" {
				return true
			}
		}
		return false
	}
	if !protected("install") {
		t.Error("config/install does not protect the CRDs")
	}
	if protected("default") {
		t.Error("the protection of the CRDs is in config/default, which is deleted")
	}
	for _, document := range all(t, "default") {
		if document.Kind == "CustomResourceDefinition" {
			t.Errorf("config/default has the CRD %s: to delete it deletes people", document.Name)
		}
	}
}
