// Package codectest is the conformance suite of body formats. A format runs the
// suite from a test in its own folder, with documents of its own:
//
//	func TestConformance(t *testing.T) {
//		codectest.Run(t, &Format, codectest.Corpus{Bodies: …})
//	}
//
// The package also has what other tests of a format need: functions that run a
// Writer over a body that is cut, and an oracle that knows the owner of a
// value.
package codectest

import (
	"testing"

	"github.com/sealmesh/sealmesh/codec"
)

// Canary is a text for values and names of refused bodies. No error may show
// it.
const Canary = "CANARY"

// A Corpus is what the suite needs to know of a format. Rules must tag values
// of Bodies and of the documents for the limits.
type Corpus struct {
	Rules   []codec.Rule
	Options codec.Options
	Params  codec.Params    // of the media type
	Path    string          // of the request, if the format looks at it
	Sent    codec.Direction // of the messages that have the bodies
	Bodies  []string        // well-formed: with no, one and two tagged values
	Refused []string        // not well-formed
	// Documents for the limits. A format without such a limit has
	// no function for it; Value, Many and Pad it must have.
	Value  func(n int) string // one tagged value that takes n bytes of the body
	Nested func(n int) string // n levels deep
	Many   func(n int) string // n tagged values
	// Records says that bodies are records: each value of Many is in its own. Wide
	// makes one record with n tagged values, if a record can have any number.
	Records bool
	Wide    func(n int) string
	Named   func(n int) string // one name of n bytes that must be compared
	// Called makes a document with a member of that name, which it encodes as the
	// format does. It is nil for a format in which names are not the client's.
	Called func(name string) string
	// Pad makes a body of Many longer by n bytes, 0 or 1, and changes nothing but
	// blanks. A format without blanks may make a value longer.
	Pad func(body string, n int) string
	// Positions are the format's own, in which it writes raw values.
	Positions []codec.Position
}

// Run holds f to what package codec promises of every format:
//
//   - identity: a Writer that keeps every value gives the body back.
//   - round trip: what is sealed and opened again is the body.
//   - chunks: output and fields do not depend on how the body was cut.
//   - growth: Output.Growth is by how much sealing makes the body longer.
//   - batches: a Transform is called for what it was shown before.
//   - refusals: a malformed body gives one error, however it was cut.
//   - limits: a body at a limit passes, and a body past it is refused.
//   - records: the limit of fields is about one record, and memory too.
//   - spent: after an error a Writer does nothing.
//   - free: a recycled Writer knows nothing of the last body.
//   - clears: after Free and Reset, no memory holds a value.
//   - raw: a raw value is written only in a position of the format's own.
//   - texts: any text is refused, or is one value when it is read again.
//   - envelopes: a value that holds an envelope is refused, unless a rule takes
//     the envelope.
//   - names: a name that holds an envelope is refused.
//   - inside: documents inside a body give what they give alone.
//   - interleaved: Writers do not disturb each other.
//   - validates: a Writer without rules gives the body back.
//
// The suite cannot prove all. A format's own tests show what it must refuse of
// its grammar, by a second parser where there is one. [Allocs] shows that
// neither a body nor a field allocates.
func Run(t *testing.T, f *codec.Format, c Corpus) {
	r := newRunner(t, f, c)
	for name, check := range map[string]func(*testing.T){
		"identity":    r.identity,
		"round trip":  r.roundTrip,
		"chunks":      r.chunks,
		"batches":     r.batches,
		"growth":      r.growth,
		"refusals":    r.refusals,
		"limits":      r.limits,
		"records":     r.records,
		"spent":       r.spent,
		"free":        r.free,
		"clears":      r.clears,
		"raw":         r.raw,
		"texts":       r.texts,
		"inside":      r.inside,
		"interleaved": r.interleaved,
		"names":       r.names,
		"envelopes":   r.envelopes,
		"validates":   r.validates,
	} {
		t.Run(name, check)
	}
}

// A runner runs the suite for one format.
type runner struct {
	format *codec.Format
	Corpus
	sel     *codec.Selector
	checked map[*codec.Selector]any // what Check has returned
}

func newRunner(t *testing.T, f *codec.Format, c Corpus) *runner {
	return &runner{f, c, Select(t, c.Rules...), make(map[*codec.Selector]any)}
}

// rewrite runs body through a Writer of the runner's format, cut as cuts say.
func (r *runner) rewrite(tr codec.Transform, l codec.Limits, body string, cuts []int) (string, error) {
	return r.rewriteWith(r.sel, tr, l, body, cuts)
}

func (r *runner) rewriteWith(sel *codec.Selector, tr codec.Transform, l codec.Limits, body string, cuts []int) (string, error) {
	b, err := r.body(sel, tr, l)
	if err != nil {
		return "", err
	}
	return RewriteBody(r.format, b, body, cuts)
}

func (r *runner) body(sel *codec.Selector, tr codec.Transform, l codec.Limits) (codec.Body, error) {
	checked, ok := r.checked[sel]
	var err error
	if !ok {
		checked, err = r.format.Check(sel, r.Options)
		r.checked[sel] = checked
	}
	return codec.Body{At: sel.Root(), Checked: checked, Transform: tr, Limits: l, Params: r.Params, Direction: r.Sent, Method: "POST", Path: r.Path}, err
}

// writer makes a Writer.
func (r *runner) writer(t *testing.T, tr codec.Transform) codec.Writer {
	t.Helper()
	b, err := r.body(r.sel, tr, codec.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	w, err := r.format.New(b)
	if err != nil {
		t.Fatal(err)
	}
	return w
}
