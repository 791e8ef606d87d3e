// SPDX-License-Identifier: Apache-2.0

// Package engine measures the protocol engine by itself, without HTTP and without a
// store, in processor time, so that a busy machine does not count. What is compared is
// measured in turns.
package engine

import (
	"fmt"
	"slices"
	"syscall"
	"time"

	reference "github.com/scim2/filter-parser/v2"

	"scim-operator.io/internal/scim"
)

const (
	// Filter is what identity providers ask most.
	Filter = `userName eq "bjensen@example.com"`
	// Users is how many resources filters are run over.
	Users = 100_000

	rounds    = 7
	roundTime = 50 * time.Millisecond
)

// Figure is something measured.
type Figure struct {
	What, Reference string
	Measured, By    float64 // operations a second; By is the reference's, 0 where there is none
	Reach           float64 // the ratio, or without a reference the rate, to reach
}

// Measure gives the figures of the engine.
func Measure() ([]Figure, error) {
	parsed, err := measureParse()
	if err != nil {
		return nil, err
	}
	figures := []Figure{parsed}
	users, err := People(Users)
	if err != nil {
		return nil, err
	}
	for _, f := range Filters {
		figure, err := measureFilter(f, users)
		if err != nil {
			return nil, err
		}
		figures = append(figures, figure)
	}
	for _, p := range Patches {
		figure, err := measurePatch(p, users[0].Object())
		if err != nil {
			return nil, err
		}
		figures = append(figures, figure)
	}
	return figures, nil
}

func measureParse() (Figure, error) {
	ours, theirs := ParseOurs(Filter), ParseReference(Filter)
	if err := ours(); err != nil {
		return Figure{}, err
	}
	if err := theirs(); err != nil {
		return Figure{}, err
	}
	measured, by := inTurns(ours, theirs)
	return Figure{What: "parse " + Filter, Reference: "scim2/filter-parser v2.3.1", Measured: measured, By: by, Reach: 200}, nil
}

// ParseOurs compiles a filter.
func ParseOurs(filter string) func() error {
	rt := scim.Core().User()
	return func() error {
		_, err := rt.ParseFilter(filter)
		return err
	}
}

// ParseReference makes a tree of a filter.
func ParseReference(filter string) func() error {
	return func() error {
		_, err := reference.ParseFilter([]byte(filter))
		return err
	}
}

// FilterCase is a filter that nobody matches, and how many attributes of a user it looks
// at to find out.
type FilterCase struct {
	Filter string
	Tests  int
}

// Filters look at attributes of every depth.
var Filters = []FilterCase{
	{`userName eq "nobody@example.com"`, 1},
	{`title co "president"`, 1},
	{`active eq true and name.familyName sw "Jen" and nickName eq "x"`, 3},
	{`meta.lastModified gt "2030-01-01T00:00:00Z"`, 1},
	{`emails[type eq "other"]`, 2},
	{scim.EnterpriseUserSchema + `:department eq "x"`, 1},
}

func measureFilter(c FilterCase, users []scim.Packed) (Figure, error) {
	f, err := scim.Core().User().ParseFilter(c.Filter)
	if err != nil {
		return Figure{}, err
	}
	rates := make([]float64, rounds)
	for i := range rates {
		start := processorTime()
		Select(f, users)
		rates[i] = float64(len(users)*c.Tests) / (processorTime() - start).Seconds()
	}
	return Figure{What: fmt.Sprintf("attribute tests over %d users, one core: %s", len(users), c.Filter), Measured: median(rates), Reach: 5e6}, nil
}

// Select counts who matches, as the store goes through users for whom it has no index.
func Select(f *scim.Filter, users []scim.Packed) (matching int) {
	for part := range slices.Chunk(users, scim.FetchSize) {
		f.Fetch(part)
		for _, user := range part {
			if f.Match(user, nil) {
				matching++
			}
		}
	}
	return matching
}

// PatchCase is a change of one attribute of a user.
type PatchCase struct{ Name, Operation string }

// Patches are what identity providers send most.
var Patches = []PatchCase{
	{"active", `{"op":"Replace","path":"active","value":"False"}`},
	{"the work e-mail", `{"op":"replace","path":"emails[type eq \"work\"].value","value":"new@example.com"}`},
	{"the department, without a path", `{"op":"replace","value":{"` + scim.EnterpriseUserSchema + `:department":"x"}}`},
}

func measurePatch(c PatchCase, user *scim.Object) (Figure, error) {
	patch := PatchOf(c, user)
	if err := patch(); err != nil {
		return Figure{}, err
	}
	measured, _ := inTurns(patch, func() error { return nil })
	return Figure{What: "PATCH of a user with every attribute, request to result: " + c.Name, Measured: measured, Reach: 50_000}, nil
}

// PatchOf reads a request and applies it.
func PatchOf(c PatchCase, user *scim.Object) func() error {
	body := []byte(`{"schemas":["` + scim.PatchOpSchema + `"],"Operations":[` + c.Operation + `]}`)
	rt := scim.Core().User()
	return func() error {
		patch, err := rt.ParsePatch(body)
		if err != nil {
			return err
		}
		_, changed, err := patch.Apply(user, nil)
		if err == nil && !changed {
			err = fmt.Errorf("%s: nothing has changed", c.Name)
		}
		return err
	}
}

// inTurns gives the median rates of two operations, each of which is known to succeed.
func inTurns(a, b func() error) (rateA, rateB float64) {
	ratesA, ratesB := make([]float64, rounds), make([]float64, rounds)
	for i := range rounds {
		ratesA[i], ratesB[i] = rate(a), rate(b)
	}
	return median(ratesA), median(ratesB)
}

func rate(operation func() error) float64 {
	n, start := 0, processorTime()
	for step := 1; ; step *= 2 {
		for range step {
			_ = operation()
		}
		n += step
		if spent := processorTime() - start; spent >= roundTime {
			return float64(n) / spent.Seconds()
		}
	}
}

func median(values []float64) float64 {
	slices.Sort(values)
	return values[len(values)/2]
}

// processorTime is what the process has spent, so that other processes do not count.
func processorTime() time.Duration {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		panic(err) // it never fails for the process itself
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}
