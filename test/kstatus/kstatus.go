// SPDX-License-Identifier: Apache-2.0

// Package kstatus checks that the status of an object tells the truth to kubectl wait,
// Flux and Argo CD, in every version that a test run reaches.
package kstatus

import (
	"encoding/json"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"regexp"
	goruntime "runtime"
	"slices"
	"strconv"
	"strings"
	"sync"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/cli-utils/pkg/kstatus/status"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"scim-operator.io/api/v1alpha1"
)

// TokenPattern is what secret scanners look for.
const TokenPattern = `scimop_[0-9A-Za-z]{49}` //nolint:gosec // a pattern is no credential

var tokenLike = regexp.MustCompile(TokenPattern)

// reporting is a kind with a status.
type reporting interface {
	client.Object
	GetConditions() []metav1.Condition
}

// Violations says where an object's status breaks the contract that kubectl wait, Flux
// and Argo CD rely on. A status that no controller has written yet is in order.
func Violations(obj client.Object) []string {
	o := obj.(reporting)
	observed := ptr.Deref(observedGeneration(obj), -1)
	var v violations
	v.add(tokenLike.MatchString(encode(obj)), "a token is in the object")
	if observed < 0 {
		v.add(len(o.GetConditions()) > 0, "there are conditions without an observedGeneration")
		v.expect(obj, status.InProgressStatus)
		return v
	}
	v.add(observed > obj.GetGeneration(), "observedGeneration %d is ahead of generation %d", observed, obj.GetGeneration())
	for _, c := range o.GetConditions() {
		v.checkCondition(c, observed)
	}
	v.checkSummary(obj, o.GetConditions(), observed)
	return v
}

type violations []string

func (v *violations) add(broken bool, format string, args ...any) {
	if broken {
		*v = append(*v, fmt.Sprintf(format, args...))
	}
}

func (v *violations) checkCondition(c metav1.Condition, observed int64) {
	v.add(c.ObservedGeneration < 1 || c.ObservedGeneration > observed,
		"%s has observedGeneration %d, the status %d", c.Type, c.ObservedGeneration, observed)
	v.add(!slices.Contains(declaredReasons(), c.Reason), "%s has the reason %q, which is no constant of the API", c.Type, c.Reason)
	v.add(c.Message == "", "%s has no message", c.Type)
	v.add(c.LastTransitionTime.IsZero(), "%s has no lastTransitionTime", c.Type)
	abnormal := slices.Contains([]string{v1alpha1.ConditionReconciling, v1alpha1.ConditionStalled, v1alpha1.ConditionWithheld,
		v1alpha1.ConditionUnresolvedReference, v1alpha1.ConditionRefused, v1alpha1.ConditionHeld}, c.Type)
	v.add(abnormal && c.Status != metav1.ConditionTrue, "%s is present with status %s", c.Type, c.Status)
}

// checkSummary checks the three conditions that tools look at, against each other and
// against what kstatus makes of them.
func (v *violations) checkSummary(obj client.Object, conditions []metav1.Condition, observed int64) {
	ready := meta.FindStatusCondition(conditions, v1alpha1.ConditionReady)
	if ready == nil {
		v.add(true, "there is no Ready condition")
		return
	}
	v.add(ready.ObservedGeneration != observed, "Ready is about generation %d, the status about %d", ready.ObservedGeneration, observed)
	reconciling := meta.IsStatusConditionTrue(conditions, v1alpha1.ConditionReconciling)
	stalled := meta.IsStatusConditionTrue(conditions, v1alpha1.ConditionStalled)
	v.add(reconciling && stalled, "it is Reconciling and Stalled")
	v.add(ready.Status == metav1.ConditionTrue && (reconciling || stalled), "it is Ready, and Reconciling or Stalled")
	v.add(ready.Status != metav1.ConditionTrue && !reconciling && !stalled, "it is not Ready, and neither Reconciling nor Stalled")
	switch {
	case !obj.GetDeletionTimestamp().IsZero():
		v.expect(obj, status.TerminatingStatus)
	case observed < obj.GetGeneration(), reconciling:
		v.expect(obj, status.InProgressStatus)
	case stalled:
		v.expect(obj, status.FailedStatus)
	default:
		v.expect(obj, status.CurrentStatus)
	}
}

func (v *violations) expect(obj client.Object, want status.Status) {
	content, err := runtime.DefaultUnstructuredConverter.ToUnstructured(obj)
	if err != nil {
		v.add(true, "it cannot be read: %v", err)
		return
	}
	result, err := status.Compute(&unstructured.Unstructured{Object: content})
	if err != nil {
		v.add(true, "kstatus cannot read it: %v", err)
		return
	}
	if obj.GetDeletionTimestamp() != nil {
		want = status.TerminatingStatus
	}
	v.add(result.Status != want, "kstatus says %s instead of %s: %s", result.Status, want, result.Message)
}

func observedGeneration(obj client.Object) *int64 {
	switch o := obj.(type) {
	case *v1alpha1.IdentityProvider:
		return o.Status.ObservedGeneration
	case *v1alpha1.ScimEndpoint:
		return o.Status.ObservedGeneration
	case *v1alpha1.ScimUser:
		return o.Status.ObservedGeneration
	case *v1alpha1.ScimGroup:
		return o.Status.ObservedGeneration
	default:
		panic(fmt.Sprintf("%T has no status", obj))
	}
}

func encode(obj client.Object) string {
	encoded, err := json.Marshal(obj)
	if err != nil {
		return err.Error()
	}
	return string(encoded)
}

// root is the repository's.
func root() string {
	_, file, _, _ := goruntime.Caller(0)
	return filepath.Join(filepath.Dir(file), "..", "..")
}

// declaredReasons are the values of the constants Reason… in the API's conditions.go.
var declaredReasons = sync.OnceValue(func() []string {
	file, err := parser.ParseFile(token.NewFileSet(), filepath.Join(root(), "api", "v1alpha1", "conditions.go"), nil, 0)
	if err != nil {
		panic(err)
	}
	var reasons []string
	ast.Inspect(file, func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if !ok || !strings.HasPrefix(spec.Names[0].Name, "Reason") {
			return true
		}
		reason, err := strconv.Unquote(spec.Values[0].(*ast.BasicLit).Value)
		if err != nil {
			panic(err)
		}
		reasons = append(reasons, reason)
		return true
	})
	return reasons
})
