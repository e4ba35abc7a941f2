// Package places knows the places of a message beside its body that may hold
// tagged values: the path, the query, headers and cookies. It finds the values
// there, and says what may be written in place of one. It knows no key and no
// policy.
//
// A place is read as the most different servers read it, or the message is
// refused: a value that one server finds and sealmesh does not would pass in
// clear.
package places

import (
	"fmt"

	"github.com/sealmesh/sealmesh/codec"
)

// A Kind is a kind of place.
type Kind uint8

// Kinds of places. Body is not beside the body.
const (
	Body Kind = iota
	Path
	Query
	Header
	Cookie
	Kinds // how many there are
)

var names = [Kinds]string{"body", "path", "query", "headers", "cookies"}

// String returns the key of k in a policy.
func (k Kind) String() string { return names[k] }

// A Span is a tagged value in a line of text: line[Begin:End].
type Span struct {
	Rule       int
	Begin, End int
}

// Codes of [Error]. The others are of package codec.
const (
	// PathAmbiguous: servers may read the path in two ways.
	PathAmbiguous codec.Code = "path_ambiguous"
	// Ambiguous: servers may read a query, a header or a cookie in two ways.
	Ambiguous codec.Code = "place_ambiguous"
)

// An Error says why a message was refused because of a value beside its body.
// It names the place by the words of the policy and holds no value.
type Error struct {
	Code   codec.Code
	In     Kind
	Name   string // of the value, as a rule has it; "" if it is about all
	Detail string // in fixed words
}

// Error reads "place_ambiguous: ssn in cookies: a quote".
func (e *Error) Error() string {
	if e.Name == "" {
		return fmt.Sprintf("%s: %s: %s", e.Code, e.In, e.Detail)
	}
	return fmt.Sprintf("%s: %s in %s: %s", e.Code, e.Name, e.In, e.Detail)
}
