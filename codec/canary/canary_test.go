package canary

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sealmesh/sealmesh/codec"
	"github.com/sealmesh/sealmesh/codec/codectest"
)

// canary is a value that no reader may read where a rule tags it.
const canary = "CANARY"

// batch is the number of bodies that readers get at once, and smoke the number
// of bodies of each format without CANARY_BODIES.
const (
	batch = 1000
	smoke = 2000
)

// A format is a body format with what its canary needs.
type format struct {
	name     string // of its seeds in testdata
	format   *codec.Format
	options  codec.Options
	body     codec.Body // what it says of its message
	rules    []string
	plain    string // a body whose canary every reader reads where a rule tags it
	generate func(r *rand.Rand) []byte
	readers  []reader
}

// run reads seeds and generated bodies. "make canary" says how many, or how
// long at most.
func run(t *testing.T, f format) {
	t.Helper()
	var rules []codec.Rule
	for _, path := range f.rules {
		rules = append(rules, codec.Rule{Path: path})
	}
	sel := codectest.Select(t, rules...)
	checked, err := f.format.Check(sel, f.options)
	if err != nil {
		t.Fatal(err)
	}
	f.readers = slices.DeleteFunc(f.readers, func(r reader) bool { return r.read == nil })
	c := &comparison{format: f, sel: sel, body: f.body}
	c.body.At, c.body.Checked, c.body.Transform, c.body.Method = sel.Root(), checked, seal, "POST"
	c.proveReaders(t)
	c.compare(t, seeds(t, f.name))
	count, seed := smoke, uint64(1)
	if s := os.Getenv("CANARY_BODIES"); s != "" {
		if count, err = strconv.Atoi(s); err != nil {
			t.Fatal(err)
		}
		seed = uint64(time.Now().UnixNano())
	}
	t.Logf("%s: random seed %d", f.name, seed)
	start, end := time.Now(), time.Now().AddDate(1, 0, 0)
	if s := os.Getenv("CANARY_TIME"); s != "" {
		d, err := time.ParseDuration(s)
		if err != nil {
			t.Fatal(err)
		}
		end = start.Add(d)
	}
	r := rand.New(rand.NewPCG(seed, 2))
	for done := 0; done < count && !t.Failed() && time.Now().Before(end); done += batch {
		bodies := make([][]byte, min(batch, count-done))
		for i := range bodies {
			bodies[i] = f.generate(r)
		}
		c.compare(t, bodies)
		if before, after := done*10/count, (done+len(bodies))*10/count; before < after && count > smoke {
			fmt.Printf("%s: %d of %d bodies, %.0f a second\n", f.name, done+len(bodies), count, float64(done+len(bodies))/time.Since(start).Seconds())
		}
	}
	t.Logf("%s: %d bodies, of which %d were refused and %d had sealed values; readers read %d canaries elsewhere",
		f.name, c.bodies, c.refused, c.sealed, c.elsewhere)
	if c.refused == c.bodies || c.sealed == 0 || c.elsewhere == 0 {
		t.Error("the bodies show nothing")
	}
}

// A comparison is the state of a run.
type comparison struct {
	format
	sel  *codec.Selector
	body codec.Body

	mu                                 sync.Mutex
	bodies, refused, sealed, elsewhere int
}

// seal gives a text for any value.
func seal(dst []byte, _ []codec.Field) ([]byte, codec.Kind, error) {
	return append(dst, "sm1.sealed"...), codec.Text, nil
}

