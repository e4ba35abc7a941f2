package codec

import (
	"slices"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"
)

// Folding twice is folding once, never grows, and agrees with
// strings.EqualFold.
func FuzzFold(f *testing.F) {
	f.Add("SSN", "\u017f\u017fn")
	f.Add("\u212aind", "KIND")
	f.Add("\xff\u00c9", "\xff\u00e9")
	f.Fuzz(func(t *testing.T, a, b string) {
		x, y := appendFold(nil, []byte(a)), appendFold(nil, []byte(b))
		if len(x) > len(a) || 3*len(x) < len(a) || !slices.Equal(appendFold(nil, x), x) {
			t.Errorf("%q folds to %q", a, x)
		}
		if strings.ToValidUTF8(a, "") == a && strings.ToValidUTF8(b, "") == b && (string(x) == string(y)) != strings.EqualFold(a, b) {
			t.Errorf("%q and %q fold to %q and %q", a, b, x, y)
		}
	})
}

// No character grows when it is folded: a name's own length is room enough.
func TestFoldingNeverGrows(t *testing.T) {
	for r := range rune(unicode.MaxRune) {
		if utf8.RuneLen(foldRune(r)) > utf8.RuneLen(r) && utf8.ValidRune(r) {
			t.Errorf("%U becomes %U", r, foldRune(r))
		}
	}
}
