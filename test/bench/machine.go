// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"os"
	"runtime"
	"strings"
)

// describeMachine says on what the figures were taken.
func (b *bench) describeMachine() string {
	kubernetes := "?"
	if v, err := b.version(); err == nil {
		kubernetes = v
	}
	return fmt.Sprintf("%d CPUs (%s), %s of memory, %s %s, load %s before; %s, Kubernetes %s, etcd without fsync; "+
		"%s users stored, %s created, %d clients, medians of %d runs",
		runtime.NumCPU(), or(valueOf("/proc/cpuinfo", "model name"), runtime.GOARCH),
		or(valueOf("/proc/meminfo", "MemTotal"), "?"), runtime.GOOS, firstWords("/proc/sys/kernel/osrelease", 1),
		or(firstWords("/proc/loadavg", 1), "?"), runtime.Version(), kubernetes,
		grouped(int64(b.users)), grouped(int64(b.posts)), clients, b.runs)
}

// valueOf reads a line such as "MemTotal: 8 kB".
func valueOf(file, name string) string {
	text, _ := os.ReadFile(file) //nolint:gosec // of /proc
	for line := range strings.Lines(string(text)) {
		if key, value, found := strings.Cut(line, ":"); found && strings.TrimSpace(key) == name {
			return strings.TrimSpace(value)
		}
	}
	return ""
}

func firstWords(file string, n int) string {
	text, _ := os.ReadFile(file) //nolint:gosec // of /proc
	words := strings.Fields(string(text))
	return strings.Join(words[:min(n, len(words))], " ")
}
