// SPDX-License-Identifier: Apache-2.0

package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"
)

// unit is what figures of a row are in.
type unit string

const (
	perSecond    unit = "/s"
	milliseconds unit = "ms"
	seconds      unit = "s"
	kibPerUser   unit = "KiB a user"
)

// row is one line of the table.
type row struct {
	what, reference string
	measured, by    float64 // medians; by is the reference's
	unit            unit
	// reach is the ratio to reach, at least, or with atMost, at most; 0 where there is none.
	reach  float64
	atMost bool
	note   string
	err    error
}

// absolute says that the row is a figure with a bound and has no reference.
func (r *row) absolute() bool { return r.reference == "" }

func (r *row) ratio() float64 {
	if r.absolute() {
		return r.measured
	}
	return r.measured / r.by
}

func (r *row) verdict() string {
	switch {
	case r.err != nil:
		return "NOT MEASURED"
	case r.reach == 0:
		return ""
	case r.atMost && r.ratio() > r.reach, !r.atMost && r.ratio() < r.reach:
		return "missed"
	}
	return "reached"
}

func (r *row) toReach() string {
	switch {
	case r.reach == 0:
		return ""
	case r.absolute() && r.atMost:
		return "≤ " + figure(r.reach, r.unit)
	case r.absolute():
		return "≥ " + figure(r.reach, r.unit)
	case r.atMost:
		return fmt.Sprintf("≤ %.4g", r.reach)
	}
	return fmt.Sprintf("≥ %.2f", r.reach)
}

func (r *row) cells() []string {
	if r.err != nil {
		return []string{r.what, "", r.reference, "", "", r.toReach(), r.verdict()}
	}
	cells := []string{r.what, figure(r.measured, r.unit), r.reference, figure(r.by, r.unit),
		fmt.Sprintf("%.2f", r.ratio()), r.toReach(), r.verdict()}
	if r.absolute() {
		cells[3], cells[4] = "", ""
	}
	return cells
}

func (r *row) String() string {
	if r.err != nil {
		return fmt.Sprintf("%s: NOT MEASURED: %v", r.what, r.err)
	}
	c := r.cells()
	line := c[0] + ": " + c[1]
	if !r.absolute() {
		line += fmt.Sprintf("; %s: %s; ratio %s", c[2], c[3], c[4])
	}
	if r.reach != 0 {
		line += fmt.Sprintf(" (%s: %s)", r.toReach(), r.verdict())
	}
	if r.note != "" {
		line += "; " + r.note
	}
	return line
}

func figure(v float64, u unit) string {
	text := strconv.FormatFloat(v, 'g', 3, 64)
	if v >= 100 {
		text = grouped(int64(v + 0.5))
	}
	if u == perSecond {
		return text + "/s"
	}
	return text + " " + string(u)
}

// grouped writes 42000 as 42,000.
func grouped(n int64) string {
	text := fmt.Sprint(n)
	for i := len(text) - 3; i > 0; i -= 3 {
		text = text[:i] + "," + text[i:]
	}
	return text
}

// group is rows that are measured together.
type group struct {
	name    string
	measure func(ctx context.Context, b *bench) ([]row, error)
}

var groups = []group{
	{"post", measurePost},
	{"patch", measurePatch},
	{"start", measureStart},
	{"reads", measureReads},
	{"pages", measurePages},
	{"scan", measureScan},
	{"members", measureMembers},
	{"replicas", measureReplicas},
	{"peers", measurePeers},
	{"engine", measureEngine},
}

func groupNames() string {
	names := make([]string, len(groups))
	for i, g := range groups {
		names[i] = g.name
	}
	return strings.Join(names, ", ")
}

// measure measures a group of rows. One that fails is a row without figures.
func (b *bench) measure(ctx context.Context, g group) {
	b.say("%s ...", g.name)
	rows, err := g.measure(ctx, b)
	if err != nil {
		rows = append(rows, row{what: g.name, err: err})
	}
	for i := range rows {
		b.say("  %s", &rows[i])
	}
	b.rows = append(b.rows, rows...)
}

func (b *bench) unmeasured() (err error) {
	for i := range b.rows {
		if b.rows[i].err != nil {
			err = errors.Join(err, fmt.Errorf("not measured: %s: %w", b.rows[i].what, b.rows[i].err))
		}
	}
	return err
}

// say prints progress.
func (b *bench) say(format string, args ...any) {
	fmt.Fprintf(os.Stderr, "%6.1fs %s\n", time.Since(b.began).Seconds(), fmt.Sprintf(format, args...))
}

// printTable prints what docs/performance.md shows.
func (b *bench) printTable(w io.Writer) error {
	text := "\n" + b.machine + "\n\n" +
		"| what | measured | reference | measured | ratio | to reach | |\n" +
		"|---|--:|---|--:|--:|---|---|\n"
	for i := range b.rows {
		text += "| " + strings.Join(b.rows[i].cells(), " | ") + " |\n"
	}
	text += "\n"
	for i := range b.rows {
		if r := &b.rows[i]; r.note != "" {
			text += "- " + r.what + ": " + r.note + ".\n"
		}
	}
	_, err := io.WriteString(w, text)
	return err
}

func median[T cmp.Ordered](values []T) T {
	sorted := slices.Sorted(slices.Values(values))
	return sorted[(len(sorted)-1)/2]
}

// inTurn runs each of several measurements runs times, in turn, beginning with another one
// in each round, and gives the median of each.
func (b *bench) inTurn(ctx context.Context, measurements ...func(ctx context.Context) (float64, error)) ([]float64, error) {
	figures := make([][]float64, len(measurements))
	for r := range b.runs {
		for i := range measurements {
			i = (i + r) % len(measurements)
			v, err := measurements[i](ctx)
			if err = cmp.Or(err, ctx.Err()); err != nil {
				return nil, err
			}
			figures[i] = append(figures[i], v)
		}
	}
	medians := make([]float64, len(figures))
	for i := range figures {
		medians[i] = median(figures[i])
	}
	return medians, nil
}
