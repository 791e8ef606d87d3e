// SPDX-License-Identifier: Apache-2.0

package store

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/utils/ptr"

	api "scim-operator.io/api/v1alpha1"
	"scim-operator.io/internal/scim"
	"scim-operator.io/internal/scim/scimtest"
)

const warrantySchema = "urn:example:warranty:2.0:Device"

// devicesSpec declares devices, with two unique attributes, and an extension of them.
func devicesSpec() *api.ScimEndpointTemplate {
	attribute := func(name string, typ api.AttributeType) api.ResourceAttribute {
		return api.ResourceAttribute{SchemaAttribute: api.SchemaAttribute{SchemaValue: api.SchemaValue{Name: name, Type: typ}}}
	}
	serial, tag := attribute("serialNumber", "string"), attribute("assetTag", "string")
	serial.Required, serial.Uniqueness = ptr.To(true), api.UniquenessServer
	tag.CaseExact, tag.Uniqueness = ptr.To(true), api.UniquenessGlobal
	ports, tags, owner := attribute("ports", "complex"), attribute("tags", "string"), attribute("owner", "reference")
	ports.MultiValued, tags.MultiValued = ptr.To(true), ptr.To(true)
	ports.SubAttributes = []api.SchemaSubAttribute{
		{SchemaValue: api.SchemaValue{Name: "value", Type: "integer"}}, {SchemaValue: api.SchemaValue{Name: "open", Type: "boolean"}},
	}
	owner.ReferenceTypes = []string{"User"}
	model := attribute("model", "string")
	model.Mutability = "immutable"
	return &api.ScimEndpointTemplate{
		ResourceTypes: []api.SchemaResourceType{{
			Name: "Device", Endpoint: "/Devices", Description: "A device.", Schema: "urn:example:device:2.0:Device",
			Attributes: []api.ResourceAttribute{serial, tag, model, attribute("weight", "decimal"), attribute("bought", "dateTime"), ports, tags, owner},
		}},
		Extensions: []api.SchemaExtension{{
			Schema: warrantySchema, ResourceType: "Device",
			Attributes: []api.SchemaAttribute{{SchemaValue: api.SchemaValue{Name: "until", Type: "dateTime"}}},
		}},
	}
}

func deviceTypes(t testing.TB) *scim.Registry {
	t.Helper()
	types, err := NewTypes(devicesSpec())
	if err != nil {
		t.Fatal(err)
	}
	return types
}

var declaredDevices = sync.OnceValues(func() (*scim.Registry, error) { return NewTypes(devicesSpec()) })

func withDevices(c *Config) {
	types, err := declaredDevices()
	if err != nil {
		panic(err)
	}
	c.Types = types
}

// devices is the kind of the first declared type.
func (s *Store) devices() *kind { return s.kinds[2] }

func deviceBody(serial, tag string, more ...string) string {
	body := []string{fmt.Sprintf(`"serialNumber":%q`, serial)}
	if tag != "" {
		body = append(body, fmt.Sprintf(`"assetTag":%q`, tag))
	}
	return "{" + strings.Join(append(body, more...), ",") + "}"
}

func (r *replica) tryDevice(body string) (*Resource, error) {
	rt := r.devices().rt
	return r.Create(r.t.Context(), rt, parse(r.t, rt, body))
}

func (r *replica) device(body string) *Resource {
	r.t.Helper()
	d, err := r.tryDevice(body)
	if err != nil {
		r.t.Fatalf("creating %s: %v", body, err)
	}
	return d
}

