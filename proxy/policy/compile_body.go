package policy

import (
	"crypto/sha256"
	"errors"
	"slices"
	"strings"

	"github.com/sealmesh/sealmesh/codec"
	"github.com/sealmesh/sealmesh/codec/envelope"
	"github.com/sealmesh/sealmesh/hsm"
)

// reads reports whether requests of r are read for envelopes although only
// responses have rules. A stolen envelope that a request stores would be opened
// in the response.
func (r *routeConfig) reads() bool {
	return r.Response != nil && envelopesOf(r.Request, r.Envelopes) != EnvelopesAreData
}

// unread reports whether d has no rules and sets envelopes: data, so that its
// requests are not read.
func (d *directionConfig) unread(r *routeConfig) bool {
	return r.Response != nil && d.Envelopes.Value == "data" && len(d.rules()) == 0
}

// envelopesOf returns what d says about envelopes, or else what its route says.
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

// guards compiles what a direction says about bodies as a whole. A patch is
// refused only if there are rules, since it can only hide a value that a rule
// looks for.
func (c *planCompiler) guards() {
	d, p := c.direction, c.plan
	if d.Patch.present() && !c.request {
		c.problem(d.Patch.place, "", "patch concerns requests")
	}
	p.Patches = c.request && !p.Reads() && d.Patch.Value != "data"
	p.Methods = c.request && c.byMethod
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
	p.RequireMatch, p.RefuseCoded = d.RequireMatch.Value, d.Encoding.Value == "refuse"
	if d.RequireMatch.Value && p.Reads() {
		c.problem(d.RequireMatch.place, "", "require_match without rules")
	}
	if d.Null.present() && !slices.ContainsFunc(p.Rules, func(r Rule) bool { return !r.Open }) {
		c.problem(d.Null.place, "", "null concerns values to seal, and there are none")
	}
	if p.Envelopes == KeepEnvelopes {
		c.keep()
	}
}

// keep checks that this process may open an envelope before it keeps it.
func (c *planCompiler) keep() {
	for _, e := range c.direction.rules() {
		if e.open {
			continue
		}
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
			"%s keeps an envelope of tag %q from whatever record it was stolen", e, e.Value.Value)
	}
}

// guard returns what the codec refuses.
func (p *Plan) guard() codec.Guard {
	g := codec.Guard{Root: p.Root, Patch: p.Patches, Method: p.Methods}
	if p.Envelopes != EnvelopesAreData {
		g.Envelope = envelope.IsHead
	}
	return g
}

// passTypes checks and returns the media types that may pass unread.
func (c *planCompiler) passTypes(ts texts) []string {
	var types []string
	for _, t := range ts {
		media := strings.ToLower(t.Value)
		major, minor, _ := strings.Cut(media, "/")
		switch read, format := c.readType(media); {
		case !isMediaToken(major) || minor != "*" && !isMediaToken(minor):
			c.problem(t.place, "write type/subtype or type/*", "not a media type without parameters")
		case read == media:
			c.problem(t.place, "delete it: the rules hold in it now, if an earlier version let it pass", "%s cannot pass: sealmesh reads it, as %s", read, format)
		case read != "":
			c.problem(t.place, "name the types that are to pass", "%s covers %s, which sealmesh reads, as %s", media, read, format)
		default:
			types = append(types, media)
		}
	}
	return types
}

// readType returns a media type that a codec reads under the plan and that
// media, a type or type/*, covers, and its format; "" for none. Such a type
// must not pass: a body with a charset that the codec does not know would get
// around the rules.
func (c *planCompiler) readType(media string) (read, format string) {
	if f := c.formats.Detect(media).Format; f != nil && c.plan.Unread[f] == nil {
		return media, f.Name
	}
	major, all := strings.CutSuffix(media, "*")
	for _, f := range c.formats {
		for _, m := range f.MediaTypes {
			if all && strings.HasPrefix(m, major) && c.plan.Unread[f] == nil {
				return m, f.Name
			}
		}
	}
	return "", ""
}

// isMediaToken reports whether s is a restricted-name of RFC 6838 section 4.2.
func isMediaToken(s string) bool {
	return s != "" && !strings.ContainsFunc(s, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < '0' || r > '9') && !strings.ContainsRune("!#$&-^_.+", r)
	})
}

// check lets every format compile what it needs from the plan: the bodies of a
// route may have any format. If a format cannot have the rules, its bodies are
// refused, unless their type passes. That is a problem only if the policy says
// that there are such bodies, by settings for them.
func (c *planCompiler) check(options map[string]codec.Options) {
	p := c.plan
	p.Checked, p.Unread = make(map[*codec.Format]any), make(map[*codec.Format]error)
	for _, f := range c.formats {
		o, said := options[f.Name]
		o.Takes = c.route.template.takes
		checked, err := f.Check(p.Selector, o)
		switch {
		case err == nil:
			p.Checked[f] = checked
		case said:
			c.wrongOptions(f.Name, err)
		default:
			p.Unread[f] = err
		}
	}
}

// options returns what the direction says about formats, by name. It leaves out
// what it reports.
func (c *planCompiler) options() map[string]codec.Options {
	var known []string
	for _, f := range c.formats {
		known = append(known, f.Name)
	}
	all := make(map[string]codec.Options)
	for _, e := range c.direction.Formats {
		if !slices.Contains(known, e.Name) {
			c.problem(e.At, didYouMean(e.Name, known), "unknown format %q", e.Name)
		} else if o, ok := c.optionsOf(e.Value); ok {
			all[e.Name] = o
		}
	}
	return all
}

// optionsOf returns the settings of one format. ok is false if one of them was
// reported.
func (c *planCompiler) optionsOf(settings table[text]) (o codec.Options, ok bool) {
	o.Settings, ok = make(map[string]string), true
	for _, s := range settings {
		switch {
		case !s.Value.present():
			ok = false
		case s.Name == codec.SchemaSetting:
			b, err := c.readFile(s.Value.Value)
			if err != nil {
				c.problem(s.Value.place, "", "cannot read the schema %q: %v", s.Value.Shown, err)
				ok = false
			}
			o.Schema = append([]byte{}, b...) // not nil, even if the file is empty
			o.Parsed = c.parsedOf(b)
		default:
			o.Settings[s.Name] = s.Value.Value
		}
	}
	return o, ok
}

// parsedOf notes a schema, and returns what formats have made of it.
func (c *compiler) parsedOf(schema []byte) *codec.Parsed {
	hash := sha256.Sum256(schema)
	c.schemas = append(c.schemas, hash)
	if c.parsed[hash] == nil {
		c.parsed[hash] = new(codec.Parsed)
	}
	return c.parsed[hash]
}

// wrongOptions reports that a format cannot have the rules, given the settings
// that the policy has for it.
func (c *planCompiler) wrongOptions(format string, err error) {
	settings := c.direction.Formats[c.direction.Formats.index(format)]
	at, hint := settings.At, ""
	if bad, ok := errors.AsType[*codec.SettingError](err); ok {
		hint = didYouMean(bad.Setting, bad.Known)
		if i := settings.Value.index(bad.Setting); i >= 0 {
			at = settings.Value[i].At
		}
	}
	c.problem(at, hint, "format %s: %v", format, err)
}
