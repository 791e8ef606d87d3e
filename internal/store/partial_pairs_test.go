// SPDX-License-Identifier: Apache-2.0

package store

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"reflect"
	"testing"

	"k8s.io/utils/ptr"

	api "scim-operator.io/api/v1alpha1"
	"scim-operator.io/internal/scim"
)

// pairRounds is how many pairs of definitions are tried.
const pairRounds = 10

// Two servers whose definitions differ write one user in turn. A write changes the
// attribute that it names and nothing else, whatever the other server has stored.
func TestServersWithOtherDefinitionsKeepEachOthersValues(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	choose := rand.New(rand.NewPCG(seed, 0))
	for range pairRounds {
		w := newWorld(t)
		definitions := [2][]api.SchemaAttribute{randomAttributes(choose), randomAttributes(choose)}
		var servers [2]*replica
		for i := range servers {
			servers[i] = w.with(badgeWith(t, definitions[i]...))
		}
		id := servers[0].user(userBody("quinn", `"title":"t"`)).ID
		eventually(t, "the other server has the user", func() bool {
			return len(servers[1].find(servers[1].users.rt, `userName eq "quinn"`)) == 1
		})
		for range 16 {
			i := choose.IntN(2)
			before := w.storedSpec(usersResource, id)
			target, operation := randomOperation(choose, definitions[i])
			_, _, err := servers[i].tryPatch(servers[i].users.rt, id, operation, Match{})
			if err != nil {
				t.Fatalf("%s: %v", operation, err)
			}
			after := w.storedSpec(usersResource, id)
			if was, is := specWithout(before, target), specWithout(after, target); !reflect.DeepEqual(was, is) {
				a, _ := json.Marshal(was)
				b, _ := json.Marshal(is)
				t.Fatalf("definitions %+v\n%s makes\n%s of\n%s", definitions[i], operation, b, a)
			}
		}
		for _, s := range servers {
			s.stop()
		}
	}
}

// specWithout is a spec without the attribute of the badge, or of the user, that a write names.
func specWithout(spec map[string]any, target string) map[string]any {
	badge, _ := objectIn(spec, "extensions")[badgeSchema].(map[string]any)
	rest := map[string]any{}
	for name, v := range badge {
		if scim.Fold(name) != scim.Fold(target) {
			rest[name] = v
		}
	}
	all := map[string]any{"badge": rest}
	for name, v := range spec {
		if name != "extensions" && name != target {
			all[name] = v
		}
	}
	return all
}

func randomAttributes(choose *rand.Rand) []api.SchemaAttribute {
	types := []api.AttributeType{"string", "integer", "boolean", "decimal", "complex"}
	var attributes []api.SchemaAttribute
	for _, name := range []string{"one", "two", "three", "four"} {
		if choose.IntN(4) == 0 {
			continue
		}
		a := simple(name, types[choose.IntN(len(types))])
		a.MultiValued = ptr.To(choose.IntN(2) == 0)
		switch a.Type {
		case "complex":
			for _, sub := range []string{"value", "type", "level"}[choose.IntN(2):] {
				a.SubAttributes = append(a.SubAttributes, api.SchemaSubAttribute{SchemaValue: api.SchemaValue{Name: sub, Type: types[choose.IntN(3)]}})
			}
		case "string":
			if choose.IntN(2) == 0 {
				a.CanonicalValues, a.CanonicalOnly = []string{"x", "y"}[:1+choose.IntN(2)], ptr.To(true)
			}
		}
		attributes = append(attributes, a)
	}
	if len(attributes) == 0 {
		return []api.SchemaAttribute{simple("one", "string")}
	}
	return attributes
}

// randomOperation is a PATCH of one attribute, which it returns too.
func randomOperation(choose *rand.Rand, attributes []api.SchemaAttribute) (target, operation string) {
	a := &attributes[choose.IntN(len(attributes))]
	path := badgeSchema + ":" + a.Name
	switch choose.IntN(5) {
	case 0:
		return "title", fmt.Sprintf(`{"op":"replace","path":"title","value":"%d"}`, choose.IntN(1000))
	case 1:
		return a.Name, fmt.Sprintf(`{"op":"remove","path":%q}`, path)
	}
	value := randomValue(choose, a)
	if ptr.Deref(a.MultiValued, false) {
		value = []any{value, randomValue(choose, a)}
	}
	encoded, _ := json.Marshal(value)
	return a.Name, fmt.Sprintf(`{"op":%q,"path":%q,"value":%s}`, []string{"add", "replace"}[choose.IntN(2)], path, encoded)
}

func randomValue(choose *rand.Rand, a *api.SchemaAttribute) any {
	if a.Type == "complex" {
		value := map[string]any{}
		for _, sub := range a.SubAttributes {
			value[sub.Name] = randomSimple(choose, &sub.SchemaValue)
		}
		return value
	}
	return randomSimple(choose, &a.SchemaValue)
}

func randomSimple(choose *rand.Rand, v *api.SchemaValue) any {
	switch v.Type {
	case "integer":
		return choose.IntN(5)
	case "decimal":
		return float64(choose.IntN(9)) / 2
	case "boolean":
		return choose.IntN(2) == 0
	}
	if len(v.CanonicalValues) > 0 {
		return v.CanonicalValues[choose.IntN(len(v.CanonicalValues))]
	}
	return fmt.Sprint([]any{"x", "y", "true", choose.IntN(9)}[choose.IntN(4)])
}
