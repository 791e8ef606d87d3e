// SPDX-License-Identifier: Apache-2.0

package replica

import (
	"slices"
	"strconv"
	"testing"

	"scim-operator.io/api/v1alpha1"
)

// A replica writes into its own entry who kept a user from being created, and then rests.
func TestConflictsAreWrittenIntoTheEntry(t *testing.T) {
	f := newFixture(t)
	r := f.start("a")
	r.joins(t)
	r.ProvisionedElsewhere("ada", "entra")
	r.ProvisionedElsewhere("ada", "entra")
	eventually(t, "the conflict is written", func() bool {
		servers := f.current().Status.Servers
		return len(servers) == 1 && slices.Equal(servers[0].LinkConflicts, []v1alpha1.LinkConflict{{User: "ada", Endpoint: "entra"}})
	})
	if r.conflicts.news() {
		t.Error("what is written is news")
	}
}

func TestConflictsAreBounded(t *testing.T) {
	var c conflicts
	if c.news() {
		t.Error("nothing is news")
	}
	for i := range 3 * v1alpha1.MaxLinkConflicts {
		c.add(v1alpha1.LinkConflict{User: strconv.Itoa(i), Endpoint: "entra"})
	}
	newest := c.last[len(c.last)-1]
	c.add(v1alpha1.LinkConflict{User: newest.User, Endpoint: "okta"})
	if len(c.last) != v1alpha1.MaxLinkConflicts || c.last[len(c.last)-1].Endpoint != "okta" || !c.news() {
		t.Errorf("kept are %v", c.last)
	}
}
