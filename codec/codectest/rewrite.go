package codectest

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/sealmesh/sealmesh/codec"
)

// Select compiles rules.
func Select(t testing.TB, rules ...codec.Rule) *codec.Selector {
	t.Helper()
	sel, err := codec.NewSelector(rules)
	if err != nil {
		t.Fatal(err)
	}
	return sel
}

// Fold compiles rules for names in any case.
func Fold(t testing.TB, rules ...codec.Rule) *codec.Selector {
	t.Helper()
	sel, err := codec.NewFoldingSelector(rules)
	if err != nil {
		t.Fatal(err)
	}
	return sel
}

// NewWriter makes a Writer of f for a whole document. Without a Selector it
// only validates.
func NewWriter(f *codec.Format, sel *codec.Selector, tr codec.Transform, l codec.Limits) (codec.Writer, error) {
	b, err := NewBody(f, sel, tr, l)
	if err != nil {
		return nil, err
	}
	return f.New(b)
}

// NewBody is what NewWriter makes a Writer of.
func NewBody(f *codec.Format, sel *codec.Selector, tr codec.Transform, l codec.Limits) (codec.Body, error) {
	b := codec.Body{Transform: tr, Limits: l, Method: "POST"}
	if sel == nil {
		return b, nil
	}
	var err error
	b.At = sel.Root()
	b.Checked, err = f.Check(sel, codec.Options{})
	return b, err
}

// Rewrite runs body through a Writer of f, cut at the offsets of cuts, and
// returns what leaves.
func Rewrite(f *codec.Format, sel *codec.Selector, tr codec.Transform, l codec.Limits, body string, cuts []int) (string, error) {
	b, err := NewBody(f, sel, tr, l)
	if err != nil {
		return "", err
	}
	return RewriteBody(f, b, body, cuts)
}

// RewriteBody runs body through a Writer of f that is made of b.
func RewriteBody(f *codec.Format, b codec.Body, body string, cuts []int) (string, error) {
	var out codec.Output
	defer out.Reset()
	return rewriteInto(&out, f, b, body, cuts)
}

func rewriteInto(out *codec.Output, f *codec.Format, b codec.Body, body string, cuts []int) (string, error) {
	w, err := f.New(b)
	if err != nil {
		return "", err
	}
	defer w.Free()
	at := 0
	for _, end := range append(cuts, len(body)) {
		if err := w.Write(out, []byte(body[at:end])); err != nil {
			return "", err
		}
		at = end
	}
	if err := w.Close(out); err != nil {
		return "", err
	}
	got := string(bytes.Join(out.Segments(), nil))
	if len(got) != out.Len() {
		return "", fmt.Errorf("Len is %d, segments hold %d", out.Len(), len(got))
	}
	return got, nil
}

// Cuttings returns ways to cut n bytes: not at all, at every multiple of a few
// lengths, once at every place if n is small, and at random.
func Cuttings(n int) [][]int {
	all := [][]int{nil}
	for _, step := range []int{1, 2, 3, 5, 8, 64, 1000} {
		all = append(all, Everywhere(n, step))
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

// Everywhere returns the cuts of n bytes into chunks of step bytes.
func Everywhere(n, step int) (cuts []int) {
	for i := step; i < n; i += step {
		cuts = append(cuts, i)
	}
	return cuts
}

// Keep is a Transform that leaves every value as it is.
func Keep(dst []byte, _ []codec.Field) ([]byte, codec.Kind, error) { return dst, 0, codec.ErrKeep }

// Seal is a Transform that gives a text from which [Open] gets the value and
// its kind again.
func Seal(dst []byte, batch []codec.Field) ([]byte, codec.Kind, error) {
	dst = append(dst, '0'+byte(batch[0].Kind))
	return hex.AppendEncode(dst, batch[0].Value), codec.Text, nil
}

// Open is a Transform that undoes [Seal]. Where no rule opens, a binary value
// is Bytes, whatever text it has.
func Open(dst []byte, batch []codec.Field) ([]byte, codec.Kind, error) {
	v := batch[0].Value
	if k := batch[0].Kind; k != codec.Text && k != codec.Bytes || len(v) == 0 {
		return nil, 0, errors.New("not sealed")
	}
	dst, err := hex.AppendDecode(dst, v[1:])
	return dst, codec.Kind(v[0] - '0'), err
}

// A Seen is a Field that outlives its call.
type Seen struct {
	Rule  int
	Kind  codec.Kind
	Value string
}

// Record adds each field that a Transform is called for to a list, and calls
// next.
func Record(to *[]Seen, next codec.Transform) codec.Transform {
	return func(dst []byte, batch []codec.Field) ([]byte, codec.Kind, error) {
		*to = append(*to, Seen{batch[0].Rule, batch[0].Kind, string(batch[0].Value)})
		return next(dst, batch)
	}
}
