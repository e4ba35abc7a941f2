package csv

import (
	"encoding/csv"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/sealmesh/sealmesh/codec"
	"github.com/sealmesh/sealmesh/codec/codectest"
)

// oracle is what encoding/csv reads of a body.
func oracle(body string, delimiter rune) ([][]string, error) {
	r := csv.NewReader(strings.NewReader(body))
	r.Comma = delimiter
	return r.ReadAll()
}

// lines is text as encoding/csv gives it.
func lines(text string) string { return strings.ReplaceAll(text, "\r\n", "\n") }

// checkOracle: what the format accepts, encoding/csv reads, and each value of
// the column ssn that it reads was tagged.
func checkOracle(t *testing.T, body string, cuts []int) (accepted bool) {
	t.Helper()
	sel := codectest.Select(t, codec.Rule{Path: "$[*].ssn"})
	var seen []codectest.Seen
	got, err := codectest.Rewrite(&Format, sel, codectest.Record(&seen, codectest.Keep), codec.Limits{}, body, cuts)
	if err != nil {
		return false
	}
	rows, oracleErr := oracle(strings.TrimPrefix(body, byteOrderMark), ',')
	if got != body || oracleErr != nil {
		t.Fatalf("%q: %q is accepted, and encoding/csv says %v", body, got, oracleErr)
	}
	var want, have []string
	for i, row := range rows {
		for k, field := range row {
			if i > 0 && rows[0][k] == "ssn" {
				want = append(want, field)
			}
		}
	}
	for _, s := range seen {
		have = append(have, lines(s.Value))
	}
	if !reflect.DeepEqual(have, want) {
		t.Fatalf("%q: tagged are %q, and encoding/csv reads %q", body, have, want)
	}
	return true
}

// FuzzOracle compares with encoding/csv. What is sealed is read again, and
// opens to what it was.
func FuzzOracle(f *testing.F) {
	for i, c := range append(corpus.Bodies, corpus.Refused...) {
		f.Add([]byte(c), uint16(i), uint16(2*i))
	}
	f.Fuzz(func(t *testing.T, body []byte, first, second uint16) {
		a := int(first) % (len(body) + 1)
		b := a + int(second)%(len(body)-a+1)
		if !checkOracle(t, string(body), []int{a, b}) {
			return
		}
		sel := codectest.Select(t, codec.Rule{Path: "$[*].ssn"})
		sealed, err := codectest.Rewrite(&Format, sel, codectest.Seal, codec.Limits{}, string(body), nil)
		if err != nil {
			t.Fatal(err)
		}
		back, err := codectest.Rewrite(&Format, sel, codectest.Open, codec.Limits{}, sealed, []int{a})
		if err != nil || back != string(body) {
			t.Fatalf("%q was opened as %q, %v", body, back, err)
		}
	})
}

// FuzzChunks: error or output, and the fields seen, do not depend on the cuts,
// in any dialect; nor do small limits.
func FuzzChunks(f *testing.F) {
	for i, c := range append(corpus.Bodies, corpus.Refused...) {
		f.Add([]byte(c), uint8(i), uint16(i), uint16(2*i), i%2 == 0)
	}
	dialects := [][]string{nil, {"header", "absent"}, {"delimiter", ";", "bom", "allow"}, {"backslash", "data", "delimiter", "\t"}, {"header", "absent", "bom", "allow"}}
	rules := [][]codec.Rule{
		{{Path: "$[*].ssn"}}, {{Path: "$"}}, {{Path: "$[1]"}, {Path: "$[*][0]"}}, {{Path: "$..ssn", Open: true}, {Path: "$[0].*"}}, nil,
	}
	f.Fuzz(func(t *testing.T, body []byte, kind uint8, first, second uint16, tight bool) {
		sel := codectest.Select(t, rules[int(kind)%len(rules)]...).Guarded(codec.Guard{Envelope: isHead})
		dialect := dialects[int(kind)/len(rules)%len(dialects)]
		run := func(seen *[]codectest.Seen, cuts []int) (string, error) {
			b := with(t, sel, codectest.Record(seen, codectest.Seal), dialect...)
			if tight {
				b.Limits = codec.Limits{ValueBytes: 6, Fields: 3, NameBytes: 5, BodyBytes: 40}
			}
			return codectest.RewriteBody(&Format, b, string(body), cuts)
		}
		var whole []codectest.Seen
		want, wantErr := run(&whole, nil)
		a := int(first) % (len(body) + 1)
		b := a + int(second)%(len(body)-a+1)
		for _, cuts := range [][]int{{a, b}, {a, a, b}, codectest.Everywhere(len(body), 1), codectest.Everywhere(len(body), 3)} {
			var cut []codectest.Seen
			got, err := run(&cut, cuts)
			if got != want || fmt.Sprint(err) != fmt.Sprint(wantErr) || err == nil && fmt.Sprint(cut) != fmt.Sprint(whole) {
				t.Fatalf("%q cut at %v: %q, %v, fields %v\nwhole: %q, %v, fields %v", body, cuts, got, err, cut, want, wantErr, whole)
			}
		}
	})
}

