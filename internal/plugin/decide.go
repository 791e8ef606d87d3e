// SPDX-License-Identifier: Apache-2.0

package plugin

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/util/retry"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"scim-operator.io/api/v1alpha1"
)

// decision is what a person may say about what the guard holds.
type decision struct {
	verb, done  string
	means       map[v1alpha1.HoldLoss]string
	annotation  string
	contrary    string
	description string
}

var (
	approve = decision{
		verb: "approve", done: "Approved",
		means: map[v1alpha1.HoldLoss]string{
			v1alpha1.LosesAccess: "Approved, they become inactive as the identity provider wants.",
			v1alpha1.LosesRoles:  "Approved, they lose the roles, or are technicians no more; they stay active.",
		},
		annotation: v1alpha1.ApproveHeldAnnotation, contrary: v1alpha1.RejectHeldAnnotation,
		description: `Approves what waits for a person: deactivations, or losses of roles, that the guard against
mass deprovisioning holds, all of a provider or those of some users; or, with --adoption, that a
provider adopts a user who was here before.

It shows first how many users and who they are, and asks.`,
	}
	reject = decision{
		verb: "reject", done: "Rejected",
		means: map[v1alpha1.HoldLoss]string{
			v1alpha1.LosesAccess: "Rejected, they stay active.",
			v1alpha1.LosesRoles:  "Rejected, they keep the roles and their type.",
		},
		annotation: v1alpha1.RejectHeldAnnotation, contrary: v1alpha1.ApproveHeldAnnotation,
		description: `Rejects deactivations, or losses of roles, that the guard against mass deprovisioning
holds, all of a provider or those of some users: the users stay active, or keep the roles.

It shows first how many users and who they are, and asks.`,
	}
)

// maxChosen bounds what one command decides one by one.
const maxChosen = 100

// choice is the flags of a decision.
type choice struct {
	users    []string
	adoption string
	yes      bool
}

func (k *kubectl) decisionCommand(d decision) *cobra.Command {
	var chosen choice
	c := &cobra.Command{
		Use:   d.verb + " PROVIDER [--user USER]...",
		Short: strings.ToUpper(d.verb[:1]) + d.verb[1:] + " deactivations, or losses of roles, that wait for a person",
		Long:  d.description,
		Example: "  kubectl scim " + d.verb + " okta\n" +
			"  kubectl scim " + d.verb + " okta --user ada@acme.com --user grace@acme.com --yes",
		Args: func(c *cobra.Command, args []string) error {
			if chosen.adoption != "" {
				return cobra.MaximumNArgs(1)(c, args)
			}
			return oneProvider(c, args)
		},
		ValidArgsFunction: k.completeProvider,
		RunE: k.run(func(ctx context.Context, s *session, args []string) error {
			if chosen.adoption != "" {
				return s.approveAdoption(ctx, args, chosen)
			}
			return s.decide(ctx, d, args[0], chosen)
		}),
	}
	c.Flags().StringArrayVar(&chosen.users, "user", nil, "decide about this user alone; may be repeated")
	c.Flags().BoolVarP(&chosen.yes, "yes", "y", false, "do not ask")
	_ = c.RegisterFlagCompletionFunc("user", k.completeUser)
	if d.verb == approve.verb {
		c.Use = d.verb + " (PROVIDER [--user USER]... | --adoption USER [PROVIDER])"
		c.Example += "\n  kubectl scim approve --adoption ada@acme.com"
		c.Flags().StringVar(&chosen.adoption, "adoption", "", "let the provider that waits for it adopt this user, who was here before")
		c.MarkFlagsMutuallyExclusive("user", "adoption")
		_ = c.RegisterFlagCompletionFunc("adoption", k.completeUser)
	}
	return c
}

// oneProvider says which argument is missing.
func oneProvider(_ *cobra.Command, args []string) error {
	if len(args) != 1 {
		return fmt.Errorf("give one PROVIDER, the name of an IdentityProvider or ScimEndpoint; there are %d arguments", len(args))
	}
	return nil
}

// Decision is the answer of `approve` and `reject`.
type Decision struct {
	// Decision is Approved or Rejected.
	Decision  string `json:"decision"`
	Kind      string `json:"kind"`
	Namespace string `json:"namespace"`
	Provider  string `json:"provider"`
	// HoldID is the batch, of several named users that of the first.
	HoldID string `json:"holdID"`
	// Loses is what the users lose when it is approved: Access or Roles.
	Loses v1alpha1.HoldLoss `json:"loses,omitempty"`
	// Digest is of who was in the batch when it was first shown; left out when users are named.
	Digest string `json:"digest,omitempty"`
	// Held is how many users the decision is about.
	Held int64 `json:"held"`
	// UserNames are all of them when they were named, else the first few.
	UserNames []string `json:"userNames"`
}

