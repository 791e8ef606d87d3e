// SPDX-License-Identifier: Apache-2.0

package identity

import (
	"fmt"
	"strings"
	"testing"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/utils/ptr"

	"scim-operator.io/api/v1alpha1"
)

func technicianBy(expression string) v1alpha1.AccountPolicy {
	return v1alpha1.AccountPolicy{AccountRules: v1alpha1.AccountRules{
		UserTypes: &v1alpha1.UserTypeRules{Technicians: &v1alpha1.UserMatcher{Expression: expression}},
	}}
}

func ada() *v1alpha1.ScimUser {
	return &v1alpha1.ScimUser{Spec: v1alpha1.ScimUserSpec{
		UserName: "ada@acme.com", DisplayName: "Ada Lovelace", Title: "Head of IT", UserType: "Employee",
		Name:       &v1alpha1.PersonName{FamilyName: "Lovelace"},
		Emails:     []v1alpha1.MultiValue{{Value: "ada@home.example", Type: "home"}, {Value: "ada@acme.com", Type: "work", Primary: ptr.To(true)}},
		Roles:      []v1alpha1.MultiValue{{Value: "agent"}},
		Addresses:  []v1alpha1.Address{{Country: "GB"}},
		Enterprise: &v1alpha1.EnterpriseUser{Department: "IT", Manager: &v1alpha1.Manager{DisplayName: "Charles"}},
		Account:    &v1alpha1.AccountExtension{OrganizationIDs: list("7")},
		Extensions: map[string]apiextensionsv1.JSON{"urn:acme": {Raw: []byte(`{"badge": 7, "sites": ["Berlin"]}`)}, "urn:broken": {Raw: []byte(`{`)}},
	}}
}

// What an expression may ask, and what it answers about Ada and about somebody of whom
// nothing but the userName is known.
func TestExpressions(t *testing.T) {
	for expression, want := range map[string]struct{ ada, nobody bool }{
		`user.enterprise.department == "IT"`:                                {true, false},
		`user.enterprise.department == ""`:                                  {false, true},
		`user.enterprise.manager.displayName == "Charles"`:                  {true, false},
		`user.userName.endsWith("@acme.com")`:                               {true, false},
		`user.title.lowerAscii().startsWith("head of")`:                     {true, false},
		`user.title.matches("(?i)^HEAD")`:                                   {true, false},
		`user.emails.exists(e, e.primary && e.value.endsWith("@acme.com"))`: {true, false},
		`user.emails.size() == 0`:                                           {false, true},
		`user.roles.exists(r, r.value == "agent")`:                          {true, false},
		`user.addresses.exists(a, a.country in ["GB", "IE"])`:               {true, false},
		`user.name.familyName == "Lovelace"`:                                {true, false},
		`has(user.enterprise.department)`:                                   {true, false},
		`has(user.nickName)`:                                                {false, false},
		`"7" in user.account.organizationIds`:                               {true, false},
		`user.active`:                                                       {true, true},
		`user.userType == "Employee" && !user.title.contains("Intern")`:     {true, false},
		`user.extensions["urn:acme"].badge == 7`:                            {true, false},
		`"Berlin" in user.extensions["urn:acme"].sites`:                     {true, false},
		`user.extensions["urn:acme"].missing == 7`:                          {false, false},
		`user.extensions["urn:broken"].badge == 7`:                          {false, false},
		`!("urn:acme" in user.extensions)`:                                  {false, true},
	} {
		t.Run(expression, func(t *testing.T) {
			rules := Compile("", technicianBy(expression))
			if err := rules.Err(); err != nil {
				t.Fatal(err)
			}
			for _, who := range []struct {
				user *v1alpha1.ScimUser
				want bool
			}{{ada(), want.ada}, {&v1alpha1.ScimUser{Spec: v1alpha1.ScimUserSpec{UserName: "nobody"}}, want.nobody}} {
				got := rules.Decide(who.user, nil)
				if (got.UserType == technician) != who.want || len(got.Failures) > 0 {
					t.Errorf("about %s it says %s, %q", who.user.Spec.UserName, got.UserType, got.Failures)
				}
			}
		})
	}
}

