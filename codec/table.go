package codec

import (
	"slices"
	"strings"
)

// A Table lists formats and finds the format of a body by its content type.
// Package codec/formats has the table of all formats. Immutable, safe for
// concurrent use.
type Table []*Format

// A Detected is what a content-type header value says about a body.
type Detected struct {
	Format      *Format // nil: no format of the table reads the body
	Params      Params  // of the media type
	NullDeletes bool    // a null deletes: see Format.NullDeletes
	// Canonical is the value as Detect has read it: the media type in lower case,
	// the charset as utf-8, and each other parameter as it came, with one blank
	// before it. Every application reads the canonical value as Detect does. If
	// Format is nil, Canonical is the value unchanged.
	Canonical string
}

// A Pattern names media types: "type/subtype"; "type/subtype;param" for the
// type, but only with that parameter; or "*part*" for every type whose subtype
// contains part.
type Pattern string

// Detect finds the format of a content-type header value. Format is nil if the
// value is malformed, if two parsers could read it differently, or if the
// charset is not UTF-8: every format is read as UTF-8, and an application with
// another charset could read values that no rule saw. Forward
// Detected.Canonical, not contentType.
//
// Detect does not allocate if contentType is canonical.
func (t Table) Detect(contentType string) Detected {
	if f := t.plainType(contentType); f != nil {
		return Detected{Format: f, Canonical: contentType}
	}
	m, ok := parseMediaType(contentType)
	if !ok {
		return Detected{Canonical: contentType}
	}
	f := t.find(&m)
	if f == nil {
		return Detected{Canonical: contentType}
	}
	return Detected{Format: f, Params: m.params, NullDeletes: m.matches(f.NullDeletes), Canonical: m.canonical(contentType)}
}

// Resembles reports whether a server that only looks for a part of a content
// type may take contentType for a type of the table: Laravel looks for /json
// and +json, anywhere.
func (t Table) Resembles(contentType string) bool {
	return slices.ContainsFunc(t, func(f *Format) bool {
		return slices.ContainsFunc(f.MediaTypes, func(m string) bool {
			return containsFold(contentType, m[max(0, strings.IndexByte(m, '/')):])
		})
	})
}

// plainType returns the format of a media type that has no parameters and is
// written as the table has it, as most are; nil otherwise.
func (t Table) plainType(contentType string) *Format {
	for _, f := range t {
		if slices.Contains(f.MediaTypes, contentType) && contentType[0] != '+' {
			return f
		}
	}
	return nil
}

// find returns the format of m. A type by its own name comes first, of whatever
// format: Except is about the types that a suffix covers.
func (t Table) find(m *mediaType) *Format {
	for _, f := range t {
		if slices.ContainsFunc(f.MediaTypes, m.is) {
			return f
		}
	}
	for _, f := range t {
		if f.suffixes(m) && !m.matches(f.Except) {
			return f
		}
	}
	return nil
}

func (f *Format) suffixes(m *mediaType) bool {
	return slices.ContainsFunc(f.MediaTypes, func(s string) bool { return s[0] == '+' && hasSuffixFold(m.minor, s) })
}

// matches reports whether m is one of the types that patterns name.
func (m *mediaType) matches(patterns []Pattern) bool {
	return slices.ContainsFunc(patterns, func(p Pattern) bool {
		if part, ok := strings.CutPrefix(string(p), "*"); ok {
			return containsFold(m.minor, strings.TrimSuffix(part, "*"))
		}
		media, param, hasParam := strings.Cut(string(p), ";")
		return m.is(media) && (!hasParam || m.param(param) >= 0)
	})
}
