// SPDX-License-Identifier: Apache-2.0

package plugin

import (
	"context"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/spf13/cobra"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"scim-operator.io/api/v1alpha1"
)

const (
	// releasePage is how many objects are listed at a time, of which only metadata is read.
	releasePage = 500
	// defaultOlderThan: the manager releases an object within seconds.
	defaultOlderThan = time.Minute
)

// finalized is a kind with a finalizer that the manager removes.
type finalized struct{ kind, finalizer string }

var finalizedKinds = []finalized{
	{"IdentityProvider", v1alpha1.DepartureFinalizer},
	{kindScimUser, v1alpha1.ClaimsFinalizer},
	{"ScimGroup", v1alpha1.ClaimsFinalizer},
	{"ScimResource", v1alpha1.ClaimsFinalizer},
}

// release is the flags of release-finalizers.
type release struct {
	allNamespaces, dryRun, yes bool
	olderThan                  time.Duration
}

func (k *kubectl) releaseCommand() *cobra.Command {
	var chosen release
	c := &cobra.Command{
		Use:   "release-finalizers",
		Short: "Let go what is being deleted while no manager runs",
		Long: `Removes the operator's finalizers from what is being deleted already, so that it goes
although no manager runs: for a namespace that does not end, or after the operator was
removed first. It deletes nothing by itself, and leaves alone what nobody has deleted.

Where a manager runs, it does this within seconds. What has been deleted for less than a
minute is left to it. While the admission policies are installed, only what is in a namespace
that is being deleted is let go.

It shows first what it would release, and asks.`,
		Example: "  kubectl scim release-finalizers -n acme --dry-run\n" +
			"  kubectl scim release-finalizers --all-namespaces",
		Args: cobra.NoArgs,
		RunE: k.run(func(ctx context.Context, s *session, _ []string) error { return s.releaseFinalizers(ctx, chosen) }),
	}
	c.Flags().BoolVarP(&chosen.allNamespaces, "all-namespaces", "A", false, "look into every namespace")
	c.Flags().BoolVar(&chosen.dryRun, "dry-run", false, "show what would be released, and change nothing")
	c.Flags().DurationVar(&chosen.olderThan, "older-than", defaultOlderThan, "leave to the manager what has been deleted for less than this")
	c.Flags().BoolVarP(&chosen.yes, "yes", "y", false, "do not ask")
	return c
}

// Released is the answer of `release-finalizers`.
type Released struct {
	DryRun bool `json:"dryRun"`
	// Objects are how many of each kind were released, or would be.
	Objects []ReleasedKind `json:"objects"`
}

// ReleasedKind counts the objects of one kind.
type ReleasedKind struct {
	Kind      string `json:"kind"`
	Finalizer string `json:"finalizer"`
	Count     int64  `json:"count"`
	// Examples are the first few, as namespace/name.
	Examples []string `json:"examples"`
}

const maxReleasedExamples = 5

func (s *session) releaseFinalizers(ctx context.Context, chosen release) error {
	if chosen.olderThan < 0 {
		return fmt.Errorf("--older-than is %s; it cannot be negative", chosen.olderThan)
	}
	waiting, total, err := s.stuck(ctx, chosen, func(context.Context, *metav1.PartialObjectMetadata, string) error { return nil })
	if err != nil {
		return err
	}
	answer := Released{DryRun: chosen.dryRun, Objects: waiting}
	if total == 0 || chosen.dryRun {
		return s.printReleased(answer)
	}
	s.note("%s deleted, and kept by finalizers of the operator:", counted(total, "object"))
	for _, kind := range waiting {
		s.note("  %s, such as %s", counted(kind.Count, kind.Kind), someOf(kind.Examples, int(kind.Count)))
	}
	s.note("Released, they are gone for good. Users of a released IdentityProvider stay as they are.")
	if err := s.confirm(chosen.yes); err != nil {
		return err
	}
	if answer.Objects, _, err = s.stuck(ctx, chosen, s.releaseOne); err != nil {
		return err
	}
	return s.printReleased(answer)
}

func (s *session) printReleased(answer Released) error {
	return s.print(answer, func(w io.Writer) {
		if len(answer.Objects) == 0 {
			_, _ = fmt.Fprintln(w, "Nothing that is being deleted is kept by a finalizer of the operator.")
			return
		}
		done := "Released"
		if answer.DryRun {
			done = "Would release"
		}
		for _, kind := range answer.Objects {
			_, _ = fmt.Fprintf(w, "%s %s (finalizer %s): %s.\n", done, counted(kind.Count, kind.Kind), kind.Finalizer, someOf(kind.Examples, int(kind.Count)))
		}
	})
}

// stuck does something to each object that is being deleted and has one of the finalizers,
// and counts them. It reads page by page, so that a large directory costs no more memory.
func (s *session) stuck(ctx context.Context, chosen release, do func(context.Context, *metav1.PartialObjectMetadata, string) error) (kinds []ReleasedKind, total int64, err error) {
	for _, f := range finalizedKinds {
		found := ReleasedKind{Kind: f.kind, Finalizer: f.finalizer, Examples: []string{}}
		list := &metav1.PartialObjectMetadataList{}
		for more := true; more; more = list.Continue != "" {
			token := list.Continue
			list = &metav1.PartialObjectMetadataList{}
			list.SetGroupVersionKind(v1alpha1.SchemeGroupVersion.WithKind(f.kind + "List"))
			options := []client.ListOption{client.Limit(releasePage), client.Continue(token)}
			if !chosen.allNamespaces {
				options = append(options, client.InNamespace(s.namespace))
			}
			if err := s.client.List(ctx, list, options...); err != nil {
				return nil, 0, err
			}
			for i := range list.Items {
				o := &list.Items[i]
				if !s.isStuck(o, f.finalizer, chosen.olderThan) {
					continue
				}
				o.SetGroupVersionKind(v1alpha1.SchemeGroupVersion.WithKind(f.kind))
				if err := do(ctx, o, f.finalizer); err != nil {
					return nil, 0, fmt.Errorf("%s %s/%s: %w", f.kind, o.Namespace, o.Name, err)
				}
				if found.Count++; len(found.Examples) < maxReleasedExamples {
					found.Examples = append(found.Examples, o.Namespace+"/"+o.Name)
				}
			}
		}
		if found.Count > 0 {
			kinds, total = append(kinds, found), total+found.Count
		}
	}
	return kinds, total, nil
}

func (s *session) isStuck(o *metav1.PartialObjectMetadata, finalizer string, olderThan time.Duration) bool {
	return o.DeletionTimestamp != nil && slices.Contains(o.Finalizers, finalizer) && s.now.Sub(o.DeletionTimestamp.Time) >= olderThan
}

// releaseOne removes one finalizer of the version that was listed, and leaves those of others.
func (s *session) releaseOne(ctx context.Context, o *metav1.PartialObjectMetadata, finalizer string) error {
	rest := slices.DeleteFunc(slices.Clone(o.Finalizers), func(f string) bool { return f == finalizer })
	err := s.merge(ctx, o, map[string]any{"metadata": map[string]any{
		"uid": o.UID, "resourceVersion": o.ResourceVersion, "finalizers": rest,
	}})
	if apierrors.IsNotFound(err) {
		return nil
	}
	return err
}
