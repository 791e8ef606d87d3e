// SPDX-License-Identifier: Apache-2.0

package plugin

import (
	"context"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Overview is the answer of `status`.
type Overview struct {
	Providers []ProviderStatus `json:"providers"`
}

// ProviderStatus is how a provider is, and what is wrong with it.
type ProviderStatus struct {
	Namespace   string `json:"namespace"`
	Kind        string `json:"kind"`
	Provider    string `json:"provider"`
	Type        string `json:"type,omitempty"`
	DisplayName string `json:"displayName,omitempty"`
	Ready       bool   `json:"ready"`
	// Provisioning is Enabled, Paused or Disabled.
	Provisioning string `json:"provisioning"`
	BaseURL      string `json:"baseURL,omitempty"`
	// Replicas and ReadyReplicas are left out while nothing is served.
	Replicas      *int32 `json:"replicas,omitempty"`
	ReadyReplicas *int32 `json:"readyReplicas,omitempty"`
	Users         *int64 `json:"users,omitempty"`
	ActiveUsers   *int64 `json:"activeUsers,omitempty"`
	Technicians   *int64 `json:"technicians,omitempty"`
	Groups        *int64 `json:"groups,omitempty"`
	// Portal is where the connection is entered in the identity provider; of an
	// IdentityProvider alone.
	Portal *Portal `json:"portal,omitempty"`
	// Sync is how often the identity provider synchronises, left out where it is not documented.
	Sync string `json:"sync,omitempty"`
	// SignOnExpires is when the first SAML signing certificate expires.
	SignOnExpires *metav1.Time  `json:"signOnExpires,omitempty"`
	Tokens        []tokenStatus `json:"tokens"`
	// Problems are what a person should look at, empty when nothing is wrong.
	Problems []Problem `json:"problems"`
}

// Problem is something that is not as it should be.
type Problem struct {
	// Subject is what it is about: a condition, such as ScimEndpoint/TokenReady, or
	// Servers, Token or Guard.
	Subject string       `json:"subject"`
	Reason  string       `json:"reason"`
	Message string       `json:"message"`
	Since   *metav1.Time `json:"since,omitempty"`
	// Do is what a person can do about it, where that is always the same.
	Do string `json:"do,omitempty"`
}

func (k *kubectl) statusCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "status [PROVIDER]",
		Short: "Say what is wrong with providers, or that nothing is",
		Long: `Says of one provider, or of all in the namespace, what is not as it should be and what
to do about it; and with it the URL, the servers, the users and groups, when sign-on ends and
when tokens do.`,
		Example:           "  kubectl scim status\n  kubectl scim status okta -o yaml",
		Args:              cobra.MaximumNArgs(1),
		ValidArgsFunction: k.completeProvider,
		RunE:              k.run(func(ctx context.Context, s *session, args []string) error { return s.status(ctx, args) }),
	}
}

func (s *session) status(ctx context.Context, args []string) error {
	providers, err := s.providers(ctx, args)
	if err != nil {
		return err
	}
	answer := Overview{Providers: make([]ProviderStatus, len(providers))}
	for i, p := range providers {
		answer.Providers[i] = s.statusOf(p)
	}
	return s.print(answer, func(w io.Writer) {
		if len(answer.Providers) == 0 {
			_, _ = fmt.Fprintf(w, "There is no IdentityProvider and no ScimEndpoint in the namespace %q.\n", s.namespace)
		}
		for i := range answer.Providers {
			if i > 0 {
				_, _ = fmt.Fprintln(w)
			}
			answer.Providers[i].write(w, s)
		}
	})
}

