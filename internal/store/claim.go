// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	api "scim-operator.io/api/v1alpha1"
	"scim-operator.io/internal/scim"
)

// How a value stays unique, whatever runs at once and wherever a process dies.
//
// A resource X holds a value v when it is live and its name folds to v. Whoever wants v
// first needs the claim on v, whose name is a hash of v: its creation is the lock. The
// claim names its holder. A claim that exists already is judged by what its holder is
// now, read from the API server:
//
//   - X holds v: v is taken.
//   - X does not exist: its creation is under way, or was never finished. Whoever wants
//     v gives it a moment, and then creates X as abandoned: never live, only there so that
//     the creation fails however late it comes. The manager removes it when no creation
//     can be under way any more. Then the claim is taken over.
//   - X exists and does not hold v: it gave v up, or is on its way to v, or away and back.
//     The claim is taken over by compare-and-swap, and then X is fenced: an annotation
//     moves its resourceVersion, so that a write of X under way fails and has to look at
//     the claim again. If X turns out to have v by then, X was first: the claim is given
//     back.
//
// A claim that was taken over remembers from whom, because the process may have died
// before the fence: the next one makes up for it.
//
// Every creation has an id of its own that nobody has used before, so that an id never
// belongs to two, one after the other.
//
// A claim can be lost: somebody deletes it, or a backup is restored without it. Who gets a
// claim therefore looks in the index whether another resource holds the value, and if the
// API server says so too, gives the claim to that one.
//
// A claim is deleted under a precondition on its resourceVersion, read before the holder
// gave the value up. Who claims a value that its own resource claims already writes the
// claim, so that a deletion under way fails.
//
// A user who was here before is adopted as one is renamed: the claim first, and then the
// user, by compare-and-swap. Until that is done the holder of the claim exists and does not
// hold the value; who takes the claim over fences the user and thereby the adoption. A user
// whom another endpoint has adopted is as good as abandoned.
//
// Resources of a declared type may have several such values. They are claimed one after
// the other in the order of the schema, so that of two who want the same values the one
// finds the first claim of the other; each claim is judged by itself.

const (
	// fencedAnnotation makes a write of the resource that is under way fail.
	fencedAnnotation = "scim-operator.io/fenced"

	// maxClaimRounds bounds how often a claim is judged anew because it changed.
	maxClaimRounds = 32
	// creationPatience is how long a creation under way is waited for at first before it
	// is abandoned; each time that others come first it is twice as long, up to
	// maxCreationPatience, so that of many who want one value somebody gets it.
	creationPatience    = 50 * time.Millisecond
	maxCreationPatience = 2 * time.Second
)

// claimant is who wants a value.
type claimant struct {
	id string
	// existing says that the resource exists: a rename, or a user who comes back.
	existing bool
	// lost is how often others came first already.
	lost int
	// alike are users who were here before and may be the same person as a new one.
	alike []string
}

// held is a claim that has been acquired.
type held struct {
	name, value, revision string
	uid                   string
	made                  bool // by this acquisition: it may be undone
}

func (s *Store) claimName(u *unique, value string) string {
	return api.ClaimName(s.endpoint, u.claimed, value)
}

// acquire claims a value. The error is 409 when another resource holds it.
func (s *Store) acquire(ctx context.Context, u *unique, value string, who claimant) (*held, error) {
	for range maxClaimRounds {
		got, err := s.acquireClaim(ctx, u, value, who)
		if err != nil {
			return nil, err
		}
		if err = s.yieldToHolder(ctx, u, got, who); err == nil {
			return got, nil
		}
		if !errors.Is(err, errAgain) {
			return nil, err
		}
	}
	return nil, unavailable(fmt.Errorf("the claim %s changed too often", s.claimName(u, value)))
}

// acquireClaim goes by the claim and its holder alone.
func (s *Store) acquireClaim(ctx context.Context, u *unique, value string, who claimant) (*held, error) {
	name := s.claimName(u, value)
	waitedAt := "" // the claim's resourceVersion at which its holder was waited for
	for range maxClaimRounds {
		claim := &api.ScimClaim{}
		err := s.client.create(ctx, claimsResource, s.newClaim(u, name, value, who), claim)
		if err == nil {
			return heldBy(claim, true), nil
		}
		if apierrors.IsInvalid(err) {
			// A claim's value has a bound of its own, beyond that of any name.
			return nil, scim.ErrInvalidValue(u.attr.Path(), "the value is longer than the server can store")
		}
		if !apierrors.IsAlreadyExists(err) && refused(err) {
			return nil, s.answer(err, u.kind)
		}
		// The claim exists. If it is not known whether the creation succeeded, look.
		claim = &api.ScimClaim{}
		switch notRead := s.client.get(ctx, claimsResource, name, claim); {
		case apierrors.IsNotFound(notRead) && apierrors.IsAlreadyExists(err):
			continue // it has just gone
		case apierrors.IsNotFound(notRead):
			return nil, s.answer(err, u.kind) // should it come late, the next one takes it over
		case notRead != nil:
			return nil, s.answer(notRead, u.kind)
		}
		got, err := s.judge(ctx, u, claim, who)
		switch {
		case errors.Is(err, errUnfinished) && claim.ResourceVersion != waitedAt:
			waitedAt = claim.ResourceVersion
			if err := s.waitForCreation(ctx, who.lost); err != nil {
				return nil, err
			}
			who.lost++
		case errors.Is(err, errUnfinished):
			if err := s.abandonCreation(ctx, u.kind, claim.Spec.HolderRef.Name); err != nil {
				return nil, err
			}
		case !errors.Is(err, errAgain):
			return got, err
		}
	}
	return nil, unavailable(fmt.Errorf("the claim %s changed too often", name))
}

