// SPDX-License-Identifier: Apache-2.0

package identity

import (
	"errors"
	"fmt"
	"reflect"
	"strings"
	"sync"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
	"cel.dev/cel-go/ext"
	"k8s.io/utils/ptr"
)

const (
	// maxCost is what one evaluation may cost, in the units of CEL: an attribute read
	// is 1, ten characters looked at are 1. It is about ten milliseconds, and enough
	// for a question about each of 1,000 e-mail addresses.
	maxCost = 100_000
	// maxUserCost is what all evaluations about one user may cost until no further one
	// begins: a policy has many roles, and one tenant's must not keep the manager from
	// deciding about the users of others.
	maxUserCost = 500_000
	// maxDepth and maxSize bound what is parsed. The schema has the same size.
	maxDepth = 50
	maxSize  = 2048
	// maxReport bounds what is said about one error.
	maxReport = 200
)

const lowerASCIIFunction = "lowerAscii"

// expression is a question about a user. Its zero value is one that is not valid.
type expression struct {
	program cel.Program
	// extensions says that the user's extensions are looked at, which costs parsing them.
	extensions bool
}

func (e *expression) valid() bool { return e.program != nil }

// environment is what expressions know: the standard functions and macros of CEL,
// lowerAscii(), and the user. The other functions of Kubernetes' strings library are not
// among them: some make of a short text a very long one, and no cost tells.
var environment = sync.OnceValues(func() (*cel.Env, error) {
	lower := cel.MemberOverload("string_lower_ascii", []*cel.Type{cel.StringType}, cel.StringType,
		cel.UnaryBinding(func(value ref.Val) ref.Val { return types.String(lowerASCII(string(value.(types.String)))) }))
	return cel.NewEnv(
		ext.NativeTypes(reflect.TypeFor[person](), ext.ParseStructTag("json")),
		cel.Variable("user", cel.ObjectType("identity.person")),
		cel.Function(lowerASCIIFunction, lower),
		cel.ParserRecursionLimit(maxDepth),
		cel.ParserExpressionSizeLimit(maxSize),
	)
})

// callCosts tells what the functions cost that CEL does not know.
type callCosts struct{}

// CallCost implements cost.ActualCostEstimator: lowerAscii looks at every character, and
// writes it. It costs what CEL takes for contains and for a concatenation.
func (callCosts) CallCost(function, _ string, args []ref.Val, _ ref.Val) *uint64 {
	if function != lowerASCIIFunction || len(args) != 1 {
		return nil
	}
	text, ok := args[0].(types.String)
	if !ok {
		return nil
	}
	const charactersPerUnit = 5 // ten read and ten written
	return ptr.To(1 + uint64(len(text))/charactersPerUnit)
}

// compile understands an expression or says why not. It never returns nil.
func compile(source string) (e *expression, err error) {
	defer func() {
		if r := recover(); r != nil {
			e, err = &expression{}, errors.New("it cannot be understood")
		}
	}()
	env, err := environment()
	if err != nil {
		return &expression{}, err
	}
	ast, issues := env.Compile(source)
	if issues.Err() != nil {
		return &expression{}, firstOf(issues)
	}
	if t := ast.OutputType(); !t.IsExactType(cel.BoolType) && !t.IsExactType(cel.DynType) {
		return &expression{}, fmt.Errorf("it must be true or false, and is a %s", t)
	}
	program, err := env.Program(ast, cel.CostTracking(callCosts{}), cel.CostLimit(maxCost), cel.EvalOptions(cel.OptOptimize))
	if err != nil {
		return &expression{}, short(err.Error())
	}
	return &expression{program: program, extensions: strings.Contains(source, "extensions")}, nil
}

// firstOf is the first thing that is wrong, with its place, in one line.
func firstOf(issues *cel.Issues) error {
	first := issues.Errors()[0]
	return short(fmt.Sprintf("line %d, column %d: %s", first.Location.Line(), first.Location.Column()+1, first.Message))
}

func short(text string) error {
	text, _, _ = strings.Cut(text, "\n")
	if len(text) > maxReport {
		text = strings.ToValidUTF8(text[:maxReport], "") + "…"
	}
	return errors.New(text)
}

// describes says whether the expression is true for the user. An expression that reads
// what an extension does not have is false and no error.
func (e *expression) describes(s *subject) (bool, error) {
	if s.cost >= maxUserCost {
		return false, errors.New("the expressions before it have cost all that may be asked about one user: cost limit exceeded")
	}
	if s.person == nil {
		s.person = newPerson(s.user)
	}
	if e.extensions && s.person.Extensions == nil {
		s.person.readExtensions(s.user)
	}
	value, details, err := e.program.Eval(map[string]any{"user": s.person})
	s.cost += costOf(details)
	if err != nil {
		if strings.HasPrefix(err.Error(), "no such key") {
			return false, nil
		}
		return false, short(err.Error())
	}
	answer, ok := value.Value().(bool)
	if !ok {
		return false, fmt.Errorf("it is a %s instead of true or false", value.Type().TypeName())
	}
	return answer, nil
}

// costOf is what an evaluation has cost. One that was ended without a word has cost all.
func costOf(details *cel.EvalDetails) uint64 {
	if cost := details.ActualCost(); cost != nil {
		return min(*cost, maxCost)
	}
	return maxCost
}

func lowerASCII(s string) string {
	return strings.Map(func(r rune) rune {
		if 'A' <= r && r <= 'Z' {
			return r + ('a' - 'A')
		}
		return r
	}, s)
}
