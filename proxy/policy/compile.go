package policy

import (
	"crypto/sha256"
	"math"
	"path/filepath"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/sealmesh/sealmesh/codec"
	"github.com/sealmesh/sealmesh/hsm"
)

// A compiler makes a Policy from a config. Like the decoder it never stops at a
// problem. A value whose place is zero is absent: the file leaves it out, or
// the decoder has reported it. One type for each part of the file embeds the
// compiler.
type compiler struct {
	*report
	conf     *config
	formats  codec.Table
	readFile func(string) ([]byte, error)
	limits   codec.Limits                        // of every body
	byMethod bool                                // some route takes only some methods
	schemas  [][sha256.Size]byte                 // of formats, hashed, as they were read
	parsed   map[[sha256.Size]byte]*codec.Parsed // what formats have made of them
}

func (c *compiler) compile() *Policy {
	conf := c.conf
	if conf.Version.present() && conf.Version.Value != 1 {
		c.problem(conf.Version.place, "", `"version" must be 1, the only one that this sealmesh reads`)
	}
	c.parsed = make(map[[sha256.Size]byte]*codec.Parsed)
	p := &Policy{FIPS: c.fips(), Audit: c.audit(), TLS: c.tls(), Limits: c.processLimits()}
	if conf.Unmatched.Value == "pass" {
		p.Unmatched = PassUnmatched
	}
	c.limits = c.bodyLimits()
	c.byMethod = slices.ContainsFunc(conf.Routes, func(r routeConfig) bool { return r.Match != nil && len(r.Match.Methods) > 0 })
	p.Keys = keyCompiler{c}.keys()
	p.Tags = tagCompiler{c}.tags()
	addressCompiler{c}.addresses(p)
	p.Routes = (&routeCompiler{compiler: c}).routes()
	p.index, p.byMethod = newRouteIndex(p.Routes), p.ByMethod()
	c.passesUnmatched(p)
	c.writtenFrom()
	c.unused()
	adviser{c, p.Routes}.advise()
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

// within returns v after checking that it is from least to most, or otherwise
// if the file does not set it.
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
		Ratio:         int(c.within(l.DecodedRatio.place, l.DecodedRatio.Value, 1, 10_000, DefaultRatio, "limits.decoded_ratio")),
	}
	if l.Exchange.present() {
		lim.Exchange = l.Exchange.Value
	}
	if l.Held.present() {
		lim.Held = l.Held.Value
	}
	return lim
}

// bodyLimits returns the limits of a body. Zero stands for codec's default.
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

// context checks and returns the pairs of an encryption context.
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

// unused warns of tags and keys that nothing uses.
func (c *compiler) unused() {
	for _, t := range c.conf.Tags {
		uses := func(r routeConfig) bool { _, ok := r.use(t.Name); return ok }
		if !slices.ContainsFunc(c.conf.Routes, uses) {
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

// fips reports whether the file requires FIPS-approved algorithms.
func (c *compiler) fips() bool { return c.conf.FIPS.Value == "required" }