var (
	// errAgain says that a claim has to be judged anew.
	errAgain = errors.New("the claim has changed")
	// errUnfinished says that the holder of a claim does not exist.
	errUnfinished = errors.New("the creation of the claim's holder is not finished")
)

// waitForCreation gives a creation that is under way the time to finish.
func (s *Store) waitForCreation(ctx context.Context, lost int) error {
	patience := min(s.timeouts.creation<<min(lost, 8), maxCreationPatience)
	// At random, so that those who abandon each other do not do so for ever.
	timer := time.NewTimer(patience/2 + rand.N(patience)) //nolint:gosec // a pause is no secret
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return unavailable(ctx.Err())
	}
}

// judge decides about a claim that exists already.
func (s *Store) judge(ctx context.Context, u *unique, claim *api.ScimClaim, who claimant) (*held, error) {
	holder := claim.Spec.HolderRef.Name
	if holder == who.id {
		return s.judgeOwn(ctx, u, claim, who)
	}
	state, err := s.holderState(ctx, u, holder, claim.Spec.Value)
	if err != nil {
		return nil, err
	}
	if state == holds {
		return nil, u.taken(holder)
	}
	if err := s.settlePrevious(ctx, u, claim, who); err != nil {
		return nil, err
	}
	switch state {
	case missing:
		return nil, errUnfinished
	case abandoned:
		return s.rewrite(ctx, u, claim, who, nil) // no write of it can succeed
	default:
		return s.takeOver(ctx, u, claim, who, holder)
	}
}

// judgeOwn decides about a claim of the claimant's own: from an earlier or another write
// of the same resource, or from a call whose answer was lost.
func (s *Store) judgeOwn(ctx context.Context, u *unique, claim *api.ScimClaim, who claimant) (*held, error) {
	if err := s.settlePrevious(ctx, u, claim, who); err != nil {
		return nil, err
	}
	if !who.existing {
		return heldBy(claim, true), nil // nobody else has ever had this id
	}
	got, err := s.rewrite(ctx, u, claim, who, nil)
	if err == nil {
		got.made = false
	}
	return got, err
}

// holderState is what the holder of a claim is now.
type holderState int

const (
	missing   holderState = iota // it does not exist at all
	abandoned                    // it cannot be created, or adopted, any more
	released                     // it exists and does not hold the value
	holds
)

func (s *Store) holderState(ctx context.Context, u *unique, id, value string) (holderState, error) {
	o := u.newObject()
	if err := s.client.get(ctx, u.resource, id, o); apierrors.IsNotFound(err) {
		return missing, s.learnAbsent(ctx, u.kind, id)
	} else if err != nil {
		return 0, s.answer(err, u.kind)
	}
	return s.stateOf(u, o, value), s.learn(ctx, u.kind, o)
}

// learn makes readers see what a claim is judged by: who is about to get the value must
// not be shown beside the one who gave it up.
func (s *Store) learn(ctx context.Context, k *kind, o object) error {
	if !s.ours(k, o) {
		return nil // a user who was here before, and was not adopted, is not shown
	}
	v, err := s.read(o)
	if err != nil {
		return unavailable(err)
	}
	if s.index.revision(k.shelf, v.entry.id) >= v.entry.revision {
		return nil
	}
	if len(v.slices) > 0 && !v.entry.gone {
		_, err = s.live(ctx, k, v.entry.id) // its members too
		return err
	}
	s.index.putVersion(k.shelf, v)
	return nil
}

// learnAbsent makes readers see, here and on the other replicas, that a resource does not
// exist. There may be one again by then, of a creation that was under way.
func (s *Store) learnAbsent(ctx context.Context, k *kind, id string) error {
	revision, absent, err := s.absentAt(ctx, k, id)
	if err != nil {
		return s.answer(err, k)
	}
	if absent {
		s.index.drop(k.shelf, id, revision)
	}
	return nil
}

// taken says that a value belongs to a resource.
func (u *unique) taken(holder string) error {
	err := scim.ErrUniqueness(u.rt.Name, u.attr.Path())
	err.Holder = holder
	return err
}

// stateOf says what a holder that exists is. One who was here before holds nothing until
// the adoption that made the claim is done; one who belongs to another endpoint by now never
// will, since an endpoint gives nobody away.
func (s *Store) stateOf(u *unique, o object, value string) holderState {
	switch {
	case o.GetAnnotations()[api.AbandonedAnnotation] != "", isLinkedElsewhere(o, s.endpoint):
		return abandoned
	case isLive(o) && s.ours(u.kind, o) && u.key(u.stored(o)) == value:
		return holds
	}
	return released
}

