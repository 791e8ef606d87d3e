// SPDX-License-Identifier: Apache-2.0

package plugin

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/util/retry"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"scim-operator.io/api/v1alpha1"
)

func (k *kubectl) tokenCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "token",
		Short: "See, read out, rotate and revoke the tokens of providers",
		Args:  cobra.NoArgs,
	}
	c.AddCommand(k.tokenListCommand(), k.tokenShowCommand(), k.tokenRotateCommand(), k.tokenRevokeCommand())
	return c
}

// Tokens is the answer of `token list`.
type Tokens struct {
	Tokens []Token `json:"tokens"`
}

// Token is one token in force. It holds no secret.
type Token struct {
	Namespace   string `json:"namespace"`
	Provider    string `json:"provider"`
	tokenStatus `json:",inline"`
}

func (k *kubectl) tokenListCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "list [PROVIDER]",
		Short: "List the tokens in force: when each was made, last used and ends",
		Long: `Lists the tokens in force of one provider, or of all in the namespace, without
any secret: the id, which is in the servers' logs as well, when the token was made, when it
ends, when it was last used, when it was first read out of its Secret.`,
		Example:           "  kubectl scim token list\n  kubectl scim token list okta -o json",
		Args:              cobra.MaximumNArgs(1),
		ValidArgsFunction: k.completeProvider,
		RunE:              k.run(func(ctx context.Context, s *session, args []string) error { return s.listTokens(ctx, args) }),
	}
}

func (s *session) listTokens(ctx context.Context, args []string) error {
	providers, err := s.providers(ctx, args)
	if err != nil {
		return err
	}
	answer := Tokens{Tokens: []Token{}}
	rows := [][]string{{"PROVIDER", "ID", "CREATED", "EXPIRES", "LAST USED", "FIRST READ", "SECRET"}}
	for _, p := range providers {
		for _, t := range fieldsOf(p.served).tokens() {
			answer.Tokens = append(answer.Tokens, Token{Namespace: s.namespace, Provider: p.name, tokenStatus: t})
			rows = append(rows, []string{p.name, t.ID, when(s.now, t.CreatedTime), expiry(s.now, t.ExpiresTime),
				when(s.now, t.LastUsedTime), when(s.now, t.FirstReadTime), t.SecretName})
		}
	}
	return s.print(answer, func(w io.Writer) {
		if len(answer.Tokens) == 0 {
			_, _ = fmt.Fprintf(w, "No tokens are in force in the namespace %q.\n", s.namespace)
			return
		}
		table(w, rows)
	})
}

// expiry tells a token's end, "expired" once it is over.
func expiry(now time.Time, t *metav1.Time) string {
	if t != nil && !t.After(now) {
		return "expired " + when(now, t)
	}
	return when(now, t)
}

// Connection is the answer of `token show`: the one that holds a secret.
type Connection struct {
	Namespace      string `json:"namespace"`
	Provider       string `json:"provider"`
	BaseURL        string `json:"baseURL"`
	OrganizationID string `json:"organizationID,omitempty"`
	TokenID        string `json:"tokenID"`
	Token          string `json:"token"`
	// Portal has the labels under which the identity provider asks for all this.
	Portal Portal `json:"portal"`
}

func (k *kubectl) tokenShowCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "show PROVIDER",
		Short: "Print what to copy into the identity provider: base URL, organization ID and token",
		Long: `Prints what is copied into the identity provider: the base URL, the organization ID
and the newest token, in plain text, out of its Secret. The Secret is annotated with the
time when that was first done (scim-operator.io/first-read-time), which "token list" shows.
It may be deleted once the token has been copied. A Secret that somebody else maintains
(token.secretRef) is only read. Each line has the label that the identity provider's own
portal shows, as far as it is known of its type.`,
		Example:           "  kubectl scim token show okta\n  kubectl scim token show okta -o json | jq -r .token",
		Args:              oneProvider,
		ValidArgsFunction: k.completeProvider,
		RunE:              k.run(func(ctx context.Context, s *session, args []string) error { return s.showToken(ctx, args) }),
	}
}

func (s *session) showToken(ctx context.Context, args []string) error {
	p, err := s.served(ctx, args[0])
	if err != nil {
		return err
	}
	t, secret, err := s.newestToken(ctx, p)
	if err != nil {
		return err
	}
	answer := Connection{Namespace: s.namespace, Provider: p.name, BaseURL: p.endpoint.Status.BaseURL,
		OrganizationID: p.organizationID(), TokenID: t.ID, Portal: p.portal()}
	if answer.Token, err = tokenIn(secret, t, fieldsOf(p.served).tokenPolicy(tokenOfEndpoint)); err != nil {
		return err
	}
	if !t.brought() {
		s.noteReading(ctx, secret)
	}
	return s.print(answer, func(w io.Writer) {
		var rows [][]string
		if answer.Portal.Page != "" {
			rows = append(rows, []string{"Where", answer.Portal.Page})
		}
		rows = append(rows,
			[]string{answer.Portal.BaseURL, answer.BaseURL},
			[]string{answer.Portal.OrganizationID, orDash(answer.OrganizationID)},
			[]string{"Token ID", answer.TokenID},
			[]string{answer.Portal.Token, answer.Token})
		if answer.Portal.Note != "" {
			rows = append(rows, []string{"Note", answer.Portal.Note})
		}
		table(w, rows)
	})
}

