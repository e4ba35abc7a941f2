package codec

import (
	"bytes"
	"errors"
	"strings"
	"testing"
)

// A lateScanner takes runs of digits for tagged values. It reads a byte only
// once two more have come, as a scanner does that looks for a delimiter.
type lateScanner struct {
	tags    *Splicer
	early   bool // holds more than it must: values may end in it
	pending []byte
	at      int64 // offset of pending
}

func (l *lateScanner) Scan(p []byte, _ int64) error {
	if l.early && len(l.pending) > 0 {
		l.tags.Hold(l.at)
	}
	l.pending = append(l.pending, p...)
	for len(l.pending) > 2 {
		l.step()
	}
	l.tags.Hold(l.at)
	return nil
}

func (l *lateScanner) step() {
	c, at := l.pending[0], l.at
	l.pending, l.at = l.pending[1:], at+1
	switch digit, tagged := c-'0' <= 9, l.tags.Rule() >= 0; {
	case digit && !tagged:
		l.tags.Begin(0, at)
	case !digit && tagged:
		f, _ := l.tags.Take(at)
		l.tags.Put(f, l, '<')
	}
}

func (l *lateScanner) End(int64) error {
	for len(l.pending) > 0 {
		l.step()
	}
	return nil
}

func (l *lateScanner) Free() {}

func (l *lateScanner) Encode(out *Output, room, got []byte, _ Kind) string {
	out.Commit(append(append(room, got...), '>'))
	return ""
}

// What Hold keeps back leaves later, with the replacements of values that begin
// in it, however the body is cut.
func TestHold(t *testing.T) {
	double := func(dst []byte, batch []Field) ([]byte, Kind, error) {
		if v := batch[0].Value; v[0] != '0' {
			return append(append(dst, v...), v...), Text, nil
		}
		return dst, 0, ErrKeep
	}
	format := Format{Name: "late", Scan: func(_ Body, s *Splicer) (Scanner, error) { return &lateScanner{tags: s, early: true}, nil }}
	const body = "a1b,23--0,4,05,6;" + "789-01-----" + "5x,"
	const want = "a<11>b,<2323>--0,<44>,05,<66>;" + "<789789>-01-----" + "<55>x,"
	sel := mustSelect(t, []Rule{{Path: "$"}})
	for first := range len(body) {
		for second := first; second <= len(body); second++ {
			for _, step := range []int{1, 2, 3, 4, len(body)} {
				var out Output
				w, err := format.New(Body{At: sel.Root(), Transform: double})
				if err != nil {
					t.Fatal(err)
				}
				pieces := []string{body[:first], body[first:second]}
				for rest := body[second:]; rest != ""; rest = rest[min(step, len(rest)):] {
					pieces = append(pieces, rest[:min(step, len(rest))])
				}
				for _, p := range pieces {
					if err := w.Write(&out, []byte(p)); err != nil {
						t.Fatal(err)
					}
				}
				if err := w.Close(&out); err != nil {
					t.Fatal(err)
				}
				if got := string(bytes.Join(out.Segments(), nil)); got != want {
					t.Fatalf("%s: %s", strings.Join(pieces, "|"), got)
				}
				w.Free()
				out.Reset()
			}
		}
	}
}

// What Hold keeps back does not count as part of a tagged value, since it may
// not be.
func TestHoldIsNoLength(t *testing.T) {
	format := Format{Name: "late", Scan: func(_ Body, s *Splicer) (Scanner, error) { return &lateScanner{tags: s}, nil }}
	sel := mustSelect(t, []Rule{{Path: "$"}})
	for body, ok := range map[string]bool{"a123bcd": true, "a1234cd": false} {
		for cut := range len(body) {
			var out Output
			w, err := format.New(Body{At: sel.Root(), Transform: keep, Limits: Limits{ValueBytes: 3}})
			if err != nil {
				t.Fatal(err)
			}
			err = w.Write(&out, []byte(body[:cut]))
			if err == nil {
				err = w.Write(&out, []byte(body[cut:]))
			}
			if (err == nil) != ok {
				t.Errorf("%s cut at %d: %v", body, cut, err)
			}
			w.Free()
			out.Reset()
		}
	}
}

// A replacement that has what ends its document is refused, also where escapes
// of a literal mean it.
func TestForbid(t *testing.T) {
	for _, tc := range []struct {
		kind   Kind
		got    string
		refuse bool
	}{
		{Text, "a--end", true}, {Text, "--end", true}, {Text, "a--en", false}, {Text, "", false}, {Bytes, "\xff--end", true},
		{Literal, `"a--end"`, true}, {Literal, `"a-\u002dend"`, true}, {Literal, `"a\n-end"`, false}, {Literal, `12`, false},
	} {
		format := Format{Name: "late", Scan: func(_ Body, s *Splicer) (Scanner, error) {
			s.Forbid([]byte("--end"))
			return &lateScanner{tags: s}, nil
		}}
		w, err := format.New(Body{At: mustSelect(t, []Rule{{Path: "$"}}).Root(), Transform: func(dst []byte, _ []Field) ([]byte, Kind, error) {
			return append(dst, tc.got...), tc.kind, nil
		}})
		if err != nil {
			t.Fatal(err)
		}
		var out Output
		err = w.Write(&out, []byte("a1bcd"))
		if e, ok := errors.AsType[*Error](err); ok != tc.refuse || ok && e.Code != WrongKind {
			t.Errorf("%d %q: %v", tc.kind, tc.got, err)
		}
		w.Free()
		out.Reset()
	}
}
