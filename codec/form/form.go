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

// namesSetting is the setting that says in which dialects names are read.
const namesSetting = "names"

// check is Format.Check. It returns the dialects.
func check(_ *codec.Selector, o codec.Options) (any, error) {
	if err := o.Only(namesSetting); err != nil {
		return nil, err
	}
	d, ok := dialects[o.Settings[namesSetting]]
	if !ok {
		return nil, &codec.SettingError{Setting: namesSetting, Detail: "not all, literal, brackets, php or dots"}
	}
	return d, nil
}

func scanForm(b codec.Body, s *codec.Splicer) (codec.Scanner, error) { return newDocument(b, s, false) }

func scanQuery(b codec.Body, s *codec.Splicer) (codec.Scanner, error) { return newDocument(b, s, true) }
