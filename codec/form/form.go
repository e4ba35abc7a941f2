// Package form is the body format application/x-www-form-urlencoded, [Format],
// and the query string of a URL, [Query].
//
// The root of a path, $, is an object, whose members are the pairs of the form.
// Names are compared decoded. Applications read user[ssn] and user.ssn as
// members of members, each in its own way: see [Dialect]. A value is tagged if
// one of the dialects that the policy allows finds it. A name that occurs twice
// is an array to most applications, and user[] always is. So $.ssn, $.ssn[0]
// and $.ssn[*] all tag every pair called ssn.
//
// A form has values only where paths end. So a rule for an object, such as
// $.user, tags every pair in it, each value on its own.
//
// What is between brackets may be any element: ASP.NET takes names for indexes,
// and qs drops gaps.
//
// The format refuses what two readers could read differently:
//
//   - A semicolon, which some take for an ampersand. %3B is a character.
//   - A percent sign without two hex digits, such as %u0031, and text that is
//     not UTF-8 once it is decoded. A character is escaped as a whole or not at
//     all.
//   - A control character, except one in a value that is escaped and not NUL.
//   - A name that begins with a byte order mark or a question mark, and
//     _charset_ with a value.
//   - "]=" in a value: qs ends a name there.
//   - A name without an equals sign, if a rule tags it.
//   - A name such as date(1i), if a rule tags date: Rails puts such pieces
//     together.
//   - In a query, a blank, a number sign, and what is not ASCII.
//
// A value is a Text if the serializer of the URL standard writes its text as it
// is in the body: letters, digits and *-._ as they are, a blank as +, all else
// escaped. Every other value is Raw, except that rules with Unescape or Open
// are given the text.
package form

import "github.com/sealmesh/sealmesh/codec"

// Format is a form.
var Format = codec.Format{
	Name:          "form",
	MediaTypes:    []string{"application/x-www-form-urlencoded"},
	Check:         check,
	Scan:          scanForm,
	HoldsEnvelope: holdsEnvelope,
}

// Query is the query string of a URL, without the question mark. It is no
// format of bodies, and in no table.
var Query = codec.Format{
	Name:          "query",
	Check:         check,
	Scan:          scanQuery,
	HoldsEnvelope: holdsEnvelope,
}

// A checked is what the Scanners of a plan share.
type checked struct {
	dialect Dialect
	named   nameTable
}

// check is Format.Check.
func check(sel *codec.Selector, o codec.Options) (any, error) {
	if err := o.Only(NamesSetting); err != nil {
		return nil, err
	}
	d, err := DialectOf(o)
	if err != nil {
		return nil, err
	}
	return &checked{d, newNameTable(sel)}, nil
}

func scanForm(b codec.Body, s *codec.Splicer) (codec.Scanner, error) { return newDocument(b, s, false) }

func scanQuery(b codec.Body, s *codec.Splicer) (codec.Scanner, error) { return newDocument(b, s, true) }
