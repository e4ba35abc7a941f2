package hsm

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// A Requirement states what a KEK must be, as a policy's `require:` says it. A
// zero field requires nothing. That the KEK can be used at all, its state, is no
// part of it: opening it refuses one that cannot.
type Requirement struct {
	Manager, Origin, Spec string // as in [Description]
	MultiRegion           *bool
	Regions               []string // every one of these holds the key or a replica
	Rotation              string   // "enabled" or "disabled"
	MinDaysToExpiry       int      // imported material lasts at least this many days more
	FIPS                  bool     // it wraps by an algorithm that FIPS 140-3 approves
}

// A Violation is one way in which a KEK is not what it must be.
type Violation struct {
	Field string // as the policy spells it: "multi_region"
	Want  string
	Got   string // "unknown" where the back end does not say
	Hint  string // what an operator does next, without a full stop
}

// String reads "origin: want AWS_CLOUDHSM, is AWS_KMS (…)".
func (d Violation) String() string {
	return fmt.Sprintf("%s: want %s, is %s (%s)", d.Field, d.Want, d.Got, d.Hint)
}

// hints serve where a back end has no words of its own.
var hints = map[string]string{
	"manager":            "use a key of your own: nobody but their owner can set the policy, state or rotation of others",
	"origin":             hintFixed,
	"spec":               hintFixed,
	"multi_region":       hintFixed,
	"regions":            "make the key, or a replica of it, there",
	"rotation":           "set the key's automatic rotation so, and let sealmesh read how it is set",
	"fips":               hintFixed,
	"min_days_to_expiry": "have the key, or its key material, expire later",
}

const hintFixed = "it is chosen when a key is created: make a new key that is so, and re-wrap"

// Check returns every difference between d and what r requires, in the order of
// r's fields; none means that the KEK is as it must be. What the back end does
// not say counts as a difference: a requirement that cannot be shown to hold
// does not hold. now is what expiry is reckoned from.
func (r Requirement) Check(d Description, now time.Time) []Violation {
	var all []Violation
	differs := func(field, want, got string) {
		all = append(all, Violation{field, want, cmp.Or(got, "unknown"), cmp.Or(d.Hints[field], hints[field])})
	}
	if r.Manager != "" && r.Manager != d.Manager {
		differs("manager", r.Manager, d.Manager)
	}
	if r.Origin != "" && r.Origin != d.Origin {
		differs("origin", r.Origin, d.Origin)
	}
	if r.Spec != "" && r.Spec != d.Spec {
		differs("spec", r.Spec, d.Spec)
	}
	if r.MultiRegion != nil && *r.MultiRegion != d.MultiRegion {
		differs("multi_region", fmt.Sprint(*r.MultiRegion), fmt.Sprint(d.MultiRegion))
	}
	for _, region := range r.Regions {
		if !slices.Contains(d.Regions, region) {
			differs("regions", region, strings.Join(d.Regions, ", "))
		}
	}
	if r.Rotation != "" && r.Rotation != d.Rotation {
		differs("rotation", r.Rotation, d.Rotation)
	}
	if r.MinDaysToExpiry > 0 && !d.Expires.IsZero() {
		if left := d.Expires.Sub(now); left < time.Duration(r.MinDaysToExpiry)*24*time.Hour {
			differs("min_days_to_expiry", fmt.Sprint(r.MinDaysToExpiry), fmt.Sprintf("%d (%s)", int(left.Hours()/24), d.Expires.UTC().Format(time.DateOnly)))
		}
	}
	if r.FIPS && !approvedSpec(d.Spec) {
		differs("fips", "an approved algorithm", d.Spec)
	}
	return all
}

// approvedSpec reports whether a KEK of that spec wraps by AES or by RSA-OAEP, which
// SP 800-38D, SP 800-38F and SP 800-56B approve: no provider uses RSA in another way.
// A back end's own names for its AES keys stand beside AES; ChaCha20-Poly1305 and SM2
// are what is left out.
func approvedSpec(spec string) bool {
	switch spec {
	case "SYMMETRIC_DEFAULT", "GOOGLE_SYMMETRIC_ENCRYPTION", "EXTERNAL_SYMMETRIC_ENCRYPTION":
		return true
	}
	return strings.HasPrefix(spec, "AES_") || strings.HasPrefix(spec, "RSA_") && spec != "RSA_1024"
}

// Require describes k and returns nil when it is as r says, and otherwise a
// [Misconfigured] error that names every difference. A KEK whose provider cannot
// describe it fulfils nothing.
func (k KEK) Require(ctx context.Context, r Requirement) error {
	var d Description
	if describer, ok := k.Provider.(Describer); ok {
		var err error
		if d, err = describer.Describe(ctx); err != nil {
			return err
		}
	}
	diffs := r.Check(d, time.Now())
	if len(diffs) == 0 {
		return nil
	}
	texts := make([]string, len(diffs))
	for i, diff := range diffs {
		texts[i] = diff.String()
	}
	return &Error{
		Class: Misconfigured, Provider: k.Kind, Operation: "Require", KeyID: k.Identity,
		Err: errors.New("the KEK is not what the policy requires: " + strings.Join(texts, "; ")),
	}
}