// TestSpectrum reads the corpus csv-spectrum.
func TestSpectrum(t *testing.T) {
	files, err := filepath.Glob("testdata/csv-spectrum/*.csv")
	if err != nil || len(files) != 12 {
		t.Fatal(files, err)
	}
	for _, name := range files {
		body, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		// One file has quotes in fields without quotes, and is not UTF-8.
		want := filepath.Base(name) != "location_coordinates.csv"
		if got := checkOracle(t, string(body), codectest.Everywhere(len(body), 7)); got != want {
			t.Errorf("%s: accepted is %t", name, got)
		}
	}
}

// randomBody makes a body out of pieces that dialects differ in.
func randomBody(r *rand.Rand) string {
	pieces := []string{"ssn", "ssn", "x", "id", "\"", "\"\"", ",", ",", ",", ";", "\t", "\n", "\r\n", "\r", " ", "\\", "'", "é", "\u2028", "\u00a0", "\ufeff", "\"ssn\"", "\"a,b\"", "1", "#", "=", "|"}
	var b strings.Builder
	if r.IntN(8) == 0 {
		b.WriteString(byteOrderMark)
	}
	for i := r.IntN(4); i >= 0; i-- {
		b.WriteString([]string{"ssn,", "\"ssn\",", "x,", "y,"}[r.IntN(4)])
	}
	b.WriteString("z\n")
	for range r.IntN(24) {
		b.WriteString(pieces[r.IntN(len(pieces))])
	}
	return b.String()
}

// python prints the rows that the csv module reads of each body.
const python = `
import csv, io, json, sys
for line in sys.stdin:
    body = json.loads(line)
    rows = [r for r in csv.DictReader(io.StringIO(body, newline=''))]
    split = [r for r in csv.DictReader(body.splitlines())]
    print(json.dumps([[r.get('ssn') for r in rows if 'ssn' in r], [r.get('ssn') for r in split if 'ssn' in r]]))
`

// TestPython: what the csv module of Python reads under a rule's name was
// tagged, read as a file and as lines.
func TestPython(t *testing.T) {
	program, err := exec.LookPath("python3")
	if err != nil {
		t.Skip("needs python3")
	}
	r := rand.New(rand.NewPCG(1, 2))
	sel := codectest.Select(t, codec.Rule{Path: "$[*].ssn"})
	var bodies []string
	var in strings.Builder
	tagged := map[string][]string{}
	for len(bodies) < 2000 {
		body := randomBody(r)
		var seen []codectest.Seen
		if _, err := codectest.Rewrite(&Format, sel, codectest.Record(&seen, codectest.Keep), codec.Limits{}, body, nil); err != nil || tagged[body] != nil {
			continue
		}
		values := []string{}
		for _, s := range seen {
			values = append(values, s.Value)
		}
		tagged[body], bodies = values, append(bodies, body)
		line, _ := json.Marshal(body)
		in.Write(append(line, '\n'))
	}
	cmd := exec.Command(program, "-c", python)
	cmd.Stdin = strings.NewReader(in.String())
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	for i, line := range strings.Split(strings.TrimSpace(string(out)), "\n") {
		var read [2][]string
		if err := json.Unmarshal([]byte(line), &read); err != nil {
			t.Fatal(err)
		}
		for k, values := range read {
			for _, v := range values {
				if !contains(tagged[bodies[i]], v, k == 1) {
					t.Errorf("%q: %q is read and not tagged, which are %q", bodies[i], v, tagged[bodies[i]])
				}
			}
		}
	}
}

// contains reports whether v is one of values, whose line ends are lost if
// split.
func contains(values []string, v string, split bool) bool {
	for _, have := range values {
		if split {
			have = strings.NewReplacer("\r", "", "\n", "", "\u2028", "").Replace(have)
			v = strings.NewReplacer("\r", "", "\n", "", "\u2028", "").Replace(v)
		}
		if have == v {
			return true
		}
	}
	return false
}
