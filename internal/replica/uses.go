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
	// usesEvery is how often a replica writes of the uses of tokens at most. It is also how
	// old what the status shows may be: whichever replica writes first keeps the others
	// from doing it.
	usesEvery = time.Minute
	// usesLook is how often it looks whether there is something to write, and half of that
	// again by chance, so that replicas do not write all at once.
	usesLook = 5 * time.Second
)

// reportUses writes into this replica's entry when tokens were last used, until ctx ends.
func (r *Replica) reportUses(ctx context.Context) {
	var written time.Time
	for ctx.Err() == nil {
		pause(ctx, usesLook+rand.N(usesLook/2)) //nolint:gosec // nobody gains by guessing it
		if !r.joined.Load() || time.Since(written) < usesEvery {
			continue
		}
		uses := news(r.tokens.Uses(), r.roster.view().lastUsed)
		if len(uses) == 0 {
			continue
		}
		written = time.Now()
		r.uses.Store(&uses)
		if err := r.enter(ctx); err != nil && ctx.Err() == nil {
			r.config.Log.WithName("tokens").Error(err, "writing when tokens were last used")
		}
	}
}

// news are the uses of the tokens that the status shows, if it lacks one of them or has
// one of long ago; otherwise there are none.
func news(uses []token.Use, shown map[string]time.Time) []token.Use {
	var known []token.Use
	stale := false
	for _, use := range uses {
		if last, ok := shown[use.ID]; ok {
			known = append(known, use)
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

// tokenUses is what this replica has last had to say of the uses of tokens.
func (r *Replica) tokenUses() []*applyv1alpha1.TokenUseApplyConfiguration {
	var entries []*applyv1alpha1.TokenUseApplyConfiguration
	if uses := r.uses.Load(); uses != nil {
		for _, use := range *uses {
			entries = append(entries, applyv1alpha1.TokenUse().WithID(use.ID).WithLastUsedTime(metav1.NewTime(use.LastUsed)))
		}
	}
	return entries
}
