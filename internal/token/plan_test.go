// SPDX-License-Identifier: Apache-2.0

package token

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	"scim-operator.io/api/v1alpha1"
)

// noon is when it is decided.
var noon = time.Date(2026, 7, 1, 12, 0, 0, 0, time.UTC)

// made is a token that was issued for a generation, so long before noon.
func made(name string, generation int64, age time.Duration) Token {
	d := NewDigest(Plaintext(name), noon.Add(-age))
	d.ExpiresTime = d.CreatedTime.Add(v1alpha1.DefaultTokenLifetime)
	return Token{Digest: d, SecretName: "secret-" + name, Generation: generation}
}

func brought(name string, age time.Duration) Token {
	t := made(name, 0, age)
	t.SecretName = "vault"
	return t
}

func (t Token) retires(in time.Duration) Token {
	t.RetireTime = noon.Add(in)
	return t
}

func (t Token) lives(d time.Duration) Token {
	t.ExpiresTime = t.CreatedTime.Add(d)
	return t
}

func id(name string) string { return NewDigest(Plaintext(name), noon).ID }

func offered(name string) *Digest {
	d := NewDigest(Plaintext(name), noon)
	return &d
}

func remembered(generation, serial int64, tokens ...Token) Record {
	return Record{Generation: generation, Serial: serial, Tokens: tokens}
}

func duration(d time.Duration) *metav1.Duration { return &metav1.Duration{Duration: d} }

// summary shows the tokens by name: = is the newest, + goes on beside it, - has ended.
func summary(r *Record, names ...string) string {
	var out []string
	for _, t := range r.Tokens {
		name := t.ID
		for _, n := range names {
			if id(n) == t.ID {
				name = n
			}
		}
		switch {
		case t.ended(noon):
			name += "-"
		case t.Replaced():
			name += "+"
		default:
			name += "="
		}
		out = append(out, name)
	}
	return strings.Join(out, " ")
}

