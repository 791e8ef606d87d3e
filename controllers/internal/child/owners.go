// SPDX-License-Identifier: Apache-2.0

package child

import (
	"encoding/json"
	"maps"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"scim-operator.io/controllers/internal/outcome"
)

// fieldSet is a set of fields as managedFields holds it (KEP-555): a tree whose keys name
// a field, an item or, with ".", the parent itself, and whose leaves are empty.
type fieldSet map[string]fieldSet

// ruled are the roots of what a child is; the rest is metadata and status.
var ruled = []string{"f:spec", "f:rules", "f:roleRef", "f:subjects"}

// controlPlane may write to what it is there to write to.
var controlPlane = map[string]bool{"kube-controller-manager": true, "cloud-controller-manager": true}

// takeOver gives the fields that only others own, in what a child is, to the operator's
// own entry. It reports whether there were any; without, nothing is to be changed.
// Entries of subresources, as an autoscaler's, are left alone.
func takeOver(entries []metav1.ManagedFieldsEntry) (owners []metav1.ManagedFieldsEntry, foreign bool, err error) {
	own, rest := -1, []metav1.ManagedFieldsEntry{}
	for i, entry := range entries {
		if isOwn(entry) {
			own = i
		}
	}
	if own < 0 {
		return entries, false, nil
	}
	owned, err := parse(entries[own])
	if err != nil {
		return nil, false, err
	}
	for i, entry := range entries {
		if i == own {
			continue
		}
		kept, taken, err := split(entry, owned)
		if err != nil {
			return nil, false, err
		}
		if kept != nil {
			rest = append(rest, *kept)
		}
		if len(taken) > 0 {
			foreign = true
			owned = union(owned, taken)
		}
	}
	mine := entries[own]
	mine.FieldsV1, err = format(owned)
	return append(rest, mine), foreign, err
}

func isOwn(entry metav1.ManagedFieldsEntry) bool {
	return entry.Manager == string(outcome.Owner) && entry.Operation == metav1.ManagedFieldsOperationApply && entry.Subresource == ""
}

// split parts an entry of others into what it keeps and what is taken from it.
func split(entry metav1.ManagedFieldsEntry, owned fieldSet) (kept *metav1.ManagedFieldsEntry, taken fieldSet, err error) {
	if entry.Subresource != "" || controlPlane[entry.Manager] {
		return &entry, nil, nil
	}
	fields, err := parse(entry)
	if err != nil {
		return nil, nil, err
	}
	taken = fieldSet{}
	for _, root := range ruled {
		if all, ok := fields[root]; ok {
			taken[root] = withoutPodAnnotations(all)
		}
	}
	taken = minus(taken, owned)
	if len(taken) == 0 {
		return &entry, nil, nil
	}
	left := minus(fields, taken)
	if len(left) == 0 {
		return nil, taken, nil
	}
	entry.FieldsV1, err = format(left)
	return &entry, taken, err
}

func withoutPodAnnotations(spec fieldSet) fieldSet {
	annotations := spec["f:template"]["f:metadata"]["f:annotations"]
	return minus(spec, fieldSet{"f:template": {"f:metadata": {"f:annotations": annotations}}})
}

// minus is a without what is in b, too.
func minus(a, b fieldSet) fieldSet {
	left := fieldSet{}
	for key, below := range a {
		other, shared := b[key]
		if !shared {
			left[key] = below
		} else if rest := minus(below, other); len(rest) > 0 {
			left[key] = rest
		}
	}
	return left
}

func union(a, b fieldSet) fieldSet {
	both := fieldSet{}
	maps.Copy(both, a)
	for key, below := range b {
		both[key] = union(a[key], below)
	}
	return both
}

func parse(entry metav1.ManagedFieldsEntry) (fieldSet, error) {
	fields := fieldSet{}
	if entry.FieldsV1 == nil {
		return fields, nil
	}
	return fields, json.Unmarshal(entry.FieldsV1.GetRawBytes(), &fields)
}

func format(fields fieldSet) (*metav1.FieldsV1, error) {
	raw, err := json.Marshal(fields)
	if err != nil {
		return nil, err
	}
	entry := &metav1.FieldsV1{}
	entry.SetRawBytes(raw)
	return entry, nil
}
