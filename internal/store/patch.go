// SPDX-License-Identifier: Apache-2.0

package store

import (
	"bytes"
	"encoding/json"
	"fmt"
	"reflect"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	api "scim-operator.io/api/v1alpha1"
	"scim-operator.io/internal/scim"
)

// patch returns the JSON merge patch that makes a draft of its base. It names what differs
// between the two as this process reads them, and the fields that this process alone decides
// about. So a field that this process has never seen stays, whatever the API server showed.
// The uid and the resourceVersion make it a compare-and-swap.
//
// There is no patch where the difference takes objects away with all that is in them: as
// elements of a list, or because none of their fields that this process knows is left.
func (s *Store) patch(k *kind, d draft) (patch []byte, ok bool, err error) {
	before, err := json.Marshal(s.attributesSpec(k, d.base.object()))
	if err != nil {
		return nil, false, err
	}
	after, err := json.Marshal(s.attributesSpec(k, d.next))
	if err != nil {
		return nil, false, err
	}
	spec, err := difference(before, after)
	if err != nil || takesObjects(spec, before) {
		return nil, false, err
	}
	d.addOwn(spec)
	metadata, err := d.metadata()
	if err != nil {
		return nil, false, err
	}
	patch, err = json.Marshal(map[string]any{"metadata": metadata, "spec": spec})
	return patch, true, err
}

// takesObjects reports whether a merge patch removes or replaces an object, or a list with
// objects in it, of what it is a patch of.
func takesObjects(patch map[string]any, of []byte) bool {
	var before map[string]json.RawMessage
	if json.Unmarshal(of, &before) != nil {
		return false // it has no fields
	}
	for name, change := range patch {
		was := before[name]
		if below, isMerge := change.(map[string]any); isMerge {
			if takesObjects(below, was) {
				return true
			}
		} else if isJSONObject(was) || len(was) > 0 && was[0] == '[' && bytes.IndexByte(was, '{') > 0 {
			return true
		}
	}
	return false
}

// attributesSpec returns the part of a spec that holds the attributes of a resource.
func (s *Store) attributesSpec(k *kind, o *scim.Object) any {
	switch k {
	case s.users:
		return s.userSpec(o)
	case s.groups:
		return s.groupSpec(o)
	}
	return k.declaredSpec(o)
}

// addOwn adds the fields of a spec that no attribute is stored in. A null removes a field.
func (d *draft) addOwn(spec map[string]any) {
	switch o := d.object.(type) {
	case *api.ScimUser:
		spec["endpointRef"] = map[string]any{"name": o.Spec.EndpointRef.Name}
		spec["lastModifiedTime"] = o.Spec.LastModifiedTime
		spec["deletedTime"], spec["adoptedTime"], spec["returnedTime"] = o.Spec.DeletedTime, o.Spec.AdoptedTime, o.Spec.ReturnedTime
	case *api.ScimGroup:
		spec["lastModifiedTime"], spec["memberCount"] = o.Spec.LastModifiedTime, o.Spec.MemberCount
		if d.members {
			spec["members"], spec["slices"] = o.Spec.Members, o.Spec.Slices
		}
	case *api.ScimResource:
		spec["lastModifiedTime"] = o.Spec.LastModifiedTime
	}
}

// metadata returns what a draft changes of the metadata, and the version that it replaces.
func (d *draft) metadata() (map[string]any, error) {
	m := map[string]any{"uid": d.object.GetUID(), "resourceVersion": d.object.GetResourceVersion()}
	extra := d.base.extra
	if extra == nil {
		return m, nil
	}
	m["labels"], m["finalizers"] = d.object.GetLabels(), d.object.GetFinalizers()
	before, err := json.Marshal(extra.annotations)
	if err != nil {
		return nil, err
	}
	after, err := json.Marshal(d.object.GetAnnotations())
	if err != nil {
		return nil, err
	}
	m["annotations"], err = difference(before, after)
	return m, err
}

// difference returns the JSON merge patch that makes one JSON object of another. Lists are
// replaced whole.
func difference(from, to []byte) (map[string]any, error) {
	var before, after map[string]json.RawMessage
	if err := json.Unmarshal(from, &before); err != nil {
		return nil, fmt.Errorf("the object before: %w", err)
	}
	if err := json.Unmarshal(to, &after); err != nil {
		return nil, fmt.Errorf("the object after: %w", err)
	}
	patch := map[string]any{}
	for name := range before {
		if _, stays := after[name]; !stays {
			patch[name] = nil
		}
	}
	for name, value := range after {
		was := before[name]
		switch {
		case bytes.Equal(was, value):
		case isJSONObject(was) && isJSONObject(value):
			below, err := difference(was, value)
			if err != nil {
				return nil, err
			}
			if len(below) > 0 {
				patch[name] = below
			}
		default:
			patch[name] = value
		}
	}
	return patch, nil
}

// hasSpecOf reports whether a stored object has what a merge patch makes of the spec.
func hasSpecOf(there object, patch []byte) bool {
	stored, err := plainJSON(there)
	if err != nil {
		return false
	}
	wanted, err := plainJSON(json.RawMessage(patch))
	if err != nil {
		return false
	}
	return contains(fieldOf(stored, "spec"), fieldOf(wanted, "spec"))
}

// contains reports whether a merge patch changes nothing of a JSON value.
func contains(value, patch any) bool {
	changes, ok := patch.(map[string]any)
	if !ok {
		return reflect.DeepEqual(value, patch)
	}
	for name, change := range changes {
		if !contains(fieldOf(value, name), change) {
			return false
		}
	}
	return true
}

// fieldOf returns a field of a JSON object, nil where there is none.
func fieldOf(value any, name string) any {
	fields, _ := value.(map[string]any)
	return fields[name]
}

// isJSONObject reports whether a JSON value without leading space is an object.
func isJSONObject(value []byte) bool { return len(value) > 0 && value[0] == '{' }

// otherUID returns a conflict for an error that is about the uid: an object with the same
// name and resourceVersion is another one.
func otherUID(err error, r resource, name string) error {
	cause, ok := apierrors.StatusCause(err, metav1.CauseTypeFieldValueInvalid)
	if ok && cause.Field == "metadata.uid" {
		return apierrors.NewConflict(api.Resource(string(r)), name, err)
	}
	return err
}
