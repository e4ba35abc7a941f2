package codec

import (
	"errors"
	"slices"
	"testing"
)

func TestOnly(t *testing.T) {
	for _, tc := range []struct {
		o       Options
		known   []string
		unknown string
	}{
		{o: Options{}},
		{o: Options{Settings: map[string]string{"a": ""}}, known: []string{"a", "b"}},
		{o: Options{Settings: map[string]string{"c": "", "b": "", "a": ""}}, known: []string{"a"}, unknown: "b"},
		{o: Options{Schema: []byte{}}, known: []string{"a"}, unknown: "schema"},
		{o: Options{Schema: []byte{}}, known: []string{"schema"}},
	} {
		err := tc.o.Only(tc.known...)
		bad, ok := errors.AsType[*SettingError](err)
		if ok != (tc.unknown != "") || ok && (bad.Setting != tc.unknown || !slices.Equal(bad.Known, tc.known)) {
			t.Errorf("%v with %q: %v", tc.o, tc.known, err)
		}
	}
}
