// SPDX-License-Identifier: Apache-2.0

package api

import "testing"

func TestLimits(t *testing.T) {
	var rows []row
	for _, c := range []struct{ what, limits, words string }{
		{"every limit", "maxBodyBytes: 8Mi, maxBulkBytes: 1Mi, maxBulkOperations: 500, defaultPageSize: 50, maxPageSize: 200, maxConcurrentRequests: 64, requestsPerSecond: 25", ""},
		{"a size in bytes", "maxBodyBytes: 1048576", ""},
		{"the least and the largest size", "maxBodyBytes: 64Ki, maxBulkBytes: 64Mi", ""},
		{"a body that is too small", "maxBodyBytes: 1Ki", "maxBodyBytes must be from 64Ki to 64Mi"},
		{"a body that is too large", "maxBodyBytes: 1Gi", "maxBodyBytes must be from 64Ki to 64Mi"},
		{"a body of a size in bytes that is too large", "maxBodyBytes: 1073741824", "maxBodyBytes must be from 64Ki to 64Mi"},
		{"a body that is no quantity", "maxBodyBytes: large", "maxBodyBytes"},
		{"a Bulk request that is too large", "maxBulkBytes: 65Mi", "maxBulkBytes must be from 64Ki to 64Mi"},
		{"no operations", "maxBulkOperations: 0", "greater than or equal to 1"},
		{"too many operations", "maxBulkOperations: 10001", "less than or equal to 10000"},
		{"no page", "maxPageSize: 0", "greater than or equal to 1"},
		{"too large a page", "maxPageSize: 10001", "less than or equal to 10000"},
		{"a small page", "maxPageSize: 10", ""},
		{"a usual page above the largest", "defaultPageSize: 20, maxPageSize: 10", "defaultPageSize must not be above maxPageSize"},
		{"a usual page above the largest that is left out", "defaultPageSize: 1001", "defaultPageSize must not be above maxPageSize"},
		{"no requests", "maxConcurrentRequests: 0", "greater than or equal to 1"},
		{"too many requests", "maxConcurrentRequests: 2049", "less than or equal to 2048"},
		{"no rate", "requestsPerSecond: 0", "greater than or equal to 1"},
		{"too high a rate", "requestsPerSecond: 100001", "less than or equal to 100000"},
	} {
		limits := "limits: {" + c.limits + "}"
		rows = append(rows,
			row{c.what + " of an endpoint", "ScimEndpoint", "{" + limits + "}", c.words},
			row{c.what + " of a provider", "IdentityProvider", "{type: Okta, signOn: {saml: {metadata: {xml: '<E/>'}}}, scim: {endpoint: {" + limits + "}}}", c.words})
	}
	check(t, rows)
}
