// SPDX-License-Identifier: Apache-2.0

package replica

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"scim-operator.io/internal/store"
)

const (
	maxAnswer = 4 << 10
	// silenceFor is how long a peer that has not answered is not asked again: reads go to
	// the API server meanwhile, without waiting for it first.
	silenceFor = time.Second
	// peerIdle is how long a connection to a peer is kept for the next question.
	peerIdle = 5 * time.Minute
	// connsToPeer is how many questions are asked of a peer at once, the line aside. It
	// lets far more in; the others wait for their turn.
	connsToPeer = 8
)

func newPeerClient() *http.Client {
	return &http.Client{
		Transport: &http.Transport{
			MaxIdleConnsPerHost: connsToPeer,
			MaxConnsPerHost:     connsToPeer,
			IdleConnTimeout:     peerIdle,
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

var errUnknownPeers = errors.New("replica: the other replicas are not known")

// Revisions implements store.Peers. Any doubt is an error: who the peers are, whether
// one has answered, and whether it is still the one that was entered.
func (r *Replica) Revisions(ctx context.Context, since uint64) (store.Revisions, error) {
	v := r.roster.view()
	if !v.exists {
		return store.Revisions{}, errUnknownPeers
	}
	if len(v.peers) == 0 {
		return store.Revisions{}, nil
	}
	ctx, cancel := context.WithTimeout(ctx, r.config.AskTimeout)
	defer cancel()
	answers := make([]revisionsAnswer, len(v.peers))
	if len(v.peers) == 1 {
		if err := r.askRevisions(ctx, v, 0, since, &answers[0]); err != nil {
			return store.Revisions{}, err
		}
	} else {
		group, ctx := errgroup.WithContext(ctx)
		for i := range v.peers {
			group.Go(func() error { return r.askRevisions(ctx, v, i, since, &answers[i]) })
		}
		if err := group.Wait(); err != nil {
			return store.Revisions{}, err
		}
	}
	newest := store.Revisions{Complete: true}
	for _, a := range answers {
		newest.Advance(store.Revisions{Users: a.Users, Groups: a.Groups, Types: a.Types, Changed: a.Changed, Complete: a.Complete})
	}
	return newest, nil
}

func (r *Replica) askRevisions(ctx context.Context, v *view, i int, since uint64, answer *revisionsAnswer) error {
	p := v.peers[i]
	if r.silent.has(p) {
		return fmt.Errorf("replica %s did not answer a moment ago", p.Name)
	}
	err := r.lines.find(p, v.peers).ask(ctx, p.Address, since, answer)
	if err == nil && answer.identity != (identity{p.Name, p.Incarnation}) {
		err = fmt.Errorf("replica %s is no longer at its address", p.Name)
	}
	if err != nil && !errors.Is(err, context.Canceled) {
		r.silent.add(p)
	}
	return err
}

// Bookmarks implements server.Peers.
func (r *Replica) Bookmarks(ctx context.Context, page string) []string {
	v := r.roster.view()
	if len(v.peers) == 0 {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, r.config.AskTimeout)
	defer cancel()
	bookmarks := make([]string, len(v.peers))
	var asked sync.WaitGroup
	for i, p := range v.peers {
		asked.Go(func() { bookmarks[i] = r.askBookmark(ctx, p, page) })
	}
	asked.Wait()
	return slices.DeleteFunc(bookmarks, func(b string) bool { return b == "" })
}

func (r *Replica) askBookmark(ctx context.Context, p peer, page string) string {
	if r.silent.has(p) {
		return ""
	}
	var answer bookmarkAnswer
	err := r.ask(ctx, p, bookmarkPath, url.Values{"page": {page}}, &answer)
	if errors.Is(err, context.DeadlineExceeded) {
		r.silent.add(p)
	}
	if err != nil || answer.identity != (identity{p.Name, p.Incarnation}) {
		return ""
	}
	return answer.Bookmark
}

// askToConfirm says whether a peer knows this replica, and whether it was heard at all.
func (r *Replica) askToConfirm(ctx context.Context, p peer) (confirmed, heard bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, confirmTimeout)
	defer cancel()
	query := url.Values{"name": {r.config.Name}, "incarnation": {r.incarnation}}
	var answer confirmAnswer
	if err := r.ask(ctx, p, confirmPath, query, &answer); err != nil {
		return false, false, err
	}
	switch {
	case answer.Name != p.Name:
		return false, false, errors.New("another replica is at its address")
	case answer.Incarnation != p.Incarnation:
		return false, true, errors.New("it has restarted and is not entered anew yet")
	case !answer.Confirmed:
		return false, true, errors.New("it has not heard of this replica yet")
	}
	return true, true, nil
}

func (r *Replica) ask(ctx context.Context, p peer, path string, query url.Values, answer any) error {
	target := url.URL{Scheme: "http", Host: p.Address, Path: path, RawQuery: query.Encode()}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, target.String(), nil)
	if err != nil {
		return err
	}
	resp, err := r.http.Do(req)
	if err != nil {
		return err
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	if err != nil {
		return err
	}
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("replica %s answered %s", p.Name, resp.Status)
	}
	return json.Unmarshal(body, answer)
}

// silences remembers which peers have just failed to answer.
type silences struct {
	last  time.Duration // each
	mu    sync.Mutex
	until map[peer]time.Time
}

func (s *silences) has(p peer) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return time.Now().Before(s.until[p])
}

func (s *silences) add(p peer) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	for other, until := range s.until {
		if now.After(until) {
			delete(s.until, other)
		}
	}
	if s.until == nil {
		s.until = make(map[peer]time.Time)
	}
	s.until[p] = now.Add(s.last)
}
