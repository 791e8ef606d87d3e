// SPDX-License-Identifier: Apache-2.0

package conformance

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"scim-operator.io/test/idp"
)

const root = "../.."

// known are the behaviours of identity providers, the mistakes of other servers, and public
// reports of them.
var known = map[string]int{"E": 14, "O": 9, "X": 6, "P": 12, "R": 20}

var knownID = regexp.MustCompile(`\b([EOXPR]\d+)\b`)

func readTable(t *testing.T) []row {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, "docs", "conformance.md"))
	if err != nil {
		t.Fatal(err)
	}
	rows, err := parse(string(text))
	if err != nil {
		t.Fatal(err)
	}
	return rows
}

func TestEveryTestThatIsNamedExists(t *testing.T) {
	s := newSources(root)
	for _, r := range readTable(t) {
		for _, c := range r.citations {
			if err := s.find(c); err != nil {
				t.Errorf("%s: %v", r.id, err)
			}
		}
	}
}

func TestEveryBehaviourIsShown(t *testing.T) {
	rows := readTable(t)
	for letter, count := range known {
		for n := 1; n <= count; n++ {
			id := fmt.Sprintf("%s%d", letter, n)
			found := slices.DeleteFunc(slices.Clone(rows), func(r row) bool { return r.id != id })
			switch {
			case len(found) != 1:
				t.Errorf("%s has %d rows", id, len(found))
			case len(found[0].citations) == 0:
				t.Errorf("no test shows %s", id)
			}
		}
	}
}

// TestTranscriptsNameTheirRows: a transcript that is cited for a behaviour says so in the
// title of a step, and a step that names a behaviour is cited.
func TestTranscriptsNameTheirRows(t *testing.T) {
	named := map[string][]string{} // rows by transcript
	all, err := idp.Transcripts()
	if err != nil {
		t.Fatal(err)
	}
	for _, one := range all {
		file := "test/idp/" + one.Name + ".http"
		named[file] = knownID.FindAllString(strings.Join(one.Titles(), "\n"), -1)
		if one.About == "" {
			t.Errorf("%s does not say what it is about", file)
		}
	}
	cited := map[string][]string{}
	for _, r := range readTable(t) {
		for _, c := range r.citations {
			cited[c.where] = append(cited[c.where], r.id)
			if ids, ok := named[c.where]; ok && knownID.MatchString(r.id) && !slices.Contains(ids, r.id) {
				t.Errorf("%s is cited for %s, and no step names it", c.where, r.id)
			}
		}
	}
	for file, ids := range named {
		for _, id := range ids {
			if !slices.Contains(cited[file], id) {
				t.Errorf("%s has a step for %s and is not cited for it", file, id)
			}
		}
	}
}

func TestParse(t *testing.T) {
	rows, err := parse("# x\n\n| a | b |\n|---|---|\n| 1 | `no: table` |\n\n| Row | What | Shown by |\n|---|---|---|\n" +
		"| E1 | x | `a/b: TestX/y: z`, `c.http: E1` |\n| E2 | x | Not supported: nobody asked |\n")
	if err != nil {
		t.Fatal(err)
	}
	want := []row{
		{id: "E1", citations: []citation{{"a/b", "TestX/y: z"}, {"c.http", "E1"}}},
		{id: "E2", excuse: "nobody asked"},
	}
	if fmt.Sprint(rows) != fmt.Sprint(want) {
		t.Errorf("%v, want %v", rows, want)
	}
	for _, last := range []string{"", "yes", "`TestX`", "Not supported: "} {
		if _, err := parse("| Row | Shown by |\n|---|---|\n| E1 | " + last + " |\n"); err == nil {
			t.Errorf("%q is taken for a proof", last)
		}
	}
}

func TestSources(t *testing.T) {
	s := newSources(root)
	for _, row := range []struct {
		name, where, what string
		there             bool
	}{
		{"a Go test", "test/conformance", "TestSources", true},
		{"a row of a table", "test/conformance", "TestSources/a row of a table", true},
		{"a row that is not there", "test/conformance", "TestSources/no" + " row", false},
		{"a part of a name", "test/conformance", "TestSource", false},
		{"a Ginkgo spec", "test/e2e", "give a userName to exactly one of many racing creates", true},
		{"a spec that is not there", "test/e2e", "make coffee", false},
		{"a package that is not there", "test/nowhere", "TestSources", false},
		{"a step", "test/idp/okta/errors.http", "O9", true},
		{"a step that is not there", "test/idp/okta/errors.http", "O1", false},
		{"a transcript that is not there", "test/idp/okta/nothing.http", "O1", false},
	} {
		if err := s.find(citation{row.where, row.what}); (err == nil) != row.there {
			t.Errorf("%s: %s: %s: %v", row.name, row.where, row.what, err)
		}
	}
}
