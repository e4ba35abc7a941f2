package codec

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

// canary stands in values and names of corpora; no error may ever show it.
const canary = "CANARY"

// A corpus is what the conformance suite needs to know of a format.
type corpus struct {
	rules   []Rule
	bodies  []string           // well-formed, with and without tagged values
	refused []string           // not well-formed
	value   func(n int) string // one tagged value that takes n bytes of the body
	nested  func(n int) string // n levels deep; nil when the format is flat
	many    func(n int) string // n tagged values
	named   func(n int) string // one name of n bytes that must be compared
}

var corpora = map[string]corpus{"json": jsonCorpus}

func TestConformance(t *testing.T) {
	for _, f := range Formats() {
		c, ok := corpora[f.Name]
		if !ok {
			t.Fatalf("%s has no corpus", f.Name)
		}
		sel := mustSelect(t, c.rules)
		for name, check := range map[string]func(*testing.T, Format, corpus, *Selector){
			"identity":   testIdentity,
			"round trip": testRoundTrip,
			"chunks":     testChunks,
			"batches":    testBatches,
			"refusals":   testRefusals,
			"limits":     testLimits,
			"spent":      testSpent,
			"free":       testFree,
		} {
			t.Run(f.Name+"/"+name, func(t *testing.T) { check(t, f, c, sel) })
		}
	}
}

func mustSelect(t testing.TB, rules []Rule) *Selector {
	t.Helper()
	sel, err := NewSelector(rules)
	if err != nil {
		t.Fatal(err)
	}
	return sel
}

// A seen is a Field that outlives its call.
type seen struct {
	rule  int
	kind  Kind
	value string
}

// rewrite runs body through a Writer, cut as cuts say.
func rewrite(f Format, sel *Selector, tr Transform, l Limits, body string, cuts []int) (string, error) {
	var out Output
	defer out.Reset()
	w := f.New(sel, tr, l)
	defer w.Free()
	at := 0
	for _, end := range append(cuts, len(body)) {
		if err := w.Write(&out, []byte(body[at:end])); err != nil {
			return "", err
		}
		at = end
	}
	if err := w.Close(&out); err != nil {
		return "", err
	}
	got := string(bytes.Join(out.Segments(), nil))
	if len(got) != out.Len() {
		return "", fmt.Errorf("Len is %d, segments hold %d", out.Len(), len(got))
	}
	return got, nil
}

// cuttings returns ways to cut n bytes: not at all, at every multiple of a few
// lengths, once at every place if n is small, and at random.
func cuttings(n int) [][]int {
	all := [][]int{nil}
	for _, step := range []int{1, 2, 3, 5, 8, 64, 1000} {
		var cuts []int
		for i := step; i < n; i += step {
			cuts = append(cuts, i)
		}
		all = append(all, cuts)
	}
	for i := range min(n, 300) {
		all = append(all, []int{i}, []int{i, i}) // the second with an empty chunk
	}
	r := rand.New(rand.NewPCG(1, uint64(n)))
	for range 20 {
		var cuts []int
		for i := r.IntN(9); i < n; i += r.IntN(9) {
			cuts = append(cuts, i)
		}
		all = append(all, cuts)
	}
	return all
}

func keep(dst []byte, _ []Field) ([]byte, Kind, error) { return dst, Keep, nil }

// sealing gives a text from which opening knows the value and its kind again.
func sealing(dst []byte, batch []Field) ([]byte, Kind, error) {
	dst = append(dst, '0'+byte(batch[0].Kind))
	return hex.AppendEncode(dst, batch[0].Value), Text, nil
}

func opening(dst []byte, batch []Field) ([]byte, Kind, error) {
	v := batch[0].Value
	if batch[0].Kind != Text || len(v) == 0 {
		return nil, 0, errors.New("not sealed")
	}
	dst, err := hex.AppendDecode(dst, v[1:])
	return dst, Kind(v[0] - '0'), err
}

