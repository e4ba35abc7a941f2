package codectest

import (
	"errors"
	"strings"
	"testing"

	"github.com/sealmesh/sealmesh/codec"
)

// head begins the envelopes of the suite; isHead, as in [codec.Guard], knows no
// other.
const head = "sm1.AQGJxeVr9DANSoVUOVvS8SoA"

func isHead(text []byte) bool { return string(text) == head }

// validates: a Writer without rules gives the body back.
func (r *runner) validates(t *testing.T) {
	b, err := r.body(r.sel, nil, codec.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	b.At = codec.Cursor{} // and no Transform, but settings
	for _, body := range r.Bodies {
		for _, cuts := range Cuttings(len(body)) {
			if got, err := RewriteBody(r.format, b, body, cuts); err != nil || got != body {
				t.Fatalf("%.200q cut at %v: %.200q, %v", body, cuts, got, err)
			}
		}
	}
}

// envelopes: a value that holds an envelope is refused, unless a rule with Open
// or Envelopes takes it.
func (r *runner) envelopes(t *testing.T) {
	put := func(dst []byte, _ []codec.Field) ([]byte, codec.Kind, error) {
		return append(dst, "x"+head+"x"...), codec.Text, nil
	}
	all := func(change func(*codec.Rule)) *codec.Selector {
		rules := append([]codec.Rule(nil), r.Rules...)
		for i := range rules {
			change(&rules[i])
		}
		return Select(t, rules...).Guarded(codec.Guard{Envelope: isHead})
	}
	for name, tc := range map[string]struct {
		sel   *codec.Selector
		taken bool
	}{
		"without rules":        {Select(t).Guarded(codec.Guard{Envelope: isHead}), false},
		"rules that seal":      {all(func(*codec.Rule) {}), false},
		"rules with Open":      {all(func(rule *codec.Rule) { rule.Open = true }), true},
		"rules with Envelopes": {all(func(rule *codec.Rule) { rule.Envelopes = true }), true},
	} {
		for _, body := range append([]string{r.Many(3)}, r.Bodies...) {
			sealed, err := r.rewrite(put, codec.Limits{}, body, nil)
			if err != nil {
				t.Fatalf("%.200q: %v", body, err)
			}
			if sealed == body {
				continue // no value is tagged
			}
			for _, cuts := range Cuttings(len(sealed)) {
				got, err := r.rewriteWith(tc.sel, r.sees(t), codec.Limits{}, sealed, cuts)
				e, ok := errors.AsType[*codec.Error](err)
				switch {
				case tc.taken && (err != nil || got != sealed):
					t.Fatalf("%s: %.200q cut at %v: %.200q, %v", name, sealed, cuts, got, err)
				case !tc.taken && (!ok || e.Code != codec.EnvelopeFound):
					t.Fatalf("%s: %.200q cut at %v: %v, want %s", name, sealed, cuts, err, codec.EnvelopeFound)
				}
			}
		}
	}
}

// names: a name that holds an envelope is refused, whatever rules there are.
func (r *runner) names(t *testing.T) {
	if r.Called == nil {
		t.Skip("the corpus makes no names")
	}
	rules := append([]codec.Rule(nil), r.Rules...)
	for i := range rules {
		rules[i].Open = true
	}
	for _, sel := range []*codec.Selector{r.sel, Select(t), Select(t, rules...)} {
		sel = sel.Guarded(codec.Guard{Envelope: isHead})
		for name, refused := range map[string]bool{head: true, "x" + head: true, head + ".x": true, head[:len(head)-1] + "!": false, "x": false} {
			body := r.Called(name)
			for _, cuts := range Cuttings(len(body)) {
				got, err := r.rewriteWith(sel, Keep, codec.Limits{}, body, cuts)
				e, _ := errors.AsType[*codec.Error](err)
				if refused && (e == nil || e.Code != codec.EnvelopeFound) || !refused && (err != nil || got != body) {
					t.Fatalf("%.200q cut at %v: %.200q, %v", body, cuts, got, err)
				}
			}
		}
	}
}

// sees returns a Transform that keeps values, each of which must be a text that
// holds an envelope.
func (r *runner) sees(t *testing.T) codec.Transform {
	return func(dst []byte, batch []codec.Field) ([]byte, codec.Kind, error) {
		f := &batch[0]
		if f.Kind != codec.Text || !strings.Contains(string(f.Value), head) || !r.format.HoldsEnvelope(f, isHead) {
			t.Errorf("field of kind %d, %.200q: want a text in which HoldsEnvelope finds an envelope", f.Kind, f.Value)
		}
		return dst, 0, codec.ErrKeep
	}
}

// texts: any text that replaces a value is refused, or is that one value when
// the body is read again. Otherwise an opened value could add members.
func (r *runner) texts(t *testing.T) {
	body := r.Many(1)
	for c := range 256 {
		text := "a" + string([]byte{byte(c)}) + "b"
		put := func(dst []byte, _ []codec.Field) ([]byte, codec.Kind, error) {
			return append(dst, text...), codec.Text, nil
		}
		got, err := r.rewrite(put, codec.Limits{}, body, nil)
		if e, ok := errors.AsType[*codec.Error](err); ok && e.Code == codec.WrongKind {
			continue
		}
		var seen []Seen
		_, again := r.rewrite(Record(&seen, Keep), codec.Limits{}, got, nil)
		if err != nil || again != nil || len(seen) != 1 || seen[0].Kind == codec.Text && seen[0].Value != text {
			t.Errorf("text %q: %v; written as %.200q, and read again as %v, %v", text, err, got, seen, again)
		}
	}
}
