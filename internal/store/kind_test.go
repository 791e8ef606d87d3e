// SPDX-License-Identifier: Apache-2.0

package store

import (
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/api/validation"
	"pgregory.net/rapid"
)

// What is taken for a label is a name for Kubernetes, too, and UUIDs are labels.
func TestLabelsAreNames(t *testing.T) {
	for _, name := range []string{"2819c223-7f76-453a-919d-413861904646", "a", "0", strings.Repeat("a", 63)} {
		if !isLabel(name) {
			t.Errorf("%q is no label", name)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		name := rapid.StringMatching(`[-a-z0-9A.%é]{0,70}`).Draw(t, "name")
		if isLabel(name) && len(validation.NameIsDNSSubdomain(name, false)) > 0 {
			t.Errorf("%q is a label and no name", name)
		}
	})
}