// proveReaders shows that each reader would find canaries that are not sealed:
// that of the plain body, and some in generated bodies that we take.
func (c *comparison) proveReaders(t *testing.T) {
	t.Helper()
	r := rand.New(rand.NewPCG(1, 1))
	bodies := [][]byte{[]byte(c.plain)}
	for len(bodies) <= batch {
		b := c.generate(r)
		if _, err := codectest.RewriteBody(c.format.format, c.body, string(b), nil); err == nil {
			bodies = append(bodies, b)
		}
	}
	for _, r := range c.readers {
		found, plain := 0, false
		for i, readings := range r.read(t, bodies) {
			for _, got := range readings {
				if strings.Contains(got.value, canary) && owner(c.sel, got.path) >= 0 {
					plain, found = plain || i == 0, found+1
				}
			}
		}
		if !plain {
			t.Fatalf("%s does not read the canary in %q", r.name, c.plain)
		}
		t.Logf("%s: %s reads %d tagged canaries in %d bodies before they are sealed", c.name, r.name, found, batch)
	}
}

// compare seals bodies and gives what leaves to every reader.
func (c *comparison) compare(t *testing.T, bodies [][]byte) {
	t.Helper()
	var sealed, original [][]byte
	for _, b := range bodies {
		c.bodies++
		got, err := codectest.RewriteBody(c.format.format, c.body, string(b), nil)
		if err != nil {
			c.refused++
			continue
		}
		if got != string(b) {
			c.sealed++
		}
		sealed, original = append(sealed, []byte(got)), append(original, b)
	}
	var wait sync.WaitGroup
	for _, r := range c.readers {
		wait.Go(func() {
			for i, readings := range r.read(t, sealed) {
				c.check(t, r.name, original[i], sealed[i], readings)
			}
		})
	}
	wait.Wait()
}

// check fails if a reading is the canary where a rule tags it.
func (c *comparison) check(t *testing.T, name string, original, sealed []byte, readings []reading) {
	elsewhere := 0
	for _, r := range readings {
		if !strings.Contains(r.value, canary) {
			continue
		}
		if rule := owner(c.sel, r.path); rule >= 0 {
			t.Errorf("%s reads the canary at %v, which %s tags:\nbody %q\nleft %q", name, r.path, c.rules[rule], original, sealed)
		} else {
			elsewhere++
		}
	}
	c.mu.Lock()
	c.elsewhere += elsewhere
	c.mu.Unlock()
}

// owner returns the rule that owns the value at a path, or -1. A rule for an
// element of XML does not own its attributes.
func owner(sel *codec.Selector, path []any) int {
	var c codec.Cursor
	rule := c.Start(sel)
	for _, p := range path {
		name, _ := p.(string)
		if rule >= 0 && !strings.HasPrefix(name, "@") {
			break
		}
		switch p := p.(type) {
		case string:
			rule = c.Member([]byte(p))
		case float64:
			rule = c.Element(int(p))
		}
	}
	return rule
}

// seeds returns the bodies of a format that readers once read differently: one
// for each line, as a Go string.
func seeds(t *testing.T, name string) (bodies [][]byte) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", name+".txt"))
	if os.IsNotExist(err) {
		return nil
	}
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		body, err := strconv.Unquote(strings.TrimSpace(line))
		if err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		bodies = append(bodies, []byte(body))
	}
	return bodies
}

// pick returns one of several texts.
func pick(r *rand.Rand, of ...string) string { return of[r.IntN(len(of))] }

// odd returns one of the usual texts, and now and then an odd one.
func odd(r *rand.Rand, usual, odd []string) string {
	if r.IntN(10) == 0 {
		return pick(r, odd...)
	}
	return pick(r, usual...)
}

// mutate changes some bodies in a few places, by bits that matter to the format.
func mutate(r *rand.Rand, body []byte, with []string) []byte {
	if r.IntN(5) > 1 {
		return body
	}
	for range 1 + r.IntN(2) {
		at := r.IntN(len(body) + 1)
		end := min(at+r.IntN(3), len(body))
		if r.IntN(8) == 0 { // a piece twice
			piece := bytes.Clone(body[at:min(at+r.IntN(12), len(body))])
			body = append(append(bytes.Clone(body[:at]), piece...), body[at:]...)
			continue
		}
		body = append(append(bytes.Clone(body[:at]), pick(r, with...)...), body[end:]...)
	}
	return body
}
