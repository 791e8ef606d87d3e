// SPDX-License-Identifier: Apache-2.0

package v1alpha1

import corev1 "k8s.io/api/core/v1"

const (
	// TokenSecretType is the type of the Secret that delivers a token in plain text.
	// It is immutable, written once, and may be deleted when the token has been copied.
	TokenSecretType corev1.SecretType = "scim-operator.io/token" //nolint:gosec // the name of a type, no credential
	// TokenKey holds the token.
	TokenKey = "token"
	// BaseURLKey holds the SCIM base URL.
	BaseURLKey = "baseURL"
	// OrganizationIDKey holds the organization ID, where the endpoint has one.
	OrganizationIDKey = "organizationID"
)

const (
	// DigestSecretType is the type of the Secret from which servers read token digests.
	DigestSecretType corev1.SecretType = "scim-operator.io/token-digests" //nolint:gosec // the name of a type, no credential
	// DigestsKey holds the digests.
	DigestsKey = "digests.json"
	// TokenRecordKey holds what the operator remembers of the tokens.
	TokenRecordKey = "record.json"
	// ServersKey holds ServersKeySize random bytes that the servers of an endpoint share,
	// for cursors and for hashes of names. It is written once, whatever becomes of tokens.
	ServersKey = "servers.key"
	// ServersKeySize is how many bytes that are.
	ServersKeySize = 32
)
