package policy

import (
	"github.com/sealmesh/sealmesh/codec"
	"github.com/sealmesh/sealmesh/codec/envelope"
	"github.com/sealmesh/sealmesh/hsm"
)

// reads reports whether the requests of r are to be read for envelopes, though
// responses alone have rules: one that somebody stole and stored would be opened
// with the response.
func (r *routeConfig) reads() bool {
	return r.Response != nil && envelopesOf(r.Request, r.Envelopes) != EnvelopesAreData
}

// unread reports whether d says, of requests without rules, that they are not read.
func (d *directionConfig) unread(r *routeConfig) bool {
	return r.Response != nil && d.Envelopes.Value == "data" && len(d.Seal)+len(d.Open) == 0
}

// envelopesOf is what a direction says of envelopes, or its route.
func envelopesOf(d *directionConfig, route text) Envelopes {
	say := route
	if d != nil && d.Envelopes.present() {
		say = d.Envelopes
	}
	switch say.Value {
	case "keep":
		return KeepEnvelopes
	case "data":
		return EnvelopesAreData
	}
	return RefuseEnvelopes
}

// guards compiles what a direction says of bodies as a whole. Where no rule looks
// for a value, no patch hides one.
func (c *compiler) guards(p *Plan, d *directionConfig, request bool) {
	if d.Patch.present() && !request {
		c.problem(d.Patch.place, "", "patch concerns requests")
	}
	p.Patches = request && !p.Reads() && d.Patch.Value != "data"
	switch d.Root.Value {
	case "object":
		p.Root = codec.ObjectRoot
	case "array":
		p.Root = codec.ArrayRoot
	}
	switch d.Null.Value {
	case "keep":
		p.Null = KeepNull
	case "seal":
		p.Null = SealNull
	}
	p.RequireMatch = d.RequireMatch.Value
	if d.RequireMatch.Value && p.Reads() {
		c.problem(d.RequireMatch.place, "", "require_match without rules")
	}
	if d.Null.present() && len(d.Seal) == 0 {
		c.problem(d.Null.place, "", "null concerns values to seal, and there are none")
	}
	if p.Envelopes == KeepEnvelopes {
		c.keep(d)
	}
}

// keep checks that an envelope that is to stay can be opened first.
func (c *compiler) keep(d *directionConfig) {
	for _, e := range d.Seal {
		tag := c.conf.Tags.index(e.Value.Value)
		if tag < 0 {
			continue
		}
		key := c.conf.Keys.index(c.conf.Tags[tag].Value.Key.Value)
		if key >= 0 && useOf(c.conf.Keys[key].Value.Use) == hsm.SealOnly {
			c.problem(e.At, "write envelopes: refuse", "envelopes are to be kept where they open, but the use of key %q is seal", c.conf.Keys[key].Name)
		}
		if len(c.conf.Tags[tag].Value.ContextFrom) > 0 {
			continue // it opens in its own record only
		}
		c.warn(e.At, "bind the tag to its record by context_from, or write envelopes: refuse, unless clients send back what they were sent sealed",
			"path %q keeps an envelope of tag %q from whatever record it was stolen", e.Name, e.Value.Value)
	}
}

// guard is what the codec is to refuse.
func (p *Plan) guard() codec.Guard {
	g := codec.Guard{Root: p.Root, Patch: p.Patches}
	if p.Envelopes != EnvelopesAreData {
		g.Envelope = envelope.IsHead
	}
	return g
}