func TestPlan(t *testing.T) {
	reference := &v1alpha1.TokenSecretReference{Name: "vault", Key: "token"}
	for _, row := range []struct {
		name    string
		policy  *v1alpha1.TokenPolicy
		record  Record
		brought *Digest
		// tokens that are there then, and what happened to them
		tokens  string
		issue   bool
		reasons string
		// next is how long it holds, zero for ever
		next time.Duration
	}{
		{name: "a new endpoint gets a token", issue: true},
		{name: "and no second one", record: remembered(1, 1, made("a", 1, time.Hour)), tokens: "a=", next: 150*day - time.Hour},
		{name: "the generation is raised", policy: &v1alpha1.TokenPolicy{Generation: ptr.To[int64](2)},
			record: remembered(1, 1, made("a", 1, time.Hour)), tokens: "a=", issue: true, next: 150*day - time.Hour},
		{name: "the generation is lowered", policy: &v1alpha1.TokenPolicy{Generation: ptr.To[int64](2)},
			record: remembered(3, 3, made("a", 3, time.Hour)), tokens: "a=", next: 150*day - time.Hour},
		{name: "the overlap is not over", record: remembered(2, 2, made("a", 1, day).retires(time.Minute), made("b", 2, time.Hour)),
			tokens: "a+ b=", next: time.Minute},
		{name: "the overlap is over", record: remembered(2, 2, made("a", 1, day).retires(0), made("b", 2, time.Hour)),
			tokens: "a- b=", next: 150*day - time.Hour},
		{name: "what ended a month ago is forgotten", record: remembered(2, 2, made("a", 1, 40*day).retires(-31*day), made("b", 2, 0)),
			tokens: "b=", next: 150 * day},
		{name: "no more than four that have ended are remembered", record: remembered(6, 6,
			made("a", 1, 6*day).retires(-5*day), made("b", 2, 5*day).retires(-4*day), made("c", 3, 4*day).retires(-3*day),
			made("d", 4, 3*day).retires(-2*day), made("e", 5, 2*day).retires(-day), made("f", 6, 0)),
			tokens: "b- c- d- e- f=", next: 150 * day},

		{name: "thirty days are left", record: remembered(1, 1, made("a", 1, 150*day)), tokens: "a=", next: 16 * day},
		{name: "a day is left", record: remembered(1, 1, made("a", 1, 179*day)), tokens: "a=", next: day},
		{name: "it has expired, and none is issued unasked", record: remembered(1, 1, made("a", 1, 180*day)), tokens: "a-"},
		{name: "it expired a year ago, and is still the reason for what is missing", record: remembered(1, 1, made("a", 1, 545*day)), tokens: "a-"},
		{name: "a token of before there were lifetimes gets one", record: remembered(1, 1, made("a", 1, 0).withoutEnd()), tokens: "a=", next: 150 * day},

		{name: "it is too soon to renew", policy: &v1alpha1.TokenPolicy{RenewBefore: duration(40 * day)},
			record: remembered(1, 1, made("a", 1, 139*day)), tokens: "a=", next: day},
		{name: "it is time to renew", policy: &v1alpha1.TokenPolicy{RenewBefore: duration(40 * day)},
			record: remembered(1, 1, made("a", 1, 140*day)), tokens: "a=", issue: true, next: 10 * day},
		{name: "it was time to renew while no manager ran", policy: &v1alpha1.TokenPolicy{RenewBefore: duration(40 * day)},
			record: remembered(1, 1, made("a", 1, 200*day)), tokens: "a-", issue: true},
		{name: "what was revoked is not renewed", policy: &v1alpha1.TokenPolicy{RenewBefore: duration(40 * day), RevokedTokenIDs: []string{id("a")}},
			record: remembered(1, 1, made("a", 1, 140*day)), reasons: "TokenRevoked"},

		{name: "one of two is revoked", policy: &v1alpha1.TokenPolicy{RevokedTokenIDs: []string{id("a")}},
			record: remembered(2, 2, made("a", 1, day).retires(time.Hour), made("b", 2, 0)), tokens: "b=", reasons: "TokenRevoked", next: 150 * day},
		{name: "the only one is revoked, and none is issued unasked", policy: &v1alpha1.TokenPolicy{RevokedTokenIDs: []string{id("a")}},
			record: remembered(1, 1, made("a", 1, day)), reasons: "TokenRevoked"},
		{name: "the only one is revoked, and another one asked for", policy: &v1alpha1.TokenPolicy{Generation: ptr.To[int64](2), RevokedTokenIDs: []string{id("a")}},
			record: remembered(1, 1, made("a", 1, day)), issue: true, reasons: "TokenRevoked"},
		{name: "an id that nobody has is revoked", policy: &v1alpha1.TokenPolicy{RevokedTokenIDs: []string{id("x")}},
			record: remembered(1, 1, made("a", 1, 0)), tokens: "a=", next: 150 * day},
		{name: "what was revoked does not come back with its id taken out", record: Record{Generation: 1, Serial: 1, Revoked: []string{id("a")},
			Tokens: []Token{made("a", 1, 0)}}, reasons: "TokenRevoked"},

		{name: "a token is brought to a new endpoint", policy: &v1alpha1.TokenPolicy{SecretRef: reference}, brought: offered("v"),
			tokens: "v=", reasons: "TokenProvided", next: time.Minute},
		{name: "it is brought for one that was issued", policy: &v1alpha1.TokenPolicy{SecretRef: reference}, brought: offered("v"),
			record: remembered(1, 1, made("a", 1, day)), tokens: "a+ v=", reasons: "TokenProvided", next: time.Minute},
		{name: "it is still the same", policy: &v1alpha1.TokenPolicy{SecretRef: reference}, brought: offered("v"),
			record: remembered(0, 0, brought("v", day)), tokens: "v=", next: time.Minute},
		{name: "it has changed", policy: &v1alpha1.TokenPolicy{SecretRef: reference}, brought: offered("w"),
			record: remembered(0, 0, brought("v", day)), tokens: "v+ w=", reasons: "TokenProvided", next: time.Minute},
		{name: "it has changed twice: there are never more than two", policy: &v1alpha1.TokenPolicy{SecretRef: reference}, brought: offered("w"),
			record: remembered(0, 0, brought("u", day).retires(time.Hour), brought("v", 0)), tokens: "u- v+ w=", reasons: "TokenProvided", next: time.Minute},
		{name: "it has changed, with no overlap", policy: &v1alpha1.TokenPolicy{SecretRef: reference, Overlap: duration(0)}, brought: offered("w"),
			record: remembered(0, 0, brought("v", day)), tokens: "v- w=", reasons: "TokenProvided", next: time.Minute},
		{name: "it has changed back", policy: &v1alpha1.TokenPolicy{SecretRef: reference}, brought: offered("v"),
			record: remembered(0, 0, brought("v", day).retires(time.Hour), brought("w", 0)), tokens: "w+ v=", reasons: "TokenProvided", next: time.Minute},
		{name: "it is missing or weak for a moment, and what there is stays", policy: &v1alpha1.TokenPolicy{SecretRef: reference},
			record: remembered(0, 0, brought("v", day)), tokens: "v=", next: time.Minute},
		{name: "one that was issued is brought along", policy: &v1alpha1.TokenPolicy{SecretRef: reference}, brought: offered("a"),
			record: remembered(1, 1, made("a", 1, day)), tokens: "a=", reasons: "TokenProvided", next: time.Minute},
		{name: "the same that has expired is brought again", policy: &v1alpha1.TokenPolicy{SecretRef: reference}, brought: offered("v"),
			record: remembered(0, 0, brought("v", 180*day)), tokens: "v-", next: time.Minute},
		{name: "what is brought is revoked", policy: &v1alpha1.TokenPolicy{SecretRef: reference, RevokedTokenIDs: []string{id("v")}}, brought: offered("v"),
			record: remembered(0, 0, brought("v", day)), reasons: "TokenRevoked", next: time.Minute},
		{name: "what is brought was revoked, and its id taken out", policy: &v1alpha1.TokenPolicy{SecretRef: reference}, brought: offered("v"),
			record: Record{Revoked: []string{id("v")}}, next: time.Minute},
		{name: "the generation is raised for nothing", policy: &v1alpha1.TokenPolicy{SecretRef: reference, Generation: ptr.To[int64](7)}, brought: offered("v"),
			record: remembered(1, 1, brought("v", day)), tokens: "v=", next: time.Minute},
		{name: "the reference is taken out: its token is revoked, and the operator issues one again",
			record: remembered(1, 1, brought("v", day)), issue: true, reasons: "TokenRevoked"},
		{name: "the reference is taken out in the overlap", record: remembered(1, 1, made("a", 1, day).retires(time.Minute), brought("v", 0)),
			tokens: "a+", issue: true, reasons: "TokenRevoked", next: time.Minute},
	} {
		t.Run(row.name, func(t *testing.T) {
			plan := Facts{Policy: row.policy, Record: row.record, Brought: row.brought, Now: noon}.Plan()
			if got := summary(&plan.Record, "a", "b", "c", "d", "e", "f", "u", "v", "w"); got != row.tokens {
				t.Errorf("the tokens are %q, not %q", got, row.tokens)
			}
			if plan.Issue != row.issue {
				t.Errorf("one is issued: %t", plan.Issue)
			}
			var reasons []string
			for _, n := range plan.Notices {
				reasons = append(reasons, n.Reason)
			}
			if got := strings.Join(reasons, " "); got != row.reasons {
				t.Errorf("people hear of %q, not %q", got, row.reasons)
			}
			next := time.Duration(0)
			if !plan.Next.IsZero() {
				next = plan.Next.Sub(noon)
			}
			if next != row.next {
				t.Errorf("it holds for %s, not %s", next, row.next)
			}
			if _, err := EncodeRecord(&plan.Record); err != nil {
				t.Errorf("it cannot be written down: %v", err)
			}
			if live := plan.Record.Live(noon); len(live) > 2 {
				t.Errorf("%d tokens are in force", len(live))
			}
			again := Facts{Policy: row.policy, Record: plan.Record, Brought: row.brought, Now: noon}.Plan()
			if len(again.Notices) > 0 || summary(&again.Record) != summary(&plan.Record) || again.Issue != plan.Issue {
				t.Errorf("decided again it is %+v", again)
			}
		})
	}
}