// target is what a decision is written to, and the batch that it is about: with the digest of
// what was shown, or the holdID for a single user.
type target struct{ kind, name, ref string }

func (s *session) decide(ctx context.Context, d decision, name string, chosen choice) error {
	if len(chosen.users) > maxChosen {
		return fmt.Errorf("--user is there %d times; at most %d users are decided about one by one", len(chosen.users), maxChosen)
	}
	p, err := s.provider(ctx, name)
	if err != nil {
		return err
	}
	batch := p.held()
	answer := Decision{Decision: d.done, Kind: p.kind(), Namespace: s.namespace, Provider: p.name,
		HoldID: batch.HoldID, Loses: batch.Loses, Digest: batch.Digest, Held: batch.Held, UserNames: batch.Examples}
	targets := []target{{p.kind(), p.name, batch.ref()}}
	switch {
	case len(chosen.users) > 0:
		if targets, err = s.chosen(ctx, p, chosen.users, batch.HoldID, &answer); err != nil {
			return err
		}
	case batch.HoldID == "" || batch.Held == 0:
		return fmt.Errorf("nothing is held for %s: there is nothing to %s", p, d.verb)
	case batch.Digest == "":
		return fmt.Errorf("%s does not say with which digest hold %s was shown: its operator is older than the plugin, or has not looked yet", p, batch.HoldID)
	}
	if err := s.mayDecide(ctx, targets[0].kind, targets[0].name); err != nil {
		return err
	}
	s.introduce(d, p, batch, answer)
	if err := s.confirm(chosen.yes); err != nil {
		return err
	}
	for _, t := range targets {
		if err := s.give(ctx, d, t); err != nil {
			return err
		}
	}
	return s.print(answer, func(w io.Writer) {
		_, _ = fmt.Fprintf(w, "%s: %s of %s of %s.\n", answer.Decision, lossOf(answer.Loses), counted(answer.Held, "user"), p)
	})
}

// chosen makes the decision one about the users whom --user names. Each says under which
// hold she is, which may be another than the provider shows.
func (s *session) chosen(ctx context.Context, p *provider, names []string, shown string, answer *Decision) ([]target, error) {
	users, err := s.heldUsers(ctx, p, names)
	if err != nil {
		return nil, err
	}
	targets := make([]target, 0, len(users))
	answer.HoldID, answer.Loses = users[0].holdIn(shown)
	answer.Digest, answer.UserNames, answer.Held = "", nil, int64(len(users))
	for _, u := range users {
		holdID, loses := u.holdIn(shown)
		if loses != answer.Loses {
			return nil, fmt.Errorf("%s is to lose %s and %s to lose %s; decide about one kind at a time", answer.UserNames[0], answer.Loses, u.Spec.UserName, loses)
		}
		targets = append(targets, target{kindScimUser, u.Name, holdID})
		answer.UserNames = append(answer.UserNames, u.Spec.UserName)
	}
	return targets, nil
}

// introduce says what is about to be decided.
func (s *session) introduce(d decision, p *provider, batch heldBatch, answer Decision) {
	if batch.Held > 0 {
		s.note("%s: the guard holds %s of %s, since %s.", p, batch.loss(), counted(batch.Held, "user"), when(s.now, batch.Since))
	}
	if batch.Verdict != "" {
		s.note("It has been %s already, which is being carried out.", strings.ToLower(batch.Verdict))
	}
	if batch.RefusedVerdict != "" {
		s.note("The verdict %q was refused: it names other users than were shown.", batch.RefusedVerdict)
	}
	if answer.Digest != "" {
		s.note("Hold %s was shown with %s, digest %s.", batch.HoldID, counted(batch.Members, "user"), batch.Digest)
	}
	if batch.Queued > 0 {
		s.note("%s held since then wait in another hold: this decides nothing about them.", counted(batch.Queued, "user"))
	}
	s.note("%s: %s", strings.ToUpper(d.verb[:1])+d.verb[1:]+" for", someOf(answer.UserNames, int(answer.Held)))
	means := d.means[answer.Loses]
	if means == "" { // an older operator holds nothing else
		means = d.means[v1alpha1.LosesAccess]
	}
	s.note("%s", means)
}

// errChanged says that somebody would decide about other users than they were shown.
var errChanged = errors.New("what is held has changed since it was shown, and nothing was decided; look again and repeat the command")

