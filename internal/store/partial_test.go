// SPDX-License-Identifier: Apache-2.0

package store

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	api "scim-operator.io/api/v1alpha1"
	"scim-operator.io/internal/scim"
)

// badgeWith declares an extension of users with these attributes.
func badgeWith(t testing.TB, attributes ...api.SchemaAttribute) *scim.Registry {
	t.Helper()
	types, err := NewTypes(&api.ScimEndpointTemplate{Extensions: []api.SchemaExtension{{
		Schema: badgeSchema, ResourceType: "User", Attributes: attributes,
	}}})
	if err != nil {
		t.Fatal(err)
	}
	return types
}

func simple(name string, typ api.AttributeType) api.SchemaAttribute {
	return api.SchemaAttribute{SchemaValue: api.SchemaValue{Name: name, Type: typ}}
}

func (w *world) with(types *scim.Registry) *replica {
	return w.start(func(c *Config) { c.Types = types }, nil)
}

// storedSpec is what the API server has, without what a server says of the write itself.
func (w *world) storedSpec(r resource, id string) map[string]any {
	w.t.Helper()
	var u unstructured.Unstructured
	if err := w.raw.get(w.t.Context(), r, id, &u); err != nil {
		w.t.Fatal(err)
	}
	spec, _, err := unstructured.NestedMap(u.Object, "spec")
	if err != nil {
		w.t.Fatal(err)
	}
	delete(spec, "lastModifiedTime")
	return spec
}

func (w *world) requireBadge(id, want string) {
	w.t.Helper()
	badge, _, _ := unstructured.NestedFieldNoCopy(w.storedSpec(usersResource, id), "extensions", badgeSchema)
	requireJSON(w.t, "the badge", badge, want)
}

// During a rollout of definitions a server that knows an attribute writes it, and one that
// does not writes something else.
func TestAWriteKeepsWhatTheDefinitionsDoNotKnowYet(t *testing.T) {
	w := newWorld(t)
	older := w.with(badgeWith(t, simple("number", "integer")))
	newer := w.with(badgeWith(t, simple("number", "integer"), simple("color", "string")))
	u := newer.user(userBody("quinn", `"`+badgeSchema+`":{"number":7,"color":"Red"}`))
	eventually(t, "the older server has the user", func() bool {
		return len(older.find(older.users.rt, `userName eq "quinn"`)) == 1
	})
	older.patch(older.users.rt, u.ID, `{"op":"replace","path":"active","value":false}`)
	w.requireBadge(u.ID, `{"number":7,"color":"Red"}`)
	older.patch(older.users.rt, u.ID, `{"op":"replace","path":"`+badgeSchema+`:number","value":8}`)
	w.requireBadge(u.ID, `{"number":8,"color":"Red"}`)
}

func TestAWriteKeepsWhatTheDefinitionsDoNotKnowAnyMore(t *testing.T) {
	w := newWorld(t)
	before := w.with(badgeWith(t, simple("number", "integer"), simple("color", "string")))
	u := before.user(userBody("quinn", `"`+badgeSchema+`":{"number":7,"color":"Red"}`))
	before.stop()
	after := w.with(badgeWith(t, simple("number", "integer")))
	after.patch(after.users.rt, u.ID, `{"op":"replace","path":"title","value":"x"}`)
	w.requireBadge(u.ID, `{"number":7,"color":"Red"}`)
	after.delete(after.users.rt, u.ID)
	w.requireBadge(u.ID, `{"number":7,"color":"Red"}`)
}

func TestAValueThatCannotBeReadHidesItselfOnly(t *testing.T) {
	w := newWorld(t)
	color := simple("color", "string")
	before := w.with(badgeWith(t, simple("number", "string"), color, simple("zone", "string")))
	u := before.user(userBody("quinn", `"`+badgeSchema+`":{"number":"seven","color":"Green","zone":"north"}`))
	before.stop()
	narrowed := color
	narrowed.CanonicalValues, narrowed.CanonicalOnly = []string{"Red", "Blue"}, new(true)
	after := w.with(badgeWith(t, simple("number", "integer"), narrowed, simple("zone", "string")))
	shown, err := after.Get(t.Context(), after.users.rt, u.ID)
	if err != nil {
		t.Fatal(err)
	}
	if got := string(shown.AppendJSON(nil, nil)); !strings.Contains(got, `{"color":"Green","zone":"north"}`) {
		t.Errorf("shown is %s", got)
	}
	after.patch(after.users.rt, u.ID, `{"op":"replace","path":"`+badgeSchema+`:zone","value":"south"}`)
	w.requireBadge(u.ID, `{"number":"seven","color":"Green","zone":"south"}`)
	_, err = after.users.rt.ParsePatch([]byte(`{"Operations":[{"op":"replace","path":"` + badgeSchema + `:color","value":"Yellow"}]}`))
	requireStatus(t, err, 400, scim.ScimTypeInvalidValue)
	after.patch(after.users.rt, u.ID, `{"op":"replace","path":"`+badgeSchema+`:number","value":7}`)
	w.requireBadge(u.ID, `{"number":7,"color":"Green","zone":"south"}`)
}

