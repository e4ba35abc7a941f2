package proxy

import (
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/sealmesh/sealmesh/proxy/dataplane"
)

// guardRoutes has a route for each thing that may be said of bodies as a whole.
const guardRoutes = `
  - name: narrow
    match: {path: /narrow/**}
    request:  {seal: {$.secret: pii}}
    response: {open: {$..secret: pii}}
  - name: kept
    match: {path: /kept/**}
    envelopes: keep
    request:  {seal: {$..secret: pii}}
    response: {open: {$.secret: pii}, envelopes: data}
  - name: data
    match: {path: /data/**}
    envelopes: data
    request:  {seal: {$..secret: pii}}
  - name: unread
    match: {path: /unread/**}
    envelopes: data
    response: {open: {$.secret: pii}}
  - name: strict
    match: {path: /strict/**}
    request: {seal: {$.secret: pii}, root: object, require_match: true, null: keep}
  - name: merged
    match: {path: /merged/**}
    request: {seal: {$.secret: pii}, patch: data}
  - name: moving
    match: {path: /moving/**}
    request: {open: {$.secret: pii}, migration: {accept_plaintext_until: 2999-01-01}}
  - name: literal
    match: {path: /literal/**}
    request: {seal: {$.secret: pii}, null: seal}
`

// envelopeOf returns an envelope of canary under tag pii.
func envelopeOf(r *rig) string {
	return strings.TrimSuffix(strings.TrimPrefix(r.seal(secretBody), `{"secret":"`), `"}`)
}

// The attack: a client that holds a stolen envelope stores it where an
// open rule of a response reaches and no seal rule does. In every mode of a
// body.
func TestStolenEnvelopes(t *testing.T) {
	for mode, m := range bodyModes {
		r := newRig(t, rigOptions{policy: m.policy + guardRoutes})
		stolen := envelopeOf(r)
		front := r.front(dataplane.Config{Mode: bothWays(m.mode)}, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			_, _ = io.WriteString(w, `{"note":"`+stolen+`"}`)
		})
		for _, c := range []struct {
			name, path, body string
			status           int
			code             string
		}{
			{"deeper than the seal rule", "/narrow/9", `{"note":{"secret":"` + stolen + `"}}`, 422, codeEnvelope},
			{"where a value is sealed", "/narrow/9", `{"secret":"` + stolen + `"}`, 422, codeEnvelope},
			{"inside one that is sealed", "/narrow/9", `{"secret":{"a":["x ` + stolen + `"]}}`, 422, codeEnvelope},
			{"as a name", "/narrow/9", `{"` + stolen + `":1}`, 422, codeEnvelope},
			{"escaped", "/narrow/9", `{"note":"\u0073m1.` + stolen[4:] + `"}`, 422, codeEnvelope},
			{"where responses alone have rules", "/open/9", `{"secret":"` + stolen + `"}`, 422, codeEnvelope},
			{"where a request opens another place", "/open-request/9", `{"note":"` + stolen + `"}`, 422, codeEnvelope},
			{"in a response", "/both/9", `{}`, 502, codeEnvelope},
			{"where the tag is another", "/open-two/9", `{"secret":"` + stolen + `"}`, 422, codeOpenFailed},
			{"in the query", "/narrow/9?a=1&secret=" + stolen, `{}`, 422, codeEnvelope},
			{"in the query, encoded", "/narrow/9?secret=%73m1%2e" + stolen[4:] + "%zz", `{}`, 422, codeEnvelope},
			{"in the query, encoded twice", "/narrow/9?secret=sm1%252E" + stolen[4:], `{}`, 422, codeEnvelope},
			{"in the query, encoded as IIS has it", "/narrow/9?secret=sm1%u002e" + stolen[4:], `{}`, 422, codeEnvelope},
			{"in the path", "/open/" + stolen, `{}`, 422, codeEnvelope},
			{"in the path, encoded", "/both/x" + "%73m1." + stolen[4:], `{}`, 422, codeEnvelope},
			{"where the request opens it", "/open-request/9", r.seal(`{"secret":"harmless"}`), 200, "note"},
		} {
			t.Run(mode+"/"+c.name, func(t *testing.T) {
				status, got, err := front.post(c.path, jsonType, strings.NewReader(c.body))
				late := mode != "BUFFERED" && mode != "whole" && c.status == 502 && status >= 500 // the headers have left
				if err == nil && !late && (status != c.status || !strings.Contains(got, c.code)) || err != nil && c.status == 200 {
					t.Errorf("%v, status %d: %s", err, status, got)
				}
			})
		}
	}
}

