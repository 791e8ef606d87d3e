// SPDX-License-Identifier: Apache-2.0

package replica

import (
	"context"
	"encoding/json"
	"math"
	"net"
	"net/http"
	"time"

	"scim-operator.io/internal/store"
)

const (
	// peerPath begins the paths that peers ask at.
	peerPath      = "/peer/v1/"
	revisionsPath = peerPath + "revisions"
	confirmPath   = peerPath + "confirm"
	bookmarkPath  = peerPath + "bookmark"

	// confirmWait is how long a question to confirm waits for this replica's own watch to
	// show who asks.
	confirmWait = 2 * time.Second
	// answerTimeout is how long an answer may take to leave.
	answerTimeout = 10 * time.Second
	maxName       = 253
	maxPage       = 64
)

// identity leads every answer: an address may by now belong to somebody else.
type identity struct {
	Name        string `json:"name"`
	Incarnation string `json:"incarnation"`
}

type revisionsAnswer struct {
	identity
	Users  uint64            `json:"users"`
	Groups uint64            `json:"groups"`
	Types  map[string]uint64 `json:"types,omitempty"`
	// Changed are users who have changed since the revision asked about; all, if Complete.
	Changed  []uint64 `json:"changed,omitempty"`
	Complete bool     `json:"complete,omitempty"`
}

type confirmAnswer struct {
	identity
	Confirmed bool `json:"confirmed"`
}

type bookmarkAnswer struct {
	identity
	Bookmark string `json:"bookmark,omitempty"`
}

// Answers are what a replica tells its peers of itself.
type Answers struct {
	Revisions func(since uint64) store.Revisions
	Bookmark  func(page string) string
}

// PeerServer serves Handler, on a PeerListener.
func (r *Replica) PeerServer(a Answers) *http.Server {
	return &http.Server{
		Handler: r.Handler(a), MaxHeaderBytes: 4 << 10,
		ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 5 * time.Second, WriteTimeout: answerTimeout,
		IdleTimeout: peerIdle + time.Minute, // the peer closes first, so that it meets no closed connection
	}
}

// PeerListener bounds the connections on the port for peers.
func (r *Replica) PeerListener(l net.Listener) net.Listener {
	l = r.switchboard.listener(l)
	return (&gate{ofOne: maxConnsOfOne, ofOthers: maxConnsOfOthers, isPeer: r.isPeer}).listener(l)
}

// Handler answers the questions of peers. Nothing it says is secret, and nothing it is
// asked changes anything that is stored.
func (r *Replica) Handler(a Answers) http.Handler {
	mux := http.NewServeMux()
	answer := func(since uint64) revisionsAnswer {
		newest := a.Revisions(since)
		return revisionsAnswer{
			identity: r.identity(), Users: newest.Users, Groups: newest.Groups, Types: newest.Types,
			Changed: newest.Changed, Complete: newest.Complete,
		}
	}
	mux.HandleFunc("GET "+revisionsPath, func(w http.ResponseWriter, req *http.Request) {
		if req.Header.Get("Upgrade") == lineProtocol {
			r.switchboard.serve(w, answer)
			return
		}
		once := answer(math.MaxUint64)
		once.Complete = false // it was not asked about any revision
		reply(w, once)
	})
	mux.HandleFunc("GET "+confirmPath, r.confirm)
	mux.HandleFunc("GET "+bookmarkPath, func(w http.ResponseWriter, req *http.Request) {
		page := req.URL.Query().Get("page")
		if page == "" || len(page) > maxPage {
			http.Error(w, "page is required", http.StatusBadRequest)
			return
		}
		reply(w, bookmarkAnswer{identity: r.identity(), Bookmark: a.Bookmark(page)})
	})
	return (&gate{ofOne: maxRequestsOfOne, ofOthers: maxRequestsOfOthers, isPeer: r.isPeer}).bounded(mux)
}

// confirm says whether this replica knows the one that asks, in the given incarnation.
func (r *Replica) confirm(w http.ResponseWriter, req *http.Request) {
	query := req.URL.Query()
	asking := peer{Name: query.Get("name"), Incarnation: query.Get("incarnation")}
	if asking.Name == "" || len(asking.Name) > maxName || asking.Incarnation == "" || len(asking.Incarnation) > maxName {
		http.Error(w, "name and incarnation are required", http.StatusBadRequest)
		return
	}
	ctx, cancel := context.WithTimeout(req.Context(), confirmWait)
	defer cancel()
	_, known := r.roster.await(ctx, func(v *view) bool { return v.knows(asking) })
	reply(w, confirmAnswer{identity: r.identity(), Confirmed: known})
}

func (r *Replica) identity() identity {
	return identity{Name: r.config.Name, Incarnation: r.incarnation}
}

func reply(w http.ResponseWriter, answer any) {
	w.Header().Set("Content-Type", "application/json")
	// The only error is that the peer has gone.
	_ = json.NewEncoder(w).Encode(answer)
}