// change edits a stored object as somebody with another release's types does.
func (w *world) change(r resource, id string, edit func(spec map[string]any)) {
	w.t.Helper()
	var d document
	if err := w.raw.get(w.t.Context(), r, id, &d); err != nil {
		w.t.Fatal(err)
	}
	d.SetGroupVersionKind(api.SchemeGroupVersion.WithKind(kindNames[r]))
	edit(d.Object["spec"].(map[string]any))
	if err := w.raw.update(w.t.Context(), r, &d, &document{}); err != nil {
		w.t.Fatal(err)
	}
}

func requireJSON(t testing.TB, what string, got any, want string) {
	t.Helper()
	var wanted any
	if err := json.Unmarshal([]byte(want), &wanted); err != nil {
		t.Fatal(err)
	}
	plain, err := plainJSON(got)
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(plain, wanted) {
		document, _ := json.Marshal(got)
		t.Errorf("%s is %s, want %s", what, document, want)
	}
}

// A newer release has fields in every part of a user.
func TestAWriteKeepsTheFieldsOfANewerRelease(t *testing.T) {
	w := newWorld(t)
	r := w.replica()
	rt := r.users.rt
	u := r.user(userBody("quinn", `"externalId":"q"`, `"name":{"givenName":"Q"}`, `"emails":[{"value":"q@acme.com","type":"work"},{"value":"p@acme.com","type":"home"}]`,
		`"`+scim.EnterpriseUserSchema+`":{"manager":{"value":"m"}}`, `"`+scim.OperatorUserSchema+`":{"organizationId":["1"]}`))
	w.change(usersResource, u.ID, func(spec map[string]any) {
		spec["pronouns"] = "they"
		spec["name"].(map[string]any)["preferredName"] = "Quinnie"
		for i, email := range spec["emails"].([]any) {
			email.(map[string]any)["verified"] = map[string]any{"by": int64(i), "since": nil}
		}
		spec["enterprise"].(map[string]any)["manager"].(map[string]any)["since"] = "2020"
		spec["account"].(map[string]any)["tier"] = int64(3)
	})
	known := func() bool { return r.index.view().users.live.len() == 1 && r.entryOf(u.ID).partial() }
	eventually(t, "the server has noticed", known)
	r.patch(rt, u.ID, `{"op":"replace","path":"active","value":false}`)
	r.patch(rt, u.ID, `{"op":"replace","path":"emails[type eq \"work\"].value","value":"new@acme.com"},{"op":"replace","path":"name.givenName","value":"R"},
		{"op":"remove","path":"emails[type eq \"home\"]"},{"op":"add","path":"emails","value":[{"value":"x@acme.com"}]},
		{"op":"replace","path":"`+scim.EnterpriseUserSchema+`:manager.value","value":"n"},{"op":"add","path":"`+scim.OperatorUserSchema+`:organizationId","value":["2"]}`)
	spec := w.storedSpec(usersResource, u.ID)
	delete(spec, "endpointRef")
	requireJSON(t, "the user", spec, `{"userName":"quinn","externalId":"q","active":false,"pronouns":"they","name":{"givenName":"R","preferredName":"Quinnie"},
		"emails":[{"value":"new@acme.com","type":"work","verified":{"by":0,"since":null}},{"value":"x@acme.com"}],
		"enterprise":{"manager":{"value":"n","since":"2020"}},"account":{"organizationIds":["1","2"],"tier":3}}`)

	if err := r.rename(u.ID, "rita"); err != nil {
		t.Fatal(err)
	}
	r.delete(rt, u.ID)
	back := r.user(userBody("rita", `"externalId":"q"`))
	if spec = w.storedSpec(usersResource, u.ID); back.ID != u.ID {
		t.Fatalf("who comes back is %s", back.ID)
	}
	requireJSON(t, "what is not known", map[string]any{"pronouns": spec["pronouns"], "name": spec["name"], "account": spec["account"]},
		`{"pronouns":"they","name":{"preferredName":"Quinnie"},"account":{"tier":3}}`)
	w.requireUnique()
}

func (r *replica) entryOf(id string) *entry {
	e, _ := r.index.view().users.live.find(id)
	return e
}

