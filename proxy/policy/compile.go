package policy

import (
	"math"
	"path/filepath"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/sealmesh/sealmesh/codec"
	"github.com/sealmesh/sealmesh/codec/suite"
	"github.com/sealmesh/sealmesh/hsm"
)

// A compiler makes a Policy of a config. Like the decoder it never stops, and
// takes what is absent (its place is zero) as already reported or left out.
type compiler struct {
	*report
	conf    *config
	limits  codec.Limits
	tagUsed []bool
}

func (c *compiler) compile() *Policy {
	conf := c.conf
	if conf.Version.present() && conf.Version.Value != 1 {
		c.problem(conf.Version.place, "", `"version" must be 1, the only one that this sealmesh reads`)
	}
	c.tagUsed = make([]bool, len(conf.Tags))
	p := &Policy{FIPS: c.fips(), Keys: c.keys(), Tags: c.tags(), Audit: c.audit(), TLS: c.tls()}
	c.addresses(p)
	p.Transport = c.transport(conf.ListenTransport, p)
	if conf.Unmatched.Value == "pass" {
		p.Unmatched = PassUnmatched
	}
	p.Limits = c.processLimits()
	c.limits = c.bodyLimits()
	p.Routes = c.routes()
	p.index, p.byMethod = newRouteIndex(p.Routes), p.ByMethod()
	c.passesUnmatched(p)
	c.unused()
	c.advise(p.Routes)
	return p
}

func (c *compiler) tls() *TLS {
	t := c.conf.TLS
	if t == nil {
		return nil
	}
	for _, f := range []text{t.Cert, t.Key, t.ClientCA} {
		c.absolute(f)
	}
	for _, a := range t.Allow {
		if strings.Contains(strings.TrimPrefix(a.Value, "spiffe://"), "://") || strings.ContainsAny(a.Value, " *") || a.Value == "" {
			c.problem(a.place, "write spiffe://domain/path or a DNS name, without wildcard", "not a name that a certificate vouches for")
		}
	}
	return &TLS{Cert: t.Cert.Value, Key: t.Key.Value, ClientCA: t.ClientCA.Value, Allow: t.Allow.values()}
}

func (c *compiler) absolute(t text) {
	if t.present() && !filepath.IsAbs(t.Value) {
		c.problem(t.place, "", "a path here must be absolute")
	}
}

func (c *compiler) audit() Audit {
	a := Audit{Required: c.conf.Audit.Mode.Value != "best_effort"}
	if s := c.conf.Audit.Spool; s != nil {
		c.absolute(s.Dir)
		a.SpoolDir = s.Dir.Value
		a.SpoolBytes = int64(c.within(s.Bytes.place, s.Bytes.Value, 1<<20, math.MaxInt64, 0, "audit.spool.bytes"))
	}
	return a
}

// within checks a bound that the file sets, and returns the default where it does not.
func (c *compiler) within(at place, v, least, most, otherwise uint64, name string) uint64 {
	if !at.present() {
		return otherwise
	}
	if v < least || v > most {
		c.problem(at, "", "%s must be from %d to %d", name, least, most)
	}
	return v
}

func (c *compiler) processLimits() Limits {
	l := c.conf.Limits
	lim := Limits{
		BufferedBytes: int64(c.within(l.BufferedBytes.place, l.BufferedBytes.Value, 1, 1<<31, DefaultBufferedBytes, "limits.buffered_bytes")),
		Streams:       int(c.within(l.Streams.place, l.Streams.Value, 1, 1<<24, DefaultStreams, "limits.streams")),
		Exchange:      DefaultExchange,
		Memory:        int64(c.within(l.Memory.place, l.Memory.Value, 1<<20, math.MaxInt64/2, 0, "limits.memory")),
		CallerShare:   int(c.within(l.CallerShare.place, l.CallerShare.Value, 1, 100, DefaultCallerShare, "limits.caller_share")),
		Held:          DefaultHeld,
		Rate:          int64(c.within(l.Rate.place, l.Rate.Value, 1, 1<<40, DefaultRate, "limits.rate")),
	}
	if l.Exchange.present() {
		lim.Exchange = l.Exchange.Value
	}
	if l.Held.present() {
		lim.Held = l.Held.Value
	}
	return lim
}

