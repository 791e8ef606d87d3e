// SPDX-License-Identifier: Apache-2.0

package cmd

import (
	"io"
	"sync"
	"time"
)

const (
	// maxUnwritten bounds the lines that wait to be written. Who logs beyond it waits too.
	maxUnwritten = 1 << 20
	// gathering is how long lines are gathered after a write, as a write for each is what a
	// busy server would spend much of its time on.
	gathering = 2 * time.Millisecond
)

// lineWriter writes what is logged at once, but not one line at a time: what is logged
// within a moment of a write goes with the next. A busy server writes many requests'
// lines together, and an idle one each as it comes.
type lineWriter struct {
	out io.Writer

	mu      sync.Mutex
	changed *sync.Cond
	waiting []byte // not written yet
	spare   []byte // the other buffer, while it is not being written
	writing bool
	err     error // of a write since the last Sync
}

func newLineWriter(out io.Writer) *lineWriter {
	w := &lineWriter{out: out}
	w.changed = sync.NewCond(&w.mu)
	return w
}

// Write takes over whole lines.
func (w *lineWriter) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for len(w.waiting) > maxUnwritten {
		w.changed.Wait()
	}
	w.waiting = append(w.waiting, p...)
	if !w.writing {
		w.writing = true
		go w.write()
	}
	return len(p), nil
}

// write writes until nothing waits.
func (w *lineWriter) write() {
	w.mu.Lock()
	defer w.mu.Unlock()
	for len(w.waiting) > 0 {
		lines := w.waiting
		w.waiting, w.spare = w.spare[:0], nil
		w.mu.Unlock()
		_, err := w.out.Write(lines)
		w.mu.Lock()
		w.spare = lines[:0]
		if err != nil {
			w.err = err
		}
		w.changed.Broadcast()
		w.mu.Unlock()
		time.Sleep(gathering)
		w.mu.Lock()
	}
	w.writing = false
	w.changed.Broadcast()
}

// Sync waits until everything has been written.
func (w *lineWriter) Sync() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	for w.writing {
		w.changed.Wait()
	}
	err := w.err
	w.err = nil
	return err
}