func recording(to *[]seen, next Transform) Transform {
	return func(dst []byte, batch []Field) ([]byte, Kind, error) {
		*to = append(*to, seen{batch[0].Rule, batch[0].Kind, string(batch[0].Value)})
		return next(dst, batch)
	}
}

func testIdentity(t *testing.T, f Format, c corpus, sel *Selector) {
	for _, body := range c.bodies {
		for _, cuts := range cuttings(len(body)) {
			got, err := rewrite(f, sel, keep, Limits{}, body, cuts)
			if err != nil || got != body {
				t.Fatalf("%.200q cut at %v: %.200q, %v", body, cuts, got, err)
			}
		}
	}
}

// testRoundTrip seals and opens: had a byte outside a tagged value changed, or a
// value come back otherwise, the body would not be what it was. Unescape, which gives
// up how a string was escaped, is left out.
func testRoundTrip(t *testing.T, f Format, c corpus, _ *Selector) {
	exact := slices.Clone(c.rules)
	for i := range exact {
		exact[i].Unescape = false
	}
	sel := mustSelect(t, exact)
	found := 0
	for _, body := range c.bodies {
		var fields []seen
		sealed, err := rewrite(f, sel, recording(&fields, sealing), Limits{}, body, nil)
		if err != nil {
			t.Fatalf("%.200q: %v", body, err)
		}
		if (sealed == body) != (len(fields) == 0) {
			t.Errorf("%.200q: %d fields, but sealed is %.200q", body, len(fields), sealed)
		}
		opened, err := rewrite(f, sel, opening, Limits{}, sealed, nil)
		if err != nil || opened != body {
			t.Errorf("%.200q: came back %.200q, %v", body, opened, err)
		}
		found += len(fields)
	}
	if found == 0 {
		t.Error("the corpus has no tagged value")
	}
}

func testChunks(t *testing.T, f Format, c corpus, sel *Selector) {
	for _, body := range c.bodies {
		var whole []seen
		want, err := rewrite(f, sel, recording(&whole, sealing), Limits{}, body, nil)
		if err != nil {
			t.Fatal(err)
		}
		for _, cuts := range cuttings(len(body)) {
			var cut []seen
			got, err := rewrite(f, sel, recording(&cut, sealing), Limits{}, body, cuts)
			if err != nil || got != want || fmt.Sprint(cut) != fmt.Sprint(whole) {
				t.Fatalf("%.200q cut at %v: %.200q, fields %v, %v", body, cuts, got, cut, err)
			}
		}
	}
}

// testBatches: what a Transform is shown ahead is what it is called with later.
func testBatches(t *testing.T, f Format, c corpus, sel *Selector) {
	longest := 0
	for _, body := range c.bodies {
		var ahead []seen
		check := func(dst []byte, batch []Field) ([]byte, Kind, error) {
			var now []seen
			for _, b := range batch {
				now = append(now, seen{b.Rule, b.Kind, string(b.Value)})
			}
			if len(ahead) > 0 && fmt.Sprint(ahead[1:]) != fmt.Sprint(now) {
				return nil, 0, fmt.Errorf("was shown %v, then %v", ahead, now)
			}
			longest = max(longest, len(now))
			if ahead = now; len(now) == 1 {
				ahead = nil
			}
			return sealing(dst, batch)
		}
		if _, err := rewrite(f, sel, check, Limits{}, body, nil); err != nil {
			t.Errorf("%.200q: %v", body, err)
		}
	}
	if longest < 2 {
		t.Error("no body of the corpus has two tagged values")
	}
}

// testRefusals: a malformed body is refused with the same error however it is cut,
// and before any Transform if it came whole.
func testRefusals(t *testing.T, f Format, c corpus, sel *Selector) {
	for _, body := range c.refused {
		var fields []seen
		_, whole := rewrite(f, sel, recording(&fields, sealing), Limits{}, body, nil)
		var e *Error
		if !errors.As(whole, &e) || e.Format != f.Name || e.Detail == "" {
			t.Errorf("%.200q: error is %v", body, whole)
			continue
		}
		if strings.Contains(whole.Error(), canary) || e.Offset < 0 || e.Offset > int64(len(body)) {
			t.Errorf("%.200q: error is %v", body, whole)
		}
		if len(fields) != 0 && e.Code == Malformed {
			t.Errorf("%.200q: refused after a Transform", body)
		}
		for _, cuts := range cuttings(len(body)) {
			_, err := rewrite(f, sel, sealing, Limits{}, body, cuts)
			if err == nil || err.Error() != whole.Error() {
				t.Fatalf("%.200q cut at %v: %v, whole %v", body, cuts, err, whole)
			}
		}
	}
}

