package proxy

import (
	"encoding/binary"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/sealmesh/sealmesh/codec"
	"github.com/sealmesh/sealmesh/codec/formats"
	"github.com/sealmesh/sealmesh/codec/protobuf/protobuftest"
	"github.com/sealmesh/sealmesh/proxy/dataplane"
	"github.com/sealmesh/sealmesh/proxy/wire"
)

// A crossing is what the test below knows of a format. Every format of the
// table needs one.
type crossing struct {
	contentType string
	before      string // a body, up to the value of its member "secret"
	after       string
	text        func(s string) string // how the format writes a text, "" if it cannot
	values      string                // formats with the same word write the same values
	own         string                // a value that formats with another word cannot write, "" for none
	framed      bool                  // a body is a frame of gRPC with all of this
}

// body is a body with a value as the format writes it.
func (c crossing) body(value string) string {
	whole := c.before + value + c.after
	if c.framed {
		return string(binary.BigEndian.AppendUint32([]byte{0}, uint32(len(whole)))) + whole
	}
	return whole
}

// crossings are by name of the format.
var crossings = map[string]crossing{
	"json":          {jsonType, `{"secret": `, `, "a": 1}`, jsonText, "json", `{"b": [1]}`, false},
	"ndjson":        {"application/x-ndjson", "{\"a\": 1}\n{\"secret\": ", "}\n", jsonText, "json", `[1, null]`, false},
	"json-seq":      {"application/json-seq", "\x1e{\"secret\": ", "}\n", jsonText, "json", `null`, false},
	"sse":           {"text/event-stream", "id: 1\ndata: {\"secret\": ", "}\n\n", jsonText, "json", `{"b": [1]}`, false},
	"form":          {"application/x-www-form-urlencoded", "a=1&secret=", "&b=2", url.QueryEscape, "form", "%61%62", false},
	"csv":           {"text/csv", "secret,b\n", ",1\n", csvText, "csv", "", false},
	"tsv":           {"text/tab-separated-values", "secret\tb\n", "\t1\n", tsvText, "csv", "", false},
	"xml":           {"application/xml", "<r><secret>", "</secret></r>", xmlText.Replace, "xml", "a<b/>", false},
	"protobuf":      {"application/protobuf", "\x10\x01\x0a", "\x10\x02", protoText, "protobuf", "", false},
	"grpc":          {"application/grpc", "", "", frameText, "protobuf", "", false},
	"grpc-web":      {"application/grpc-web", "", "", frameText, "protobuf", "", false},
	"connect":       {"application/connect+proto", "", "", frameText, "protobuf", "", false},
	"connect-unary": {"application/proto", "\x10\x01\x0a", "\x10\x02", protoText, "protobuf", "", false},
	"multipart": {"multipart/form-data; boundary=b", "--b\r\nContent-Disposition: form-data; name=\"secret\"\r\n\r\n", "\r\n--b--\r\n",
		strings.Clone, "part", "", false},
	"grpc-json":     {"application/grpc+json", `{"secret": `, `, "a": 1}`, jsonText, "json", `{"b": [1]}`, true},
	"grpc-web-json": {"application/grpc-web+json", `{"secret": `, `, "a": 1}`, jsonText, "json", `{"b": [1]}`, true},
	"connect-json":  {"application/connect+json", `{"secret": `, `, "a": 1}`, jsonText, "json", `{"b": [1]}`, true},
}

var xmlText = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;")

func csvText(s string) string {
	if !strings.ContainsAny(s, "\",\r\n") {
		return s
	}
	return `"` + strings.ReplaceAll(s, `"`, `""`) + `"`
}

func tsvText(s string) string {
	if strings.ContainsAny(s, "\"\t\r\n") {
		return ""
	}
	return s
}

// protoText is a string with its length.
func protoText(s string) string { return string(binary.AppendUvarint(nil, uint64(len(s)))) + s }

// frameText is a frame of a message with a string.
func frameText(s string) string {
	m := "\x0a" + protoText(s)
	return string(binary.BigEndian.AppendUint32([]byte{0}, uint32(len(m)))) + m
}

