// SPDX-License-Identifier: Apache-2.0

// Package controllers puts the controllers of all kinds into one manager.
package controllers

import (
	"context"
	"fmt"
	"maps"

	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/metrics"

	"scim-operator.io/controllers/identityprovider"
	"scim-operator.io/controllers/internal/child"
	"scim-operator.io/controllers/internal/members"
	"scim-operator.io/controllers/internal/policies"
	"scim-operator.io/controllers/scimendpoint"
	"scim-operator.io/controllers/scimgroup"
	"scim-operator.io/controllers/scimresource"
	"scim-operator.io/controllers/scimuser"
	"scim-operator.io/internal/render"
)

// Leader election announces itself with an event of the older API.
// +kubebuilder:rbac:groups="",resources=events,verbs=create;patch

// Options are what the controllers are told from outside.
type Options struct {
	// Servers is how the servers of endpoints run.
	Servers render.Options
	// Exposure is how endpoints may be exposed.
	Exposure scimendpoint.ExposureRules
	// Metadata gets the metadata of sign-on from URLs.
	Metadata identityprovider.Fetcher
}

// CacheOptions limit the manager's cache to what the controllers need, in the given
// namespaces or, without any, in all: no Secret, Pod or other common object that is not
// the operator's, nothing of what is in ConfigMaps, no managed fields.
func CacheOptions(namespaces []string) cache.Options {
	options := cache.Options{
		DefaultTransform: cache.TransformStripManagedFields(),
		ByObject:         scimendpoint.CacheByObject(),
	}
	maps.Copy(options.ByObject, identityprovider.CacheByObject())
	maps.Copy(options.ByObject, scimuser.CacheByObject())
	for _, namespace := range namespaces {
		if options.DefaultNamespaces == nil {
			options.DefaultNamespaces = map[string]cache.Config{}
		}
		options.DefaultNamespaces[namespace] = cache.Config{}
	}
	return options
}

// ClientOptions have the manager's client read from the cache, but for Secrets.
func ClientOptions() client.Options { return child.ClientOptions() }

// Setup registers every controller with a manager that was made with CacheOptions.
func Setup(ctx context.Context, mgr ctrl.Manager, options Options) error {
	verifier, err := verifyPolicies(mgr)
	if err != nil {
		return err
	}
	if err := members.AddIndexes(ctx, mgr.GetFieldIndexer()); err != nil {
		return err
	}
	if err := identityprovider.SetupWithManager(ctx, mgr, options.Metadata); err != nil {
		return fmt.Errorf("set up the controller of IdentityProviders: %w", err)
	}
	if err := scimendpoint.SetupWithManager(ctx, mgr, options.Servers, options.Exposure, verifier); err != nil {
		return fmt.Errorf("set up the controller of ScimEndpoints: %w", err)
	}
	if err := scimuser.SetupWithManager(ctx, mgr); err != nil {
		return fmt.Errorf("set up the controller of ScimUsers: %w", err)
	}
	if err := scimgroup.SetupWithManager(mgr); err != nil {
		return fmt.Errorf("set up the controller of ScimGroups: %w", err)
	}
	if err := scimresource.SetupWithManager(mgr); err != nil {
		return fmt.Errorf("set up the controller of ScimResources: %w", err)
	}
	if err := metrics.Registry.Register(states{reader: mgr.GetClient()}); err != nil {
		return fmt.Errorf("register the metrics of providers and endpoints: %w", err)
	}
	return nil
}

// verifyPolicies has the manager compare the admission policies with those of its build.
func verifyPolicies(mgr ctrl.Manager) (*policies.Verifier, error) {
	verifier, err := policies.NewVerifier(mgr.GetAPIReader(), policies.Interval)
	if err != nil {
		return nil, err
	}
	if err := mgr.Add(verifier); err != nil {
		return nil, err
	}
	if err := mgr.AddReadyzCheck("policies", verifier.Ready); err != nil {
		return nil, err
	}
	if err := metrics.Registry.Register(verifier); err != nil {
		return nil, fmt.Errorf("register the metrics of admission policies: %w", err)
	}
	return verifier, nil
}
