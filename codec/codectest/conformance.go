package codectest

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/sealmesh/sealmesh/codec"
)

// identity: a Writer that keeps every value gives the body back.
func (r *runner) identity(t *testing.T) {
	for _, body := range r.Bodies {
		for _, cuts := range Cuttings(len(body)) {
			got, err := r.rewrite(Keep, codec.Limits{}, body, cuts)
			if err != nil || got != body {
				t.Fatalf("%.200q cut at %v: %.200q, %v", body, cuts, got, err)
			}
		}
	}
}

// roundTrip seals and opens. If a byte outside a tagged value changed, or a
// value came back changed, the body would differ. Unescape is left out: it
// gives up how a string was escaped.
func (r *runner) roundTrip(t *testing.T) {
	exact := slices.Clone(r.Rules)
	for i := range exact {
		exact[i].Unescape = false
	}
	sel := Select(t, exact...)
	found := 0
	for _, body := range r.Bodies {
		var fields []Seen
		sealed, err := r.rewriteWith(sel, Record(&fields, Seal), codec.Limits{}, body, nil)
		if err != nil {
			t.Fatalf("%.200q: %v", body, err)
		}
		if (sealed == body) != (len(fields) == 0) {
			t.Errorf("%.200q: %d fields, but sealed is %.200q", body, len(fields), sealed)
		}
		opened, err := r.rewriteWith(sel, Open, codec.Limits{}, sealed, nil)
		if err != nil || opened != body {
			t.Errorf("%.200q: came back %.200q, %v", body, opened, err)
		}
		found += len(fields)
	}
	if found == 0 {
		t.Error("the corpus has no tagged value")
	}
}

// chunks: output and fields do not depend on the cuts.
func (r *runner) chunks(t *testing.T) {
	for _, body := range r.Bodies {
		var whole []Seen
		want, err := r.rewrite(Record(&whole, Seal), codec.Limits{}, body, nil)
		if err != nil {
			t.Fatal(err)
		}
		for _, cuts := range Cuttings(len(body)) {
			var cut []Seen
			got, err := r.rewrite(Record(&cut, Seal), codec.Limits{}, body, cuts)
			if err != nil || got != want || fmt.Sprint(cut) != fmt.Sprint(whole) {
				t.Fatalf("%.200q cut at %v: %.200q, fields %v, %v", body, cuts, got, cut, err)
			}
		}
	}
}

// growth: an Output knows by how much sealing made the body longer. A format
// with a Writer of its own may say less.
func (r *runner) growth(t *testing.T) {
	sealing := slices.Clone(r.Rules)
	for i := range sealing {
		sealing[i].Open = false
	}
	sel := Select(t, sealing...)
	for _, body := range r.Bodies {
		for _, cuts := range [][]int{nil, Everywhere(len(body), 3)} {
			b, err := r.body(sel, Seal, codec.Limits{})
			if err != nil {
				t.Fatal(err)
			}
			var out codec.Output
			sealed, err := rewriteInto(&out, r.format, b, body, cuts)
			by := len(sealed) - len(body)
			if err != nil || out.Growth() > by || r.format.Scan != nil && out.Growth() < by {
				t.Errorf("%.200q cut at %v: grew by %d, and not by %d; %v", body, cuts, by, out.Growth(), err)
			}
			out.Reset()
		}
	}
}

// batches: a Transform is called for the fields that it was shown before.
func (r *runner) batches(t *testing.T) {
	longest := 0
	for _, body := range r.Bodies {
		var ahead []Seen
		check := func(dst []byte, batch []codec.Field) ([]byte, codec.Kind, error) {
			var now []Seen
			for _, b := range batch {
				now = append(now, Seen{b.Rule, b.Kind, string(b.Value)})
			}
			if len(ahead) > 0 && fmt.Sprint(ahead[1:]) != fmt.Sprint(now) {
				return nil, 0, fmt.Errorf("was shown %v, then %v", ahead, now)
			}
			longest = max(longest, len(now))
			if ahead = now; len(now) == 1 {
				ahead = nil
			}
			return Seal(dst, batch)
		}
		if _, err := r.rewrite(check, codec.Limits{}, body, nil); err != nil {
			t.Errorf("%.200q: %v", body, err)
		}
	}
	if longest < 2 {
		t.Error("no body of the corpus has two tagged values")
	}
}