// give writes a verdict about one hold beside those about others, which may be being carried
// out; and over the version that it was read in, since somebody else may decide as well.
func (s *session) give(ctx context.Context, d decision, t target) error {
	return retry.RetryOnConflict(retry.DefaultRetry, func() error {
		o, err := s.get(ctx, t.kind, t.name)
		if err != nil {
			return err
		}
		holdID, digest := v1alpha1.ParseHoldRef(t.ref)
		now := fieldsOf(o).held()
		if digest != "" && now.HoldID != "" && now.ref() != t.ref {
			return errChanged
		}
		before := o.GetAnnotations()
		after := map[string]any{d.annotation: v1alpha1.WithHold(before[d.annotation], t.ref), d.contrary: nil}
		if others := v1alpha1.WithoutHold(before[d.contrary], holdID); others != "" {
			after[d.contrary] = others
		}
		return s.merge(ctx, o, map[string]any{"metadata": map[string]any{"resourceVersion": o.GetResourceVersion(), "annotations": after}})
	})
}

// Adoption is the answer of `approve --adoption`.
type Adoption struct {
	// Decision is Approved.
	Decision  string `json:"decision"`
	Namespace string `json:"namespace"`
	// Endpoint is the ScimEndpoint that may adopt the user.
	Endpoint string `json:"endpoint"`
	ID       string `json:"id"`
	UserName string `json:"userName"`
}

func (s *session) approveAdoption(ctx context.Context, args []string, chosen choice) error {
	found, err := s.users(ctx, chosen.adoption)
	if err != nil {
		return err
	}
	u, endpoint, err := waiting(found, args, chosen.adoption)
	if err != nil {
		return err
	}
	if err := s.mayDecide(ctx, kindScimUser, u.Name); err != nil {
		return err
	}
	s.note("The provider of the ScimEndpoint %s wants to adopt %s (id %s), who was here before.", endpoint, u.Spec.UserName, u.Name)
	s.note("Approved, the user belongs to that provider from its next request on.")
	if err := s.confirm(chosen.yes); err != nil {
		return err
	}
	if err := s.annotate(ctx, &u.ScimUser, map[string]any{approveAdoptionAnnotation: endpoint}); err != nil {
		return err
	}
	answer := Adoption{Decision: approve.done, Namespace: s.namespace, Endpoint: endpoint, ID: u.Name, UserName: u.Spec.UserName}
	return s.print(answer, func(w io.Writer) {
		_, _ = fmt.Fprintf(w, "Approved: %s may adopt %s.\n", endpoint, u.Spec.UserName)
	})
}

// waiting finds the user whose adoption waits, and for which endpoint.
func waiting(found []*user, args []string, who string) (*user, string, error) {
	for _, u := range found {
		requested := requestedBy(u)
		if len(requested) == 0 {
			continue
		}
		if len(args) == 0 {
			if len(requested) > 1 {
				return nil, "", fmt.Errorf("several providers want to adopt %q: %s; give one as PROVIDER", who, orNone(requested))
			}
			return u, requested[0], nil
		}
		for _, endpoint := range requested {
			if endpoint == args[0] {
				return u, endpoint, nil
			}
		}
		return nil, "", fmt.Errorf("%s has not asked to adopt %q; these have: %s", args[0], who, orNone(requested))
	}
	return nil, "", fmt.Errorf("no provider waits to adopt the user %q; `kubectl scim explain %s` says what became of her", who, who)
}

// requestedBy are the endpoints that wait for approval to adopt a user.
func requestedBy(u *user) (endpoints []string) {
	for endpoint := range strings.SplitSeq(u.Annotations[adoptionRequestedAnnotation], ",") {
		if endpoint = strings.TrimSpace(endpoint); endpoint != "" && u.Annotations[approveAdoptionAnnotation] != endpoint {
			endpoints = append(endpoints, endpoint)
		}
	}
	return endpoints
}

var errNotConfirmed = errors.New("it was not confirmed and nothing was changed; answer y, or give --yes")

// confirm asks, unless the answer was given in advance.
func (s *session) confirm(yes bool) error {
	if yes {
		return nil
	}
	_, _ = fmt.Fprint(s.notes, "Go on? [y/N] ")
	line, _ := bufio.NewReader(io.LimitReader(s.in, 64)).ReadString('\n')
	switch strings.ToLower(strings.TrimSpace(line)) {
	case "y", "yes":
		return nil
	}
	return errNotConfirmed
}

// annotate sets annotations of an object, and takes away those that are nil.
func (s *session) annotate(ctx context.Context, o client.Object, annotations map[string]any) error {
	return s.merge(ctx, o, map[string]any{"metadata": map[string]any{"annotations": annotations}})
}

// merge patches an object; a field that the cluster does not know is an error.
func (s *session) merge(ctx context.Context, o client.Object, patch map[string]any) error {
	encoded, err := json.Marshal(patch)
	if err != nil {
		return err
	}
	return s.client.Patch(ctx, o.DeepCopyObject().(client.Object), client.RawPatch(types.MergePatchType, encoded), fieldOwner, client.FieldValidation("Strict"))
}