func testLimits(t *testing.T, f Format, c corpus, sel *Selector) {
	const n = 40
	many := c.many(n)
	cases := []struct {
		name   string
		body   func(int) string
		limits Limits
		code   Code
	}{
		{"ValueBytes", c.value, Limits{ValueBytes: n}, ValueLimit},
		{"Depth", c.nested, Limits{Depth: n}, TooDeep},
		{"Fields", c.many, Limits{Fields: n}, FieldLimit},
		{"NameBytes", c.named, Limits{NameBytes: n}, NameLimit},
		{"default ValueBytes", shifted(c.value, DefaultValueBytes-n), Limits{}, ValueLimit},
		{"default Depth", shifted(c.nested, DefaultDepth-n), Limits{}, TooDeep},
		{"default Fields", shifted(c.many, DefaultFields-n), Limits{}, FieldLimit},
		{"default NameBytes", shifted(c.named, DefaultNameBytes-n), Limits{}, NameLimit},
		{"BodyBytes", func(k int) string { return many + strings.Repeat(" ", k-n) }, Limits{BodyBytes: int64(len(many))}, TooLarge},
	}
	for _, tc := range cases {
		if tc.body == nil {
			continue
		}
		at, past := tc.body(n), tc.body(n+1)
		for _, cuts := range [][]int{nil, everywhere(len(past), 1), everywhere(len(past), 4093)} {
			if len(past) > 1<<14 && len(cuts) > 1<<14 {
				continue
			}
			if _, err := rewrite(f, sel, sealing, tc.limits, at, clip(cuts, len(at))); err != nil {
				t.Errorf("%s at the limit: %v", tc.name, err)
			}
			_, err := rewrite(f, sel, sealing, tc.limits, past, cuts)
			var e *Error
			if !errors.As(err, &e) || e.Code != tc.code {
				t.Errorf("%s one past, %d cuts: %v", tc.name, len(cuts), err)
			}
		}
	}
}

func shifted(f func(int) string, by int) func(int) string {
	if f == nil {
		return nil
	}
	return func(n int) string { return f(n + by) }
}

func everywhere(n, step int) (cuts []int) {
	for i := step; i < n; i += step {
		cuts = append(cuts, i)
	}
	return cuts
}

func clip(cuts []int, n int) []int {
	for len(cuts) > 0 && cuts[len(cuts)-1] > n {
		cuts = cuts[:len(cuts)-1]
	}
	return cuts
}

// testSpent: after an error nothing is read and no Transform is called.
func testSpent(t *testing.T, f Format, c corpus, sel *Selector) {
	refuse := errors.New("refused by the test")
	body := c.many(3)
	calls := 0
	w := f.New(sel, func(dst []byte, _ []Field) ([]byte, Kind, error) {
		if calls++; calls == 2 {
			return dst, 0, refuse
		}
		return dst, Keep, nil
	}, Limits{})
	defer w.Free()
	var out Output
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

// testFree ends Writers at every place of a body and of a refusal, then uses the
// recycled ones.
func testFree(t *testing.T, f Format, c corpus, sel *Selector) {
	for _, body := range append(append([]string{c.many(5), c.value(500)}, c.refused...), c.bodies...) {
		for end := 0; end <= len(body); end += 1 + end/40 {
			var out Output
			w := f.New(sel, sealing, Limits{})
			_ = w.Write(&out, []byte(body[:end]))
			if end%2 == 0 {
				_ = w.Close(&out)
			}
			w.Free()
			out.Reset()
		}
	}
	testChunks(t, f, c, sel)
}
