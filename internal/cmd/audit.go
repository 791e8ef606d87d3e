// SPDX-License-Identifier: Apache-2.0

package cmd

import (
	"io"

	"github.com/go-logr/logr"
	"github.com/go-logr/zapr"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"scim-operator.io/api/v1alpha1"
	"scim-operator.io/internal/replica"
	"scim-operator.io/internal/server"
)

// newAuditLogger writes JSON, one line per entry, apart from the other log and whatever
// its level. The process calls flush before it ends.
func newAuditLogger(out io.Writer) logr.Logger {
	core := zapcore.NewCore(zapcore.NewJSONEncoder(encoderConfig()), newLineWriter(out), zapcore.InfoLevel)
	return zapr.NewLogger(zap.New(core)).WithName("audit")
}

// auditSettings are those of the endpoint as it is now.
type auditSettings struct{ *replica.Replica }

// UserNames implements server.AuditSettings.
func (a auditSettings) UserNames() server.UserNames {
	switch a.AuditUserNames() {
	case v1alpha1.AuditUserNamesPlain:
		return server.UserNamesPlain
	case v1alpha1.AuditUserNamesHashed:
		return server.UserNamesHashed
	default:
		return server.UserNamesOmitted
	}
}
