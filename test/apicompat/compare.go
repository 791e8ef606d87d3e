// SPDX-License-Identifier: Apache-2.0

// Command apicompat compares two sets of CustomResourceDefinitions and fails when an object
// that the first admits may be refused, lose a field or change its meaning under the second.
//
//	go run ./test/apicompat OLD-DIRECTORY NEW-DIRECTORY
package main

import (
	"fmt"
	"maps"
	"slices"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
)

// crds are definitions by name.
type crds map[string]*apiextensionsv1.CustomResourceDefinition

// report collects breaking changes.
type report struct{ breaks []string }

func (r *report) add(path, format string, args ...any) {
	r.breaks = append(r.breaks, path+": "+fmt.Sprintf(format, args...))
}

// compare returns the breaking changes from one set to the next, none when it only grows.
func compare(before, after crds) []string {
	r := &report{}
	for _, name := range slices.Sorted(maps.Keys(before)) {
		next, ok := after[name]
		if !ok {
			r.add(name, "the kind is removed")
			continue
		}
		r.definition(name, &before[name].Spec, &next.Spec)
	}
	return r.breaks
}

func (r *report) definition(name string, before, after *apiextensionsv1.CustomResourceDefinitionSpec) {
	if before.Scope != after.Scope {
		r.add(name, "the scope changes from %s to %s", before.Scope, after.Scope)
	}
	if before.Names.Kind != after.Names.Kind || before.Names.Plural != after.Names.Plural {
		r.add(name, "the kind or its plural is renamed")
	}
	r.removed(name, "the short name", before.Names.ShortNames, after.Names.ShortNames)
	for i := range before.Versions {
		old := &before.Versions[i]
		j := slices.IndexFunc(after.Versions, func(v apiextensionsv1.CustomResourceDefinitionVersion) bool { return v.Name == old.Name })
		if j < 0 || old.Served && !after.Versions[j].Served {
			r.add(name, "the version %s is no longer served", old.Name)
			continue
		}
		r.version(name+"/"+old.Name, old, &after.Versions[j])
	}
}

func (r *report) version(path string, before, after *apiextensionsv1.CustomResourceDefinitionVersion) {
	selectable := func(v *apiextensionsv1.CustomResourceDefinitionVersion) (paths []string) {
		for _, field := range v.SelectableFields {
			paths = append(paths, field.JSONPath)
		}
		return paths
	}
	r.removed(path, "the selectable field", selectable(before), selectable(after))
	hasStatus := func(v *apiextensionsv1.CustomResourceDefinitionVersion) bool {
		return v.Subresources != nil && v.Subresources.Status != nil
	}
	if hasStatus(before) != hasStatus(after) {
		r.add(path, "the subresource status is added or removed")
	}
	if before.Schema != nil && after.Schema != nil {
		r.schema(path, before.Schema.OpenAPIV3Schema, after.Schema.OpenAPIV3Schema)
	}
}

// removed reports what is no longer in a list.
func (r *report) removed(path, what string, before, after []string) {
	for _, item := range before {
		if !slices.Contains(after, item) {
			r.add(path, "%s %s is removed", what, item)
		}
	}
}
