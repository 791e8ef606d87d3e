// SPDX-License-Identifier: Apache-2.0

package cmd

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
)

// gate lets one write through at a time, when it is told to.
type gate struct {
	open   chan struct{}
	writes chan string
	err    error
}

func (g *gate) Write(p []byte) (int, error) {
	g.writes <- string(p)
	<-g.open
	return len(p), g.err
}

func TestLinesAreWrittenAtOnceAndTogether(t *testing.T) {
	g := &gate{open: make(chan struct{}), writes: make(chan string, 8), err: errors.New("disk full")}
	w := newLineWriter(g)
	write := func(line string) {
		if _, err := w.Write([]byte(line)); err != nil {
			t.Error(err)
		}
	}
	write("1\n")
	if got := <-g.writes; got != "1\n" {
		t.Fatalf("first written is %q", got)
	}
	write("2\n")
	write("3\n")
	g.open <- struct{}{}
	if got := <-g.writes; got != "2\n3\n" {
		t.Errorf("then written is %q", got)
	}
	g.open <- struct{}{}
	if err := w.Sync(); err == nil {
		t.Error("a write failed and nobody is told")
	}
	if err := w.Sync(); err != nil {
		t.Errorf("and is told again: %v", err)
	}
}

func TestLinesStayWholeAndInOrder(t *testing.T) {
	var out bytes.Buffer
	w := newLineWriter(&out)
	const writers, lines = 8, 500
	filler := strings.Repeat("x", 2000) // so that more than is allowed to wait comes together
	var all sync.WaitGroup
	for i := range writers {
		all.Go(func() {
			for j := range lines {
				_, _ = fmt.Fprintf(w, "%d %d %s\n", i, j, filler)
			}
		})
	}
	all.Wait()
	if err := w.Sync(); err != nil {
		t.Fatal(err)
	}
	var next [writers]int
	for line := range strings.Lines(out.String()) {
		var i, j int
		numbers, whole := strings.CutSuffix(line, " "+filler+"\n")
		if _, err := fmt.Sscan(numbers, &i, &j); err != nil || !whole || j != next[i] {
			t.Fatalf("writer %d's line %d: %.10q (%v)", i, next[i], line, err)
		}
		next[i]++
	}
	for i, n := range next {
		if n != lines {
			t.Errorf("writer %d has %d lines", i, n)
		}
	}
}
