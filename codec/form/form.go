// Package form is the body format application/x-www-form-urlencoded, [Format],
// and the query string of a URL, [Query].
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
