// SPDX-License-Identifier: Apache-2.0

package linearizability

import (
	"fmt"
	"slices"
	"strings"
)

// wholeUser is a user as a POST or PUT has it.
func (in *input) wholeUser() object {
	return object{
		"schemas":  []string{"urn:ietf:params:scim:schemas:core:2.0:User"},
		"userName": in.spelled(), "externalId": in.person, "active": in.active == "true", "title": in.mark,
		"nickName": in.nickName(), "entitlements": []object{{"value": in.mark}},
	}
}

// nickName names the request that made a user. A PUT leaves it.
func (in *input) nickName() string {
	if in.action == replace {
		return in.creation
	}
	return in.mark
}

func (in *input) userOperations() []object {
	operations := []object{
		{"op": "replace", "path": "title", "value": in.mark},
		{"op": "add", "path": "entitlements", "value": []object{{"value": in.mark}}},
	}
	if in.name != "" {
		operations = append(operations, object{"op": "replace", "path": "userName", "value": in.spelled()})
	}
	if in.active != "" {
		operations = append(operations, object{"op": "replace", "path": "active", "value": in.active == "true"})
	}
	return operations
}

func (r *resource) user() user {
	marks := make([]string, len(r.Entitlements))
	for i := range r.Entitlements {
		marks[i] = r.Entitlements[i].Value
	}
	slices.Sort(marks)
	return user{
		id: r.ID, name: r.name(), person: r.ExternalID, active: fmt.Sprint(r.Active),
		creation: r.NickName, last: r.Title, marks: strings.Join(marks, " "),
	}
}
