// SPDX-License-Identifier: Apache-2.0

package docs

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"scim-operator.io/internal/idp"
	"scim-operator.io/test/assets"
)

// TestWhatIsKnownOfIdPs: the tables of the documentation have what the code has.
func TestWhatIsKnownOfIdPs(t *testing.T) {
	var portals, behaviors strings.Builder
	portals.WriteString("| `spec.type` | where | the base URL is called | the token is called | it synchronises | its token may expire | |\n|---|---|---|---|---|---|---|\n")
	behaviors.WriteString("| `spec.type` | `externalIDs` | `unknownAttributes` | `expiringTokens` |\n|---|---|---|---|\n")
	for _, p := range idp.Products() {
		page, expiring := p.Portal.Page, "yes"
		if page == "" {
			page = "not documented"
		}
		if !p.AcceptsExpiringTokens() {
			expiring = "no"
		}
		fmt.Fprintf(&portals, "| `%s` | %s | %s | %s | %s | %s | %s |\n", p.Type, page, p.Portal.BaseURL, p.Portal.Token, p.Sync(), expiring, p.Note)
		fmt.Fprintf(&behaviors, "| `%s` | `%s` | `%s` | `%s` |\n", p.Type, p.Behavior.ExternalIDs, p.Behavior.UnknownAttributes, p.Behavior.ExpiringTokens)
	}
	for page, table := range map[string]string{"provisioning.md": portals.String(), "kinds.md": behaviors.String()} {
		text := read(t, filepath.Join(assets.Root(), "docs", page))
		// A table in a list is indented.
		flat := strings.ReplaceAll(text, "\n   |", "\n|")
		if !strings.Contains(flat, table) {
			t.Errorf("docs/%s does not have this table:\n%s", page, table)
		}
	}
}
