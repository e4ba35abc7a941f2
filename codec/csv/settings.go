package csv

import (
	"errors"
	"fmt"
	"strings"

	"github.com/sealmesh/sealmesh/codec"
)

// A checked is what Format.Check returns.
type checked struct {
	*dialect
	seals        bool // there are rules that seal
	rows, fields []codec.Step
}

// The dialects of bodies that are only validated.
var (
	plainCSV = newDialect("csv", ',', true)
	plainTSV = newDialect("tsv", '\t', false)
)

func checkCSV(sel *codec.Selector, o codec.Options) (any, error) {
	return check(sel, o, newDialect("csv", ',', true))
}

func checkTSV(sel *codec.Selector, o codec.Options) (any, error) {
	return check(sel, o, newDialect("tsv", '\t', false))
}

// check is Format.Check. d has the defaults.
func check(sel *codec.Selector, o codec.Options, d *dialect) (any, error) {
	if o.Schema != nil {
		return nil, fmt.Errorf("%s takes no schema", d.name)
	}
	for key, value := range o.Settings {
		var err error
		switch {
		case key == "delimiter" && d.quotes:
			err = d.setDelimiter(value)
		case key == "header":
			d.header, err = oneOf(key, value, "present", "absent")
		case key == "bom":
			d.mark, err = oneOf(key, value, "allow", "refuse")
		case key == "backslash":
			d.backslash, err = oneOf(key, value, "data", "refuse")
		default:
			err = fmt.Errorf("%s has no setting %q", d.name, key)
		}
		if err != nil {
			return nil, err
		}
	}
	rows, fields := stepsOf(sel)
	return &checked{d, seals(sel), rows, fields}, nil
}

func oneOf(key, value, yes, no string) (bool, error) {
	if value != yes && value != no {
		return false, fmt.Errorf("%s is %q, and can be %s or %s", key, value, yes, no)
	}
	return value == yes, nil
}

// delimiters are the characters that can be the delimiter: none of a name, a
// number or an envelope, and none that readers take for a quote or an escape.
const delimiters = usual + ":!#$%&*/?@^~"

func (d *dialect) setDelimiter(value string) error {
	if len(value) != 1 || !strings.Contains(delimiters, value) {
		return errors.New("delimiter must be one character: TAB or one of " + strings.ReplaceAll(delimiters, "\t", ""))
	}
	d.delimit(value[0])
	return nil
}

// seals reports whether sel has rules that seal.
func seals(sel *codec.Selector) bool {
	for i := range sel.Len() {
		if !sel.Rule(i).Open {
			return true
		}
	}
	return false
}

// stepsOf returns the steps that rules of sel can take to a row, and to a
// field.
func stepsOf(sel *codec.Selector) (rows, fields []codec.Step) {
	rows = []codec.Step{codec.AnyStep}
	for _, index := range sel.Indexes() {
		rows = append(rows, sel.Indexed(index))
	}
	fields = rows[:len(rows):len(rows)]
	for _, n := range sel.Names() {
		fields = append(fields, sel.Named([]byte(n)))
	}
	return rows, fields
}
