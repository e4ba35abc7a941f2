package policy

import (
	"fmt"
	"math"
	"regexp"
	"strings"

	"github.com/sealmesh/sealmesh/hsm"
)

// A keyCompiler compiles keys.
type keyCompiler struct{ *compiler }

func (c keyCompiler) keys() []Key {
	var keys []Key
	for _, e := range c.conf.Keys {
		k := e.Value
		c.keks(k.KEK)
		keys = append(keys, Key{
			Name: e.Name, KEKs: k.KEK.values(), Context: c.keyContext(k.Context), Record: c.record(k.Record),
			Quorum:  int(c.within(k.Quorum.place, k.Quorum.Value, 1, uint64(max(1, len(k.KEK))), 1, fmt.Sprintf("quorum of key %q", e.Name))),
			Use:     useOf(k.Use),
			Rotate:  c.rotate(k.Rotate),
			Cache:   c.cache(k),
			Require: c.require(k.Require, c.fips()),

			Store: c.store(k), StoreRefuse: k.StoreFallback.Value == "refuse",
		})
	}
	return keys
}

// useOf returns what t means. The decoder has checked the word.
func useOf(t text) hsm.Use {
	switch t.Value {
	case "seal":
		return hsm.SealOnly
	case "open":
		return hsm.OpenOnly
	default:
		return hsm.SealAndOpen
	}
}

// keyContext returns the context bound to a key's data keys.
func (c keyCompiler) keyContext(t table[text]) hsm.EncryptionContext {
	known := len(c.problems)
	ec, err := hsm.NewEncryptionContext(c.context(t))
	if err != nil && len(c.problems) == known { // context found nothing wrong
		c.problem(t[0].At, "", "%v", err)
	}
	return ec
}

func (c keyCompiler) keks(uris texts) {
	for i, t := range uris {
		if !isKEK(t.Value) {
			c.problem(t.place, "write awskms:///arn:…, pkcs11:token=…;object=…, gcpkms:///projects/…, azurekv://vault/keys/name, transit://host/mount/key or local:path", "not the URI of a KEK")
		}
		if secretInURI.MatchString(t.Value) {
			c.problem(t.place, "name where the secret is: pin-source=file:/path or pin-source=env:NAME for a PIN", "the URI of a KEK is shown in logs and by GET /keys, and holds a secret")
		}
		for _, earlier := range uris[:i] {
			if earlier.Value == t.Value {
				c.problem(t.place, "", "the same KEK twice, first in line %d", earlier.line)
			}
		}
	}
}

// secretInURI finds a secret in the URI of a KEK after expansion: an expansion
// must not put one there either.
var secretInURI = regexp.MustCompile(`^[a-z0-9]+://[^/?]*@|[?&](?:pin-value|client-secret|secret|secret[_-]id|token|password)=`)

// isKEK reports whether uri is kind:rest, with neither empty. hsm/builtin knows
// which kinds exist.
func isKEK(uri string) bool {
	kind, rest, _ := strings.Cut(uri, ":")
	return kind != "" && rest != "" && !strings.ContainsFunc(kind, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < '0' || r > '9')
	})
}

// store returns the URL of k's store, "" for inline. keycache/store knows which
// kinds exist.
func (c keyCompiler) store(k keyConfig) string {
	t := k.Store
	if !t.present() || t.Value == "inline" {
		if at := k.StoreFallback.place; at.present() {
			c.problem(at, "", "store_fallback without a store")
		}
		return ""
	}
	switch {
	case !isKEK(t.Value):
		c.problem(t.place, "write inline, dir:path, dynamodb:table or postgres://host/database", "not the URL of a store")
	case k.Record.present():
		c.problem(t.place, "", "a key with a record is pinned, and its envelopes carry no record: it needs no store")
	case strings.HasPrefix(t.Value, "postgres") && hasPassword(t.Shown):
		c.problem(t.place, "write postgres://user:${ENV}@host/database, or use a password file", "a password does not belong in this file")
	}
	return t.Value
}

// hasPassword reports whether url holds a password. A port may look like one,
// but no @ follows it.
func hasPassword(url string) bool {
	for _, m := range inlinePassword.FindAllStringSubmatchIndex(url, -1) {
		if strings.HasPrefix(url[m[0]:], "//") && !strings.Contains(url[m[1]:], "@") {
			continue
		}
		return true
	}
	return false
}

// record returns the bytes of t, nil for none. keycache parses them.
func (c keyCompiler) record(t text) []byte {
	if !t.present() {
		return nil
	}
	if t.Value == "" {
		c.problem(t.place, "", "the record is empty")
	}
	return []byte(t.Value)
}

func (c keyCompiler) rotate(r rotateConfig) hsm.Rotate {
	return hsm.Rotate{
		Age:   r.Age.Value,
		Uses:  c.within(r.Uses.place, r.Uses.Value, 1, math.MaxInt64, 0, "rotate.uses"),
		Bytes: c.within(r.Bytes.place, r.Bytes.Value, 1, math.MaxInt64, 0, "rotate.bytes"),
	}
}

func (c keyCompiler) cache(k keyConfig) hsm.TTLs {
	soft, hard, age := k.Cache.Soft, k.Cache.Hard, k.Rotate.Age
	bound := soft.Value
	if !soft.present() {
		bound = hsm.DefaultSoft
	}
	if hard.present() && hard.Value <= bound {
		c.problem(hard.place, "", "cache.hard must be longer than cache.soft, %v", bound)
	}
	if age.present() && age.Value < bound {
		c.problem(age.place, "", "rotate.age must not be shorter than cache.soft, %v", bound)
	}
	return hsm.TTLs{Soft: soft.Value, Hard: hard.Value}
}

func (c keyCompiler) require(r *requireConfig, fips bool) *hsm.Requirement {
	if r == nil && !fips {
		return nil
	}
	if r == nil {
		return &hsm.Requirement{FIPS: true}
	}
	q := &hsm.Requirement{
		Manager: r.Manager.Value, Origin: r.Origin.Value, Spec: r.Spec.Value,
		Regions: r.Regions.values(), Rotation: r.Rotation.Value, FIPS: fips,
		MinDaysToExpiry: int(c.within(r.MinDaysToExpiry.place, r.MinDaysToExpiry.Value, 1, 36500, 0, "require.min_days_to_expiry")),
	}
	if r.MultiRegion.present() {
		q.MultiRegion = &r.MultiRegion.Value
	}
	return q
}