// What is not an expression is told so, in words that lead to what to change.
func TestExpressionsThatAreNotValid(t *testing.T) {
	for expression, says := range map[string]string{
		`user.enterprise.departmnt == "IT"`:   "line 1, column 16: undefined field 'departmnt'",
		`usr.userName == "a"`:                 "undeclared reference to 'usr'",
		`user.title`:                          "it must be true or false, and is a string",
		`user.title == 7`:                     "no matching overload for '_==_'",
		`user.title ==`:                       "Syntax error",
		` `:                                   "Syntax error",
		`user.title.matches("(")`:             "missing closing )",
		`user.title.replace("a", "b") == "b"`: "undeclared reference to 'replace'",
		strings.Repeat("(", 200) + "true" + strings.Repeat(")", 200): "recursion",
		strings.Repeat("true && ", 400) + "true":                     "size exceeds limit",
	} {
		t.Run(expression[:min(len(expression), 40)], func(t *testing.T) {
			rules := Compile("", technicianBy(expression))
			err := rules.Err()
			if err == nil || !strings.Contains(err.Error(), says) || !strings.HasPrefix(err.Error(), "userTypes.technicians.expression is not valid: ") {
				t.Fatalf("says %v", err)
			}
			if len(err.Error()) > 400 || strings.Contains(err.Error(), "\n") {
				t.Errorf("says too much: %v", err)
			}
			if got := rules.Decide(ada(), nil); got.UserType != endUser || len(got.Failures) > 0 {
				t.Errorf("it makes a %s, %q", got.UserType, got.Failures)
			}
		})
	}
}

// A mistake in an expression takes nothing from those who were decided by it before, and
// gives nothing to anybody else.
func TestAnExpressionThatIsNotValidDecidesNothingAnew(t *testing.T) {
	policy := technicianBy(`user.tilte == "x"`)
	policy.Roles = []v1alpha1.RoleRule{{Name: "Tier1", UserMatcher: v1alpha1.UserMatcher{Expression: "nonsense"}}}
	rules := Compile("", policy)
	before := ada()
	before.Status.UserType, before.Status.UserTypeRule, before.Status.Roles = technician, "userTypes.technicians.expression", list("Tier1", "Tier2")
	if got := rules.Decide(before, nil); got.UserType != technician || len(got.Grants) != 1 || got.Grants[0].Role != "Tier1" {
		t.Errorf("who was decided by it is now %+v", got)
	}
	said := ada()
	said.Status = before.Status
	said.Spec.Account = &v1alpha1.AccountExtension{UserType: "endUser"}
	if got := rules.Decide(said, nil); got.UserType != endUser {
		t.Errorf("the identity provider says end user, and she is a %s", got.UserType)
	}
	if got := rules.Decide(ada(), nil); got.UserType != endUser || len(got.Grants) != 0 {
		t.Errorf("a newcomer is %+v", got)
	}
}

// An expression cannot take the manager down: it is ended when it has cost enough, and
// the user is told of it.
func TestExpressionsThatCostTooMuchHaveNoAnswer(t *testing.T) {
	crowd := ada()
	for range 1000 {
		crowd.Spec.Emails = append(crowd.Spec.Emails, v1alpha1.MultiValue{Value: strings.Repeat("x", 16384)})
	}
	for _, expression := range list(
		`user.emails.all(a, user.emails.all(b, user.emails.all(c, a.value != b.value || b.value != c.value || true)))`,
		`user.emails.exists(e, e.value.matches("(x+x+)+y"))`,
		`user.emails.map(e, e.value + e.value + e.value + e.value).size() == 0`,
	) {
		got := Compile("", technicianBy(expression)).Decide(crowd, nil)
		reason, message, withheld := got.Withheld()
		if got.UserType != endUser || !withheld || reason != v1alpha1.ReasonExpressionFailed || !strings.Contains(message, "cost limit exceeded") {
			t.Errorf("%s: %s, %s: %s", expression, got.UserType, reason, message)
		}
	}
	cheap := `user.emails.exists(e, e.value == "ada@acme.com")`
	crowd.Spec.Emails = append(crowd.Spec.Emails[2:], v1alpha1.MultiValue{Value: "ada@acme.com"})[1:]
	if got := Compile("", technicianBy(cheap)).Decide(crowd, nil); got.UserType != technician {
		t.Errorf("1,000 addresses are too many to be asked: %q", got.Failures)
	}
}