func (t Token) withoutEnd() Token {
	t.ExpiresTime = time.Time{}
	return t
}

func TestIssued(t *testing.T) {
	d := NewDigest("n", noon)
	for _, row := range []struct {
		name       string
		policy     *v1alpha1.TokenPolicy
		record     Record
		tokens     string
		generation int64
		ends       time.Duration
	}{
		{"the first", nil, Record{}, "n=", 1, 180 * day},
		{"the second", &v1alpha1.TokenPolicy{Generation: ptr.To[int64](2)}, remembered(1, 1, made("a", 1, day)), "a+ n=", 2, 180 * day},
		{"the third within the overlap", &v1alpha1.TokenPolicy{Generation: ptr.To[int64](3)},
			remembered(2, 2, made("a", 1, day).retires(time.Minute), made("b", 2, 0)), "a- b+ n=", 3, 180 * day},
		{"without overlap", &v1alpha1.TokenPolicy{Generation: ptr.To[int64](2), Overlap: duration(0)},
			remembered(1, 1, made("a", 1, day)), "a- n=", 2, 180 * day},
		{"with another lifetime", &v1alpha1.TokenPolicy{Lifetime: duration(day)}, Record{}, "n=", 1, day},
		{"a renewal after the generation was lowered", &v1alpha1.TokenPolicy{Generation: ptr.To[int64](2)},
			remembered(5, 5, made("a", 5, 170*day)), "a+ n=", 5, 180 * day},
	} {
		t.Run(row.name, func(t *testing.T) {
			r := row.record.Issued(d, row.policy, "secret", noon)
			if got := summary(&r, "a", "b", "n"); got != row.tokens {
				t.Errorf("the tokens are %q, not %q", got, row.tokens)
			}
			newest := r.Newest()
			if r.Serial != row.record.Serial+1 || r.Generation != row.generation || newest.Generation != row.generation || newest.End().Sub(noon) != row.ends {
				t.Errorf("it is %+v of %+v", newest, r)
			}
			plan := Facts{Policy: row.policy, Record: r, Now: noon}.Plan()
			if plan.Issue {
				t.Error("and another one would be issued")
			}
			if live := r.Live(noon); live[0].ID != d.ID || len(live) > 2 {
				t.Errorf("in force are %v", live)
			}
		})
	}
}

