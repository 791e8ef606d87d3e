// SPDX-License-Identifier: Apache-2.0

// Package policy holds the admission policies that this release needs, so that the manager can
// compare them with those of the cluster.
package policy

import (
	"bytes"
	"embed"
	"errors"
	"fmt"
	"io"
	"io/fs"

	admissionv1 "k8s.io/api/admissionregistration/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/yaml"
)

//go:embed *.yaml
var manifests embed.FS

// Policy is one admission policy and the binding that puts it in force.
type Policy struct {
	Name    string
	Spec    admissionv1.ValidatingAdmissionPolicySpec
	Binding admissionv1.ValidatingAdmissionPolicyBindingSpec
}

// document is any of the manifests, as far as it is needed.
type document struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata"`
}

// Required returns the policies of config/policy.
func Required() ([]Policy, error) {
	specs := map[string]admissionv1.ValidatingAdmissionPolicySpec{}
	var policies []Policy
	err := eachDocument(func(kind, name string, raw []byte) error {
		switch kind {
		case "ValidatingAdmissionPolicy":
			var p admissionv1.ValidatingAdmissionPolicy
			if err := yaml.Unmarshal(raw, &p); err != nil {
				return fmt.Errorf("policy %s: %w", name, err)
			}
			specs[name] = p.Spec
		case "ValidatingAdmissionPolicyBinding":
			var b admissionv1.ValidatingAdmissionPolicyBinding
			if err := yaml.Unmarshal(raw, &b); err != nil {
				return fmt.Errorf("binding %s: %w", name, err)
			}
			policies = append(policies, Policy{Name: b.Spec.PolicyName, Binding: b.Spec})
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	for i := range policies {
		spec, found := specs[policies[i].Name]
		if !found {
			return nil, fmt.Errorf("the binding of policy %s binds nothing", policies[i].Name)
		}
		policies[i].Spec = spec
	}
	return policies, nil
}

func eachDocument(visit func(kind, name string, raw []byte) error) error {
	files, err := fs.Glob(manifests, "*.yaml")
	if err != nil {
		return err
	}
	for _, file := range files {
		content, err := manifests.ReadFile(file)
		if err != nil {
			return err
		}
		decoder := yaml.NewDocumentDecoder(io.NopCloser(bytes.NewReader(content)))
		buffer := make([]byte, len(content))
		for {
			n, err := decoder.Read(buffer)
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				return fmt.Errorf("%s: %w", file, err)
			}
			var d document
			if err := yaml.Unmarshal(buffer[:n], &d); err != nil {
				return fmt.Errorf("%s: %w", file, err)
			}
			if err := visit(d.Kind, d.Name, buffer[:n]); err != nil {
				return err
			}
		}
	}
	return nil
}
