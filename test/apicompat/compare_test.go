// SPDX-License-Identifier: Apache-2.0

package main

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/utils/ptr"

	"scim-operator.io/test/assets"
)

const provider = "identityproviders.scim-operator.io"

// change changes the schema at a path; [] stands for the items of a list.
func change(t *testing.T, s *schema, how func(*schema), path ...string) {
	t.Helper()
	if len(path) == 0 {
		how(s)
		return
	}
	if path[0] == "[]" {
		change(t, s.Items.Schema, how, path[1:]...)
		return
	}
	next, ok := s.Properties[path[0]]
	if !ok {
		t.Fatalf("there is no field %v", path)
	}
	change(t, &next, how, path[1:]...)
	s.Properties[path[0]] = next
}

func TestWhatBreaks(t *testing.T) {
	directory := filepath.Join(assets.Root(), "config", "crd", "bases")
	replicas := []string{"spec", "scim", "endpoint", "replicas"}
	domains := []string{"spec", "emailDomains"}
	of := func(how func(*schema), path ...string) func(*testing.T, *apiextensionsv1.CustomResourceDefinition) {
		return func(t *testing.T, crd *apiextensionsv1.CustomResourceDefinition) {
			change(t, crd.Spec.Versions[0].Schema.OpenAPIV3Schema, how, path...)
		}
	}
	kind := func(how func(*apiextensionsv1.CustomResourceDefinitionSpec)) func(*testing.T, *apiextensionsv1.CustomResourceDefinition) {
		return func(_ *testing.T, crd *apiextensionsv1.CustomResourceDefinition) { how(&crd.Spec) }
	}
	raw := func(text string) apiextensionsv1.JSON { return apiextensionsv1.JSON{Raw: []byte(text)} }
	for _, row := range []struct {
		name   string
		change func(*testing.T, *apiextensionsv1.CustomResourceDefinition)
		breaks string // nothing when it may change so
	}{
		{"nothing changes", of(func(*schema) {}), ""},
		{"a field is removed", of(func(s *schema) { delete(s.Properties, "displayName") }, "spec"), "spec.displayName: the field is removed"},
		{"a field of a list is removed", of(func(s *schema) { delete(s.Properties, "expression") }, "spec", "scim", "roles", "[]"), "roles[].expression: the field is removed"},
		{"a field gets another type", of(func(s *schema) { s.Type = "string" }, replicas...), `the type changes from "integer" to "string"`},
		{"a field gets another format", of(func(s *schema) { s.Format = "date" }, "spec", "displayName"), "the format changes"},
		{"an enum value is removed", of(func(s *schema) { s.Enum = s.Enum[1:] }, "spec", "type"), `the enum value "Okta" is removed`},
		{"an enum is added", of(func(s *schema) { s.Enum = []apiextensionsv1.JSON{raw(`"Okta"`)} }, "spec", "displayName"), "an enum is added"},
		{"a field becomes required", of(func(s *schema) { s.Required = append(s.Required, "displayName") }, "spec"), "spec.displayName: the field becomes required"},
		{"a new field is required", of(func(s *schema) {
			s.Properties["region"] = schema{Type: "string"}
			s.Required = append(s.Required, "region")
		}, "spec"), "spec.region: the field becomes required"},
		{"a maximum is lowered", of(func(s *schema) { s.Maximum = ptr.To(16.0) }, replicas...), "maximum is tightened"},
		{"a minimum is raised", of(func(s *schema) { s.Minimum = ptr.To(2.0) }, replicas...), "minimum is tightened"},
		{"a bound is excluded", of(func(s *schema) { s.ExclusiveMaximum = true }, replicas...), "maximum is tightened"},
		{"a length is lowered", of(func(s *schema) { s.MaxLength = ptr.To[int64](8) }, "spec", "displayName"), "maxLength is tightened"},
		{"a length is raised from below", of(func(s *schema) { s.MinLength = ptr.To[int64](2) }, "spec", "displayName"), "minLength is tightened"},
		{"a list becomes shorter", of(func(s *schema) { s.MaxItems = ptr.To[int64](2) }, domains...), "maxItems is tightened"},
		{"a list needs more items", of(func(s *schema) { s.MinItems = ptr.To[int64](2) }, domains...), "minItems is tightened"},
		{"an object needs more fields", of(func(s *schema) { s.MinProperties = ptr.To[int64](2) }, "spec", "signOn"), "minProperties is tightened"},
		{"a pattern is added", of(func(s *schema) { s.Pattern = "^a" }, "spec", "displayName"), "the pattern is added"},
		{"a rule is added", of(func(s *schema) {
			s.XValidations = append(s.XValidations, apiextensionsv1.ValidationRule{Rule: "false", Message: "never"})
		}, "spec"), "a rule is added or changes: never"},
		{"a rule changes", of(func(s *schema) { s.XValidations[0].Rule = "false" }, "spec"), "a rule is added or changes"},
		{"a default is added", of(func(s *schema) { s.Default = ptr.To(raw("2")) }, replicas...), "the default changes"},
		{"a list is merged in another way", of(func(s *schema) { s.XListType = ptr.To("atomic") }, domains...), "the list type"},
		{"an alternative is added", of(func(s *schema) { s.OneOf = []schema{{Required: []string{"scim"}}} }, "spec"), "allOf, anyOf, oneOf or not change"},
		{"items must be unique", of(func(s *schema) { s.UniqueItems = true }, domains...), "items must be unique"},
		{"a short name is removed", kind(func(s *apiextensionsv1.CustomResourceDefinitionSpec) { s.Names.ShortNames = nil }), "the short name idp is removed"},
		{"the scope changes", kind(func(s *apiextensionsv1.CustomResourceDefinitionSpec) { s.Scope = "Cluster" }), "the scope changes"},
		{"a selectable field is removed", kind(func(s *apiextensionsv1.CustomResourceDefinitionSpec) { s.Versions[0].SelectableFields = nil }), "the selectable field .spec.type is removed"},
		{"the status is no subresource", kind(func(s *apiextensionsv1.CustomResourceDefinitionSpec) { s.Versions[0].Subresources = nil }), "the subresource status"},
		{"the version is not served", kind(func(s *apiextensionsv1.CustomResourceDefinitionSpec) { s.Versions[0].Served = false }), "v1alpha1 is no longer served"},
		{"the version is renamed", kind(func(s *apiextensionsv1.CustomResourceDefinitionSpec) { s.Versions[0].Name = "v1" }), "v1alpha1 is no longer served"},

		{"a field is added", of(func(s *schema) { s.Properties["region"] = schema{Type: "string", MaxLength: ptr.To[int64](8)} }, "spec"), ""},
		{"an enum value is added", of(func(s *schema) { s.Enum = append(s.Enum, raw(`"Rippling"`)) }, "spec", "type"), ""},
		{"a bound is raised", of(func(s *schema) { s.Maximum = ptr.To(64.0) }, replicas...), ""},
		{"a bound is dropped", of(func(s *schema) { s.Maximum = nil }, replicas...), ""},
		{"a field becomes optional", of(func(s *schema) { s.Required = nil }, "spec"), ""},
		{"a rule is dropped", of(func(s *schema) { s.XValidations = nil }, "spec"), ""},
		{"a description changes", of(func(s *schema) { s.Description = "another" }, "spec"), ""},
		{"a column is added", kind(func(s *apiextensionsv1.CustomResourceDefinitionSpec) { s.Versions[0].AdditionalPrinterColumns = nil }), ""},
		{"a version is added", kind(func(s *apiextensionsv1.CustomResourceDefinitionSpec) {
			s.Versions = append(s.Versions, apiextensionsv1.CustomResourceDefinitionVersion{Name: "v1beta1", Served: true})
		}), ""},
	} {
		t.Run(row.name, func(t *testing.T) {
			before, err := read(directory)
			if err != nil {
				t.Fatal(err)
			}
			after, err := read(directory)
			if err != nil {
				t.Fatal(err)
			}
			row.change(t, after[provider])
			breaks := compare(before, after)
			switch {
			case row.breaks == "" && len(breaks) > 0:
				t.Errorf("it breaks: %q", breaks)
			case row.breaks != "" && !slices.ContainsFunc(breaks, func(b string) bool { return strings.Contains(b, row.breaks) }):
				t.Errorf("it breaks %q, want %q", breaks, row.breaks)
			}
		})
	}
}

func TestAKindIsRemoved(t *testing.T) {
	before, err := read(filepath.Join(assets.Root(), "config", "crd", "bases"))
	if err != nil {
		t.Fatal(err)
	}
	if breaks := compare(before, crds{}); len(breaks) != len(before) || !strings.Contains(breaks[0], "the kind is removed") {
		t.Errorf("it breaks %q", breaks)
	}
}

func TestDirectoriesWithoutKindsAreRefused(t *testing.T) {
	empty := t.TempDir()
	if err := os.WriteFile(filepath.Join(empty, "a.yaml"), []byte("kind: Namespace"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := run([]string{empty, empty}); err == nil || !strings.Contains(err.Error(), "there is no CustomResourceDefinition") {
		t.Errorf("error %v", err)
	}
	if err := run(nil); err == nil {
		t.Error("no error without directories")
	}
}
