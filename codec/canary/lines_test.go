package canary

import (
	"bufio"
	"bytes"
	"encoding/json"
	"math/rand/v2"
	"testing"

	sealjson "github.com/sealmesh/sealmesh/codec/json"
)

var (
	lineEnds     = []string{"\n", "\n", "\r\n", "\n\n"}
	oddLineEnds  = []string{"\r", "\x1e", "", "\u2028", "\u0085", "\v", "\x00", " \n ", "\n\ufeff", ",", "\x1e\n"}
	oddLineParts = []string{
		`{"a":"` + "\u2028" + `{\"ssn\":1}"}`, `{"a":"x` + "\u2028" + `","ssn":"` + canary + `","b":"` + "\u2029" + `"}`, "{\"a\":\"\u2028\",\"b\":[\u2028{\"ssn\":\"" + canary + "\"}\u2028]}",
		"\"\u0085" + `{"ssn":1}` + "\u0085\"", `[1,` + "\n" + `{"ssn":"` + canary + `"}` + "\n" + `]`, `1 {"ssn":"` + canary + `"}`, `"{\"ssn\":\"` + canary + `\"}"`,
	}
)

// lineBody makes records, each of which begins and ends in a way.
func lineBody(r *rand.Rand, begin string, ends []string) []byte {
	var b bytes.Buffer
	for range 1 + r.IntN(4) {
		b.WriteString(odd(r, []string{begin}, oddLineEnds))
		if r.IntN(12) == 0 {
			b.WriteString(pick(r, oddLineParts...))
		} else {
			record := jsonRecord(r)
			if r.IntN(8) > 0 {
				record = bytes.ReplaceAll(record, []byte("\n"), nil)
			}
			b.Write(record)
		}
		b.WriteString(odd(r, ends, oddLineEnds))
	}
	return mutate(r, b.Bytes(), append(oddLineEnds, jsonBits...))
}

// NDJSON, as readers of lines and of values one behind the other read it.
func TestNDJSON(t *testing.T) {
	requireReaders(t)
	run(t, format{
		name: "ndjson", format: &sealjson.Lines, plain: "{\"ssn\":\"" + canary + "\"}\n",
		generate: func(r *rand.Rand) []byte { return lineBody(r, "", lineEnds) },
		rules:    []string{"$.ssn", "$.user.ssn", "$.list[*].ssn"},
		readers: []reader{
			python(t, "json.lines", ""), python(t, "json.splitlines", ""), python(t, "json.jsonlines", ""), node(t, "json.lines", ""), node(t, "json.ndjson", ""),
			java(t, "json.jackson_values", ""),
			inProcess("bufio and encoding/json", func(body []byte) (all []reading) {
				for lines := bufio.NewScanner(bytes.NewReader(body)); lines.Scan(); {
					all = append(all, readJSON(lines.Bytes())...)
				}
				return all
			}),
			inProcess("encoding/json.Decoder", func(body []byte) (all []reading) {
				d := json.NewDecoder(bytes.NewReader(body))
				var v any
				for d.Decode(&v) == nil {
					all = flat(all, v, nil)
					v = nil
				}
				return all
			}),
		},
	})
}

// JSON text sequences, as readers that skip broken texts read them.
func TestSequences(t *testing.T) {
	requireReaders(t)
	run(t, format{
		name: "json-seq", format: &sealjson.Sequence, plain: "\x1e{\"ssn\":\"" + canary + "\"}\n",
		generate: func(r *rand.Rand) []byte { return lineBody(r, "\x1e", lineEnds[:2]) },
		rules:    []string{"$.ssn", "$.user.ssn", "$.list[*].ssn"},
		readers:  []reader{python(t, "json.jsonseq", ""), python(t, "json.split_sequence", ""), node(t, "json.sequence", "")},
	})
}
