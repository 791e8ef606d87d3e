// SPDX-License-Identifier: Apache-2.0

package api

import (
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"sigs.k8s.io/yaml"

	"scim-operator.io/test/assets"
)

// open are types of strings that are no closed set.
var open = []string{
	"ClaimedAttribute", // beside the constants, the unique attributes of declared resource types
}

// TestEveryNamedStringIsAnEnum: a type of strings with constants lists exactly these in its
// validation, so that the API server refuses every other value.
func TestEveryNamedStringIsAnEnum(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(assets.Root(), "api", "v1alpha1", "*.go"))
	if err != nil || len(files) == 0 {
		t.Fatal(err)
	}
	enums, constants := map[string][]string{}, map[string][]string{}
	for _, file := range files {
		parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.ParseComments)
		if err != nil {
			t.Fatal(err)
		}
		for _, decl := range parsed.Decls {
			if general, ok := decl.(*ast.GenDecl); ok {
				collectStrings(general, enums, constants)
			}
		}
	}
	if len(enums) < 15 {
		t.Errorf("only %d types of strings were found", len(enums))
	}
	for name, values := range enums {
		if slices.Contains(open, name) {
			continue
		}
		if len(values) == 0 {
			t.Errorf("%s is a type of strings without +kubebuilder:validation:Enum", name)
		}
		if named := slices.Sorted(slices.Values(constants[name])); len(named) > 0 && !slices.Equal(named, slices.Sorted(slices.Values(values))) {
			t.Errorf("%s admits %q and has constants for %q", name, values, named)
		}
	}
}

var enumMarker = regexp.MustCompile(`\+kubebuilder:validation:Enum=(\S+)`)

// collectStrings notes the types of strings that are declared, with the values of their enum,
// and the constants of such types.
func collectStrings(decl *ast.GenDecl, enums, constants map[string][]string) {
	for _, spec := range decl.Specs {
		switch s := spec.(type) {
		case *ast.TypeSpec:
			if base, ok := s.Type.(*ast.Ident); ok && base.Name == "string" {
				enums[s.Name.Name] = nil
				for _, comment := range decl.Doc.List {
					if found := enumMarker.FindStringSubmatch(comment.Text); found != nil {
						enums[s.Name.Name] = strings.Split(found[1], ";")
					}
				}
			}
		case *ast.ValueSpec:
			of, ok := s.Type.(*ast.Ident)
			if !ok || decl.Tok != token.CONST {
				continue
			}
			for _, value := range s.Values {
				if literal, ok := value.(*ast.BasicLit); ok && literal.Kind == token.STRING {
					text, _ := strconv.Unquote(literal.Value)
					constants[of.Name] = append(constants[of.Name], text)
				}
			}
		}
	}
}

// aClosedSet finds a description that names its values: "is Deactivate or Delete",
// "HeldByGuard, LastProtectedRoleHolder or DeprovisioningRejected".
var aClosedSet = regexp.MustCompile(`(?:is|:) ([A-Z][A-Za-z]+(?:, [A-Z][A-Za-z]+)* or [A-Z][A-Za-z]+)\b`)

// TestEveryClosedSetIsAnEnum: a field whose description names all its values has them as an
// enum, too.
func TestEveryClosedSetIsAnEnum(t *testing.T) {
	found := 0
	for name, schema := range schemas(t) {
		walkStrings(schema, name, func(path string, field *apiextensionsv1.JSONSchemaProps) {
			set := aClosedSet.FindStringSubmatch(field.Description)
			if set == nil {
				return
			}
			found++
			if len(field.Enum) == 0 {
				t.Errorf("%s is %s and has no enum", path, set[1])
			}
		})
	}
	if found < 10 {
		t.Errorf("only %d fields name their values", found)
	}
}

// schemas are those of the CRDs by kind.
func schemas(t *testing.T) map[string]*apiextensionsv1.JSONSchemaProps {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(assets.Root(), "config", "crd", "bases", "*.yaml"))
	if err != nil || len(files) == 0 {
		t.Fatal(err)
	}
	found := map[string]*apiextensionsv1.JSONSchemaProps{}
	for _, file := range files {
		content, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var crd apiextensionsv1.CustomResourceDefinition
		if err := yaml.Unmarshal(content, &crd); err != nil {
			t.Fatal(err)
		}
		found[crd.Spec.Names.Kind] = crd.Spec.Versions[0].Schema.OpenAPIV3Schema
	}
	return found
}

// walkStrings visits every field of the type string.
func walkStrings(schema *apiextensionsv1.JSONSchemaProps, path string, visit func(string, *apiextensionsv1.JSONSchemaProps)) {
	if schema.Type == "string" {
		visit(path, schema)
	}
	for _, name := range slices.Sorted(maps.Keys(schema.Properties)) {
		property := schema.Properties[name]
		walkStrings(&property, path+"."+name, visit)
	}
	if schema.Items != nil && schema.Items.Schema != nil {
		walkStrings(schema.Items.Schema, path+"[]", visit)
	}
	if schema.AdditionalProperties != nil && schema.AdditionalProperties.Schema != nil {
		walkStrings(schema.AdditionalProperties.Schema, path+"{}", visit)
	}
}