// noteReading notes in the Secret in which the operator delivered a token when that was
// first read out. Others' Secrets are not written to, nor is there need to delete them.
func (s *session) noteReading(ctx context.Context, secret *corev1.Secret) {
	if first := secret.Annotations[firstReadTimeAnnotation]; first != "" {
		s.note("This token was first read out at %s.", first)
	} else if err := s.annotate(ctx, secret, map[string]any{firstReadTimeAnnotation: s.now.UTC().Format(time.RFC3339)}); err != nil {
		s.note("That the token has been read out could not be noted in its Secret: %v", inWords(err))
	}
	s.note("Once it is copied, delete its Secret: kubectl delete secret -n %s %s", s.namespace, secret.Name)
}

func orDash(text string) string {
	if text == "" {
		return "-"
	}
	return text
}

// served is a provider that has an endpoint.
func (s *session) served(ctx context.Context, name string) (*provider, error) {
	p, err := s.provider(ctx, name)
	if err == nil && p.served == nil {
		err = p.unserved()
	}
	return p, err
}

// newestToken is the newest token whose Secret is still there.
func (s *session) newestToken(ctx context.Context, p *provider) (tokenStatus, *corev1.Secret, error) {
	tokens := newestFirst(fieldsOf(p.served).tokens())
	if len(tokens) == 0 {
		return tokenStatus{}, nil, fmt.Errorf("%s has no token in force; `kubectl scim status %s` says why", p, p.name)
	}
	for _, t := range tokens {
		secret := &corev1.Secret{}
		err := s.client.Get(ctx, client.ObjectKey{Namespace: s.namespace, Name: t.SecretName}, secret)
		if err == nil {
			return t, secret, nil
		}
		if !apierrors.IsNotFound(err) {
			return t, nil, err
		}
	}
	return tokenStatus{}, nil, fmt.Errorf("the Secret %s has been deleted, and a token is nowhere else; ask for a new one: kubectl scim token rotate %s",
		tokens[0].SecretName, p.name)
}

// tokenIn takes a token out of its Secret and makes sure that it is the one in force.
func tokenIn(secret *corev1.Secret, t tokenStatus, policy tokenPolicy) (string, error) {
	key := v1alpha1.TokenKey
	if ref := policy.SecretRef; ref != nil && ref.Name == secret.Name && ref.Key != "" {
		key = ref.Key
	}
	token := string(secret.Data[key])
	if sum := sha256.Sum256([]byte(token)); !strings.HasPrefix(hex.EncodeToString(sum[:]), t.ID) {
		return "", fmt.Errorf("the Secret %s does not hold, under the key %q, the token %s that is in force: somebody has changed it, or the operator has not taken it in yet", secret.Name, key, t.ID)
	}
	return token, nil
}

// Change is the answer of `token rotate` and `token revoke`.
type Change struct {
	Namespace string `json:"namespace"`
	// Kind and Provider are the object that was changed.
	Kind     string `json:"kind"`
	Provider string `json:"provider"`
	// Generation is the one asked for by `rotate`.
	Generation int64 `json:"generation,omitempty"`
	// RevokedTokenID is the one that `revoke` revoked.
	RevokedTokenID string `json:"revokedTokenID,omitempty"`
}

func (k *kubectl) tokenRotateCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "rotate PROVIDER",
		Short: "Ask for a new token; the old one goes on working for the overlap",
		Long: `Raises token.generation in the spec of the provider, so that a new token is issued
into a new Secret. The old one goes on working for the overlap (one hour unless the spec says
otherwise): copy the new one into the identity provider until then.`,
		Example:           "  kubectl scim token rotate okta",
		Args:              oneProvider,
		ValidArgsFunction: k.completeProvider,
		RunE:              k.run(func(ctx context.Context, s *session, args []string) error { return s.rotateToken(ctx, args) }),
	}
}