func TestWarning(t *testing.T) {
	renewed := &v1alpha1.TokenPolicy{RenewBefore: duration(20 * day)}
	for _, row := range []struct {
		name   string
		policy *v1alpha1.TokenPolicy
		live   []Token
		want   time.Duration
	}{
		{"none is in force", nil, nil, 0},
		{"31 days are left", nil, []Token{made("a", 1, 149*day)}, 0},
		{"30 days are left", nil, []Token{made("a", 1, 150*day)}, 30 * day},
		{"15 days are left", nil, []Token{made("a", 1, 165*day)}, 30 * day},
		{"14 days are left", nil, []Token{made("a", 1, 166*day)}, 14 * day},
		{"7 days are left", nil, []Token{made("a", 1, 173*day)}, 7 * day},
		{"a day is left", nil, []Token{made("a", 1, 179*day)}, day},
		{"only the older one ends", nil, []Token{made("b", 2, 0), made("a", 1, 179*day).retires(time.Hour)}, 0},
		{"the newer one was revoked", nil, []Token{made("a", 1, day).retires(time.Hour)}, day},
		{"it was to live for 30 days", nil, []Token{made("a", 1, 0).lives(30 * day)}, 0},
		{"it was to live for 30 days, and 14 are left", nil, []Token{made("a", 1, 16*day).lives(30 * day)}, 14 * day},
		{"it was to live for a day", nil, []Token{made("a", 1, 23*time.Hour).lives(day)}, 0},
		{"it will be renewed", renewed, []Token{made("a", 1, 155*day)}, 0},
		{"it should have been renewed", renewed, []Token{made("a", 1, 161*day)}, 30 * day},
	} {
		if got := Warning(row.live, row.policy, noon); got != row.want {
			t.Errorf("%s: %s, not %s", row.name, got, row.want)
		}
	}
}

