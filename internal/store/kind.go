// SPDX-License-Identifier: Apache-2.0

package store

import (
	"fmt"

	"k8s.io/apimachinery/pkg/api/validation"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"

	api "scim-operator.io/api/v1alpha1"
	"scim-operator.io/internal/scim"
)

// kind is a resource type and the custom resource that stores it.
type kind struct {
	rt        *scim.ResourceType
	resource  resource
	unique    *scim.Attribute      // whose values are claimed
	claimed   api.ClaimedAttribute // its name in claims
	shelf     *shelf
	newObject func() object
	newList   func() runtime.Object
}

// kindOf gives the kind that stores a resource type.
func (s *Store) kindOf(rt *scim.ResourceType) (*kind, error) {
	switch rt {
	case s.users.rt:
		return s.users, nil
	case s.groups.rt:
		return s.groups, nil
	}
	return nil, scim.NewError(501, "", fmt.Sprintf("resources of type %s cannot be stored", rt.Name))
}

// named gives the kind that stores a resource type, and 404 for an id that can be none of
// its resources': an id is the name of an object.
func (s *Store) named(rt *scim.ResourceType, id string) (*kind, error) {
	k, err := s.kindOf(rt)
	if err == nil && len(validation.NameIsDNSSubdomain(id, false)) > 0 {
		err = scim.ErrNotFound(rt.Name, id)
	}
	return k, err
}

// read decodes a user or group into an entry, and the slices a group names.
func (s *Store) read(o runtime.Object) (groupOrUser, error) {
	switch o := o.(type) {
	case *api.ScimUser:
		e, err := s.userEntry(o)
		return groupOrUser{entry: e}, err
	case *api.ScimGroup:
		e, err := s.groupEntry(o)
		if err != nil {
			return groupOrUser{}, err
		}
		if len(o.Spec.Slices) == 0 {
			e.members = newMemberList()
			if len(o.Spec.Members) > 0 {
				e.members = newMemberList(newChunk("", o.Spec.Members))
			}
		}
		return groupOrUser{entry: e, slices: o.Spec.Slices}, nil
	}
	return groupOrUser{}, fmt.Errorf("a %T is neither a user nor a group", o)
}

// ours says whether a resource belongs to this endpoint: its name alone does not say.
func (s *Store) ours(o object) bool {
	switch o := o.(type) {
	case *api.ScimUser:
		return o.Spec.EndpointRef.Name == s.endpoint
	case *api.ScimGroup:
		return o.Spec.EndpointRef.Name == s.endpoint
	}
	return false
}

// listOptions select what belongs to this endpoint.
func (s *Store) listOptions(o metav1.ListOptions) metav1.ListOptions {
	o.FieldSelector = "spec.endpointRef.name=" + s.endpoint
	return o
}
