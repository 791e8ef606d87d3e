// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/go-logr/logr"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
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
	Linking   *Linking       // who was here before and may be adopted; nil for nobody
	Domains   []string       // of the addresses that users may be given; nil for any
	// Elsewhere is told of each user of another endpoint who keeps one of this endpoint from
	// being created; nil for nobody.
	Elsewhere func(user, endpoint string)
	Eventual  func() bool // whether reads may miss what other replicas have acknowledged; nil for never
	Log       logr.Logger

	ImmutableExternalIDs bool // an externalId never names another person later

	RequestTimeout time.Duration // bound on one call of the API server; 10 s
	WriteTimeout   time.Duration // bound on one write with all its calls; 25 s
	BarrierTimeout time.Duration // how long a read waits for its own watch before it asks the API server; 500 ms
	MaxStaleness   time.Duration // how old what is read may be that was changed without this endpoint's servers; 1 min

	shortBreak time.Duration // of a watch, in which no etcd is restored; 2 s
	probeAfter time.Duration // age at which the API server is asked how far it has come; 20 s, or a third of MaxStaleness
}

// Store keeps the users, groups and other resources of one endpoint. It is safe for use by many
// goroutines. Its methods answer errors as *scim.Error, for the client, or as
// *Unavailable.
type Store struct {
	namespace, endpoint, baseURL string
	log                          logr.Logger
	client                       client // which is history
	history                      *history
	timeouts                     timeouts
	now                          func() time.Time // for what is written down; tests move it

	users, groups   *kind
	kinds           []*kind // users, groups, and those of declared resource types
	userAttributes  *userAttributes
	groupAttributes *groupAttributes

	index     *index
	linking   *Linking
	domains   []string                    // nil for any
	elsewhere func(user, endpoint string) // nil for nobody
	others    *others                     // nil without linking
	eventual  func() bool

	immutableExternalIDs bool

	feeds   []*feed
	barrier *barrier
	writers writers
	scans   scans
	chores  chores
}

type timeouts struct {
	write, creation, barrier, refresh, staleness, probe, shortBreak time.Duration
	relistBelow                                                     int // resources, as that is what tells the time
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
	history := newHistory(client, c.Log, orDefault(c.shortBreak, shortBreak))
	s := &Store{
		namespace: c.Namespace, endpoint: c.Endpoint, baseURL: strings.TrimSuffix(c.BaseURL, "/"),
		log: c.Log, client: history, history: history, index: newIndex(), now: time.Now, scans: newScans(),
		chores: make(chores, maxChores), immutableExternalIDs: c.ImmutableExternalIDs, domains: c.Domains,
		timeouts: timeouts{
			write:       orDefault(c.WriteTimeout, 25*time.Second),
			barrier:     orDefault(c.BarrierTimeout, 500*time.Millisecond),
			creation:    creationPatience,
			refresh:     time.Minute,
			staleness:   orDefault(c.MaxStaleness, time.Minute),
			shortBreak:  orDefault(c.shortBreak, shortBreak),
			relistBelow: relistBelow,
		},
	}
	s.timeouts.probe = orDefault(c.probeAfter, min(s.timeouts.staleness/3, probeAfter))
	if err := s.bindTypes(c.Types); err != nil {
		return nil, fmt.Errorf("store: %w", err)
	}
	if s.eventual = c.Eventual; s.eventual == nil {
		s.eventual = func() bool { return false }
	}
	s.barrier = s.newBarrier(c.Peers)
	s.writers.store = s
	for _, k := range s.kinds {
		k.feed = s.addFeed(&feed{resource: k.resource, kind: k, expected: k.newObject(), newList: k.newList})
	}
	s.addFeed(&feed{resource: slicesResource, expected: &api.ScimGroupSlice{},
		newList: func() runtime.Object { return &api.ScimGroupSliceList{} }})
	s.elsewhere = c.Elsewhere
	if s.linking = c.Linking; s.linking != nil {
		s.others = newOthers(s)
	}
	return s, nil
}

func (s *Store) addFeed(f *feed) *feed {
	f.store, f.into = s, f
	f.options = func(o metav1.ListOptions) metav1.ListOptions { return s.listOptions(f.kind, o) }
	s.feeds = append(s.feeds, f)
	return f
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
		rt: user, resource: usersResource, lookups: userLookups, shelf: s.index.users,
		newObject: func() object { return &api.ScimUser{} },
		newList:   func() runtime.Object { return &api.ScimUserList{} },
	}
	s.users.unique = []*unique{{kind: s.users, attr: s.userAttributes.userName, claimed: api.ClaimUserName, stored: nameOf}}
	s.groups = &kind{
		rt: group, resource: groupsResource, lookups: groupLookups, shelf: s.index.groups,
		newObject: func() object { return &api.ScimGroup{} },
		newList:   func() runtime.Object { return &api.ScimGroupList{} },
	}
	s.groups.unique = []*unique{{kind: s.groups, attr: s.groupAttributes.displayName, claimed: api.ClaimGroupDisplayName, stored: nameOf}}
	// A user's groups, and the names of a group's members, are in what the other kind has.
	s.users.shows, s.groups.shows = []*kind{s.users, s.groups}, []*kind{s.users, s.groups}
	s.kinds = []*kind{s.users, s.groups}
	for _, rt := range types.ResourceTypes() {
		if rt == user || rt == group {
			continue
		}
		k, err := s.newDeclaredKind(rt)
		if err != nil {
			return err
		}
		s.kinds = append(s.kinds, k)
	}
	return nil
}

