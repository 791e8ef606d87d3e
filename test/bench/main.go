// SPDX-License-Identifier: Apache-2.0

// Bench measures the server next to references: each row is what the server does and
// what something that cannot do less does, in turn, in the same run, beside the same API
// server. It prints a line per row as it goes and a table at the end.
//
//	make bench               the full form: 100,000 users, about half an hour on two cores
//	BENCH=short make bench   the short form: 1,000 users, minutes
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"regexp"
	"runtime"
	"syscall"
	"time"

	"github.com/go-logr/logr"
	ctrllog "sigs.k8s.io/controller-runtime/pkg/log"
)

// options are the flags.
type options struct {
	server  string        // the binary under test
	only    string        // the rows to measure
	profile string        // where profiles go; "" for none
	peers   string        // where the peers are installed
	users   int           // stored, for reads
	small   int           // stored, for the reads' comparison
	posts   int           // created, for writes
	runs    int           // of which medians are taken
	slot    time.Duration // of one run of a read
	short   bool
}

func (o *options) parse() error {
	cache, err := os.UserCacheDir()
	if err != nil {
		cache = os.TempDir()
	}
	flag.StringVar(&o.server, "server", filepath.Join(repository(), "bin", "scim-operator"), "the binary to measure; `make build` makes it")
	flag.StringVar(&o.only, "only", "", "regular expression of the groups of rows to measure: "+groupNames())
	flag.StringVar(&o.profile, "profile", "", "directory for CPU profiles of the server; it is then measured as a build of this program that serves them")
	flag.StringVar(&o.peers, "peers", filepath.Join(cache, "scim-operator", "bench-peers"), "directory to install other SCIM servers in")
	flag.BoolVar(&o.short, "short", false, "the short form")
	flag.IntVar(&o.users, "users", 0, "users stored; 100,000, or 1,000 in the short form")
	flag.IntVar(&o.posts, "posts", 0, "users created and changed; 10,000, or 600 in the short form")
	flag.IntVar(&o.runs, "runs", 0, "runs of which the median is taken; 5, or 3 in the short form")
	flag.DurationVar(&o.slot, "slot", 0, "time of one run of reads; 3s, or 500ms in the short form")
	flag.Parse()
	users, posts, runs, slot := 100_000, 10_000, 5, 3*time.Second
	if o.short {
		users, posts, runs, slot = 1_000, 600, 3, 500*time.Millisecond
	}
	o.users, o.posts, o.runs, o.slot = or(o.users, users), or(o.posts, posts), or(o.runs, runs), or(o.slot, slot)
	o.small = max(o.users/100, 100)
	switch {
	case flag.NArg() > 0:
		return fmt.Errorf("unexpected argument %q", flag.Arg(0))
	case o.users < 200 || o.posts < clients*o.runs || o.runs < 1 || o.slot < 0:
		return fmt.Errorf("at least 200 users, %d posts and one run", clients*o.runs)
	}
	return nil
}

func or[T comparable](given, otherwise T) T {
	var zero T
	if given == zero {
		return otherwise
	}
	return given
}

// repository is the root of the repository, from where this program was built.
func repository() string {
	_, file, _, _ := runtime.Caller(0)
	return filepath.Join(filepath.Dir(file), "..", "..")
}

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "error:", err)
		os.Exit(1)
	}
}

func run() error {
	if len(os.Args) > 1 {
		if part, ok := parts[os.Args[1]]; ok {
			return part(os.Args[2:])
		}
	}
	var o options
	if err := o.parse(); err != nil {
		return err
	}
	only, err := regexp.Compile(o.only)
	if err != nil {
		return fmt.Errorf("-only: %w", err)
	}
	ctrllog.SetLogger(logr.Discard()) // errors come back by themselves
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	b := &bench{options: o, began: time.Now()}
	defer b.close()
	if err := b.prepare(ctx); err != nil {
		return err
	}
	for _, g := range groups {
		if ctx.Err() == nil && only.MatchString(g.name) {
			b.measure(ctx, g)
		}
	}
	return errors.Join(b.printTable(os.Stdout), ctx.Err(), b.unmeasured())
}

// parts are what this program runs as processes of its own.
var parts = map[string]func(args []string) error{
	"bare":    runBare,
	"serve":   runProfiled,
	"elimity": runElimity,
}