// crossingPolicy is rigPolicy with the schema of formats that need one.
func crossingPolicy(t *testing.T) string {
	schema := filepath.Join(t.TempDir(), "doc.binpb")
	must(t, os.WriteFile(schema, protobuftest.Set(t, `
		package
		message Doc {
		  string secret = 1;
		  int32 n = 2;
		}
		service seal {
		  rpc x (Doc) returns (Doc);
		}
		service open {
		  rpc x (Doc) returns (Doc);
		}
	`), 0o600))
	rules := regexp.MustCompile(`(path: /(?:seal|open)/.*\n(?:.*\n)?.*(?:seal|open): \{\$\.\.secret: pii\})`)
	return rules.ReplaceAllString(rigPolicy, strings.ReplaceAll(
		"$1, formats: {protobuf: {schema: 'SCHEMA', message: Doc}, grpc: {schema: 'SCHEMA'}, grpc-web: {schema: 'SCHEMA'}, connect: {schema: 'SCHEMA'}, connect-unary: {schema: 'SCHEMA'}, grpc-json: {schema: 'SCHEMA'}, grpc-web-json: {schema: 'SCHEMA'}, connect-json: {schema: 'SCHEMA'}}", "SCHEMA", schema))
}

func jsonText(s string) string {
	var b strings.Builder
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	_ = e.Encode(s)
	return strings.TrimSuffix(b.String(), "\n")
}

// crossed is text that most formats escape.
const crossed = canary + ` a&b <c> "d"; é 100%`

var anyEnvelope = regexp.MustCompile(`sm1\.[A-Za-z0-9_-]+`)

// What is sealed in one format opens in every other: text as text, the scalars
// of JSON as their text, and what only one format can write nowhere else.
func TestValuesCrossFormats(t *testing.T) {
	r := newRig(t, rigOptions{policy: crossingPolicy(t)})
	var sealed, answer string // by turns: no two requests are in flight
	front := r.front(dataplane.Config{Mode: bothWays(wire.ModeFullDuplex)}, func(w http.ResponseWriter, req *http.Request) {
		if req.Method == http.MethodPost {
			b, _ := io.ReadAll(req.Body)
			sealed = string(b)
			return
		}
		w.Header().Set("Content-Type", req.Header.Get("X-Answer"))
		_, _ = io.WriteString(w, answer)
	})
	seal := func(t *testing.T, from crossing, value string) (envelope string) {
		status, got, err := front.post("/seal/x", from.contentType, strings.NewReader(from.body(value)))
		if envelope = anyEnvelope.FindString(sealed); err != nil || status != http.StatusOK || envelope == "" {
			t.Fatalf("sealing %s: %v, status %d, %s: %s", value, err, status, got, sealed)
		}
		return envelope
	}
	open := func(t *testing.T, to crossing, envelope, want string) {
		answer = to.body(to.text(envelope))
		resp, err := front.Client().Do(asking(t, front.URL+"/open/x", to.contentType))
		must(t, err)
		defer resp.Body.Close()
		b, err := io.ReadAll(resp.Body)
		must(t, err)
		switch got := string(b); {
		case want == "":
			if resp.StatusCode != http.StatusBadGateway || !strings.Contains(got, string(codec.WrongKind)) {
				t.Errorf("status %d, %s, where the value cannot be written", resp.StatusCode, got)
			}
		case resp.StatusCode != http.StatusOK || got != to.body(want):
			t.Errorf("status %d, %s instead of %s", resp.StatusCode, got, want)
		}
	}
	for _, a := range formats.Table() {
		from, ok := crossings[a.Name]
		if !ok {
			t.Fatalf("no crossing for format %s", a.Name)
		}
		if a.Name == "sse" {
			continue // requests have no events
		}
		for _, b := range formats.Table() {
			to := crossings[b.Name]
			t.Run(a.Name+" to "+b.Name, func(t *testing.T) {
				if text := from.text(crossed); text != "" {
					open(t, to, seal(t, from, text), to.text(crossed))
				}
				open(t, to, seal(t, from, from.text("plain "+canary)), to.text("plain "+canary))
				if from.values == "json" {
					for literal, text := range map[string]string{`17`: "17", `"\u0061"`: "a"} {
						open(t, to, seal(t, from, literal), map[bool]string{true: literal, false: to.text(text)}[to.values == "json"])
					}
				}
				switch {
				case from.own == "":
				case from.values == to.values:
					open(t, to, seal(t, from, from.own), from.own)
				default:
					open(t, to, seal(t, from, from.own), "")
				}
			})
		}
	}
}