// isLinkedElsewhere says whether a user belongs to another endpoint.
func isLinkedElsewhere(o object, endpoint string) bool {
	u, ok := o.(*api.ScimUser)
	return ok && u.Linked() && u.Spec.EndpointRef.Name != endpoint
}

// isLive says whether a custom resource exists over SCIM.
func isLive(o object) bool {
	l, ok := o.(interface{ Live() bool })
	return ok && l.Live()
}

// nameOf is the unique name of a user or group.
func nameOf(o object) string {
	switch o := o.(type) {
	case *api.ScimUser:
		return o.Spec.UserName
	case *api.ScimGroup:
		return o.Spec.DisplayName
	}
	return ""
}

// settlePrevious makes sure that the one from whom the claim was taken over cannot get
// the value back unnoticed; if it has it, the claim is given back.
func (s *Store) settlePrevious(ctx context.Context, u *unique, claim *api.ScimClaim, who claimant) error {
	previous := claim.Spec.PreviousHolderRef
	if previous == nil || previous.Name == who.id {
		return nil
	}
	state, err := s.fence(ctx, u, previous.Name, claim.Spec.Value)
	if err != nil || state != holds {
		return err
	}
	if _, err := s.rewrite(ctx, u, claim, claimant{id: previous.Name, existing: true}, nil); err != nil {
		return err
	}
	return errAgain
}

// takeOver makes the claim that of another holder. from is the one who may have a write
// under way.
func (s *Store) takeOver(ctx context.Context, u *unique, claim *api.ScimClaim, who claimant, from string) (*held, error) {
	got, err := s.rewrite(ctx, u, claim, who, &api.ObjectReference{Name: from})
	if err != nil {
		return nil, err
	}
	state, err := s.fence(ctx, u, from, claim.Spec.Value)
	if err != nil {
		return nil, err
	}
	if state == holds {
		// It came first. Whoever finds the claim as it is now does the same.
		_, err := s.rewrite(ctx, u, claim, claimant{id: from, existing: true}, nil)
		if err == nil {
			err = errAgain
		}
		return nil, err
	}
	return got, nil
}

// rewrite is a compare-and-swap of a claim, which becomes what was written. It moves the
// claim's resourceVersion even when it changes nothing else.
func (s *Store) rewrite(ctx context.Context, u *unique, claim *api.ScimClaim, who claimant, previous *api.ObjectReference) (*held, error) {
	patch, err := json.Marshal(map[string]any{
		"metadata": map[string]any{
			"resourceVersion": claim.ResourceVersion,
			"annotations":     map[string]any{fencedAnnotation: randomSuffix()},
		},
		"spec": map[string]any{"holderRef": api.ObjectReference{Name: who.id}, "previousHolderRef": previous},
	})
	if err != nil {
		return nil, unavailable(err)
	}
	var written api.ScimClaim
	err = s.client.mergePatch(ctx, claimsResource, claim.Name, patch, &written)
	switch {
	case err == nil:
		*claim = written
		return heldBy(claim, true), nil
	case apierrors.IsConflict(err), apierrors.IsNotFound(err), !refused(err):
		return nil, errAgain
	}
	return nil, s.answer(err, u.kind)
}

// fence makes writes of a resource that are under way fail, and says what it is now.
func (s *Store) fence(ctx context.Context, u *unique, id, value string) (holderState, error) {
	patch := fmt.Appendf(nil, `{"metadata":{"annotations":{%q:%q}}}`, fencedAnnotation, randomSuffix())
	o := u.newObject()
	switch err := s.client.mergePatch(ctx, u.resource, id, patch, o); {
	case apierrors.IsNotFound(err):
		return missing, s.learnAbsent(ctx, u.kind, id)
	case apierrors.IsForbidden(err) && u.kind == s.users:
		// Another endpoint has adopted the user, who is nobody's business here any more.
		if state, read := s.holderState(ctx, u, id, value); read != nil || state == abandoned {
			return state, read
		}
		return 0, s.answer(err, u.kind)
	case err != nil:
		return 0, s.answer(err, u.kind)
	}
	return s.stateOf(u, o, value), s.learn(ctx, u.kind, o)
}

func (s *Store) newClaim(u *unique, name, value string, who claimant) *api.ScimClaim {
	return &api.ScimClaim{
		ObjectMeta: metav1.ObjectMeta{
			Name: name, Namespace: s.namespace,
			Labels: map[string]string{api.EndpointLabel: s.endpoint},
		},
		Spec: api.ScimClaimSpec{
			EndpointRef: api.EndpointReference{Name: s.endpoint},
			Attribute:   u.claimed, Value: value,
			HolderRef: api.ObjectReference{Name: who.id},
		},
	}
}

func heldBy(claim *api.ScimClaim, made bool) *held {
	return &held{
		name: claim.Name, value: claim.Spec.Value, revision: claim.ResourceVersion, uid: string(claim.UID),
		made: made,
	}
}
