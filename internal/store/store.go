// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/go-logr/logr"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/rest"

	api "scim-operator.io/api/v1alpha1"
	"scim-operator.io/internal/scim"
)

// Config is what a Store needs. Namespace, Endpoint, BaseURL, REST and Types are
// required; a duration left zero has the default named with it.
type Config struct {
	REST      *rest.Config   // its QPS limit is not used: the API server's own fairness applies
	Namespace string         // of the ScimEndpoint and everything it holds
	Endpoint  string         // name of the ScimEndpoint
	BaseURL   string         // of the SCIM service, without a slash at its end; begins meta.location
	Types     *scim.Registry // the resource types served
	Peers     Peers          // the other replicas; nil with one
	Eventual  func() bool    // whether reads may miss what other replicas have acknowledged; nil for never
	Log       logr.Logger

	RequestTimeout time.Duration // bound on one call of the API server; 10 s
	WriteTimeout   time.Duration // bound on one write with all its calls; 25 s
	BarrierTimeout time.Duration // how long a read waits for its own watch before it asks the API server; 500 ms
	MaxStaleness   time.Duration // how long reads go on after the watch broke; 1 min
}

// Store keeps the users and groups of one endpoint. It is safe for use by many
// goroutines. Its methods answer errors as *scim.Error, for the client, or as
// *Unavailable.
type Store struct {
	namespace, endpoint, baseURL string
	log                          logr.Logger
	client                       client
	timeouts                     timeouts
	now                          func() time.Time // for what is written down; tests move it

	users, groups   *kind
	userAttributes  *userAttributes
	groupAttributes *groupAttributes

	index    *index
	eventual func() bool
	feeds    []*feed
	barrier  *barrier
	writers  writers
}

type timeouts struct {
	write, creation, barrier, refresh, staleness time.Duration
	relistBelow                                  int // resources, as that is what tells the time
}

// New makes a store. It serves once Run has synced it.
func New(c Config) (*Store, error) {
	if c.RequestTimeout == 0 {
		c.RequestTimeout = 10 * time.Second
	}
	if c.REST == nil {
		return nil, errors.New("store: no client configuration")
	}
	client, err := newRESTClient(c.REST, c.Namespace, c.RequestTimeout)
	if err != nil {
		return nil, err
	}
	return newStore(c, client)
}

func newStore(c Config, client client) (*Store, error) {
	if c.Namespace == "" || c.Endpoint == "" || c.BaseURL == "" || c.Types == nil {
		return nil, errors.New("store: namespace, endpoint, base URL and resource types are required")
	}
	s := &Store{
		namespace: c.Namespace, endpoint: c.Endpoint, baseURL: strings.TrimSuffix(c.BaseURL, "/"),
		log: c.Log, client: client, index: newIndex(), now: time.Now,
		timeouts: timeouts{
			write:       orDefault(c.WriteTimeout, 25*time.Second),
			barrier:     orDefault(c.BarrierTimeout, 500*time.Millisecond),
			creation:    creationPatience,
			refresh:     time.Minute,
			staleness:   orDefault(c.MaxStaleness, time.Minute),
			relistBelow: relistBelow,
		},
	}
	if err := s.bindTypes(c.Types); err != nil {
		return nil, fmt.Errorf("store: %w", err)
	}
	if s.eventual = c.Eventual; s.eventual == nil {
		s.eventual = func() bool { return false }
	}
	s.barrier = s.newBarrier(c.Peers)
	s.writers.store = s
	s.feeds = []*feed{
		{store: s, resource: usersResource, kind: s.users, expected: &api.ScimUser{}, newList: s.users.newList},
		{store: s, resource: groupsResource, kind: s.groups, expected: &api.ScimGroup{}, newList: s.groups.newList},
		{store: s, resource: slicesResource, expected: &api.ScimGroupSlice{},
			newList: func() runtime.Object { return &api.ScimGroupSliceList{} }},
	}
	return s, nil
}

func orDefault(d, otherwise time.Duration) time.Duration {
	if d == 0 {
		return otherwise
	}
	return d
}

func (s *Store) bindTypes(types *scim.Registry) (err error) {
	user, group := types.User(), types.Group()
	if s.userAttributes, err = findUserAttributes(user); err != nil {
		return err
	}
	if s.groupAttributes, err = findGroupAttributes(group); err != nil {
		return err
	}
	s.users = &kind{
		rt: user, resource: usersResource, unique: s.userAttributes.userName, claimed: api.ClaimUserName,
		shelf:     s.index.users,
		newObject: func() object { return &api.ScimUser{} },
		newList:   func() runtime.Object { return &api.ScimUserList{} },
	}
	s.groups = &kind{
		rt: group, resource: groupsResource, unique: s.groupAttributes.displayName, claimed: api.ClaimGroupDisplayName,
		shelf:     s.index.groups,
		newObject: func() object { return &api.ScimGroup{} },
		newList:   func() runtime.Object { return &api.ScimGroupList{} },
	}
	return nil
}

// Run keeps the index up to date until ctx ends.
func (s *Store) Run(ctx context.Context) error {
	ctx = logr.NewContext(ctx, s.log)
	var running sync.WaitGroup
	for _, f := range s.feeds {
		running.Go(func() { f.run(ctx) })
	}
	running.Go(func() { s.resolvePending(ctx) })
	running.Wait()
	return nil
}

// Ready is nil once the index has synced and as long as the API server answers.
func (s *Store) Ready() error {
	for _, f := range s.feeds {
		if !f.synced.Load() {
			return fmt.Errorf("%s are not synced yet", f.resource)
		}
		if broken := f.brokenFor(); broken > s.timeouts.staleness/4 {
			return fmt.Errorf("the watch of %s has been broken for %v", f.resource, broken.Round(time.Second))
		}
	}
	return nil
}

// serving is nil when reads may be answered from the index.
func (s *Store) serving() error {
	for _, f := range s.feeds {
		if !f.synced.Load() {
			return unavailable(fmt.Errorf("%s are not synced yet", f.resource))
		}
		if broken := f.brokenFor(); broken > s.timeouts.staleness {
			return unavailable(fmt.Errorf("the watch of %s has been broken for %v", f.resource, broken.Round(time.Second)))
		}
	}
	return nil
}

// Revisions are the newest resourceVersions of users and groups that a replica has
// acknowledged to a client or shown in an answer, comparable among replicas (KEP-5504).
type Revisions struct{ Users, Groups uint64 }

// Peers asks the other replicas of the endpoint.
type Peers interface {
	// Revisions asks every other replica for the newest resourceVersions it has
	// acknowledged and returns the maximum; an error when one did not answer in time.
	// Without peers it returns zero and nil and does no I/O.
	Revisions(ctx context.Context) (Revisions, error)
	// Epoch grows whenever a peer is lost or restarted: what it had acknowledged is
	// then unknown, and readers refresh once from the API server.
	Epoch() uint64
}

// Revisions gives the newest resourceVersions that this replica has acknowledged. Peers
// ask for them.
func (s *Store) Revisions() Revisions {
	return Revisions{Users: s.users.shelf.newest.Load(), Groups: s.groups.shelf.newest.Load()}
}
