package proxy

import (
	"io"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/sealmesh/sealmesh/proxy/dataplane"
	"github.com/sealmesh/sealmesh/proxy/policy"
	"github.com/sealmesh/sealmesh/proxy/wire"
)

const (
	pathPolicy = `version: 1
keys: {main: {kek: "local:kek"}}
tags: {pii: {key: main}}
routes:
  - {name: rules, match: {path: /rules}, request: {seal: {$.secret: pii}}}
  - {name: skip, match: {path: /skip}, skip: true}
`
	methodPolicy = `version: 1
unmatched: pass
keys: {main: {kek: "local:kek"}}
tags: {pii: {key: main}}
routes:
  - {name: rules, match: {methods: [POST, PUT], path: /rules}, request: {seal: {$.secret: pii}}}
  - {name: skip, match: {path: /skip}, skip: true}
`
	hostPolicy = `version: 1
unmatched: pass
keys: {main: {kek: "local:kek"}}
tags: {pii: {key: main}}
routes:
  - {name: rules, match: {hosts: [127.0.0.1], path: /rules}, request: {seal: {$.secret: pii}}}
  - {name: skip, match: {path: /skip}, skip: true}
`
	skipPolicy = "version: 1\nunmatched: pass\nroutes: [{name: skip, match: {path: /skip}, skip: true}]\n"
)

// A header that a server may take for the path, the method or the host does not
// reach it where that would let a request past rules, and does everywhere else.
func TestOverrides(t *testing.T) {
	sent := http.Header{}
	for _, o := range overrides {
		sent.Set(o.name, "/rules")
	}
	sent.Set("Forwarded", "for=1.2.3.4; Host=evil.example")
	sent.Set("X-Forwarded-Prefix", "/app")
	sent.Set("X-Forwarded-Proto", "https")
	sent.Set("X-Request-Id", "1")
	for _, c := range []struct {
		name, policy, path string
		removed            part
	}{
		{"rules", pathPolicy, "/rules", ofAll},
		{"skip", pathPolicy, "/skip", ofPath},
		{"rules by method", methodPolicy, "/rules", ofAll},
		{"skip beside methods", methodPolicy, "/skip", ofPath | ofMethod},
		{"unmatched beside methods", methodPolicy, "/other", ofPath | ofMethod},
		{"rules by host", hostPolicy, "/rules", ofAll},
		{"skip beside hosts", hostPolicy, "/skip", ofPath | ofHost},
		{"unmatched beside hosts", hostPolicy, "/other", ofPath | ofHost},
		{"no rules", skipPolicy, "/skip", 0},
		{"no rules, unmatched", skipPolicy, "/other", 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := newRig(t, rigOptions{policy: c.policy})
			var got http.Header
			front := r.front(dataplane.Config{Mode: bothWays(wire.ModeFullDuplex), AllowContentLength: true},
				func(_ http.ResponseWriter, req *http.Request) { got = req.Header.Clone() })
			post := func(header http.Header) {
				t.Helper()
				req, err := http.NewRequest(http.MethodPost, front.URL+c.path, strings.NewReader("{}"))
				must(t, err)
				req.Header = header.Clone()
				req.Header.Set("Content-Type", jsonType)
				resp, err := front.Client().Do(req)
				must(t, err)
				text, _ := io.ReadAll(resp.Body)
				_ = resp.Body.Close()
				if resp.StatusCode != http.StatusOK {
					t.Fatalf("%d %s", resp.StatusCode, text)
				}
			}
			post(sent)
			for _, o := range overrides {
				if there := got.Get(o.name) != ""; there != (o.of&c.removed == 0) {
					t.Errorf("%s reached the upstream: %t", o.name, there)
				}
			}
			for _, kept := range []string{"X-Forwarded-Prefix", "X-Forwarded-Proto", "X-Request-Id"} {
				if got.Get(kept) != sent.Get(kept) {
					t.Errorf("%s: %q", kept, got.Get(kept))
				}
			}
			post(http.Header{"Forwarded": {"for=1.2.3.4;proto=https"}})
			if got.Get("Forwarded") != "for=1.2.3.4;proto=https" {
				t.Errorf("what Forwarded says of the client is gone: %q", got)
			}
			p, err := policy.Load("p", []byte(c.policy), os.LookupEnv, os.ReadFile)
			must(t, err)
			for _, o := range overrides {
				if c.path != "/rules" && slices.Contains(Overrides(p), o.name) != (o.of&c.removed != 0) {
					t.Errorf("Envoy is told otherwise of %s", o.name)
				}
			}
		})
	}
}