// The lower case of a text costs what looking at it and writing it costs.
func TestTheLowerCaseOfTextsHasItsCost(t *testing.T) {
	crowd := ada()
	crowd.Spec.Emails = nil
	for range 200 {
		crowd.Spec.Emails = append(crowd.Spec.Emails, v1alpha1.MultiValue{Value: strings.Repeat("X", 16384)})
	}
	got := Compile("", technicianBy(`user.emails.exists(e, e.value.lowerAscii() == "x")`)).Decide(crowd, nil)
	if reason, message, withheld := got.Withheld(); !withheld || reason != v1alpha1.ReasonExpressionFailed || !strings.Contains(message, "cost limit exceeded") {
		t.Errorf("3 MiB in lower case are %s, %s: %s", got.UserType, reason, message)
	}
}

// A policy of many expensive expressions costs no more of the manager's time than a few.
func TestTheExpressionsAboutOneUserHaveABoundTogether(t *testing.T) {
	crowd := ada()
	for range 500 {
		crowd.Spec.Emails = append(crowd.Spec.Emails, v1alpha1.MultiValue{Value: "x"})
	}
	var policy v1alpha1.AccountPolicy
	for i := range 100 {
		policy.Roles = append(policy.Roles, v1alpha1.RoleRule{
			Name:        fmt.Sprint("role-", i),
			UserMatcher: v1alpha1.UserMatcher{Expression: `user.emails.all(a, user.emails.exists(b, a.value != b.value || b.value.size() < 9))`},
		})
	}
	rules := Compile("", policy)
	s := newSubject(crowd, nil)
	rules.grants(s)
	if s.cost > maxUserCost+maxCost || len(s.failures) == 0 || !strings.Contains(s.failures[len(s.failures)-1], "cost limit exceeded") {
		t.Errorf("they have cost %d, and say %q", s.cost, s.failures)
	}
	if got := rules.Decide(ada(), nil); len(got.Failures) > 0 {
		t.Errorf("100 cheap questions are too many: %q", got.Failures)
	}
}

func TestExpressionsThatFailSayWhy(t *testing.T) {
	for expression, says := range map[string]string{
		`1 / user.emails.size() == 1`:                               "division by zero",
		`user.extensions["urn:acme"].badge`:                         "it is a double instead of true or false",
		`user.extensions["urn:acme"].badge > "a"`:                   "no such overload",
		`timestamp(user.title) > timestamp("2026-01-01T00:00:00Z")`: "invalid",
	} {
		u := ada()
		u.Spec.Emails = nil
		got := Compile("", technicianBy(expression)).Decide(u, nil)
		if _, message, withheld := got.Withheld(); !withheld || got.UserType != endUser ||
			!strings.Contains(message, says) || !strings.Contains(message, "userTypes.technicians.expression has no answer for this user") {
			t.Errorf("%s: %s, %s", expression, got.UserType, message)
		}
	}
}

func TestDigest(t *testing.T) {
	policy := technicianBy("user.active")
	same := Digest("42", policy)
	if Digest("42", technicianBy("user.active")) != same {
		t.Error("equal rules have two digests")
	}
	tried := policy
	tried.Preview = &v1alpha1.AccountRules{}
	if Digest("42", tried) != same {
		t.Error("what is only tried changes the digest of what is in force")
	}
	if PreviewDigest("42", tried) == PreviewDigest("42", policy) {
		t.Error("what is tried does not change its digest")
	}
	allowed := policy
	allowed.AllowedOrganizationIDs = list("7")
	for what, other := range map[string]string{
		"the organization": Digest("43", policy), "the list": Digest("42", allowed), "the expression": Digest("42", technicianBy("true")),
	} {
		if other == same {
			t.Errorf("%s does not change the digest", what)
		}
	}
}

func FuzzExpression(f *testing.F) {
	for _, seed := range list(`user.enterprise.department == "IT"`, `user.emails.exists(e, e.primary)`, `user.extensions["urn:acme"].badge == 7`,
		`[1,2].map(x, x * 2).exists(y, y > 3)`, `has(user.name)`, `user.title.lowerAscii().matches("(")`, "\x00", `{"a": user}["b"].c`, `"\U0010ffff"`) {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, expression string) {
		rules := Compile("", technicianBy(expression))
		got := rules.Decide(ada(), nil)
		if rules.Err() != nil && expression != "" && got.UserType != endUser {
			t.Errorf("%q is not valid and makes a technician", expression)
		}
	})
}
