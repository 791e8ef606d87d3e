// SPDX-License-Identifier: Apache-2.0

// Package conformance holds the table of docs/conformance.md to the truth: every row that
// must be there is there, and every test it names exists. What runs against an endpoint is
// run.sh.
package conformance

import (
	"fmt"
	"regexp"
	"strings"
)

// row is a line of a table: what is required, and what shows it.
type row struct {
	id        string
	citations []citation
	excuse    string // why nothing shows it; empty when something does
}

// citation names a test as `where: what`. Where is a package's folder or a transcript;
// what is a Test function, which may be followed by a slash and the name of a row of its
// table, the text of a Ginkgo spec, or the title of a step.
type citation struct{ where, what string }

var (
	code    = regexp.MustCompile("`([^`]+)`")
	excuses = []string{"Not supported: ", "Not done: ", "Not the server's: "}
)

// parse reads every table whose last column is "Shown by".
func parse(text string) ([]row, error) {
	var rows []row
	inside := false
	for line := range strings.Lines(text) {
		cells := cellsOf(line)
		switch {
		case len(cells) == 0:
			inside = false
		case cells[len(cells)-1] == "Shown by":
			inside = true
		case inside && strings.Trim(line, "|-: \n") != "":
			r, err := parseRow(cells)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", cells[0], err)
			}
			rows = append(rows, r)
		}
	}
	return rows, nil
}

func cellsOf(line string) []string {
	line = strings.TrimSpace(line)
	if !strings.HasPrefix(line, "|") {
		return nil
	}
	cells := strings.Split(strings.Trim(line, "|"), " | ")
	for i := range cells {
		cells[i] = strings.TrimSpace(cells[i])
	}
	return cells
}

func parseRow(cells []string) (row, error) {
	r := row{id: cells[0]}
	shown := cells[len(cells)-1]
	for _, excuse := range excuses {
		if reason, ok := strings.CutPrefix(shown, excuse); ok {
			r.excuse = strings.TrimSpace(reason)
		}
	}
	for _, quoted := range code.FindAllStringSubmatch(shown, -1) {
		where, what, ok := strings.Cut(quoted[1], ": ")
		switch {
		case ok:
			r.citations = append(r.citations, citation{where, what})
		case r.excuse == "":
			return r, fmt.Errorf("`%s` is not `where: what`", quoted[1])
		}
	}
	if len(r.citations) == 0 && r.excuse == "" {
		return r, fmt.Errorf("neither a test nor a reason for there being none")
	}
	return r, nil
}
