// SPDX-License-Identifier: Apache-2.0

package store

import (
	"errors"
	"fmt"
	"time"

	"scim-operator.io/internal/scim"
)

// Unavailable says that a request could not be answered now and may be repeated: the
// API server did not answer in time, or the index is older than the configured bound.
// A write that ends so is either done or not done, and repeating it is safe. The
// server turns it into 503 with Retry-After (RFC 9110 §15.6.4).
type Unavailable struct {
	RetryAfter time.Duration
	cause      error
}

// Error describes the cause for the log; it is not meant for the client.
func (e *Unavailable) Error() string { return fmt.Sprintf("temporarily unavailable: %v", e.cause) }

// Unwrap gives the cause.
func (e *Unavailable) Unwrap() error { return e.cause }

var (
	errTooManyWriters = errors.New("too many writes wait for the resource")
	errTooManyMembers = scim.ErrInvalidValue("members", fmt.Sprintf("a group has at most %d members", maxGroupMembers))
)
