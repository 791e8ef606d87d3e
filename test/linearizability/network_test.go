// SPDX-License-Identifier: Apache-2.0

package linearizability

import (
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"sync"
	"time"

	"k8s.io/client-go/rest"
)

var errCrashed = errors.New("the process has died")

// network is what a replica's process has between itself and the API server. It can die
// with the process before or after any write, and it delays what it carries, so that
// other orders come about.
type network struct {
	next http.RoundTripper
	dead context.Context
	die  context.CancelFunc

	mu      sync.Mutex
	random  *rand.Rand
	planned bool
	left    int  // writes until the planned crash
	after   bool // it comes when the API server has carried the write out
	held    chan struct{}
}

func newNetwork(seed uint64) *network {
	n := &network{random: rand.New(rand.NewPCG(seed, 1))}
	n.dead, n.die = context.WithCancel(context.Background())
	return n
}

// config is the configuration of a client that uses the network and shares no connection.
func (n *network) config(c *rest.Config) *rest.Config {
	c = rest.CopyConfig(c)
	c.Dial = n.dial
	c.Wrap(func(next http.RoundTripper) http.RoundTripper { n.next = next; return n })
	return c
}

// dial makes a connection that ends with the process.
func (n *network) dial(ctx context.Context, network, address string) (net.Conn, error) {
	connection, err := new(net.Dialer).DialContext(ctx, network, address)
	if err == nil {
		context.AfterFunc(n.dead, func() { _ = connection.Close() }) //nolint:contextcheck // the process ends by itself
	}
	return connection, err
}

// crashAt plans the death of the process at its n-th write from now on, counted from 0.
func (n *network) crashAt(left int, after bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.planned, n.left, n.after = true, left, after
}

// holdWatches keeps what the watches bring to itself until release is called.
func (n *network) holdWatches() (release func()) {
	n.mu.Lock()
	defer n.mu.Unlock()
	held := make(chan struct{})
	n.held = held
	return sync.OnceFunc(func() { close(held) })
}

// plan says what becomes of a call: whether the process dies before or after it, and how
// long it is on its way.
func (n *network) plan(write bool) (before, after bool, delay time.Duration) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.random.IntN(4) == 0 {
		delay = time.Duration(n.random.IntN(8000)) * time.Microsecond
	}
	if !write || !n.planned {
		return false, false, delay
	}
	n.left--
	return n.left == -1 && !n.after, n.left == -1 && n.after, delay
}

// RoundTrip implements http.RoundTripper.
func (n *network) RoundTrip(r *http.Request) (*http.Response, error) {
	before, after, delay := n.plan(r.Method != http.MethodGet)
	if before {
		n.die()
	}
	n.wait(r.Context(), delay)
	ctx, cancel := context.WithCancel(r.Context())
	stop := context.AfterFunc(n.dead, cancel) //nolint:contextcheck // the process ends by itself
	if n.dead.Err() != nil {
		cancel()
		return nil, errCrashed
	}
	answer, err := n.next.RoundTrip(r.WithContext(ctx))
	if err == nil && after {
		n.die()
		_ = answer.Body.Close()
		err = errCrashed
	}
	if err != nil {
		stop()
		cancel()
		return nil, err
	}
	answer.Body = &body{ReadCloser: answer.Body, network: n, ctx: ctx, watch: r.URL.Query().Has("watch"),
		end: func() { stop(); cancel() }}
	return answer, nil
}

// wait lets time pass, unless the process dies.
func (n *network) wait(ctx context.Context, d time.Duration) {
	if d == 0 {
		return
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	case <-n.dead.Done():
	}
}

// body delays what a watch brings.
type body struct {
	io.ReadCloser
	network *network
	ctx     context.Context
	watch   bool
	end     func()
}

func (b *body) Read(p []byte) (int, error) {
	read, err := b.ReadCloser.Read(p)
	if !b.watch {
		return read, err
	}
	_, _, delay := b.network.plan(false)
	b.network.wait(b.ctx, delay)
	b.network.mu.Lock()
	held := b.network.held
	b.network.mu.Unlock()
	if held != nil {
		select {
		case <-held:
		case <-b.ctx.Done():
			return 0, b.ctx.Err()
		}
	}
	return read, err
}

func (b *body) Close() error {
	b.end()
	return b.ReadCloser.Close()
}