func TestRecordSurvivesEncoding(t *testing.T) {
	r := Record{Generation: 3, Serial: 4, Revoked: []string{id("x")}, Tokens: []Token{made("a", 2, day).retires(time.Hour), brought("v", 0)}}
	encoded, err := EncodeRecord(&r)
	if err != nil {
		t.Fatal(err)
	}
	decoded, err := DecodeRecord(encoded)
	if err != nil {
		t.Fatal(err)
	}
	if again, _ := EncodeRecord(decoded); string(again) != string(encoded) {
		t.Errorf("%s becomes %s", encoded, again)
	}
	if digests := decoded.Digests(); !digests[0].ExpiresTime.Equal(noon.Add(time.Hour)) || !digests[1].ExpiresTime.Equal(noon.Add(180*day)) {
		t.Errorf("servers are told %v", digests)
	}
}

func TestDecodeRecordRefuses(t *testing.T) {
	valid, err := EncodeRecord(&Record{Tokens: []Token{made("a", 1, 0)}})
	if err != nil {
		t.Fatal(err)
	}
	twoNewest := slices.Concat(valid[:len(valid)-2], []byte(","), valid[strings.Index(string(valid), `[`)+1:])
	for _, row := range []struct{ name, encoded, want string }{
		{"nothing", "", "cannot be read"},
		{"two records", "{}{}", "something follows"},
		{"counting below zero", `{"generation":-1}`, "below zero"},
		{"a token without a Secret", strings.Replace(string(valid), "secret-a", "", 1), "has no Secret"},
		{"a token without a digest", `{"tokens":[{"secretName":"x"}]}`, "sha256 is not 64"},
		{"two newest tokens", string(twoNewest), "are the newest"},
		{"too many revoked", fmt.Sprintf(`{"revoked":[%s"x"]}`, strings.Repeat(`"x",`, maxRevoked)), "at most 64"},
		{"too long", strings.Repeat(" ", maxEncodedRecord+1), "at most 16384 are read"},
	} {
		t.Run(row.name, func(t *testing.T) {
			if _, err := DecodeRecord([]byte(row.encoded)); err == nil || !strings.Contains(err.Error(), row.want) {
				t.Errorf("got %v, not %q", err, row.want)
			}
		})
	}
}

func TestOnlySoManyRevokedAreRemembered(t *testing.T) {
	r := Record{Generation: 1}
	for i := range maxRevoked {
		r.Revoked = append(r.Revoked, id(fmt.Sprint(i)))
	}
	r.Tokens = []Token{made("a", 1, 0)}
	plan := Facts{Policy: &v1alpha1.TokenPolicy{RevokedTokenIDs: []string{id("a")}}, Record: r, Now: noon}.Plan()
	if got := plan.Record.Revoked; len(got) != maxRevoked || got[maxRevoked-1] != id("a") || got[0] != id("1") {
		t.Errorf("remembered are %d, the last %s", len(got), got[len(got)-1])
	}
}
