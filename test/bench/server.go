// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	api "scim-operator.io/api/v1alpha1"
)

// process is a server of any kind that runs beside this program.
type process struct {
	name    string
	cmd     *exec.Cmd
	address string // host:port
	log     string // file with what it says
	ended   chan struct{}
}

// start starts a program. Its log goes to a file, as a container's does.
func (b *bench) start(name, address string, environment []string, program string, args ...string) (*process, error) {
	p := &process{name: name, address: address, log: filepath.Join(b.work, name+".log"), ended: make(chan struct{})}
	log, err := os.OpenFile(p.log, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return nil, err
	}
	defer func() { _ = log.Close() }()
	p.cmd = exec.Command(program, args...) //nolint:gosec,noctx // programs of this benchmark, stopped by it
	p.cmd.Env = append(os.Environ(), environment...)
	p.cmd.Stdout, p.cmd.Stderr = log, log
	if err := p.cmd.Start(); err != nil {
		return nil, err
	}
	b.processes = append(b.processes, p)
	go func() { _ = p.cmd.Wait(); close(p.ended) }()
	return p, nil
}

// await polls until check is nil, the process has ended, or the time is up.
func (p *process) await(ctx context.Context, d time.Duration, check func() error) error {
	ctx, cancel := context.WithTimeout(ctx, d)
	defer cancel()
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for {
		err := check()
		if err == nil {
			return nil
		}
		select {
		case <-p.ended:
			return fmt.Errorf("%s has ended: %s", p.name, p.lastWords())
		case <-ctx.Done():
			return fmt.Errorf("%s is not ready after %v: %w: %s", p.name, d, err, p.lastWords())
		case <-tick.C:
		}
	}
}

func (p *process) listening() error {
	conn, err := (&net.Dialer{Timeout: time.Second}).DialContext(context.Background(), "tcp", p.address)
	if err != nil {
		return err
	}
	return conn.Close()
}

func (p *process) lastWords() string {
	text, _ := os.ReadFile(p.log)
	return string(text[max(0, len(text)-1000):])
}

// forget empties the log, so that it does not fill the disk.
func (p *process) forget() { _ = os.Truncate(p.log, 0) }

func (p *process) stop() {
	_ = p.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-p.ended:
	case <-time.After(20 * time.Second):
		_ = p.cmd.Process.Kill()
		<-p.ended
	}
}

// resident is the memory of the process in bytes.
func (p *process) resident() (float64, error) {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.cmd.Process.Pid))
	if err != nil {
		return 0, fmt.Errorf("memory of a process is known on Linux only: %w", err)
	}
	for line := range strings.Lines(string(status)) {
		if fields := strings.Fields(line); len(fields) == 3 && fields[0] == "VmRSS:" {
			kib, err := strconv.ParseFloat(fields[1], 64)
			return kib * 1024, err
		}
	}
	return 0, errors.New("no VmRSS in the status of the process")
}

// cpu is the time that the process has had on a CPU; 0 where it is not known.
func (p *process) cpu() time.Duration {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", p.cmd.Process.Pid))
	if err != nil {
		return 0
	}
	_, rest, _ := strings.Cut(string(stat), ") ")
	fields := strings.Fields(rest)
	if len(fields) < 13 {
		return 0
	}
	user, _ := strconv.Atoi(fields[11])
	system, _ := strconv.Atoi(fields[12])
	return time.Duration(user+system) * 10 * time.Millisecond // a hundred ticks a second
}

// server is a replica under test.
type server struct {
	*process
	ops      string // host:port of the port for operations
	profile  string // host:port of its profiles; "" when it has none
	endpoint *endpoint
}

// serve starts a replica of an endpoint and waits until it is ready.
func (b *bench) serve(ctx context.Context, e *endpoint, name string) (*server, error) {
	addresses, err := freeAddresses(4)
	if err != nil {
		return nil, err
	}
	s := &server{ops: addresses[1], endpoint: e}
	args := []string{"serve", "--endpoint", e.Name, "--namespace", e.Namespace, "--base-url", e.BaseURL(),
		"--kubeconfig", e.kubeconfig, "--pod-name", name, "--pod-ip", "127.0.0.1",
		"--listen", addresses[0], "--ops-listen", addresses[1], "--peer-listen", addresses[2], "--shutdown-delay", "1ms", "--open-metrics"}
	program, environment := b.server, []string{"GOMEMLIMIT=off"}
	if b.profile != "" {
		s.profile = addresses[3]
		if program, err = os.Executable(); err != nil {
			return nil, err
		}
		environment = append(environment, profileListen+"="+addresses[3])
	}
	if s.process, err = b.start(e.Namespace+"-"+name, addresses[0], environment, program, args...); err != nil {
		return nil, err
	}
	return s, s.await(ctx, 5*time.Minute, s.ready)
}

func (s *server) ready() error {
	_, _, err := once(s.ops, http.MethodGet, "/readyz", "", "")
	return err
}

// call sends one SCIM request.
func (s *server) call(method, path, body string) (http.Header, []byte, error) {
	return once(s.address, method, api.DefaultBasePath+path, bearer, body)
}

// metric reads one of the process's own metrics.
func (s *server) metric(name string) (float64, error) {
	_, text, err := once(s.ops, http.MethodGet, "/metrics", "", "")
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(text)) {
		if value, found := strings.CutPrefix(line, name+" "); found {
			return strconv.ParseFloat(strings.TrimSpace(value), 64)
		}
	}
	return 0, fmt.Errorf("there is no metric %s", name)
}

// freeAddresses are addresses of this machine on which nobody listens.
func freeAddresses(n int) ([]string, error) {
	addresses := make([]string, n)
	for i := range addresses {
		l, err := (&net.ListenConfig{}).Listen(context.Background(), "tcp", "127.0.0.1:0")
		if err != nil {
			return nil, err
		}
		defer func() { _ = l.Close() }()
		addresses[i] = l.Addr().String()
	}
	return addresses, nil
}

// profiled runs what is measured, and keeps a CPU profile of the server where that was
// asked for.
func (b *bench) profiled(ctx context.Context, s *server, name string, measured func() error) error {
	if b.profile == "" {
		return measured()
	}
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	failed := make(chan error, 1)
	go func() { failed <- b.keepProfile(ctx, s, name) }()
	return errors.Join(measured(), <-failed)
}

func (b *bench) keepProfile(ctx context.Context, s *server, name string) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet,
		fmt.Sprintf("http://%s/debug/pprof/profile?seconds=%d", s.profile, max(1, int(b.slot.Seconds()))), nil)
	if err != nil {
		return err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer func() { _ = response.Body.Close() }()
	file, err := os.Create(filepath.Join(b.profile, name+".pb.gz")) //nolint:gosec // where the person who runs this says
	if err != nil {
		return err
	}
	_, err = io.Copy(file, response.Body)
	return errors.Join(err, file.Close())
}