// refusals: a malformed body is refused with the same error however it is cut,
// and before any Transform if it came whole.
func (r *runner) refusals(t *testing.T) {
	for _, body := range r.Refused {
		var fields []Seen
		_, whole := r.rewrite(Record(&fields, Seal), codec.Limits{}, body, nil)
		var e *codec.Error
		if !errors.As(whole, &e) || e.Format != r.format.Name || e.Detail == "" {
			t.Errorf("%.200q: error is %v", body, whole)
			continue
		}
		if strings.Contains(whole.Error(), Canary) || e.Offset < 0 || e.Offset > int64(len(body)) {
			t.Errorf("%.200q: error is %v", body, whole)
		}
		if len(fields) != 0 && e.Code == codec.Malformed {
			t.Errorf("%.200q: refused after a Transform", body)
		}
		for _, cuts := range Cuttings(len(body)) {
			_, err := r.rewrite(Seal, codec.Limits{}, body, cuts)
			if err == nil || err.Error() != whole.Error() {
				t.Fatalf("%.200q cut at %v: %v, whole %v", body, cuts, err, whole)
			}
		}
	}
}

// limits: a body at a limit passes, and a body one past it is refused.
func (r *runner) limits(t *testing.T) {
	const n = 40
	many, wide := r.Many(n), r.Many
	if r.Records {
		wide = r.Wide
	}
	cases := []struct {
		name   string
		body   func(int) string
		limits codec.Limits
		code   codec.Code
	}{
		{"ValueBytes", r.Value, codec.Limits{ValueBytes: n}, codec.ValueLimit},
		{"Depth", r.Nested, codec.Limits{Depth: n}, codec.TooDeep},
		{"Fields", wide, codec.Limits{Fields: n}, codec.FieldLimit},
		{"NameBytes", r.Named, codec.Limits{NameBytes: n}, codec.NameLimit},
		{"default ValueBytes", shifted(r.Value, codec.DefaultValueBytes-n), codec.Limits{}, codec.ValueLimit},
		{"default Depth", shifted(r.Nested, codec.DefaultDepth-n), codec.Limits{}, codec.TooDeep},
		{"default Fields", shifted(wide, codec.DefaultFields-n), codec.Limits{}, codec.FieldLimit},
		{"default NameBytes", shifted(r.Named, codec.DefaultNameBytes-n), codec.Limits{}, codec.NameLimit},
		{"BodyBytes", func(k int) string { return r.Pad(many, k-n) }, codec.Limits{BodyBytes: int64(len(many))}, codec.TooLarge},
	}
	for _, tc := range cases {
		if tc.body == nil {
			continue
		}
		at, past := tc.body(n), tc.body(n+1)
		for _, cuts := range [][]int{nil, Everywhere(len(past), 1), Everywhere(len(past), 4093)} {
			if len(past) > 1<<14 && len(cuts) > 1<<14 {
				continue
			}
			if _, err := r.rewrite(Seal, tc.limits, at, clip(cuts, len(at))); err != nil {
				t.Errorf("%s at the limit: %v", tc.name, err)
			}
			_, err := r.rewrite(Seal, tc.limits, past, cuts)
			var e *codec.Error
			if !errors.As(err, &e) || e.Code != tc.code {
				t.Errorf("%s one past, %d cuts: %v", tc.name, len(cuts), err)
			}
		}
	}
}