// What a policy says of envelopes, nulls and bodies as a whole.
func TestGuards(t *testing.T) {
	r := newRig(t, rigOptions{policy: rigPolicy + guardRoutes})
	good := envelopeOf(r)
	const patch = `[{"op":"replace","path":"/secret","value":"x"}]`
	front := r.front(dataplane.Config{Mode: bothWays(bodyModes["BUFFERED"].mode)}, nil)
	for _, c := range []struct {
		name, path, contentType, body string
		status                        int
		want                          string
	}{
		{"kept", "/kept/x", jsonType, `{"secret":"` + good + `"}`, 200, canary},
		{"kept beside a value", "/kept/x", jsonType, `{"a":[{"secret":"` + good + `"},{"secret":"v"}]}`, 200, `{"a":[{"secret":"` + good + `"},{"secret":"sm1.`},
		{"kept, and changed", "/kept/x", jsonType, `{"secret":"` + good[:len(good)-4] + `AAAA"}`, 422, codeOpenFailed},
		{"kept, and more", "/kept/x", jsonType, `{"secret":"x` + good + `"}`, 422, codeEnvelope},
		{"kept, where nothing is sealed", "/kept/x", jsonType, `{"note":"` + good + `"}`, 422, codeEnvelope},
		{"kept, escaped", "/kept/x", jsonType, `{"secret":"\u0073m1.` + good[4:] + `"}`, 422, codeEnvelope},
		{"data", "/data/x", jsonType, `{"note":"` + good + `","secret":"` + good + `"}`, 200, `{"note":"` + good + `","secret":"sm1.`},
		{"data, in the query", "/data/x?secret=" + good, jsonType, `{}`, 200, "{}"},
		{"in clear where it will be sealed", "/moving/x", jsonType, `{"secret":"v"}`, 200, `{"secret":"v"}`},
		{"in clear, with an envelope in it", "/moving/x", jsonType, `{"secret":" ` + good + `"}`, 422, codeEnvelope},
		{"in clear, with an envelope in it, escaped", "/moving/x", jsonType, `{"secret":"\u0020sm1\u002e` + good[4:] + `"}`, 422, codeEnvelope},
		{"data, where responses alone have rules", "/unread/x", jsonType, `{"secret":"` + good + `"}`, 200, canary},
		{"strict", "/strict/x", jsonType, `{"secret":1}`, 200, `{"secret":"sm1.`},
		{"strict, an array", "/strict/x", jsonType, `[{"secret":1}]`, 422, "root_unexpected"},
		{"strict, no value", "/strict/x", jsonType, `{"Secret":1}`, 422, codeMissing},
		{"strict, null", "/strict/x", jsonType, `{"secret":null}`, 200, `{"secret":null}`},
		{"null", "/narrow/x", "application/x+json", `{"secret":null}`, 200, `{"secret":null}`},
		{"null in a merge patch", "/narrow/x", "application/merge-patch+json; charset=UTF8", `{"secret":null}`, 200, `{"secret":null}`},
		{"null in a merge patch, sealed", "/literal/x", "application/merge-patch+json", `{"secret":null}`, 200, `{"secret":"sm1.`},
		{"a patch by its shape", "/narrow/x", jsonType, patch, 415, "patch_unsupported"},
		{"a patch in capitals", "/narrow/x", jsonType, `{"OPERATIONS":[{"op":"add","PATH":"secret","value":"x"}]}`, 415, "patch_unsupported"},
		{"a patch where the policy says data", "/merged/x", jsonType, patch, 200, patch},
	} {
		t.Run(c.name, func(t *testing.T) {
			status, got, err := front.post(c.path, c.contentType, strings.NewReader(c.body))
			if err != nil || status != c.status || !strings.Contains(got, c.want) {
				t.Errorf("%v, status %d: %s", err, status, got)
			}
		})
	}
	if sealed := strings.Count(front.upstream.everything(), `{"secret":"sm1.`); sealed < 3 {
		t.Errorf("%d values arrived sealed", sealed)
	}
}