func TestADeclaredResourceIsCreatedReadChangedAndDeleted(t *testing.T) {
	w := newWorld(t)
	r, other := w.start(withDevices, nil), w.start(withDevices, nil)
	rt := r.devices().rt
	d := r.device(deviceBody("SN-1", "tag", `"externalId":"e1","weight":2.5,"bought":"2026-01-02T03:04:05Z"`,
		`"ports":[{"value":22,"open":true},{"value":80}],"tags":["a","b"],"owner":"../Users/1","`+warrantySchema+`":{"until":"2030-01-01T00:00:00Z"}`))
	if want := "https://scim.example.com/scim/v2/Devices/" + d.ID; scimtest.Value(d.Object(), "meta.location") != want || scimtest.Value(d.Object(), "meta.resourceType") != "Device" {
		t.Errorf("meta is %v", scimtest.Value(d.Object(), "meta"))
	}
	var stored api.ScimResource
	if err := w.raw.get(t.Context(), declaredResource, d.ID, &stored); err != nil {
		t.Fatal(err)
	}
	if got := string(stored.Spec.Attributes["serialNumber"].Raw); got != `"SN-1"` || stored.Spec.ExternalID != "e1" ||
		stored.Spec.ResourceType != "Device" || string(stored.Spec.Attributes[warrantySchema].Raw) != `{"until":"2030-01-01T00:00:00Z"}` {
		t.Errorf("stored is %+v", stored.Spec)
	}
	eventually(t, "the other replica has it", func() bool {
		_, err := other.Get(t.Context(), rt, d.ID)
		return err == nil
	})
	for filter, want := range map[string]int{
		`serialNumber eq "sn-1"`: 1, `assetTag eq "tag"`: 1, `assetTag eq "TAG"`: 0, `externalId eq "e1"`: 1, `id eq "` + d.ID + `"`: 1,
		`ports[value eq 22 and open eq true]`: 1, `weight gt 2`: 1, `bought lt "2026-01-02T03:04:06Z"`: 1, `tags eq "B"`: 1,
		warrantySchema + `:until pr`: 1, `meta.resourceType eq "Device"`: 1, `serialNumber eq "sn-2"`: 0,
	} {
		if found := other.find(rt, filter); len(found) != want {
			t.Errorf("%s finds %v", filter, found)
		}
	}
	changed := r.patch(rt, d.ID, `{"op":"add","path":"ports","value":[{"value":443}]},{"op":"remove","path":"ports[value eq 80]"},{"op":"replace","path":"weight","value":3}`)
	if changed.Version == d.Version || fmt.Sprint(scimtest.Value(changed.Object(), "ports.value")) != "[22 443]" {
		t.Errorf("the change made %v of version %s", scimtest.Value(changed.Object(), "ports"), changed.Version)
	}
	_, unchanged, err := r.tryPatch(rt, d.ID, `{"op":"replace","path":"weight","value":3}`, Match{})
	if err != nil || unchanged {
		t.Errorf("a change of nothing: %v, %v", unchanged, err)
	}
	r.patch(rt, d.ID, `{"op":"add","path":"model","value":"M1"}`)
	_, _, err = r.tryPatch(rt, d.ID, `{"op":"replace","path":"model","value":"M2"}`, Match{})
	requireStatus(t, err, http.StatusBadRequest, scim.ScimTypeMutability)
	_, _, err = r.tryPatch(rt, d.ID, `{"op":"replace","path":"weight","value":4}`, NewMatch(`W/"1"`, ""))
	requireStatus(t, err, http.StatusPreconditionFailed, "")

	r.delete(rt, d.ID)
	_, err = r.Get(t.Context(), rt, d.ID)
	requireNotFound(t, err)
	if claims := w.claims(); len(claims) != 0 {
		t.Errorf("the claims %v stay", claims)
	}
	if again := r.device(deviceBody("sn-1", "tag")); again.ID == d.ID {
		t.Error("the id was given again")
	}
}

func TestUniqueValuesOfADeclaredTypeBelongToOne(t *testing.T) {
	w := newWorld(t)
	r := w.start(withDevices, nil)
	rt := r.devices().rt
	first, second := r.device(deviceBody("a", "t")), r.device(deviceBody("b", ""))
	for body, path := range map[string]string{deviceBody("A", ""): "serialNumber", deviceBody("c", "t"): "assetTag"} {
		_, err := r.tryDevice(body)
		requireTaken(t, err)
		if refusal := (*scim.Error)(nil); !errors.As(err, &refusal) || refusal.Path != path {
			t.Errorf("%s: the error is about %q", body, refusal.Path)
		}
	}
	// Case matters where the schema says so, and what was refused holds nothing.
	r.device(deviceBody("c", "T"))
	_, _, err := r.tryPatch(rt, second.ID, `{"op":"replace","value":{"serialNumber":"d","assetTag":"t"}}`, Match{})
	requireTaken(t, err)
	r.device(deviceBody("d", ""))
	// Values that are given up are free at once.
	r.patch(rt, first.ID, `{"op":"remove","path":"assetTag"},{"op":"replace","path":"serialNumber","value":"z"}`)
	r.patch(rt, second.ID, `{"op":"replace","value":{"serialNumber":"a","assetTag":"t"}}`)
	w.requireUnique()
}

