// SPDX-License-Identifier: Apache-2.0

package plugin

import (
	"context"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

const (
	// completionTimeout is how long a shell waits for the cluster.
	completionTimeout = 3 * time.Second
	// maxCompletions is how many names a shell is given, and maxCompletionScan how many
	// users are looked at for them.
	maxCompletions    = 100
	maxCompletionScan = 2000
)

// completer finds what may stand in the place of what has been typed.
type completer func(ctx context.Context, s *session, args []string, typed string) ([]string, error)

// complete asks the cluster. A shell is shown nothing of an error.
func (k *kubectl) complete(c *cobra.Command, args []string, typed string, find completer) ([]string, cobra.ShellCompDirective) {
	s, err := k.session(c)
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	ctx, cancel := context.WithTimeout(c.Context(), completionTimeout)
	defer cancel()
	found, err := find(ctx, s, args, typed)
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	return found, cobra.ShellCompDirectiveNoFileComp
}

func (k *kubectl) completeProvider(c *cobra.Command, args []string, typed string) ([]string, cobra.ShellCompDirective) {
	if len(args) > 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	return k.complete(c, args, typed, providersLike)
}

func (k *kubectl) completeUser(c *cobra.Command, args []string, typed string) ([]string, cobra.ShellCompDirective) {
	if c.Name() == "explain" && len(args) > 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	return k.complete(c, args, typed, usersLike)
}

func (k *kubectl) completeToken(c *cobra.Command, args []string, typed string) ([]string, cobra.ShellCompDirective) {
	switch len(args) {
	case 0:
		return k.complete(c, args, typed, providersLike)
	case 1:
		return k.complete(c, args, typed, tokensLike)
	}
	return nil, cobra.ShellCompDirectiveNoFileComp
}

func providersLike(ctx context.Context, s *session, _ []string, typed string) ([]string, error) {
	names, err := s.providerNames(ctx)
	return beginning(names, typed), err
}

func usersLike(ctx context.Context, s *session, _ []string, typed string) (names []string, err error) {
	r := reading{session: s, list: listOf(kindScimUser), size: pageSize, bound: maxCompletionScan}
	_, err = r.each(ctx, func(page client.ObjectList) bool {
		for _, item := range page.(*unstructured.UnstructuredList).Items {
			if name := fieldsOf(&item).text("spec", "userName"); strings.HasPrefix(name, typed) {
				names = append(names, name)
			}
		}
		return len(names) >= maxCompletions
	})
	slices.Sort(names)
	names = slices.Compact(names)
	return names[:min(len(names), maxCompletions)], err
}

func tokensLike(ctx context.Context, s *session, args []string, typed string) ([]string, error) {
	p, err := s.provider(ctx, args[0])
	if err != nil {
		return nil, err
	}
	var ids []string
	for _, t := range fieldsOf(p.served).tokens() {
		ids = append(ids, t.ID)
	}
	return beginning(ids, typed), nil
}

func beginning(names []string, typed string) []string {
	return slices.DeleteFunc(names, func(name string) bool { return !strings.HasPrefix(name, typed) })
}

// completeFlags completes the values of the flags that every command has.
func (k *kubectl) completeFlags(root *cobra.Command) {
	_ = root.RegisterFlagCompletionFunc("output", cobra.FixedCompletions([]string{formatJSON, formatYAML}, cobra.ShellCompDirectiveNoFileComp))
	_ = root.RegisterFlagCompletionFunc("context", func(_ *cobra.Command, _ []string, typed string) ([]string, cobra.ShellCompDirective) {
		config, err := k.rules.Load()
		if err != nil {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		return beginning(slices.Sorted(maps.Keys(config.Contexts)), typed), cobra.ShellCompDirectiveNoFileComp
	})
	_ = root.RegisterFlagCompletionFunc("namespace", func(c *cobra.Command, args []string, typed string) ([]string, cobra.ShellCompDirective) {
		return k.complete(c, args, typed, namespacesLike)
	})
}

func namespacesLike(ctx context.Context, s *session, _ []string, typed string) ([]string, error) {
	list := &metav1.PartialObjectMetadataList{}
	list.SetGroupVersionKind(corev1.SchemeGroupVersion.WithKind("NamespaceList"))
	if err := s.client.List(ctx, list, client.Limit(pageSize)); err != nil {
		return nil, err
	}
	var names []string
	for i := range list.Items {
		names = append(names, list.Items[i].Name)
	}
	return beginning(names, typed), nil
}
