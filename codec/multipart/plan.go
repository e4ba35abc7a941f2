package multipart

import (
	"errors"
	"maps"
	"slices"
	"strings"

	"github.com/sealmesh/sealmesh/codec"
	"github.com/sealmesh/sealmesh/codec/form"
)

// A plan is what the settings say.
type plan struct {
	inner     table
	dialect   form.Dialect
	documents []document
}

// A document is a part whose format the settings state.
type document struct {
	name    string
	format  *codec.Format // nil: a file, whatever its type is
	checked any
}

const (
	partSetting = "part."
	fileFormat  = "file"
)

// check is Format.Check. Settings are
//
//	names            the dialect of names, as for forms
//	part.NAME        the format of the part NAME, or file
//	part.NAME.KEY    a setting of that format
func (t table) check(sel *codec.Selector, o codec.Options) (any, error) {
	p := &plan{inner: t}
	inner := map[string]codec.Options{}
	for _, key := range slices.Sorted(maps.Keys(o.Settings)) {
		part, ok := strings.CutPrefix(key, partSetting)
		name, setting, deeper := strings.Cut(part, ".")
		switch {
		case !ok:
			continue
		case !deeper:
			d := document{name: name, format: t.named(o.Settings[key])}
			if detail := d.fault(o.Settings[key]); detail != "" {
				return nil, &codec.SettingError{Setting: key, Detail: detail}
			}
			p.documents = append(p.documents, d)
			inner[name] = codec.Options{Settings: map[string]string{}}
		case inner[name].Settings == nil:
			return nil, &codec.SettingError{Setting: key, Detail: "the part has no format: " + partSetting + name + " must state it"}
		default:
			inner[name].Settings[setting] = o.Settings[key]
		}
	}
	names := codec.Options{Schema: o.Schema, Settings: maps.Clone(o.Settings)}
	maps.DeleteFunc(names.Settings, func(key, _ string) bool { return strings.HasPrefix(key, partSetting) })
	if err := names.Only(form.NamesSetting, partSetting+"NAME"); err != nil {
		return nil, err
	}
	var err error
	if p.dialect, err = form.DialectOf(names); err != nil {
		return nil, err
	}
	for i := range p.documents {
		if err := p.documents[i].check(sel, inner[p.documents[i].name]); err != nil {
			return nil, err
		}
	}
	return p, nil
}

// fault says what is wrong with a document of a format.
func (d *document) fault(format string) string {
	for i := range len(d.name) {
		if c := d.name[i]; c < 0x80 && (!bareChar(c) || c == '.') {
			return "the name of a part may have letters, digits, - and _ only"
		}
	}
	switch {
	case d.name == "":
		return "the part has no name"
	case format == fileFormat:
		return ""
	case d.format == nil:
		return "no format has that name"
	case d.format.Scan == nil:
		return "the format cannot be that of a part"
	}
	return ""
}

// check compiles what the format needs.
func (d *document) check(sel *codec.Selector, o codec.Options) (err error) {
	if d.format == nil {
		err = o.Only()
	} else {
		d.checked, err = d.format.Check(sel, o)
	}
	if e, ok := errors.AsType[*codec.SettingError](err); ok {
		return &codec.SettingError{Setting: partSetting + d.name + "." + e.Setting, Detail: e.Detail}
	}
	return err
}

// is reports whether a part of that type can be the document. Types that the
// format excepts cannot.
func (d *document) is(media []byte, inner table) bool {
	if d.format == nil {
		return true
	}
	for _, m := range d.format.MediaTypes {
		if is(media, m) {
			return true
		}
	}
	return codec.Table(inner).Detect(string(media)).Format == d.format
}