func TestRacingCreatesOfADeclaredTypeHaveOneWinner(t *testing.T) {
	w := newWorld(t)
	replicas := []*replica{w.start(withDevices, nil), w.start(withDevices, nil), w.start(withDevices, nil)}
	for round := range 5 {
		bodies := []string{
			deviceBody(fmt.Sprintf("s%d", round), fmt.Sprintf("t%d", round)), deviceBody(fmt.Sprintf("x%d", round), fmt.Sprintf("t%d", round)),
		}
		var racing sync.WaitGroup
		errs := make([]error, 4*len(replicas))
		for i := range errs {
			racing.Go(func() { _, errs[i] = replicas[i%len(replicas)].tryDevice(bodies[i%2]) })
		}
		racing.Wait()
		won := 0
		for _, err := range errs {
			if err == nil {
				won++
			} else {
				requireTaken(t, err)
			}
		}
		if won != 1 {
			t.Errorf("%d of the racing creates succeeded", won)
		}
	}
	w.requireUnique()
}

func TestReadsOfADeclaredTypeSeeWhatPeersAcknowledged(t *testing.T) {
	w := newWorld(t)
	peers := &testPeers{}
	a, b := w.start(withDevices, nil), w.start(func(c *Config) { withDevices(c); c.Peers = peers }, nil)
	peers.others = []*replica{a}
	rt := a.devices().rt
	for i := range 50 {
		d := a.device(deviceBody(fmt.Sprint(i), ""))
		if _, err := b.Get(t.Context(), rt, d.ID); err != nil {
			t.Fatalf("device %d is not there: %v", i, err)
		}
		if page := b.list(Query{Type: rt, Count: 1}); page.Total != i+1 {
			t.Fatalf("%d devices are shown of %d", page.Total, i+1)
		}
	}
}

// What is stored stays where a server does not know its type or its attributes, and is
// served again where it does.
func TestResourcesOfATypeThatIsDeclaredNoLongerStay(t *testing.T) {
	w := newWorld(t)
	r := w.start(withDevices, nil)
	d := r.device(deviceBody("a", "t", `"weight":1.5,"`+warrantySchema+`":{"until":"2030-01-01T00:00:00Z"}`))
	r.stop()
	without := w.replica()
	if without.user(userBody("ada")).ID == "" || len(without.kinds) != 2 || len(without.feeds) != 3 {
		t.Errorf("an endpoint without types has %d kinds and %d feeds", len(without.kinds), len(without.feeds))
	}
	without.stop()

	narrow := w.start(func(c *Config) {
		spec := devicesSpec()
		spec.Extensions = nil
		spec.ResourceTypes[0].Attributes = spec.ResourceTypes[0].Attributes[:2]
		var err error
		if c.Types, err = NewTypes(spec); err != nil {
			t.Fatal(err)
		}
	}, nil)
	narrow.patch(narrow.devices().rt, d.ID, `{"op":"replace","path":"serialNumber","value":"b"}`)
	narrow.stop()
	again := w.start(withDevices, nil)
	shown, err := again.Get(t.Context(), again.devices().rt, d.ID)
	if err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]any{"serialNumber": "b", "assetTag": "t", "weight": 1.5, warrantySchema + ":until": "2030-01-01T00:00:00Z"} {
		if got := scimtest.Value(shown.Object(), path); got != want {
			t.Errorf("%s is %v, want %v", path, got, want)
		}
	}
}

// A resource that was there before its attribute was declared unique has no claim, and
// keeps its value all the same.
func TestAValueFromBeforeItWasUniqueIsTaken(t *testing.T) {
	w := newWorld(t)
	before := w.start(func(c *Config) {
		spec := devicesSpec()
		spec.ResourceTypes[0].Attributes[1].Uniqueness = api.UniquenessNone
		var err error
		if c.Types, err = NewTypes(spec); err != nil {
			t.Fatal(err)
		}
	}, nil)
	old := before.device(deviceBody("a", "t"))
	before.device(deviceBody("b", "t"))
	before.stop()

	r := w.start(withDevices, nil)
	_, err := r.tryDevice(deviceBody("c", "t"))
	requireTaken(t, err)
	rt := r.devices().rt
	// One of those who have it has been given the claim.
	if holder := w.claims()["tag t"]; !slices.Contains(r.find(rt, `assetTag eq "t"`), holder) {
		t.Errorf("the claim is that of %q", holder)
	}
	if found := r.find(rt, `assetTag eq "t"`); len(found) != 2 {
		t.Errorf("found %v", found)
	}
	r.patch(rt, old.ID, `{"op":"replace","path":"weight","value":1}`) // a change of something else
	for _, id := range r.find(rt, `assetTag eq "t"`) {
		r.delete(rt, id)
	}
	r.device(deviceBody("c", "t"))
	w.requireUnique()
}

