// SPDX-License-Identifier: Apache-2.0

package replica

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/go-logr/logr"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/uuid"
	"k8s.io/client-go/rest"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"scim-operator.io/api/v1alpha1"
	"scim-operator.io/internal/store"
	"scim-operator.io/internal/token"
)

const (
	defaultAskTimeout = 250 * time.Millisecond
	// A peer that has answered nothing for so long is taken for lost when a replica joins.
	// Should it live and merely be out of reach, its watch has by then told it of the new
	// replica, or been found dead by HTTP/2's pings (45 s) and another dial (30 s), after
	// which its store has stopped serving stale reads (60 s).
	defaultLostAfter = 150 * time.Second
)

// Config is what a Replica needs; a duration left zero has the default named with it.
type Config struct {
	REST      *rest.Config
	Namespace string // of the ScimEndpoint
	Endpoint  string // name of the ScimEndpoint
	Name      string // of this replica: its pod's
	Address   string // host:port where peers reach Handler
	Log       logr.Logger

	AskTimeout time.Duration // for the answers of all peers to one question; 250 ms
	LostAfter  time.Duration // of silence, until a peer no longer keeps others from joining; 150 s

	Unreadable func() store.Unreadable // what the store cannot read; nil for nothing

	Clock clock.WithTicker // for how often refusals are noted; that of the system
}

// Replica is one replica of an endpoint. It is safe for use by many goroutines, and
// implements store.Peers, server.State and server.CursorKeys.
type Replica struct {
	config      Config
	client      client.WithWatch
	http        *http.Client
	lines       lines
	switchboard switchboard
	incarnation string
	tokens      token.Verifier
	uses        atomic.Pointer[uses]
	conflicts   conflicts
	unreadable  atomic.Pointer[store.Unreadable]
	lastOAuth   atomic.Int64 // when an access token was last let in, in Unix seconds; zero for never
	cursors     atomic.Pointer[[][32]byte]
	names       atomic.Pointer[nameKey]
	roster      roster

	tokensKnown atomic.Bool
	joined      atomic.Bool
	epoch       atomic.Uint64
	silent      silences
	refusals    *refusals
}

// New makes a replica. It does nothing before Run.
func New(c Config) (*Replica, error) {
	if c.REST == nil || c.Namespace == "" || c.Endpoint == "" || c.Name == "" || c.Address == "" {
		return nil, errors.New("replica: REST, Namespace, Endpoint, Name and Address are required")
	}
	if c.AskTimeout == 0 {
		c.AskTimeout = defaultAskTimeout
	}
	if c.Clock == nil {
		c.Clock = clock.RealClock{}
	}
	if c.LostAfter == 0 {
		c.LostAfter = defaultLostAfter
	}
	kubernetes, err := newClient(c.REST)
	if err != nil {
		return nil, fmt.Errorf("replica: %w", err)
	}
	r := &Replica{
		config:      c,
		client:      kubernetes,
		http:        newPeerClient(),
		incarnation: string(uuid.NewUUID()),
		refusals:    newRefusals(c.Clock),
		silent:      silences{last: silenceFor},
	}
	r.roster.init()
	return r, nil
}

// newClient knows the kinds that a replica uses, so that it needs no discovery.
func newClient(config *rest.Config) (client.WithWatch, error) {
	scheme := runtime.NewScheme()
	if err := errors.Join(corev1.AddToScheme(scheme), v1alpha1.AddToScheme(scheme)); err != nil {
		return nil, err
	}
	mapper := meta.NewDefaultRESTMapper(nil)
	mapper.Add(corev1.SchemeGroupVersion.WithKind("Secret"), meta.RESTScopeNamespace)
	mapper.Add(v1alpha1.GroupVersion.WithKind("ScimEndpoint"), meta.RESTScopeNamespace)
	mapper.Add(v1alpha1.GroupVersion.WithKind("ScimUser"), meta.RESTScopeNamespace)
	return client.NewWithWatch(config, client.Options{Scheme: scheme, Mapper: mapper})
}

// Run watches, and joins the other replicas, until ctx ends. Peers must be able to
// reach Handler by then.
func (r *Replica) Run(ctx context.Context) error {
	endpoint := &v1alpha1.ScimEndpoint{}
	endpoint.Name = r.config.Endpoint
	var running sync.WaitGroup
	running.Go(func() {
		r.watch(ctx, r.config.Endpoint, &v1alpha1.ScimEndpoint{}, &v1alpha1.ScimEndpointList{}, r.observeEndpoint)
	})
	running.Go(func() {
		r.watch(ctx, endpoint.DigestSecretName(), &corev1.Secret{}, &corev1.SecretList{}, r.observeDigests)
	})
	running.Go(func() { r.stayJoined(ctx) })
	running.Go(func() { r.reportUses(ctx) })
	running.Go(func() { r.reportUnreadable(ctx) })
	running.Go(func() { r.takeDown(ctx) })
	running.Wait()
	r.lines.close()
	return nil
}

// Serving is nil when requests can be answered: the tokens are known and the other
// replicas know this one.
func (r *Replica) Serving() error {
	switch {
	case !r.joined.Load():
		return errors.New("the other replicas have not yet confirmed this one")
	case !r.tokensKnown.Load():
		return errors.New("the digests of the tokens are not known")
	}
	return nil
}

// Paused says that the administrator has paused provisioning.
func (r *Replica) Paused() bool { return r.roster.view().paused }

// Eventual says that reads may miss what other replicas have acknowledged.
func (r *Replica) Eventual() bool { return r.roster.view().eventual }

// Verify tells whether a presented token is accepted, and gives its ID; an ID with false
// is that of a token that has expired.
func (r *Replica) Verify(presented string) (id string, ok bool) { return r.tokens.Verify(presented) }

// Alone implements store.Peers.
func (r *Replica) Alone() bool {
	v := r.roster.view()
	return v.exists && len(v.peers) == 0
}

// Epoch implements store.Peers.
func (r *Replica) Epoch() uint64 { return r.epoch.Load() }

var _ store.Peers = (*Replica)(nil)