// A resource of a declared type is kept as a user is.
func TestAResourceKeepsTheFieldsOfANewerRelease(t *testing.T) {
	w := newWorld(t)
	r := w.start(withDevices, nil)
	rt := r.devices().rt
	d := r.device(deviceBody("a", "t", `"ports":[{"value":1,"open":true},{"value":2}]`))
	w.change(declaredResource, d.ID, func(spec map[string]any) {
		spec["mark"] = "m"
		attributes := spec["attributes"].(map[string]any)
		attributes["old"] = map[string]any{"a": "b", "A": []any{"c"}}
		attributes["weight"] = "heavy"
		attributes["ports"] = append(attributes["ports"].([]any), "three")
		attributes["ports"].([]any)[0].(map[string]any)["speed"] = int64(100)
	})
	r.patch(rt, d.ID, `{"op":"replace","path":"serialNumber","value":"b"},{"op":"replace","path":"ports[value eq 1].open","value":false},{"op":"add","path":"ports","value":[{"value":3}]}`)
	spec := w.storedSpec(declaredResource, d.ID)
	delete(spec, "endpointRef")
	requireJSON(t, "the device", spec, `{"resourceType":"Device","mark":"m","attributes":{"serialNumber":"b","assetTag":"t","weight":"heavy",
		"old":{"a":"b","A":["c"]},"ports":[{"value":1,"open":false,"speed":100},{"value":2},{"value":3},"three"]}}`)
	w.requireUnique()
}

// Members move into slices, among slices, and back.
func TestMembersKeepTheFieldsOfANewerRelease(t *testing.T) {
	w := newWorld(t)
	r := w.replica()
	rt := r.groups.rt
	g := r.group(groupBody("G", "a", "b", "c"))
	w.change(groupsResource, g.ID, func(spec map[string]any) {
		spec["members"].([]any)[1].(map[string]any)["since"] = "2020"
		spec["members"].([]any)[2].(map[string]any)["type"] = "User"
		spec["owner"] = "o"
	})
	w.change(groupsResource, g.ID, func(spec map[string]any) { spec["purpose"] = "p" })
	members := func(n int) string {
		values := make([]string, n)
		for i := range values {
			values[i] = fmt.Sprintf(`{"value":"m-%d"}`, i)
		}
		return strings.Join(values, ",")
	}
	b := func() any {
		spec := w.storedSpec(groupsResource, g.ID)
		requireJSON(t, "the group", []any{spec["owner"], spec["purpose"]}, `["o","p"]`)
		names, _ := spec["slices"].([]any)
		held := []any{spec}
		for _, name := range names {
			held = append(held, w.storedSpec(slicesResource, name.(string)))
		}
		for _, in := range held {
			all, _ := in.(map[string]any)["members"].([]any)
			for _, m := range all {
				if m.(map[string]any)["value"] == "b" {
					return m
				}
			}
		}
		return nil
	}
	for _, operation := range []string{
		`{"op":"remove","path":"members[value eq \"a\"]"}`,
		`{"op":"add","path":"members","value":[` + members(1200) + `]}`,
		`{"op":"remove","path":"members[value eq \"c\"]"}`,
		`{"op":"replace","path":"displayName","value":"H"}`,
		`{"op":"replace","path":"members","value":[{"value":"b"},{"value":"m-1"}]}`,
		`{"op":"add","path":"members","value":[{"value":"d"}]}`,
	} {
		r.patch(rt, g.ID, operation)
		requireJSON(t, "member b after "+operation[:40], b(), `{"value":"b","since":"2020"}`)
	}
	w.requireUnique()
}

// A claim that is taken over keeps what another release notes in it.
func TestAClaimKeepsTheFieldsOfANewerRelease(t *testing.T) {
	w := newWorld(t)
	f := &faults{lose: func(write string, _ int) (carriedOut, answered bool) {
		released := write == "delete scimclaims" // what is given up stays, for the next one to take over
		return !released, !released
	}}
	r := w.start(nil, f.wrap)
	u := r.user(userBody("quinn"))
	claim := r.claimName(r.users.unique[0], "quinn")
	w.change(claimsResource, claim, func(spec map[string]any) { spec["note"] = "n" })
	if err := r.rename(u.ID, "QUINN2"); err != nil {
		t.Fatal(err)
	}
	next := r.user(userBody("rita"))
	if err := r.rename(next.ID, "quinn"); err != nil {
		t.Fatal(err)
	}
	spec := w.storedSpec(claimsResource, claim)
	delete(spec, "endpointRef")
	requireJSON(t, "the claim", spec, `{"attribute":"User.userName","value":"quinn","note":"n",
		"holderRef":{"name":"`+next.ID+`"},"previousHolderRef":{"name":"`+u.ID+`"}}`)
	w.requireUnique()
}