func TestOtherTypesAndEndpointsAreNotShown(t *testing.T) {
	w := newWorld(t)
	r := w.start(func(c *Config) {
		spec := devicesSpec()
		printers := spec.ResourceTypes[0]
		printers.Name, printers.Endpoint, printers.Schema = "Printer", "/Printers", "urn:example:printer"
		spec.ResourceTypes = append(spec.ResourceTypes, printers)
		var err error
		if c.Types, err = NewTypes(spec); err != nil {
			t.Fatal(err)
		}
	}, nil)
	elsewhere := w.start(func(c *Config) { withDevices(c); c.Endpoint = "entra" }, nil)
	device := r.device(deviceBody("a", "t"))
	printers := r.kinds[3].rt
	printer, err := r.Create(t.Context(), printers, parse(t, printers, deviceBody("a", "t")))
	if err != nil {
		t.Fatalf("another type has the value: %v", err)
	}
	elsewhere.device(deviceBody("a", "t"))
	for _, row := range []struct {
		r  *replica
		rt *scim.ResourceType
		id string
	}{{r, printers, device.ID}, {r, r.devices().rt, printer.ID}, {elsewhere, elsewhere.devices().rt, device.ID}, {r, r.users.rt, device.ID}} {
		_, err := row.r.Get(t.Context(), row.rt, row.id)
		requireNotFound(t, err)
		_, _, err = row.r.tryPatch(row.rt, row.id, `{"op":"add","path":"externalId","value":"x"}`, Match{})
		requireNotFound(t, err)
		requireNotFound(t, row.r.Delete(t.Context(), row.rt, row.id, Match{}))
	}
	if page := r.list(Query{Type: printers, Count: 10}); page.Total != 1 || page.Resources[0].ID != printer.ID {
		t.Errorf("%d printers", page.Total)
	}
}

// What a declaration no longer knows counts too, and a resource cannot grow beyond the bound.
func TestAResourceThatGrowsTooLargeIsRefused(t *testing.T) {
	w := newWorld(t)
	r := w.start(withDevices, nil)
	rt := r.devices().rt
	d := r.device(deviceBody("a", "t"))
	var stored api.ScimResource
	if err := w.raw.get(t.Context(), declaredResource, d.ID, &stored); err != nil {
		t.Fatal(err)
	}
	stored.Spec.Attributes["old"] = apiextensionsv1.JSON{Raw: []byte(`"` + strings.Repeat("x", api.MaxResourceBytes-200) + `"`)}
	if err := w.raw.update(t.Context(), declaredResource, &stored, &stored); err != nil {
		t.Fatal(err)
	}
	_, _, err := r.tryPatch(rt, d.ID, `{"op":"add","path":"tags","value":["`+strings.Repeat("y", 300)+`"]}`, Match{})
	requireStatus(t, err, http.StatusRequestEntityTooLarge, "")
	r.patch(rt, d.ID, `{"op":"add","path":"tags","value":["y"]}`)
}

func TestDeclaredTypesThatCannotBe(t *testing.T) {
	for want, change := range map[string]func(*api.SchemaResourceType){
		`there is no type "text"`:                          func(d *api.SchemaResourceType) { d.Attributes[0].Type = "text" },
		`there is no uniqueness "some"`:                    func(d *api.SchemaResourceType) { d.Attributes[0].Uniqueness = "some" },
		`its name or endpoint is taken`:                    func(d *api.SchemaResourceType) { d.Endpoint = "/bulk" },
		`"Group": its name or endpoint`:                    func(d *api.SchemaResourceType) { d.Name = "Group" },
		`User" is taken`:                                   func(d *api.SchemaResourceType) { d.Schema = scim.UserSchema },
		`enterprise:2.0:User" is taken`:                    func(d *api.SchemaResourceType) { d.Schema = scim.EnterpriseUserSchema },
		`the attribute "externalID" is there`:              func(d *api.SchemaResourceType) { d.Attributes[0].Name = "externalID" },
		`"urn:example:warranty:2.0:Device" is there twice`: func(d *api.SchemaResourceType) { d.Schema = warrantySchema },
	} {
		spec := devicesSpec()
		change(&spec.ResourceTypes[0])
		if _, err := NewTypes(spec); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("the error is %v, want %s", err, want)
		}
	}
	types := deviceTypes(t)
	all := types.ResourceTypes()
	if names := []string{all[0].Name, all[1].Name, all[2].Name}; !slices.Equal(names, []string{"User", "Group", "Device"}) {
		t.Errorf("the types are %v", names)
	}
	if got := all[2].Attribute("owner").ReferenceTypes; !slices.Equal(got, []string{"User"}) {
		t.Errorf("an owner is a %v", got)
	}
}
