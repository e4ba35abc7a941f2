package csv

import (
	"strings"

	"github.com/sealmesh/sealmesh/codec"
)

// A checked is what Format.Check returns.
type checked struct {
	*dialect
	seals        bool // there are rules that seal
	rows, fields []codec.Step
}

// plainCSV and plainTSV are for bodies that Check was not asked about.
var (
	plainCSV = &checked{dialect: newDialect("csv", ',', true)}
	plainTSV = &checked{dialect: newDialect("tsv", '\t', false)}
)

func checkCSV(sel *codec.Selector, o codec.Options) (any, error) {
	return check(sel, o, newDialect("csv", ',', true))
}

func checkTSV(sel *codec.Selector, o codec.Options) (any, error) {
	return check(sel, o, newDialect("tsv", '\t', false))
}

// check is Format.Check. d has the defaults.
func check(sel *codec.Selector, o codec.Options, d *dialect) (any, error) {
	settings := []string{"backslash", "bom", "delimiter", "header"}
	if !d.quotes {
		settings = []string{"backslash", "bom", "header"}
	}
	if err := o.Only(settings...); err != nil {
		return nil, err
	}
	for name, value := range o.Settings {
		var err error
		switch name {
		case "delimiter":
			err = d.setDelimiter(value)
		case "header":
			d.header, err = oneOf(name, value, "present", "absent")
		case "bom":
			d.mark, err = oneOf(name, value, "allow", "refuse")
			d.refuse = !d.mark
		case "backslash":
			d.backslash, err = oneOf(name, value, "data", "refuse")
		}
		if err != nil {
			return nil, err
		}
	}
	rows, fields := stepsOf(sel)
	return &checked{d, seals(sel), rows, fields}, nil
}

func oneOf(setting, value, yes, no string) (bool, error) {
	if value != yes && value != no {
		return false, &codec.SettingError{Setting: setting, Detail: "must be " + yes + " or " + no}
	}
	return value == yes, nil
}

// delimiters are the characters that can be the delimiter: none of a name, a
// number or an envelope, and none that readers take for a quote or an escape.
const delimiters = usual + ":!#$%&*/?@^~"

func (d *dialect) setDelimiter(value string) error {
	if len(value) != 1 || !strings.Contains(delimiters, value) {
		return &codec.SettingError{Setting: "delimiter", Detail: "must be TAB or one of " + strings.ReplaceAll(delimiters, "\t", "")}
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
	named := make([]bool, sel.Steps())
	for _, n := range sel.Names() {
		named[sel.Named([]byte(n))] = true
	}
	for step := range named {
		fields = append(fields, codec.Step(step))
		if !named[step] {
			rows = append(rows, codec.Step(step))
		}
	}
	return rows, fields
}