func TestMethodInQueryIsRefused(t *testing.T) {
	r := newRig(t, rigOptions{policy: methodPolicy})
	front := r.front(dataplane.Config{Mode: bothWays(wire.ModeFullDuplex), AllowContentLength: true}, nil)
	for _, path := range []string{"/rules?_method=GET", "/skip?a=1&%5Fmethod=POST", "/other?.method=POST"} {
		status, got, err := front.post(path, jsonType, strings.NewReader("{}"))
		if err != nil || status != http.StatusBadRequest || !strings.Contains(got, codePath) || front.upstream.everything() != "" {
			t.Errorf("%s: %v %d %s", path, err, status, got)
		}
	}
	if status, got, err := front.post("/rules?method=GET", jsonType, strings.NewReader("{}")); err != nil || status != http.StatusOK {
		t.Errorf("%v %d %s", err, status, got)
	}
}

// A header that has underscores or dots is another one to Envoy, and the same one to
// CGI: where one would decide something, the other does not reach the upstream.
func TestDisguisedHeaders(t *testing.T) {
	r := newRig(t, rigOptions{policy: pathPolicy})
	for _, mode := range []wire.BodyMode{wire.ModeFullDuplex, wire.ModeBuffered} {
		var got http.Header
		front := r.front(dataplane.Config{Mode: bothWays(mode), AllowContentLength: mode == wire.ModeFullDuplex},
			func(_ http.ResponseWriter, req *http.Request) { got = req.Header.Clone() })
		for path, want := range map[string]string{
			"/rules": "X.request.id X_request-Id",
			"/skip":  "Content_type X.forwarded.host X.request.id X_forwarded_host X_request-Id",
		} {
			req, err := http.NewRequest(http.MethodPost, front.URL+path, strings.NewReader("{}"))
			must(t, err)
			req.Header.Set("Content-Type", jsonType)
			for _, name := range []string{"Content_Type", "X_Original_URL", "X-Original_URL", "X_Forwarded_Host", "X_Request-Id", "X.Original.Url", "X!Original~Url", "X.Forwarded.Host", "X.Request.Id"} {
				req.Header[name] = []string{"/skip"}
			}
			resp, err := front.Client().Do(req)
			must(t, err)
			_ = resp.Body.Close()
			var left []string
			for name := range got {
				if strings.ContainsAny(name, "_.!") {
					left = append(left, name)
				}
			}
			slices.Sort(left)
			if resp.StatusCode != http.StatusOK || strings.Join(left, " ") != want {
				t.Errorf("%d %s: %d, reached the upstream: %q", mode, path, resp.StatusCode, left)
			}
		}
	}
}

// What may not stand in a header does not stand in a trailer either: some
// servers merge the two.
func TestTrailersOverrideNothing(t *testing.T) {
	r := newRig(t, rigOptions{policy: pathPolicy})
	var got http.Header
	front := r.front(dataplane.Config{Mode: bothWays(wire.ModeFullDuplex), AllowContentLength: true}, func(_ http.ResponseWriter, req *http.Request) {
		_, _ = io.Copy(io.Discard, req.Body)
		got = req.Trailer.Clone()
	})
	req, err := http.NewRequest(http.MethodPost, front.URL+"/rules", io.NopCloser(strings.NewReader("{}")))
	must(t, err)
	req.Header.Set("Content-Type", jsonType)
	req.Trailer = http.Header{}
	for _, name := range []string{"X-Original-Url", "X_Rewrite_url", "Content-Digest", "Content-Encoding", "X-Sum"} {
		req.Trailer[name] = []string{"/skip"}
	}
	resp, err := front.Client().Do(req)
	must(t, err)
	_ = resp.Body.Close()
	for name, values := range got {
		if len(values) > 0 != (name == "X-Sum") {
			t.Errorf("the trailer %s reached the upstream: %q", name, values)
		}
	}
	if resp.StatusCode != http.StatusOK {
		t.Error(resp.StatusCode)
	}
}
