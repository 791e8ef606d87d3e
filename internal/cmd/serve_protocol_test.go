// SPDX-License-Identifier: Apache-2.0

package cmd

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"scim-operator.io/api/v1alpha1"
)

const badgeSchema = "urn:example:params:scim:schemas:extension:badge:2.0:User"

// badge is an extension as an endpoint's spec declares it.
func badge() v1alpha1.SchemaExtension {
	return v1alpha1.SchemaExtension{
		Schema: badgeSchema, ResourceType: "User", Name: "Badge",
		Attributes: []v1alpha1.SchemaAttribute{
			{SchemaValue: v1alpha1.SchemaValue{Name: "number", Type: "integer"}},
			{SchemaValue: v1alpha1.SchemaValue{Name: "color", Type: "string", CanonicalValues: []string{"Red", "Blue"}}},
		},
	}
}

// device is a resource type as an endpoint's spec declares it.
func device() v1alpha1.SchemaResourceType {
	serial := v1alpha1.ResourceAttribute{Uniqueness: v1alpha1.UniquenessServer}
	serial.Name, serial.Type = "serialNumber", "string"
	return v1alpha1.SchemaResourceType{
		Name: "Device", Endpoint: "/Devices", Schema: "urn:example:device:2.0:Device",
		Attributes: []v1alpha1.ResourceAttribute{serial},
	}
}

// requireDevices uses a declared resource type through two replicas, each of which sees at
// once what the other has done, with the rights that the manager gives servers.
func requireDevices(t *testing.T, a, b *servedReplica) {
	t.Helper()
	for i := range 20 {
		serial := fmt.Sprintf("SN-%d", i)
		status, made := a.do("POST", "/Devices", `{"serialNumber":"`+serial+`"}`)
		if status != http.StatusCreated {
			t.Fatalf("status %d: %v", status, made)
		}
		path := "/Devices/" + made["id"].(string)
		if status, again := b.do("POST", "/Devices", `{"serialNumber":"`+strings.ToLower(serial)+`"}`); status != http.StatusConflict {
			t.Errorf("status %d: %v", status, again)
		}
		if status, found := b.do("GET", "/Devices?filter=serialNumber+eq+%22"+serial+"%22", ""); status != http.StatusOK || found["totalResults"] != 1.0 {
			t.Errorf("status %d: %v", status, found)
		}
		if status, answer := b.do("DELETE", path, ""); status != http.StatusNoContent {
			t.Errorf("status %d: %v", status, answer)
		}
		if status, answer := a.do("GET", path, ""); status != http.StatusNotFound {
			t.Errorf("status %d: %v", status, answer)
		}
	}
	if status, answer := a.do("GET", "/ResourceTypes/Device", ""); status != http.StatusOK || answer["endpoint"] != "/Devices" {
		t.Errorf("status %d: %v", status, answer)
	}
}

// requireMe is who the endpoint says that /Me stands for.
func requireMe(t *testing.T, a, b *servedReplica) {
	t.Helper()
	if status, answer := a.do("GET", "/Me", ""); status != http.StatusNotFound {
		t.Errorf("status %d: %v", status, answer)
	}
	status, made := a.do("POST", "/Me", `{"userName":"svc-okta@acme.com"}`)
	if status != http.StatusCreated {
		t.Fatalf("status %d: %v", status, made)
	}
	if status, me := b.do("GET", "/Me", ""); status != http.StatusOK || me["id"] != made["id"] {
		t.Errorf("status %d: %v", status, me)
	}
	if status, answer := b.do("DELETE", "/Me", ""); status != http.StatusNoContent {
		t.Errorf("status %d: %v", status, answer)
	}
}

func bulkOf(format string, n int) string {
	operations := make([]string, n)
	for i := range operations {
		operations[i] = fmt.Sprintf(format, i)
	}
	return `{"Operations":[` + strings.Join(operations, ",") + `]}`
}

// requireBulk sends a Bulk request and checks that every operation has the status.
func requireBulk(t *testing.T, r *servedReplica, body, status string) (ids []string) {
	t.Helper()
	code, answer := r.do("POST", "/Bulk", body)
	if code != http.StatusOK {
		t.Fatalf("status %d: %v", code, answer)
	}
	for i, operation := range answer["Operations"].([]any) {
		o := operation.(map[string]any)
		if o["status"] != status {
			t.Fatalf("operation %d: %v", i+1, o)
		}
		location := fmt.Sprint(o["location"])
		ids = append(ids, location[strings.LastIndexByte(location, '/')+1:])
	}
	return ids
}

// requireProtocol walks over pages of two replicas and uses Bulk and an extension of one's
// own, on a real API server. It leaves nothing behind.
func requireProtocol(t *testing.T, a, b *servedReplica) {
	t.Helper()
	ids := requireBulk(t, a, bulkOf(`{"method":"POST","path":"/Users","bulkId":"%[1]d","data":{"userName":"bulk%[1]d","`+
		badgeSchema+`":{"number":%[1]d,"color":"Red"}}}`, 25), "201")

	filter := "/Users?count=4&filter=userName+sw+%22bulk%22&cursor="
	met := map[string]int{}
	for n, next := 0, ""; ; n++ {
		r := []*servedReplica{a, b}[n%2]
		status, page := r.do("GET", filter+next, "")
		if status != http.StatusOK || page["totalResults"] != 25.0 {
			t.Fatalf("status %d: %v", status, page)
		}
		for _, u := range page["Resources"].([]any) {
			met[u.(map[string]any)["id"].(string)]++
		}
		var more bool
		if next, more = page["nextCursor"].(string); !more {
			break
		}
	}
	for _, id := range ids {
		if met[id] != 1 {
			t.Errorf("a user was met %d times", met[id])
		}
	}

	number := strings.ReplaceAll("/Users?filter="+badgeSchema+":number+gt+22", ":", "%3A")
	if status, list := b.do("GET", number, ""); status != http.StatusOK || list["totalResults"] != 2.0 {
		t.Errorf("status %d: %v", status, list)
	}
	patch := `{"Operations":[{"op":"replace","path":"` + badgeSchema + `:color","value":"Blue"}]}`
	if status, user := a.do("PATCH", "/Users/"+ids[0], patch); status != http.StatusOK ||
		fmt.Sprint(user[badgeSchema]) != "map[color:Blue number:0]" {
		t.Errorf("status %d: %v", status, user)
	}
	if status, schema := b.do("GET", "/Schemas/"+badgeSchema, ""); status != http.StatusOK || schema["name"] != "Badge" {
		t.Errorf("status %d: %v", status, schema)
	}
	deletions := make([]string, len(ids))
	for i, id := range ids {
		deletions[i] = `{"method":"DELETE","path":"/Users/` + id + `"}`
	}
	requireBulk(t, b, `{"Operations":[`+strings.Join(deletions, ",")+`]}`, "204")
}
