// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"time"
)

// peer is another SCIM server that keeps users in memory.
type peer struct {
	name, title string
	base        string
	// command gives what to run to listen on an address; it installs it first.
	command func(ctx context.Context, b *bench, address string) (program string, args []string, err error)
}

var peers = []peer{
	{"elimity", "elimity-com/scim (Go)", "/v2", elimityCommand},
	{"scimmy", "SCIMMY 1.3.5 with scimmy-routers (Node)", "/scim/v2", scimmyCommand},
	{"scim2-server", "scim2-server 0.8.3 (Python)", "/v2", scim2ServerCommand},
}

// missingError says what a peer needs that this machine does not have.
type missingError struct{ error }

func (e missingError) Unwrap() error { return e.error }

func elimityCommand(_ context.Context, _ *bench, address string) (string, []string, error) {
	self, err := os.Executable()
	return self, []string{"elimity", address}, err
}

func scimmyCommand(ctx context.Context, b *bench, address string) (string, []string, error) {
	directory, err := b.installed(ctx, "node", "package-lock.json", []string{"package.json", "server.js"},
		func(ctx context.Context, directory string) error {
			return install(ctx, directory, "install Node.js with npm, such as by: apt-get install nodejs npm",
				"npm", "ci", "--no-audit", "--no-fund", "--ignore-scripts")
		})
	_, port, _ := net.SplitHostPort(address)
	return "node", []string{filepath.Join(directory, "server.js"), port}, err
}

func scim2ServerCommand(ctx context.Context, b *bench, address string) (string, []string, error) {
	const hint = "install Python 3.11 or newer with venv, such as by: apt-get install python3-venv"
	directory, err := b.installed(ctx, "python", "requirements.txt", []string{"server.py"},
		func(ctx context.Context, directory string) error {
			if err := install(ctx, directory, hint, "python3", "-m", "venv", "venv"); err != nil {
				return err
			}
			return install(ctx, directory, hint, filepath.Join(directory, "venv", "bin", "pip"),
				"install", "--quiet", "--disable-pip-version-check", "--no-deps", "--requirement", "requirements.txt")
		})
	_, port, _ := net.SplitHostPort(address)
	return filepath.Join(directory, "venv", "bin", "python"), []string{filepath.Join(directory, "server.py"), port}, err
}

// installed gives the directory of a peer, installed anew when the file that pins its
// versions has changed.
func (b *bench) installed(ctx context.Context, name, pins string, files []string, run func(ctx context.Context, directory string) error) (string, error) {
	from, to := filepath.Join(repository(), "test", "bench", "peers", name), filepath.Join(b.peers, name)
	if err := os.MkdirAll(to, 0o750); err != nil {
		return "", err
	}
	pinned, err := os.ReadFile(filepath.Join(from, pins)) //nolint:gosec // of this repository
	if err != nil {
		return "", err
	}
	for _, file := range append(files, pins) {
		text, err := os.ReadFile(filepath.Join(from, file)) //nolint:gosec // of this repository
		if err != nil {
			return "", err
		}
		if err := os.WriteFile(filepath.Join(to, file), text, 0o600); err != nil { //nolint:gosec // where the person who runs this says
			return "", err
		}
	}
	done := filepath.Join(to, ".installed")
	if before, err := os.ReadFile(done); err == nil && bytes.Equal(before, pinned) { //nolint:gosec // written below
		return to, nil
	}
	b.say("  installing into %s", to)
	if err := run(ctx, to); err != nil {
		return "", err
	}
	return to, os.WriteFile(done, pinned, 0o600) //nolint:gosec // where the person who runs this says
}

func install(ctx context.Context, directory, hint, program string, args ...string) error {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Minute)
	defer cancel()
	command := exec.CommandContext(ctx, program, args...) //nolint:gosec // the programs named above
	command.Dir = directory
	if out, err := command.CombinedOutput(); err != nil {
		return missingError{fmt.Errorf("%s: %w: %s; %s", program, err, out[max(0, len(out)-500):], hint)}
	}
	return nil
}

func (b *bench) startPeer(ctx context.Context, p peer) (*target, error) {
	addresses, err := freeAddresses(1)
	if err != nil {
		return nil, err
	}
	program, args, err := p.command(ctx, b, addresses[0])
	if err != nil {
		return nil, err
	}
	if _, err := exec.LookPath(program); err != nil {
		return nil, missingError{err}
	}
	running, err := b.start(p.name, addresses[0], []string{"BENCH_TOKEN=" + bearer, "NODE_ENV=production"}, program, args...)
	if err != nil {
		return nil, err
	}
	t := &target{process: running, base: p.base}
	return t, running.await(ctx, time.Minute, func() error {
		_, _, err := once(running.address, http.MethodGet, p.base+"/ServiceProviderConfig", bearer, "")
		return err
	})
}