func (s *session) rotateToken(ctx context.Context, args []string) error {
	p, err := s.served(ctx, args[0])
	if err != nil {
		return err
	}
	policy := fieldsOf(p.object).tokenPolicy(p.tokenPath())
	if policy.SecretRef != nil {
		return fmt.Errorf("the token of %s is taken from the Secret %s, which somebody else maintains: write the new token there", p, policy.SecretRef.Name)
	}
	next := firstTokenGeneration
	if policy.Generation != nil {
		next = *policy.Generation
	}
	// What the generation has been before counts as well: lowering it asks for nothing.
	if reached, ok := fieldsOf(p.served).number("status", "tokenGeneration"); ok {
		next = max(next, reached)
	}
	next++
	if err := s.setToken(ctx, p, "generation", next); err != nil {
		return err
	}
	answer := Change{Namespace: s.namespace, Kind: p.kind(), Provider: p.name, Generation: next}
	return s.print(answer, func(w io.Writer) {
		_, _ = fmt.Fprintf(w, "A new token of %s has been asked for (generation %d).\n", p, next)
		if overlap := overlapOf(policy); overlap > 0 {
			_, _ = fmt.Fprintf(w, "The old one goes on working for %s after it is issued. ", overlap)
		} else {
			_, _ = fmt.Fprint(w, "The old one stops working when it is issued. ")
		}
		_, _ = fmt.Fprintf(w, "Read the new one out: kubectl scim token show %s\n", p.name)
	})
}

// setToken changes one field of a provider's TokenPolicy, unless somebody else has
// changed the provider's spec since it was read. The operator may write its status at any
// time.
func (s *session) setToken(ctx context.Context, p *provider, field string, value any) error {
	var patch any = map[string]any{field: value}
	path := p.tokenPath()
	for _, step := range slices.Backward(path) {
		patch = map[string]any{step: patch}
	}
	content := patch.(map[string]any)
	now := p.object
	return retry.OnError(retry.DefaultRetry, func(err error) bool {
		return apierrors.IsConflict(err) && now.GetUID() == p.object.GetUID() && now.GetGeneration() == p.object.GetGeneration()
	}, func() error {
		content["metadata"] = map[string]any{"resourceVersion": now.GetResourceVersion()}
		err := s.merge(ctx, now, content)
		if !apierrors.IsConflict(err) {
			return err
		}
		if newer, unread := s.get(ctx, p.kind(), p.name); unread == nil {
			now = newer
		}
		return err
	})
}

var tokenIDPattern = regexp.MustCompile(`^[0-9a-f]{12}$`)

func (k *kubectl) tokenRevokeCommand() *cobra.Command {
	var yes bool
	c := &cobra.Command{
		Use:   "revoke PROVIDER TOKEN-ID",
		Short: "Revoke a token at once",
		Long: `Adds the id of a token to token.revokedTokenIDs in the spec of the provider: the
servers refuse the token within seconds, for good. An identity provider that still uses it is
locked out until it has another one.`,
		Example: "  kubectl scim token list okta\n  kubectl scim token revoke okta 3d6c5aa1f0b2",
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 2 {
				return errors.New("give a PROVIDER and the TOKEN-ID that `kubectl scim token list` shows")
			}
			return nil
		},
		ValidArgsFunction: k.completeToken,
		RunE: k.run(func(ctx context.Context, s *session, args []string) error {
			return s.revokeToken(ctx, args[0], args[1], yes)
		}),
	}
	c.Flags().BoolVarP(&yes, "yes", "y", false, "do not ask")
	return c
}

func (s *session) revokeToken(ctx context.Context, name, id string, yes bool) error {
	if !tokenIDPattern.MatchString(id) {
		// It is not repeated: it may be a token itself.
		return errors.New("TOKEN-ID must be the 12 hexadecimal digits that `kubectl scim token list` shows, never the token itself")
	}
	p, err := s.provider(ctx, name)
	if err != nil {
		return err
	}
	revoked := fieldsOf(p.object).tokenPolicy(p.tokenPath()).RevokedTokenIDs
	tokens := fieldsOf(p.served).tokens()
	at := slices.IndexFunc(tokens, func(t tokenStatus) bool { return t.ID == id })
	switch {
	case slices.Contains(revoked, id):
		s.note("The token %s of %s has been revoked before.", id, p)
	case at < 0:
		return fmt.Errorf("%s has no token %s in force; `kubectl scim token list %s` shows those that it has", p, id, p.name)
	case len(revoked) >= maxRevokedTokens:
		return fmt.Errorf("the spec of %s names %d revoked tokens, which is as many as it may; take the oldest out of token.revokedTokenIDs: they stay revoked", p, len(revoked))
	default:
		s.note("%s: token %s, made %s, last used %s.", p, id, when(s.now, tokens[at].CreatedTime), when(s.now, tokens[at].LastUsedTime))
		if len(tokens) == 1 {
			s.note("It is the only one: the identity provider is locked out until it has another. To replace it without that, rotate it first: kubectl scim token rotate %s", p.name)
		}
		if err := s.confirm(yes); err != nil {
			return err
		}
		if err := s.setToken(ctx, p, "revokedTokenIDs", append(slices.Clone(revoked), id)); err != nil {
			return err
		}
	}
	answer := Change{Namespace: s.namespace, Kind: p.kind(), Provider: p.name, RevokedTokenID: id}
	return s.print(answer, func(w io.Writer) {
		_, _ = fmt.Fprintf(w, "Revoked: the token %s of %s. The servers refuse it within seconds.\n", id, p)
	})
}
