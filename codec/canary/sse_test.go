package canary

import (
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/sealmesh/sealmesh/codec"
	sealjson "github.com/sealmesh/sealmesh/codec/json"
	"github.com/sealmesh/sealmesh/codec/sse"
)

var (
	sseFields    = []string{"data: ", "data: ", "data: ", "data:"}
	oddSSEFields = []string{"data", "Data: ", " data: ", "data : ", "data:\t", "data\t: ", "\ufeffdata: ", "datax: ", "data:  ", "dat\x00a: ", "", ":data: "}
	sseOthers    = []string{"event: add", "id: 1", "retry: 10", ": comment", "event", "id", ":"}
	oddSSEOthers = []string{
		"id: 1\x00", "foo: " + canary, ": \u2028data: {\"ssn\":\"" + canary + "\"}", "event: x\vdata: {\"ssn\":\"" + canary + "\"}", "event: x\u0085data: {\"ssn\":\"" + canary + "\"}",
		"id: x\x1cdata: {\"ssn\":\"" + canary + "\"}", "{\"ssn\":\"" + canary + "\"}", ": data: {\"ssn\":\"" + canary + "\"}", "event: data: {\"ssn\":\"" + canary + "\"}",
	}
	sseBits = []string{
		"\n", "\r", "\r\n", "\n\n", "\r\r", "\ndata: ", "\rdata: ", "\ndata", "\n: ", "\r: ", "\nid: ", "\u2028", "\u2029", "\u0085", "\v", "\f", "\x1c", "\x1e", "\x00", "\ufeff", "\xff",
		"data: {\"ssn\":\"" + canary + "\"}", "\ndata: {\"ssn\":\"" + canary + "\"}\n", ":", " ", "{", "}", ",", `"`, "[DONE]",
	}
)

// sseBody makes events. The JSON of one may take several data lines.
func sseBody(r *rand.Rand) []byte {
	end := pick(r, "\n", "\n", "\r\n", "\r")
	var b strings.Builder
	b.WriteString(odd(r, []string{""}, []string{"\ufeff", end, "\ufeff\ufeff"}))
	for range 1 + r.IntN(3) {
		for range r.IntN(3) {
			b.WriteString(odd(r, sseOthers, oddSSEOthers) + end)
		}
		data := strings.ReplaceAll(string(jsonRecord(r)), "\n", " ")
		if r.IntN(10) == 0 {
			data = pick(r, "[DONE]", "x", "", " ", `"`+canary+`"`)
		}
		for r.IntN(4) == 0 { // another data line
			at := r.IntN(len(data) + 1)
			if comma := strings.IndexAny(data[at:], ",:{}"); comma >= 0 && r.IntN(8) > 0 {
				at += comma + 1
			}
			if strings.Contains(data[at:], canary) {
				data = data[:at] + end + odd(r, sseFields, oddSSEFields) + data[at:]
			}
		}
		b.WriteString(odd(r, sseFields, oddSSEFields) + data + odd(r, []string{end}, []string{"\n", "\r", "\r\n", ""}))
		b.WriteString(odd(r, []string{end}, []string{"\n", "\r", "\r\n", "", " " + end, ":" + end}))
	}
	return mutate(r, []byte(b.String()), sseBits)
}

// Server-sent events, as clients read them.
func TestEvents(t *testing.T) {
	requireReaders(t)
	f := sse.Format(&sealjson.Format)
	run(t, format{
		name: "sse", format: &f, body: codec.Body{Direction: codec.Response}, generate: sseBody, plain: "data: {\"ssn\":\"" + canary + "\"}\n\n",
		options: codec.Options{Settings: map[string]string{"plain": "[DONE]"}},
		rules:   []string{"$.ssn", "$.user.ssn", "$.list[*].ssn"},
		readers: []reader{
			python(t, "sse.sseclient", ""), python(t, "sse.httpx", ""), python(t, "sse.lines", ""), node(t, "sse.parser", ""), goSSE(t),
		},
	})
}