// bodyLimits leaves what the file does not set at zero, codec's defaults.
func (c *compiler) bodyLimits() codec.Limits {
	l := c.conf.Limits
	return codec.Limits{
		ValueBytes: int(c.within(l.ValueBytes.place, l.ValueBytes.Value, 1, 1<<30, 0, "limits.value_bytes")),
		Depth:      int(c.within(l.Depth.place, l.Depth.Value, 1, 10_000, 0, "limits.depth")),
		Fields:     int(c.within(l.Fields.place, l.Fields.Value, 1, 1<<30, 0, "limits.fields")),
		NameBytes:  int(c.within(l.NameBytes.place, l.NameBytes.Value, 1, 1<<24, 0, "limits.name_bytes")),
		BodyBytes:  int64(c.within(l.BodyBytes.place, l.BodyBytes.Value, 1, math.MaxInt64, 0, "limits.body_bytes")),
	}
}

func (c *compiler) tags() []Tag {
	var tags []Tag
	for _, e := range c.conf.Tags {
		t := Tag{Name: e.Name, Key: e.Value.Key.Value, Suite: c.defaultSuite(), Context: c.context(e.Value.Context)}
		t.ContextFrom = c.contextFrom(e.Value)
		key := c.conf.Keys.index(t.Key)
		if e.Value.Key.present() && key < 0 {
			c.problem(e.Value.Key.place, didYouMean(t.Key, c.conf.Keys.names()), "unknown key %q in tag %q", e.Value.Key.Shown, e.Name)
		}
		if s := e.Value.Suite; s.present() {
			t.Suite = c.suite(s, e.Name, key)
		}
		tags = append(tags, t)
	}
	return tags
}

func (c *compiler) suite(t text, tag string, key int) suite.ID {
	s := suite.ByName(t.Value)
	if s == nil {
		var known []string
		for k := range suite.All() {
			known = append(known, k.Name)
		}
		c.problem(t.place, didYouMean(t.Value, known), "unknown suite %q in tag %q", t.Shown, tag)
		return 0
	}
	if c.fips() && !s.Approved {
		c.unapproved(t, tag, s)
		return 0
	}
	if s.Deterministic && key >= 0 && !c.conf.Keys[key].Value.Record.present() {
		c.problem(t.place, "make one with `sealmesh keys new --record`, and name it in the key: record: ${file:path}",
			"tag %q is deterministic, and its key %q has no record: envelopes would change with every new data key", tag, c.conf.Keys[key].Name)
	}
	return s.ID
}

// keyContext returns the context bound to a key's data keys.
func (c *compiler) keyContext(t table[text]) hsm.EncryptionContext {
	known := len(c.problems)
	ec, err := hsm.NewEncryptionContext(c.context(t))
	if err != nil && len(c.problems) == known { // context found nothing wrong
		c.problem(t[0].At, "", "%v", err)
	}
	return ec
}

// context checks the pairs of an encryption context.
func (c *compiler) context(t table[text]) map[string]string {
	if len(t) == 0 {
		return nil
	}
	pairs, total := make(map[string]string, len(t)), 0
	for _, e := range t {
		if e.Value.present() && (e.Value.Value == "" || !utf8.ValidString(e.Value.Value)) {
			c.problem(e.Value.place, "", "context value of %q is empty or not valid UTF-8", e.Name)
		}
		pairs[e.Name] = e.Value.Value
		total += 4 + len(e.Name) + len(e.Value.Value)
	}
	if len(pairs) > hsm.MaxContextPairs || total > hsm.MaxContextBytes {
		c.problem(t[0].At, "", "an encryption context has at most %d pairs and %d bytes", hsm.MaxContextPairs, hsm.MaxContextBytes)
	}
	return pairs
}

// unused warns of what the file defines and nothing uses.
func (c *compiler) unused() {
	for i, t := range c.conf.Tags {
		if !c.tagUsed[i] {
			c.warn(t.At, "", "tag %q is used by no route", t.Name)
		}
	}
	for _, k := range c.conf.Keys {
		used := func(t named[tagConfig]) bool { return t.Value.Key.Value == k.Name }
		if !slices.ContainsFunc(c.conf.Tags, used) {
			c.warn(k.At, "", "key %q is used by no tag", k.Name)
		}
	}
}

// checkDates warns of a migration that has ended, or that is no migration.
func (c *compiler) checkDates(d date) {
	const longest = 400 * 24 * time.Hour
	switch left := time.Until(d.Value); {
	case left <= 0:
		c.warn(d.place, "delete the migration", "accept_plaintext_until is past: plaintext is refused")
	case left > longest:
		c.warn(d.place, "", "accept_plaintext_until is more than 400 days ahead")
	}
}
