// SPDX-License-Identifier: Apache-2.0

package scim

import "slices"

// Replace gives what a PUT of desired makes of current (RFC 7644 §3.5.1):
// readOnly attributes stay, immutable ones must not change, those with an initial
// value stay when they are not named (a client that says nothing of `active` must not
// let a deactivated user in again), everything else is as desired. When nothing changes it gives current itself and false.
func (rt *ResourceType) Replace(current, desired *Object) (result *Object, changed bool, err error) {
	result, err = replaceObject(rt.root, current, desired)
	if err != nil {
		return current, false, err
	}
	if result.Equal(current) {
		return current, false, nil
	}
	return result, true, checkSize(result)
}

// KeepReadOnly gives desired, with which somebody begins anew, what clients cannot set of
// the extensions of current.
func (rt *ResourceType) KeepReadOnly(current, desired *Object) *Object {
	for _, container := range rt.root.Sub {
		if container.role != roleExtension {
			continue
		}
		for sub, v := range current.Object(container).Fields() {
			if sub.Mutability == ReadOnly {
				desired = desired.With(container, desired.Object(container).With(sub, v))
			}
		}
	}
	return desired
}

// replaceObject replaces a resource, an extension, or a complex value.
func replaceObject(a *Attribute, current, desired *Object) (*Object, error) {
	b := NewBuilder(max(current.Len(), desired.Len()))
	for _, sub := range a.Sub {
		v, err := replaceValue(sub, current.Get(sub), desired.Get(sub))
		if err != nil {
			return nil, err
		}
		b.Set(sub, v)
	}
	return b.Object(), nil
}

func replaceValue(a *Attribute, current, desired Value) (Value, error) {
	switch {
	case a.Mutability == ReadOnly:
		return current, nil
	case a.Mutability == WriteOnly:
		return nil, nil
	case a.Mutability == Immutable && current != nil:
		if desired != nil && !equalValues(current, desired) {
			return nil, ErrMutability(a.path, "it is immutable and has another value")
		}
		return current, nil
	case a.Initial != nil && desired == nil:
		return current, nil
	case a.MultiValued:
		old, _ := current.(List)
		list, _ := desired.(List)
		return keepReadOnly(a, old, list, newWork())
	case a.Type == Complex:
		old, _ := current.(*Object)
		o, _ := desired.(*Object)
		return replaceComplex(a, old, o)
	}
	return desired, nil
}

// replaceComplex replaces an extension or a single-valued complex attribute. What
// the server says of a value goes with the value.
func replaceComplex(a *Attribute, current, desired *Object) (Value, error) {
	o, err := replaceObject(a, current, desired)
	if err != nil {
		return nil, err
	}
	replaced := a.value != nil && !equalValues(current.Get(a.value), desired.Get(a.value))
	if a.role != roleExtension && (replaced || desired.Len() == 0) {
		for sub := range o.Fields() {
			if sub.Mutability == ReadOnly {
				o = o.With(sub, nil)
			}
		}
	}
	return o, nil
}

// keepReadOnly gives the values of a list the readOnly sub-attributes that the same
// entries had before.
func keepReadOnly(a *Attribute, current, desired List, w *work) (Value, error) {
	if !slices.ContainsFunc(a.Sub, func(sub *Attribute) bool { return sub.Mutability == ReadOnly }) {
		return desired, nil
	}
	entries := newEntries(a, current, w)
	kept := slices.Clone(desired)
	for i, v := range kept {
		o := v.(*Object)
		candidates, err := entries.candidates(o)
		if err != nil {
			return nil, err
		}
		same := slices.IndexFunc(candidates, func(place int) bool { return sameEntry(a, current[place], o) })
		if same < 0 {
			continue
		}
		place := candidates[same]
		for sub, v := range current[place].(*Object).Fields() {
			if sub.Mutability == ReadOnly {
				o = o.With(sub, v)
			}
		}
		kept[i] = o
	}
	return kept, nil
}
