// SPDX-License-Identifier: Apache-2.0

package replica

import (
	"context"
	"math/rand/v2"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"scim-operator.io/api/v1alpha1"
	applyv1alpha1 "scim-operator.io/api/v1alpha1/applyconfiguration/api/v1alpha1"
	"scim-operator.io/internal/token"
)

const (
	// usesEvery is how old what the status shows of the uses of tokens may be: whichever
	// replica writes first keeps the others from doing it. Each write goes to everybody who
	// watches the endpoint.
	usesEvery = 10 * time.Minute
	// reportEvery is how often a replica writes into its entry at most.
	reportEvery = time.Minute
	// usesLook is how often it looks whether there is something to write, and half of that
	// again by chance, so that replicas do not write all at once.
	usesLook = 5 * time.Second
)

// uses are when clients were last let in here.
type uses struct {
	tokens []token.Use
	oauth  time.Time // with an access token of the issuer; zero for never
}

// NoteOAuth takes down that an access token of the OAuth issuer was let in.
func (r *Replica) NoteOAuth() {
	if now := time.Now().Unix(); r.lastOAuth.Load() < now {
		r.lastOAuth.Store(now)
	}
}

// usesSoFar are those since the process began.
func (r *Replica) usesSoFar() uses {
	u := uses{tokens: r.tokens.Uses()}
	if seconds := r.lastOAuth.Load(); seconds > 0 {
		u.oauth = time.Unix(seconds, 0).UTC()
	}
	return u
}

// reportUses writes into this replica's entry when tokens were last used, and who kept a user
// from being created, until ctx ends.
func (r *Replica) reportUses(ctx context.Context) {
	var written time.Time
	for ctx.Err() == nil {
		pause(ctx, usesLook+rand.N(usesLook/2)) //nolint:gosec // nobody gains by guessing it
		if !r.joined.Load() || time.Since(written) < reportEvery {
			continue
		}
		worthTelling := news(r.usesSoFar(), r.roster.view())
		if worthTelling == nil && !r.conflicts.news() {
			continue
		}
		written = time.Now()
		if worthTelling != nil {
			r.uses.Store(worthTelling)
		}
		if err := r.enter(ctx); err != nil && ctx.Err() == nil {
			r.conflicts.lost()
			r.config.Log.WithName("tokens").Error(err, "writing when tokens were last used")
		}
	}
}

// news are the uses of the tokens that the status shows and of access tokens, if it lacks
// one of them or has one of long ago; otherwise there are none.
func news(soFar uses, shown *view) *uses {
	known := &uses{oauth: soFar.oauth}
	stale := !soFar.oauth.IsZero() && soFar.oauth.Sub(shown.lastRequest) >= usesEvery
	for _, use := range soFar.tokens {
		if last, ok := shown.lastUsed[use.ID]; ok {
			known.tokens = append(known.tokens, use)
			stale = stale || use.LastUsed.Sub(last) >= usesEvery
		}
	}
	if !stale {
		return nil
	}
	return known
}

// shownUses are the last uses that the status of the endpoint shows, the zero time for a
// token without.
func shownUses(endpoint *v1alpha1.ScimEndpoint) map[string]time.Time {
	shown := make(map[string]time.Time, len(endpoint.Status.Tokens))
	for _, t := range endpoint.Status.Tokens {
		shown[t.ID] = time.Time{}
		if t.LastUsedTime != nil {
			shown[t.ID] = t.LastUsedTime.Time
		}
	}
	return shown
}

// describe puts the uses into this replica's entry.
func (u *uses) describe(entry *applyv1alpha1.ServerStatusApplyConfiguration) {
	for _, use := range u.tokens {
		entry.WithTokens(applyv1alpha1.TokenUse().WithID(use.ID).WithLastUsedTime(metav1.NewTime(use.LastUsed)))
	}
	if !u.oauth.IsZero() {
		entry.WithLastOAuthTime(metav1.NewTime(u.oauth))
	}
}