// Run keeps the index up to date until ctx ends. It ends by itself, with ErrSetBack, when
// nothing in memory can be trusted any more.
func (s *Store) Run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(logr.NewContext(ctx, s.log))
	defer cancel()
	var running sync.WaitGroup
	feeds := s.feeds
	if s.others != nil {
		feeds = append(slices.Clone(feeds), &s.others.feed)
	}
	for _, f := range feeds {
		running.Go(func() { f.run(ctx) })
		running.Go(func() { f.keepFresh(ctx) })
	}
	running.Go(func() { s.resolvePending(ctx) })
	running.Go(func() {
		select {
		case <-ctx.Done():
		case <-s.history.ended:
			cancel()
		}
	})
	running.Wait()
	s.chores.close()
	return s.history.err()
}

// Ready is nil once the index has synced and as long as the API server answers.
func (s *Store) Ready() error {
	if err := s.fed(s.timeouts.staleness * 3 / 4); err != nil {
		return err
	}
	for _, f := range s.feeds {
		if broken := f.brokenFor(); broken > s.timeouts.staleness/4 {
			return fmt.Errorf("the watch of %s has been broken for %v", f.resource, broken.Round(time.Second))
		}
	}
	if s.others != nil {
		return s.others.ready()
	}
	return nil
}

// serving is nil when reads may be answered from the index.
func (s *Store) serving() error {
	if err := s.fed(s.timeouts.staleness); err != nil {
		return unavailable(err)
	}
	return nil
}

// fed is nil when everything that is read has been fed within a bound.
func (s *Store) fed(bound time.Duration) error {
	if err := s.history.err(); err != nil {
		return err
	}
	now := sinceStart()
	for _, f := range s.feeds {
		if err := f.stale(now, bound); err != nil {
			return err
		}
	}
	return nil
}

// Revisions are the newest resourceVersions that a replica has acknowledged to a client or
// shown in an answer, comparable among replicas (KEP-5504): those of users, of groups, and
// of the resources of each declared type by its name.
type Revisions struct {
	Users, Groups uint64
	Types         map[string]uint64

	// Changed are hashes of the ids of the users whom changes after the revision concern
	// that was asked about. Complete says that these are all.
	Changed  []uint64
	Complete bool
}

// Advance takes in what another replica has: the newer of each. What is complete with
// nothing to begin with stays so as long as every replica's is.
func (r *Revisions) Advance(other Revisions) {
	r.Changed, r.Complete = append(r.Changed, other.Changed...), r.Complete && other.Complete
	r.Users, r.Groups = max(r.Users, other.Users), max(r.Groups, other.Groups)
	for name, revision := range other.Types {
		if r.Types == nil {
			r.Types = make(map[string]uint64, len(other.Types))
		}
		r.Types[name] = max(r.Types[name], revision)
	}
}

// spares says that nothing about a user has changed since the revision asked about.
func (r *Revisions) spares(id string) bool {
	return id != "" && r.Complete && !slices.Contains(r.Changed, idHash(id))
}

// of gives that of a kind's resources.
func (r *Revisions) of(s *Store, k *kind) uint64 {
	switch k {
	case s.users:
		return r.Users
	case s.groups:
		return r.Groups
	default:
		return r.Types[k.rt.Name]
	}
}

// Peers asks the other replicas of the endpoint.
type Peers interface {
	// Revisions asks every other replica for the newest resourceVersions it has
	// acknowledged and returns the maximum, and for which users there are some newer
	// than since; an error when one did not answer in time. Without peers it returns
	// zero and nil and does no I/O.
	Revisions(ctx context.Context, since uint64) (Revisions, error)
	// Alone says that there is no other replica to ask, so that Revisions would return
	// zero and nil.
	Alone() bool
	// Epoch grows whenever a peer is lost or restarted: what it had acknowledged is
	// then unknown, and readers refresh once from the API server.
	Epoch() uint64
}

// Revisions gives the newest resourceVersions that this replica has acknowledged or
// shown, and the users whom those after since concern. Peers ask for them.
func (s *Store) Revisions(since uint64) Revisions {
	r := Revisions{Users: s.users.shelf.newest.Load(), Groups: s.groups.shelf.newest.Load()}
	r.Changed, r.Complete = s.users.shelf.recent.since(since) // after that: it has all of those
	for _, k := range s.kinds {
		if k.declared == nil {
			continue
		}
		if r.Types == nil {
			r.Types = make(map[string]uint64, api.MaxResourceTypes)
		}
		r.Types[k.rt.Name] = k.shelf.newest.Load()
	}
	return r
}
