// SPDX-License-Identifier: Apache-2.0

package linearizability

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"scim-operator.io/api/v1alpha1"
)

const (
	// memberPool is how many users may be members of any group. Their numbers begin at 0;
	// the numbers from there on are of members that do not exist.
	memberPool = 4
	// firstOfMany and lastOfMany are the members of a group that needs slices from the start.
	firstOfMany = 100
	lastOfMany  = firstOfMany + v1alpha1.MaxInlineMembers + 50
	// firstMark is the first number of a request, which a write leaves as a value.
	firstMark = 2000
)

// pool are the ids of the users who may be members of any group.
type pool []string

// deviceSchema declares devices.
const deviceSchema = "urn:example:params:scim:schemas:device:2.0:Device"

// deviceType is a resource type with a unique attribute and one of many values.
func deviceType() v1alpha1.SchemaResourceType {
	serial := v1alpha1.ResourceAttribute{Uniqueness: v1alpha1.UniquenessServer}
	serial.Name, serial.Type = "serialNumber", "string"
	number := v1alpha1.SchemaSubAttribute{}
	number.Name, number.Type = "value", "integer"
	multiValued := true
	ports := v1alpha1.ResourceAttribute{}
	ports.Name, ports.Type, ports.MultiValued, ports.SubAttributes = devices.values(), "complex", &multiValued, []v1alpha1.SchemaSubAttribute{number}
	return v1alpha1.SchemaResourceType{
		Name: "Device", Endpoint: "/" + string(devices), Schema: deviceSchema,
		Attributes: []v1alpha1.ResourceAttribute{serial, ports},
	}
}

// values is the attribute that has the values of an item.
func (k kind) values() string {
	if k == groups {
		return "members"
	}
	return "ports"
}

// valueOf is a number as a group or device has it.
func (in *input) valueOf(n int, pool pool) any {
	switch {
	case in.kind == devices:
		return n
	case n < memberPool:
		return pool[n]
	}
	return in.scope + "." + strconv.Itoa(n)
}

// valuesAs lists values for a request.
func (in *input) valuesAs(v values, pool pool) []object {
	list := []object{}
	for _, n := range v.numbers() {
		list = append(list, object{"value": in.valueOf(n, pool)})
	}
	return list
}

// wholeItem is a group or device as a POST or PUT has it.
func (in *input) wholeItem(pool pool) object {
	schema := "urn:ietf:params:scim:schemas:core:2.0:Group"
	if in.kind == devices {
		schema = deviceSchema
	}
	return object{
		"schemas": []string{schema}, in.kind.unique(): in.spelled(), "externalId": in.mark,
		in.kind.values(): in.valuesAs(in.edit.add, pool),
	}
}

func (in *input) itemOperations(pool pool) []object {
	operations := []object{{"op": "replace", "path": "externalId", "value": in.mark}}
	add := object{"op": "add", "path": in.kind.values(), "value": in.valuesAs(in.edit.add, pool)}
	if in.edit.whole {
		add["op"] = "replace"
	}
	for _, n := range in.edit.remove.numbers() {
		operations = append(operations, object{"op": "remove", "path": in.path(n, pool)})
	}
	operations = append(operations, add)
	if in.name != "" {
		operations = append(operations, object{"op": "replace", "path": in.kind.unique(), "value": in.spelled()})
	}
	return operations
}

// path selects one value.
func (in *input) path(n int, pool pool) string {
	return fmt.Sprintf("%s[value eq %s]", in.kind.values(), literal(in.valueOf(n, pool)))
}

// havingFilter selects the items that have a value, in one spelling or the other.
func (in *input) havingFilter(pool pool) string {
	value := literal(in.valueOf(in.value, pool))
	switch {
	case in.kind == devices && strings.HasSuffix(in.mark, "7"):
		return in.path(in.value, pool)
	case in.kind == groups && strings.HasSuffix(in.mark, "7"):
		return "members eq " + value
	}
	return in.kind.values() + ".value eq " + value
}

func literal(value any) string {
	if text, ok := value.(string); ok {
		return strconv.Quote(text)
	}
	return fmt.Sprint(value)
}

// item understands a group or device.
func (r *resource) item(pool pool) (item, error) {
	var numbers []int
	for _, p := range r.Ports {
		numbers = append(numbers, p.Value)
	}
	for _, m := range r.Members {
		n, err := pool.number(m.Value)
		if err != nil {
			return item{}, err
		}
		numbers = append(numbers, n)
	}
	v, err := valuesOf(numbers)
	if err != nil {
		return item{}, fmt.Errorf("%s: %w", r.ID, err)
	}
	return item{id: r.ID, name: r.name(), last: r.ExternalID, values: v}, nil
}

// number is that of a member.
func (p pool) number(member string) (int, error) {
	if n := slices.Index(p, member); n >= 0 {
		return n, nil
	}
	n, err := strconv.Atoi(member[strings.LastIndex(member, ".")+1:])
	if err != nil {
		return 0, fmt.Errorf("no client has added the member %s", member)
	}
	return n, nil
}

// numbers are those of users who were found.
func (p pool) numbers(found []resource) (values, error) {
	numbers := make([]int, len(found))
	for i := range found {
		n := slices.Index(p, found[i].ID)
		if n < 0 {
			return "", fmt.Errorf("no client has added the member %s", found[i].ID)
		}
		numbers[i] = n
	}
	return valuesOf(numbers)
}

// memberships are the groups of a user, of whom answers show no more than id and name.
func (r *resource) memberships() []item {
	items := make([]item, len(r.Groups))
	for i, g := range r.Groups {
		items[i] = item{id: g.Value, name: strings.ToLower(g.Display)}
	}
	return items
}
