package codec

import (
	"slices"
	"strings"
)

// formats is the table: a format is added by a line here.
var formats = [...]Format{
	{Name: "json", MediaTypes: []string{"application/json", "text/json", "+json"}, Except: namedByData[:], New: newJSON},
}

// namedByData are types of JSON in which data says what a value is called, or
// where it goes: no path of a rule finds the value. A patch names its target
// (RFC 6902, SCIM's RFC 7644, JSON:API's atomic operations), a form or a
// collection has name beside value, and JSON-LD renames members by @context.
var namedByData = [...]string{
	"*json-patch*", "*jsonpatch*", "application/scim+json", "application/vnd.api+json;ext",
	"application/graphql+json",
	"*vnd.collection*", "*senml*", "*sensml*", "*uber+json", "application/vcard+json", "application/calendar+json",
	"application/vnd.siren+json", "application/prs.hal-forms+json",
	"application/ld+json", "*+ld+json", "application/activity+json", "application/td+json", "application/tm+json",
}

// Formats returns the table of formats.
func Formats() []Format { return append([]Format(nil), formats[:]...) }

// Resembles reports whether a server that only looks for a part of a content type may
// take value for one of a format: Laravel looks for /json and +json, anywhere.
func Resembles(value string) bool {
	return slices.ContainsFunc(formats[:], func(f Format) bool {
		return slices.ContainsFunc(f.MediaTypes, func(m string) bool {
			return containsFold(value, m[max(0, strings.IndexByte(m, '/')):])
		})
	})
}

// excepts reports whether t is not read, though MediaTypes cover it.
func (f *Format) excepts(t *contentType) bool {
	return slices.ContainsFunc(f.Except, func(e string) bool {
		if part, ok := strings.CutPrefix(e, "*"); ok {
			return containsFold(t.minor, strings.TrimSuffix(part, "*"))
		}
		media, param, hasParam := strings.Cut(e, ";")
		return t.is(media) && (!hasParam || t.param(param) >= 0)
	})
}
