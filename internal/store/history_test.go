// SPDX-License-Identifier: Apache-2.0

package store

import (
	"fmt"
	"strings"
	"testing"

	api "scim-operator.io/api/v1alpha1"
)

// A write that changes nothing has the revision of an object that may be far older than the
// newest of its resource, which proves nothing about the history.
func TestAWriteThatChangesNothingIsNoHistorySetBack(t *testing.T) {
	r := newWorld(t).replica()
	old := r.user(`{"userName":"old"}`)
	u := &api.ScimUser{}
	read := func() {
		if err := r.client.get(t.Context(), usersResource, old.ID, u); err != nil {
			t.Fatal(err)
		}
	}
	for range 2 { // the second time the API server knows the writer already
		for _, patch := range []string{`{}`, `{"spec":{"userName":"old"}}`, `{"metadata":{"resourceVersion":%q}}`} {
			if read(); strings.Contains(patch, "%") {
				patch = fmt.Sprintf(patch, u.ResourceVersion)
			}
			if err := r.client.mergePatch(t.Context(), usersResource, old.ID, []byte(patch), &api.ScimUser{}); err != nil {
				t.Errorf("%s: %v", patch, err)
			}
			r.user(fmt.Sprintf(`{"userName":%q}`, randomSuffix()))
		}
		read()
		if err := r.client.update(t.Context(), usersResource, u, &api.ScimUser{}); err != nil {
			t.Error(err)
		}
	}
	if err := r.history.err(); err != nil {
		t.Error(err)
	}
}
