// SPDX-License-Identifier: Apache-2.0

// Package plugin is `kubectl scim`: what a person asks and decides about provisioning at the
// command line. It reads custom resources and changes fields and annotations that anybody
// with kubectl or Git could change as well; it decides nothing that the operator decides.
package plugin

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"
	authorizationv1 "k8s.io/api/authorization/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"scim-operator.io/api/v1alpha1"
)

// fieldOwner is who has changed a field, in managedFields.
const fieldOwner = client.FieldOwner("kubectl-scim")

// NewCommand is `kubectl scim` with its subcommands.
func NewCommand(version string) *cobra.Command { return newCommand(version, time.Now) }

func newCommand(version string, now func() time.Time) *cobra.Command {
	k := &kubectl{now: now}
	root := &cobra.Command{
		Use:         "kubectl-scim",
		Annotations: map[string]string{cobra.CommandDisplayNameAnnotation: "kubectl scim"},
		Short:       "See and decide what identity providers provision",
		Long: `See what is wrong, why a user is what she is, and decide what waits for a person.

PROVIDER is the name of an IdentityProvider, or of a ScimEndpoint that belongs to none.
USER is a userName, a SCIM id (the ScimUser's name) or an externalId. Everything is looked
up in one namespace, which is a tenant: that of the kubeconfig's context, or --namespace.`,
		Version:      version,
		SilenceUsage: true,
		Args:         cobra.NoArgs,
		// A shell completes kubectl, which asks kubectl_complete-scim.
		CompletionOptions: cobra.CompletionOptions{DisableDefaultCmd: true},
	}
	k.addFlags(root)
	root.AddCommand(k.statusCommand(), k.explainCommand(), k.decisionCommand(approve), k.decisionCommand(reject), k.tokenCommand(), k.releaseCommand())
	return root
}

// kubectl is what every command needs of the flags that kubectl has as well.
type kubectl struct {
	now       func() time.Time
	rules     *clientcmd.ClientConfigLoadingRules
	overrides clientcmd.ConfigOverrides
	format    string
}

// addFlags adds kubectl's own. Its --user would be the kubeconfig's, and here it is a
// person of the directory; passwords are of no use to any API server of today.
func (k *kubectl) addFlags(root *cobra.Command) {
	flags := root.PersistentFlags()
	k.rules = clientcmd.NewDefaultClientConfigLoadingRules()
	flags.StringVar(&k.rules.ExplicitPath, "kubeconfig", "", "Path to the kubeconfig file to use")
	names := clientcmd.RecommendedConfigOverrideFlags("")
	for _, unused := range []*clientcmd.FlagInfo{
		&names.ContextOverrideFlags.AuthInfoName, &names.AuthOverrideFlags.Username, &names.AuthOverrideFlags.Password,
	} {
		*unused = clientcmd.FlagInfo{}
	}
	names.ContextOverrideFlags.Namespace.Description = "Namespace to look into; by default that of the context"
	clientcmd.BindOverrideFlags(&k.overrides, flags, names)
	flags.StringVarP(&k.format, "output", "o", "", "Format of the output: json or yaml; by default text for people")
	k.completeFlags(root)
}

// session is one run of a command against one namespace.
type session struct {
	client    client.Client
	namespace string
	now       time.Time
	format    string
	in        io.Reader
	// out is what was asked for; notes are for the person who asks.
	out, notes io.Writer
}

func (k *kubectl) session(c *cobra.Command) (*session, error) {
	switch k.format {
	case "", formatJSON, formatYAML:
	default:
		return nil, fmt.Errorf("--output is %q; it can be json or yaml", k.format)
	}
	loader := clientcmd.NewNonInteractiveDeferredLoadingClientConfig(k.rules, &k.overrides)
	config, err := loader.ClientConfig()
	if err != nil {
		return nil, fmt.Errorf("the kubeconfig: %w", err)
	}
	namespace, _, err := loader.Namespace()
	if err != nil {
		return nil, fmt.Errorf("the namespace of the kubeconfig: %w", err)
	}
	config.QPS, config.Burst = 100, 200 // a release may be of many objects
	config.UserAgent = rest.DefaultKubernetesUserAgent() + " kubectl-scim"
	config.WarningHandler = rest.NewWarningWriter(c.ErrOrStderr(), rest.WarningWriterOptions{Deduplicate: true})
	api, err := newClient(config)
	if err != nil {
		return nil, inWords(err)
	}
	return &session{
		client: api, namespace: namespace, now: k.now(), format: k.format,
		in: c.InOrStdin(), out: c.OutOrStdout(), notes: c.ErrOrStderr(),
	}, nil
}

func newClient(config *rest.Config) (client.Client, error) {
	scheme := runtime.NewScheme()
	if err := corev1.AddToScheme(scheme); err != nil {
		return nil, err
	}
	if err := authorizationv1.AddToScheme(scheme); err != nil {
		return nil, err
	}
	if err := v1alpha1.AddToScheme(scheme); err != nil {
		return nil, err
	}
	return client.New(config, client.Options{Scheme: scheme})
}

// run gives a command its session and puts what went wrong into words.
func (k *kubectl) run(do func(context.Context, *session, []string) error) func(*cobra.Command, []string) error {
	return func(c *cobra.Command, args []string) error {
		s, err := k.session(c)
		if err != nil {
			return err
		}
		return inWords(do(c.Context(), s, args))
	}
}

// note tells the person who asks something that is not what was asked for.
func (s *session) note(format string, args ...any) { _, _ = fmt.Fprintf(s.notes, format+"\n", args...) }
