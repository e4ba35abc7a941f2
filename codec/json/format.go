// Package json is the body format JSON (RFC 8259, UTF-8): [Format]. It also has
// the formats of several JSON values in a row, each of which is the root of its
// own: [Lines] and [Sequence].
//
// The root of a path, $, is the value of the body. A member of a path is a
// member of an object; an element is an element of an array. Names are compared
// after unescaping, so that no spelling of a name gets around a rule. A name
// that occurs twice in an object is two members, and a rule for the name tags
// both values.
//
// The format refuses every body that is not exactly one JSON value with
// optional whitespace around it. So it refuses an empty body, a body with
// anything after the value, and invalid escapes, numbers, control characters
// and UTF-8. It accepts:
//
//   - A byte order mark at the start, and passes it on: RFC 8259 §8.1 lets a
//     reader ignore it, and many do.
//   - Half a surrogate pair (\ud800), except where it would have to be compared
//     or sealed as text.
//   - NUL (\u0000), except in a member name that is a rule's name up to the
//     NUL: programs in C end the name there.
//
// A string without escapes is a field of kind Text. Every other value is a
// Literal: the exact bytes of the value. There are two exceptions. A rule with
// Unescape is given every string as Text, and a rule with Open is given every
// string that may be an envelope as Text. In both cases the escapes are
// decoded.
package json

import "github.com/sealmesh/sealmesh/codec"

// name is the name of the format in errors.
const name = "json"

// Format is JSON. It takes no options.
var Format = codec.Format{
	Name:          name,
	MediaTypes:    []string{"application/json", "text/json", "+json"},
	Except:        namedByData[:],
	NullDeletes:   []codec.Pattern{"*merge-patch+json"},
	Check:         check,
	Scan:          scan,
	HoldsEnvelope: holdsEnvelope,
}

// namedByData are types of JSON in which data says what a value is called, or
// where it goes: no path of a rule finds the value. A patch names its target
// (RFC 6902, RFC 8072, SCIM's RFC 7644, JSON:API's atomic operations, the
// overrides and localizations of JSCalendar and JSContact), a form or a
// collection has the name beside the value, JsonML has the name of an element
// as its first item, a client's query names the results of SPARQL, and JSON-LD
// renames members by @context. JOSE has its payload in base64url, and gRPC and
// Connect have JSON in frames.
var namedByData = [...]codec.Pattern{
	"*json-patch*", "*jsonpatch*", "*yang-patch*", "application/scim+json", "application/vnd.api+json;ext",
	"application/jscalendar+json", "application/jscontact+json",
	"application/graphql+json", "*sparql-results*", "*jose+json*", "*jsonml*",
	"*vnd.collection*", "*senml*", "*sensml*", "*uber+json", "application/vcard+json", "application/calendar+json",
	"application/vnd.siren+json", "application/prs.hal-forms+json",
	"*grpc*", "application/connect+json",
	"application/ld+json", "*+ld+json", "application/activity+json", "application/td+json", "application/tm+json",
}

// check is Format.Check. It returns the tables of names that [scanner] uses.
func check(sel *codec.Selector, o codec.Options) (any, error) {
	if err := o.Only(); err != nil {
		return nil, err
	}
	return newNameTables(sel), nil
}
