package codec

import "slices"

// formats is the table: a format is added by a line here.
var formats = [...]Format{
	{Name: "json", MediaTypes: []string{"application/json", "text/json", "+json"}, Except: []string{"application/json-patch+json"}, New: newJSON},
}

// Formats returns the table of formats.
func Formats() []Format { return append([]Format(nil), formats[:]...) }

func (f *Format) excepts(t *contentType) bool { return slices.ContainsFunc(f.Except, t.is) }
