// SPDX-License-Identifier: Apache-2.0

package plugin

import (
	"context"
	"fmt"
	"io"

	"github.com/spf13/cobra"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"scim-operator.io/api/v1alpha1"
)

// Explanations is the answer of `explain`: more than one user may have a userName, such as
// somebody who has left and somebody who is there.
type Explanations struct {
	Users []Explanation `json:"users"`
}

// Explanation is why a user is what the operator made of her.
type Explanation struct {
	Namespace   string `json:"namespace"`
	ID          string `json:"id"`
	UserName    string `json:"userName"`
	ExternalID  string `json:"externalId,omitempty"`
	DisplayName string `json:"displayName,omitempty"`
	// Kind and Provider are the object that the user was provisioned through, and
	// Endpoint the ScimEndpoint; all are left out for a user who belongs to none.
	Kind     string `json:"kind,omitempty"`
	Provider string `json:"provider,omitempty"`
	Endpoint string `json:"endpoint,omitempty"`
	Origin   string `json:"origin,omitempty"`

	State         Answer       `json:"state"`
	UserType      Answer       `json:"userType"`
	Organizations Answers      `json:"organizations"`
	Roles         []Answer     `json:"roles"`
	Withheld      *Withheld    `json:"withheld,omitempty"`
	Groups        []Membership `json:"groups"`
	// UserNameClaim is Held, or Missing when nothing keeps others from the userName, or
	// Unknown when claims may not be read, with the reason.
	UserNameClaim Answer `json:"userNameClaim"`
	// Notes are what a person should know besides.
	Notes []string `json:"notes"`
}

// Answer is a value and why it is that.
type Answer struct {
	Value  string       `json:"value"`
	Reason string       `json:"reason,omitempty"`
	Why    string       `json:"why"`
	Since  *metav1.Time `json:"since,omitempty"`
}

// Answers are values that have one reason.
type Answers struct {
	Values []string `json:"values"`
	Why    string   `json:"why"`
}

// Withheld is what a rule or the identity provider asks for and the user does not get.
type Withheld struct {
	Reason  string   `json:"reason"`
	Message string   `json:"message"`
	Roles   []string `json:"roles,omitempty"`
}

func (k *kubectl) explainCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "explain USER",
		Short: "Say why a user has this type, these roles and this state",
		Long: `Says in sentences why a user, given by userName, SCIM id or externalId, may sign in
or not, is a technician or an end user, belongs to these organizations and has these roles;
what is withheld; which groups the user is in, directly or by groups in groups; and what
keeps her from being what somebody expects.`,
		Example: "  kubectl scim explain ada@acme.com\n  kubectl scim explain 6a1f3b52-5f0e-4c2b-9d39-0a4f2f3f5f6e -o yaml",
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 1 {
				return fmt.Errorf("give one USER: a userName, a SCIM id or an externalId; there are %d arguments", len(args))
			}
			return nil
		},
		ValidArgsFunction: k.completeUser,
		RunE:              k.run(func(ctx context.Context, s *session, args []string) error { return s.explain(ctx, args[0]) }),
	}
}

func (s *session) explain(ctx context.Context, who string) error {
	found, err := s.users(ctx, who)
	if err != nil {
		return err
	}
	answer := Explanations{Users: []Explanation{}}
	for _, u := range found {
		e, err := s.explanation(ctx, u)
		if err != nil {
			return err
		}
		answer.Users = append(answer.Users, *e)
	}
	return s.print(answer, func(w io.Writer) {
		for i := range answer.Users {
			if i > 0 {
				_, _ = fmt.Fprintln(w)
			}
			answer.Users[i].write(w, s)
		}
	})
}

// explanation gathers what there is to say. What the person may not read is named.
func (s *session) explanation(ctx context.Context, u *user) (*Explanation, error) {
	facts := &facts{user: u}
	var err error
	if endpoint := u.Spec.EndpointRef.Name; endpoint != "" {
		if facts.provider, err = s.providerOf(ctx, endpoint); err != nil {
			return nil, err
		}
		groups, whole, err := s.memberships(ctx, u)
		switch {
		case apierrors.IsForbidden(err):
			facts.note("You do not have the permission to list all of the groups, so those of the user are not shown.")
		case err != nil:
			return nil, err
		case !whole:
			facts.note(fmt.Sprintf("The endpoint has more than %d groups or %d slices of groups; the others were not looked at.", maxGroups, maxSlices))
		}
		facts.groups = groups
	}
	if facts.claim, err = s.userNameClaim(ctx, u); err != nil {
		return nil, err
	}
	e := facts.explain()
	e.Namespace = s.namespace
	return e, nil
}

// providerOf is the provider of an endpoint, nil when both are gone.
func (s *session) providerOf(ctx context.Context, endpoint string) (*provider, error) {
	idp, err := s.find(ctx, kindIdentityProvider, endpoint)
	if err != nil && !apierrors.IsForbidden(err) {
		return nil, err
	}
	served, err := s.find(ctx, kindScimEndpoint, endpoint)
	switch {
	case err != nil && !apierrors.IsForbidden(err):
		return nil, err
	case idp == nil && served == nil:
		return nil, nil
	case idp != nil && served != nil && !owns(idp, served):
		idp = nil
	}
	return newProvider(idp, served)
}

// userNameClaim says whether the userName is the user's own.
func (s *session) userNameClaim(ctx context.Context, u *user) (Answer, error) {
	if u.Spec.EndpointRef.Name == "" {
		return Answer{Value: "None", Why: "Who belongs to no identity provider claims no userName."}, nil
	}
	if !u.Live() {
		return Answer{Value: "None", Why: "Who has left claims no userName; somebody else may have it."}, nil
	}
	var held bool
	_, err := reading{session: s, list: func() client.ObjectList { return &v1alpha1.ScimClaimList{} }, size: pageSize, bound: pageSize}.each(ctx,
		func(page client.ObjectList) bool {
			for _, claim := range page.(*v1alpha1.ScimClaimList).Items {
				held = held || claim.Spec.Attribute == v1alpha1.ClaimUserName && claim.Spec.EndpointRef.Name == u.Spec.EndpointRef.Name
			}
			return held
		}, client.MatchingFields{"spec.holderRef.name": u.Name})
	switch {
	case apierrors.IsForbidden(err):
		return Answer{Value: "Unknown", Why: "You do not have the permission to list ScimClaims."}, nil
	case err != nil:
		return Answer{}, err
	case held:
		return Answer{Value: "Held", Why: "The userName is claimed for this user; nobody else of the endpoint can have it."}, nil
	}
	return s.conflict(ctx, u)
}

// conflict looks for who else has the userName of a user who holds no claim on it.
func (s *session) conflict(ctx context.Context, u *user) (Answer, error) {
	others, err := s.users(ctx, u.Spec.UserName)
	if err != nil {
		return Answer{}, err
	}
	for _, other := range others {
		if other.Name != u.Name && other.Live() && other.Spec.EndpointRef.Name == u.Spec.EndpointRef.Name {
			return Answer{Value: "Conflict", Why: fmt.Sprintf("The userName is claimed for somebody else: the user with the id %s has it as well.", other.Name)}, nil
		}
	}
	return Answer{Value: "Missing", Why: "The claim on the userName is lost, so that somebody else could be given it; the next change of the user by the identity provider brings it back."}, nil
}