func (s *session) statusOf(p *provider) ProviderStatus {
	answer := ProviderStatus{Namespace: s.namespace, Kind: p.kind(), Provider: p.name, Tokens: fieldsOf(p.served).tokens()}
	if answer.Tokens == nil {
		answer.Tokens = []tokenStatus{}
	}
	if idp := p.identityProvider; idp != nil {
		answer.Type, answer.DisplayName = string(idp.Spec.Type), idp.Spec.DisplayName
		answer.Provisioning = string(idp.EffectiveProvisioning())
		portal := p.portal()
		answer.Portal, answer.Sync = &portal, p.sync()
		answer.Users, answer.Technicians, answer.Groups = idp.Status.Users, idp.Status.Technicians, idp.Status.Groups
		if saml := idp.SAMLStatus(); saml != nil {
			answer.SignOnExpires = saml.NextExpiry
		}
	}
	if active, ok := fieldsOf(p.object).number("status", "active"); ok {
		answer.ActiveUsers = &active
	}
	if ep := p.endpoint; ep != nil {
		answer.BaseURL, answer.Replicas, answer.ReadyReplicas = ep.Status.BaseURL, ep.Status.Replicas, ep.Status.ReadyReplicas
		if p.identityProvider == nil {
			answer.Provisioning = "Enabled"
			if ep.Paused() {
				answer.Provisioning = "Paused"
			}
		}
	}
	answer.Ready = isReady(p)
	answer.Problems = s.problems(p)
	return answer
}

// write is the status as text: what it is about and whether all is well in the first line.
func (a *ProviderStatus) write(w io.Writer, s *session) {
	title := a.Kind + " " + a.Provider
	if a.Type != "" {
		title += " (" + strings.Trim(a.Type+", "+a.DisplayName, ", ") + ")"
	}
	switch {
	case !a.Ready:
		title += ": not Ready"
	case len(a.Problems) > 0:
		title += ": Ready, with something to look at"
	default:
		title += ": Ready, nothing is wrong"
	}
	_, _ = fmt.Fprintln(w, title)
	rows := [][]string{{"  Provisioning", a.Provisioning}}
	if a.BaseURL != "" {
		rows = append(rows, []string{"  URL", a.BaseURL})
	}
	if a.Replicas != nil {
		rows = append(rows, []string{"  Servers", fmt.Sprintf("%d of %d ready", valueOf(a.ReadyReplicas), *a.Replicas)})
	}
	if people := a.people(); people != "" {
		rows = append(rows, []string{"  People", people})
	}
	if a.Portal != nil && a.Portal.Page != "" {
		rows = append(rows, []string{"  Portal", a.Portal.text()})
	}
	if a.Sync != "" {
		rows = append(rows, []string{"  Synchronises", a.Sync})
	}
	if a.SignOnExpires != nil {
		rows = append(rows, []string{"  Sign-on", "a signing certificate expires " + day(s.now, a.SignOnExpires)})
	}
	for _, t := range a.Tokens {
		text := t.ID + ", last used " + when(s.now, t.LastUsedTime)
		if t.ExpiresTime != nil {
			text += ", expires " + day(s.now, t.ExpiresTime)
		}
		rows = append(rows, []string{"  Token", text})
	}
	for _, problem := range a.Problems {
		rows = append(rows, []string{"  WRONG", problem.text(s)})
		if problem.Do != "" {
			rows = append(rows, []string{"", problem.Do})
		}
	}
	table(w, rows)
}

func (a *ProviderStatus) people() string {
	var parts []string
	if a.Users != nil {
		parts = append(parts, counted(*a.Users, "user"))
	}
	if a.ActiveUsers != nil {
		parts = append(parts, fmt.Sprintf("%d of them active", *a.ActiveUsers))
	}
	if a.Technicians != nil {
		parts = append(parts, counted(*a.Technicians, "technician"))
	}
	if a.Groups != nil {
		parts = append(parts, counted(*a.Groups, "group"))
	}
	return strings.Join(parts, ", ")
}

func (p *Problem) text(s *session) string {
	text := p.Subject + ", " + p.Reason
	if p.Since != nil {
		text += ", since " + when(s.now, p.Since)
	}
	return text + ": " + p.Message
}

func valueOf(n *int32) int32 {
	if n == nil {
		return 0
	}
	return *n
}
