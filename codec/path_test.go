package codec

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
)

// FuzzPath: no path panics, and what one compiles to, spelled out, compiles to
// the same.
func FuzzPath(f *testing.F) {
	for _, p := range []string{"$", "$.a", "$..a[*]['b'][0]", `$["\u0061\ud83d\ude00"]`, "$[?@.a]", "$[1:2]", "$ ['a'] .*", "$.é"} {
		f.Add(p)
	}
	f.Fuzz(func(t *testing.T, path string) {
		segs, err := parsePath(path)
		if err != nil {
			var e *PathError
			if !errors.As(err, &e) || e.Offset < 0 || e.Offset > len(path) {
				t.Fatalf("%q: %v", path, err)
			}
			return
		}
		plain := "$"
		for _, s := range segs {
			dots := "."
			if s.descendant {
				dots = ".."
				plain += dots
			}
			switch {
			case s.any && !s.listed:
				plain = strings.TrimSuffix(plain, "..") + dots + "*"
			case s.any:
				plain += "[*]"
			case s.named:
				quoted, _ := json.Marshal(s.name)
				plain += "[" + string(quoted) + "]"
			default:
				plain += fmt.Sprintf("[%d]", s.index)
			}
		}
		again, err := parsePath(plain)
		if err != nil || !slices.Equal(again, segs) {
			t.Fatalf("%q is %v; %q is %v, %v", path, segs, plain, again, err)
		}
	})
}
