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

// A Requirement states what a KEK must be: a policy's `require:`. A zero field
// requires nothing. The state of the KEK is not part of it, since only a usable
// KEK can be opened.
type Requirement struct {
	Manager, Origin, Spec string // as in [Description]
	MultiRegion           *bool
	Regions               []string // every one of these holds the key or a replica
	Rotation              string   // "enabled" or "disabled"
	MinDaysToExpiry       int      // neither the key nor its material expires before this many days
	FIPS                  bool     // the KEK wraps with an algorithm that FIPS 140-3 approves
}

// A Violation is one field of a [Requirement] that a KEK does not meet.
type Violation struct {
	Field string // as the policy spells it: "multi_region"
	Want  string
	Got   string // "unknown" if the back end does not report it
	Hint  string // how an operator fixes it, without a full stop
}

// String reads "origin: want AWS_CLOUDHSM, is AWS_KMS (…)".
func (d Violation) String() string {
	return fmt.Sprintf("%s: want %s, is %s (%s)", d.Field, d.Want, d.Got, d.Hint)
}

// hints are for fields without a hint of the back end.
var hints = map[string]string{
	"manager":            "use a key of your own: only the owner of a key can set its policy, state and rotation",
	"origin":             hintFixed,
	"spec":               hintFixed,
	"multi_region":       hintFixed,
	"regions":            "create the key, or a replica of it, in that Region",
	"rotation":           "set the key's automatic rotation accordingly, and allow sealmesh to read the setting",
	"fips":               hintFixed,
	"min_days_to_expiry": "let the key, or its key material, expire later",
}

const hintFixed = "this is fixed when a key is created: make a new key, and run `sealmesh rewrap`"

// Check returns every violation of r by d, in the order of r's fields; none if
// the KEK meets r. A text or a Region that r requires and the back end does not
// report is a violation. An expiry that is not reported means that the key
// never expires. Check compares the expiry with now.
func (r Requirement) Check(d Description, now time.Time) []Violation {
	var all []Violation
	violates := func(field, want, got string) {
		all = append(all, Violation{field, want, cmp.Or(got, "unknown"), cmp.Or(d.Hints[field], hints[field])})
	}
	if r.Manager != "" && r.Manager != d.Manager {
		violates("manager", r.Manager, d.Manager)
	}
	if r.Origin != "" && r.Origin != d.Origin {
		violates("origin", r.Origin, d.Origin)
	}
	if r.Spec != "" && r.Spec != d.Spec {
		violates("spec", r.Spec, d.Spec)
	}
	if r.MultiRegion != nil && *r.MultiRegion != d.MultiRegion {
		violates("multi_region", fmt.Sprint(*r.MultiRegion), fmt.Sprint(d.MultiRegion))
	}
	for _, region := range r.Regions {
		if !slices.Contains(d.Regions, region) {
			violates("regions", region, strings.Join(d.Regions, ", "))
		}
	}
	if r.Rotation != "" && r.Rotation != d.Rotation {
		violates("rotation", r.Rotation, d.Rotation)
	}
	if r.MinDaysToExpiry > 0 && !d.Expires.IsZero() {
		if left := d.Expires.Sub(now); left < time.Duration(r.MinDaysToExpiry)*24*time.Hour {
			violates("min_days_to_expiry", fmt.Sprint(r.MinDaysToExpiry), fmt.Sprintf("%d (%s)", int(left.Hours()/24), d.Expires.UTC().Format(time.DateOnly)))
		}
	}
	if r.FIPS && !approvedSpec(d.Spec) {
		violates("fips", "an approved algorithm", d.Spec)
	}
	return all
}

// approvedSpec reports whether a KEK of that spec wraps with AES or RSA-OAEP,
// which NIST SP 800-38D, SP 800-38F and SP 800-56B approve. No provider uses
// RSA in another way. Some back ends have their own names for AES keys.
// ChaCha20-Poly1305 and SM2 are not approved.
func approvedSpec(spec string) bool {
	switch spec {
	case "SYMMETRIC_DEFAULT", "GOOGLE_SYMMETRIC_ENCRYPTION", "EXTERNAL_SYMMETRIC_ENCRYPTION":
		return true
	}
	return strings.HasPrefix(spec, "AES_") || strings.HasPrefix(spec, "RSA_") && spec != "RSA_1024"
}

// Require describes k and checks it against r. It returns nil if k meets r, a
// [Misconfigured] error that names every violation, or the error of describing
// k. A KEK whose provider is no [Describer] meets only an empty requirement.
func (k KEK) Require(ctx context.Context, r Requirement) error {
	var d Description
	if describer, ok := k.Provider.(Describer); ok {
		var err error
		if d, err = describer.Describe(ctx); err != nil {
			return err
		}
	}
	violations := r.Check(d, time.Now())
	if len(violations) == 0 {
		return nil
	}
	texts := make([]string, len(violations))
	for i, v := range violations {
		texts[i] = v.String()
	}
	return &Error{
		Class: Misconfigured, Provider: k.Kind, Operation: "Require", KeyID: k.Identity,
		Err: errors.New("the KEK is not what the policy requires: " + strings.Join(texts, "; ")),
	}
}