// records: records have tagged values up to the limit each, and a chunk of many
// records is as one of few: at most two limits of values are collected.
func (r *runner) records(t *testing.T) {
	if !r.Records {
		t.Skip("a body is one record")
	}
	const limit = 7
	body := r.Many(10 * limit)
	want, err := r.rewrite(Seal, codec.Limits{}, body, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, cuts := range [][]int{nil, {len(body) / 3}, Everywhere(len(body), 1), Everywhere(len(body), len(body)/4)} {
		longest := 0
		seal := func(dst []byte, batch []codec.Field) ([]byte, codec.Kind, error) {
			longest = max(longest, len(batch))
			return Seal(dst, batch)
		}
		got, err := r.rewrite(seal, codec.Limits{Fields: limit}, body, cuts)
		if err != nil || got != want || longest > 2*limit || cuts == nil && longest < limit {
			t.Errorf("%d cuts: batches of %d, %.200q, %v", len(cuts), longest, got, err)
		}
	}
}

func shifted(f func(int) string, by int) func(int) string {
	if f == nil {
		return nil
	}
	return func(n int) string { return f(n + by) }
}

func clip(cuts []int, n int) []int {
	for len(cuts) > 0 && cuts[len(cuts)-1] > n {
		cuts = cuts[:len(cuts)-1]
	}
	return cuts
}

// spent: after an error nothing is read and no Transform is called.
func (r *runner) spent(t *testing.T) {
	refuse := errors.New("refused by the test")
	body := r.Many(3)
	calls := 0
	w := r.writer(t, func(dst []byte, _ []codec.Field) ([]byte, codec.Kind, error) {
		if calls++; calls == 2 {
			return dst, 0, refuse
		}
		return dst, 0, codec.ErrKeep
	})
	defer w.Free()
	var out codec.Output
	defer out.Reset()
	err := w.Write(&out, []byte(body))
	if err == nil {
		err = w.Close(&out)
	}
	if !errors.Is(err, refuse) || calls != 2 {
		t.Fatalf("%v after %d calls", err, calls)
	}
	if err := w.Write(&out, []byte(body)); !errors.Is(err, refuse) {
		t.Errorf("Write afterwards: %v", err)
	}
	if err := w.Close(&out); !errors.Is(err, refuse) {
		t.Errorf("Close afterwards: %v", err)
	}
	if calls != 2 {
		t.Errorf("%d calls", calls)
	}
}

// free ends Writers at every place of a body and of a refusal, then uses the
// recycled Writers.
func (r *runner) free(t *testing.T) {
	for _, body := range append(append([]string{r.Many(5), r.Value(500)}, r.Refused...), r.Bodies...) {
		for end := 0; end <= len(body); end += 1 + end/40 {
			var out codec.Output
			w := r.writer(t, Seal)
			_ = w.Write(&out, []byte(body[:end]))
			if end%2 == 0 {
				_ = w.Close(&out)
			}
			w.Free()
			out.Reset()
		}
	}
	r.chunks(t)
}

// clears: after Free and Reset, no memory that a Transform saw holds anything.
func (r *runner) clears(t *testing.T) {
	var memory [][]byte
	var out codec.Output
	w := r.writer(t, func(dst []byte, batch []codec.Field) ([]byte, codec.Kind, error) {
		got, kind, err := Seal(dst, batch)
		memory = append(memory, batch[0].Value, dst[:cap(dst)], got[:cap(got)])
		return got, kind, err
	})
	for _, c := range []byte(r.Value(500)) { // every value is held, none aliases the input
		if err := w.Write(&out, []byte{c}); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(&out); err != nil {
		t.Fatal(err)
	}
	memory = append(memory, out.Segments()...)
	w.Free()
	out.Reset()
	if len(memory) < 4 {
		t.Fatal("no Transform was called")
	}
	for i, m := range memory {
		if len(bytes.Trim(m, "\x00")) != 0 {
			t.Errorf("memory %d of %d is not cleared", i, len(memory))
		}
	}
}

// raw: a raw value is written only in a position of the format's own.
func (r *runner) raw(t *testing.T) {
	for p := range codec.Position(8) {
		if slices.Contains(r.Positions, p) {
			continue
		}
		tr := func(dst []byte, _ []codec.Field) ([]byte, codec.Kind, error) {
			return append(dst, byte(p), 'x'), codec.Raw, nil
		}
		_, err := r.rewrite(tr, codec.Limits{}, r.Many(1), nil)
		if e, ok := errors.AsType[*codec.Error](err); !ok || e.Code != codec.WrongKind || e.Format != r.format.Name {
			t.Errorf("position %d: %v", p, err)
		}
	}
}
