// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"sync/atomic"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"

	api "scim-operator.io/api/v1alpha1"
)

// replicaWriters is how many clients write while reads are measured.
const replicaWriters = 2

// measureReplicas measures reads that two replicas answer while both are written to,
// with strong and with eventual consistency.
func measureReplicas(ctx context.Context, b *bench) ([]row, error) {
	f, err := b.filledWith(ctx, b.users)
	if err != nil {
		return nil, err
	}
	second, err := b.serve(ctx, f.endpoint, "b")
	if err != nil {
		return nil, err
	}
	defer second.stop()
	addresses := []string{f.server.address, second.address}
	var writes atomic.Int64
	reading := func(consistency string) func(context.Context) (float64, error) {
		return func(ctx context.Context) (float64, error) {
			if err := b.setConsistency(ctx, f.endpoint, consistency); err != nil {
				return 0, err
			}
			return f.rateUnderWrites(ctx, b.slot, &writes, addresses)
		}
	}
	rates, err := b.inTurn(ctx, reading("Strong"), reading("Eventual"))
	if err != nil {
		return nil, err
	}
	return []row{{what: "strong reads on two replicas under writes", reference: "eventual reads", measured: rates[0], by: rates[1],
		unit: perSecond, reach: 0.80,
		note: grouped(writes.Load()/int64(2*b.runs)) + " writes in each run of " + b.slot.String()}}, nil
}

// rateUnderWrites reads users from the replicas while others are changed on them.
func (f *filled) rateUnderWrites(ctx context.Context, slot time.Duration, writes *atomic.Int64, addresses []string) (float64, error) {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	changes := &load{addresses: addresses, clients: replicaWriters, status: http.StatusOK, request: func(b []byte, n int) []byte {
		body := []byte(`{"Operations":[{"op":"replace","path":"nickName","value":"` + strconv.FormatInt(writes.Add(1), 10) + `"}]}`)
		return appendRequest(b, http.MethodPatch, bearer, body, usersPath, "/", f.ids[scattered(n, len(f.ids))])
	}}
	failed := make(chan error, 1)
	deadline := time.Now().Add(slot)
	go func() {
		_, _, err := changes.run(ctx, func(int) bool { return time.Now().Before(deadline) })
		failed <- err
	}()
	rate, err := f.gets(addresses...).rate(ctx, slot)
	return rate, errors.Join(err, <-failed)
}

// setConsistency changes the endpoint, and waits until its replicas must have seen it.
func (b *bench) setConsistency(ctx context.Context, e *endpoint, consistency string) error {
	o := &unstructured.Unstructured{}
	o.SetGroupVersionKind(api.SchemeGroupVersion.WithKind("ScimEndpoint"))
	o.SetNamespace(e.Namespace)
	o.SetName(e.Name)
	patch := client.RawPatch("application/merge-patch+json", []byte(`{"spec":{"consistency":"`+consistency+`"}}`))
	if err := b.client.Patch(ctx, o, patch, client.FieldValidation("Strict")); err != nil {
		return err
	}
	select {
	case <-time.After(time.Second):
	case <-ctx.Done():
	}
	return ctx.Err()
}
