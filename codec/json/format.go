// Package json is the body format JSON (RFC 8259, UTF-8): [Format].
//
// The root of a path, $, is the value of the body. A member of a path is a
// member of an object; an element is an element of an array. Names are compared
// after unescaping, so that no spelling of a name gets around a rule. A name
// that comes twice is two members, and the values of both are tagged.
//
// The format refuses everything that is not one JSON value with blanks around
// it: an empty body, anything after the value, and escapes, numbers, control
// characters and UTF-8 that the grammar does not have. It allows:
//
//   - A byte order mark in front, which stays: RFC 8259 §8.1 lets a reader ignore
//     it, and many do.
//   - Half a surrogate pair (\ud800), except where it would have to be compared
//     or sealed as text.
//   - NUL (\u0000), except after a name that rules use: programs in C take what
//     comes before it for the name.
//
// A string without escapes is a field of kind Text. Every other value is a
// Literal: the bytes as they stand. Rules with Unescape, and strings that may
// be envelopes where a rule opens, are given as Text however they are escaped.
package json

import (
	"errors"

	"github.com/sealmesh/sealmesh/codec"
)

// name is the name of the format in errors.
const name = "json"

// Format is JSON. It takes no options.
var Format = codec.Format{
	Name:          name,
	MediaTypes:    []string{"application/json", "text/json", "+json"},
	Except:        namedByData[:],
	NullDeletes:   []codec.Pattern{"*merge-patch+json"},
	Check:         check,
	New:           newWriter,
	HoldsEnvelope: holdsEnvelope,
}

// namedByData are types of JSON in which data says what a value is called, or
// where it goes: no path of a rule finds the value. A patch names its target
// (RFC 6902, SCIM's RFC 7644, JSON:API's atomic operations), a form or a
// collection has the name beside the value, and JSON-LD renames members by
// @context.
var namedByData = [...]codec.Pattern{
	"*json-patch*", "*jsonpatch*", "application/scim+json", "application/vnd.api+json;ext",
	"application/graphql+json",
	"*vnd.collection*", "*senml*", "*sensml*", "*uber+json", "application/vcard+json", "application/calendar+json",
	"application/vnd.siren+json", "application/prs.hal-forms+json",
	"application/ld+json", "*+ld+json", "application/activity+json", "application/td+json", "application/tm+json",
}

// check is Format.Check. It returns the tables of names that [scanner] uses.
func check(sel *codec.Selector, o codec.Options) (any, error) {
	if o.Schema != nil || len(o.Settings) > 0 {
		return nil, errors.New("json takes no schema and no settings")
	}
	return newNameTables(sel), nil
}
