// SPDX-License-Identifier: Apache-2.0

package main

import (
	"cmp"
	"encoding/json"
	"maps"
	"reflect"
	"slices"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
)

type schema = apiextensionsv1.JSONSchemaProps

// schema compares a field with what it becomes, and everything in it.
func (r *report) schema(path string, before, after *schema) {
	r.shape(path, before, after)
	r.values(path, before, after)
	r.bounds(path, before, after)
	r.rules(path, before, after)
	r.fields(path, before, after)
	switch old, next := itemsOf(before), itemsOf(after); {
	case old != nil && next != nil:
		r.schema(path+"[]", old, next)
	case (old == nil) != (next == nil):
		r.add(path, "it becomes a list, or is one no longer")
	}
	switch old, next := valuesOf(before), valuesOf(after); {
	case old != nil && next != nil:
		r.schema(path+"{}", old, next)
	case (old == nil) != (next == nil):
		r.add(path, "it becomes a map, or is one no longer")
	}
}

// fields compares the fields of an object.
func (r *report) fields(path string, before, after *schema) {
	for _, name := range slices.Sorted(maps.Keys(before.Properties)) {
		old := before.Properties[name]
		if next, ok := after.Properties[name]; ok {
			r.schema(path+"."+name, &old, &next)
		} else {
			r.add(path+"."+name, "the field is removed")
		}
	}
	for _, name := range after.Required {
		if !slices.Contains(before.Required, name) {
			r.add(path+"."+name, "the field becomes required")
		}
	}
}

// shape compares what a value is, and how it is merged.
func (r *report) shape(path string, before, after *schema) {
	if before.Type != after.Type || before.XIntOrString != after.XIntOrString {
		r.add(path, "the type changes from %q to %q", before.Type, after.Type)
	}
	if after.Format != "" && before.Format != after.Format {
		r.add(path, "the format changes from %q to %q", before.Format, after.Format)
	}
	if before.Nullable && !after.Nullable {
		r.add(path, "null is no longer admitted")
	}
	if preserves(before) && !preserves(after) {
		r.add(path, "fields that the schema does not have are no longer kept")
	}
	if !reflect.DeepEqual(before.XListType, after.XListType) || !reflect.DeepEqual(before.XListMapKeys, after.XListMapKeys) ||
		!reflect.DeepEqual(before.XMapType, after.XMapType) {
		r.add(path, "the list type, its keys or the map type change")
	}
	combined := func(s *schema) []any { return []any{s.AllOf, s.AnyOf, s.OneOf, s.Not} }
	if !reflect.DeepEqual(combined(before), combined(after)) {
		r.add(path, "allOf, anyOf, oneOf or not change")
	}
}

// values compares which values a field admits, and which it has when it is left out.
func (r *report) values(path string, before, after *schema) {
	if !sameJSON(before.Default, after.Default) {
		r.add(path, "the default changes")
	}
	switch {
	case len(before.Enum) == 0 && len(after.Enum) > 0:
		r.add(path, "an enum is added")
	case len(after.Enum) > 0:
		for i := range before.Enum {
			if !slices.ContainsFunc(after.Enum, func(v apiextensionsv1.JSON) bool { return sameJSON(&v, &before.Enum[i]) }) {
				r.add(path, "the enum value %s is removed", before.Enum[i].Raw)
			}
		}
	}
	if after.Pattern != "" && before.Pattern != after.Pattern {
		r.add(path, "the pattern is added or changes")
	}
	if after.UniqueItems && !before.UniqueItems {
		r.add(path, "items must be unique")
	}
}

// bounds compares limits: each may only widen.
func (r *report) bounds(path string, before, after *schema) {
	for _, limit := range []struct {
		name      string
		tightened bool
	}{
		{"maxLength", lower(before.MaxLength, after.MaxLength)}, {"minLength", higher(before.MinLength, after.MinLength)},
		{"maxItems", lower(before.MaxItems, after.MaxItems)}, {"minItems", higher(before.MinItems, after.MinItems)},
		{"maxProperties", lower(before.MaxProperties, after.MaxProperties)}, {"minProperties", higher(before.MinProperties, after.MinProperties)},
		{"maximum", lower(before.Maximum, after.Maximum) || after.ExclusiveMaximum && !before.ExclusiveMaximum},
		{"minimum", higher(before.Minimum, after.Minimum) || after.ExclusiveMinimum && !before.ExclusiveMinimum},
		{"multipleOf", after.MultipleOf != nil && !reflect.DeepEqual(before.MultipleOf, after.MultipleOf)},
	} {
		if limit.tightened {
			r.add(path, "%s is tightened", limit.name)
		}
	}
}

// rules reports CEL rules that were not there: whether they refuse more cannot be told.
func (r *report) rules(path string, before, after *schema) {
	for _, rule := range after.XValidations {
		known := func(v apiextensionsv1.ValidationRule) bool { return v.Rule == rule.Rule }
		if !slices.ContainsFunc(before.XValidations, known) {
			r.add(path, "a rule is added or changes: %s", cmp.Or(rule.Message, rule.Rule))
		}
	}
}

// lower reports whether an upper bound is new or smaller.
func lower[N int64 | float64](before, after *N) bool {
	return after != nil && (before == nil || *after < *before)
}

// higher reports whether a lower bound is new or greater.
func higher[N int64 | float64](before, after *N) bool {
	return after != nil && (before == nil || *after > *before)
}

func preserves(s *schema) bool { return s.XPreserveUnknownFields != nil && *s.XPreserveUnknownFields }

func itemsOf(s *schema) *schema {
	if s.Items == nil {
		return nil
	}
	return s.Items.Schema
}

func valuesOf(s *schema) *schema {
	if s.AdditionalProperties == nil {
		return nil
	}
	return s.AdditionalProperties.Schema
}

func sameJSON(a, b *apiextensionsv1.JSON) bool {
	if a == nil || b == nil {
		return a == b
	}
	var x, y any
	return json.Unmarshal(a.Raw, &x) == nil && json.Unmarshal(b.Raw, &y) == nil && reflect.DeepEqual(x, y)
}
