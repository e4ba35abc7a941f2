package proxy

import (
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/sealmesh/sealmesh/proxy/dataplane"
	"github.com/sealmesh/sealmesh/proxy/places"
	"github.com/sealmesh/sealmesh/proxy/wire"
)

const placesPolicy = `version: 1
keys:
  main: {kek: "local:kek"}
tags:
  pii: {key: main}
  bound: {key: main, context_from: {record: path.record}}
limits: {value_bytes: 1KiB}
routes:
  - name: seal
    match: {path: "/seal/{id}/**"}
    request:  {path: {seal: {id: pii}}, headers: {seal: {x-ssn: pii}}, cookies: {seal: {ssn: pii, id: pii}}, BODY}
    response: {headers: {open: {x-ssn: pii}}, cookies: {open: {ssn: pii}}, BODY}
  - name: with-body
    match: {path: "/body/{id}/**"}
    request:  {seal: {$..secret: pii}, path: {seal: {id: pii}}, headers: {seal: {x-ssn: pii}}, cookies: {seal: {ssn: pii}}, BODY}
    response: {open: {$..secret: pii}, headers: {open: {x-ssn: pii}}, cookies: {open: {ssn: pii}}, BODY}
  - name: export
    match: {path: "/open/export/"}
    request:  {seal: {$.secret: pii}, BODY}
  - name: open
    match: {path: "/open/{id}"}
    request:  {path: {open: {id: pii}}, headers: {open: {x-ssn: pii}}, cookies: {open: {ssn: pii}}, BODY}
    response: {headers: {seal: {x-ssn: pii}}, cookies: {seal: {ssn: pii}}, BODY}
  - name: bound
    match: {path: "/bound/{record}/{id}"}
    request:  {path: {seal: {id: bound}}, BODY}
    response: {headers: {open: {x-id: bound}}, BODY}
  - name: keep
    match: {path: "/keep/{id}"}
    request:  {envelopes: keep, path: {seal: {id: pii}}, headers: {seal: {x-ssn: pii}}, BODY}
  - name: data
    match: {path: "/data/{id}"}
    request:  {envelopes: data, headers: {seal: {x-ssn: pii}}, BODY}
  - name: migrating
    match: {path: "/migrating/{id}"}
    request:  {path: {open: {id: pii}}, headers: {open: {x-ssn: pii}}, cookies: {open: {ssn: pii}}, migration: {accept_plaintext_until: 2999-01-01}, BODY}
`

func placesIn(body string) string {
	return strings.ReplaceAll(strings.ReplaceAll(placesPolicy, "BODY", "body: "+body), "envelopes: keep,", "envelopes: keep,")
}

// A placesRig is a front whose upstream keeps the last request, and answers
// with what it got in x-ssn, in each cookie and in the body.
type placesRig struct {
	*front
	t    *testing.T
	last *http.Request
	set  http.Header // of the response, in place of an echo
}

func newPlacesRig(t *testing.T, r *rig, mode dataplane.Mode) *placesRig {
	p := &placesRig{t: t}
	p.front = r.front(dataplane.Config{Mode: mode, AllowContentLength: true}, func(w http.ResponseWriter, req *http.Request) {
		p.last = req
		w.Header().Set("Content-Type", req.Header.Get("Content-Type"))
		for _, v := range req.Header.Values("X-Ssn") {
			w.Header().Add("X-Ssn", v)
		}
		for _, c := range req.Cookies() {
			w.Header().Add("Set-Cookie", c.Name+"="+c.Value+"; Path=/; HttpOnly")
		}
		for name, values := range p.set {
			w.Header()[name] = values
		}
		_, _ = io.Copy(w, req.Body)
	})
	return p
}

// do sends a request whose headers are pairs.
func (p *placesRig) do(path, body string, header ...string) (*http.Response, string) {
	p.t.Helper()
	p.last = nil
	method, reader := http.MethodGet, io.Reader(nil)
	if body != "" {
		method, reader = http.MethodPost, strings.NewReader(body)
	}
	req, err := http.NewRequestWithContext(p.t.Context(), method, p.URL+path, reader)
	must(p.t, err)
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i < len(header); i += 2 {
		req.Header[header[i]] = append(req.Header[header[i]], header[i+1])
	}
	resp, err := p.Client().Do(req)
	must(p.t, err)
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	must(p.t, err)
	return resp, string(b)
}

// sealedSegment returns the second segment of the path that the upstream got.
func (p *placesRig) segment() string { return strings.Split(p.last.RequestURI+"//", "/")[2] }

func isEnvelope(s string) bool { return strings.HasPrefix(s, "sm1.") && !strings.Contains(s, canary) }

// Values in the path, headers and cookies reach the upstream sealed, and open in
// the response, in every body mode, with and without a body.
func TestPlacesBothWays(t *testing.T) {
	for name, m := range bodyModes {
		body := "streamed"
		if m.policy == rigPolicy {
			body = "buffered"
		}
		r := newRig(t, rigOptions{policy: placesIn(body)})
		p := newPlacesRig(t, r, bothWays(m.mode))
		for _, route := range []string{"/seal/", "/body/"} {
			for _, sent := range []string{"", `{"secret":"` + canary + `"}`} {
				if sent != "" && route == "/seal/" {
					sent = `{"open":1}`
				}
				resp, got := p.do(route+canary+"/x/?q="+"1", sent, "X-Ssn", canary, "X-Ssn", "two "+canary, "Cookie", "a=1; ssn="+canary+"; b=2")
				if resp.StatusCode != http.StatusOK || got != sent {
					t.Fatalf("%s%s: %d %s", name, route, resp.StatusCode, got)
				}
				if !isEnvelope(p.segment()) || !strings.HasSuffix(p.last.RequestURI, "/x/?q=1") {
					t.Errorf("%s%s: the path is %s", name, route, p.last.RequestURI)
				}
				ssn, cookie := p.last.Header.Values("X-Ssn"), p.last.Header.Get("Cookie")
				if len(ssn) != 2 || !isEnvelope(ssn[0]) || !isEnvelope(ssn[1]) || ssn[0] == ssn[1] {
					t.Errorf("%s%s: the header is %v", name, route, ssn)
				}
				if inner, ok := strings.CutPrefix(cookie, "a=1; ssn=sm1."); !ok || !strings.HasSuffix(inner, "; b=2") || strings.Contains(inner, canary) {
					t.Errorf("%s%s: the cookie is %s", name, route, cookie)
				}
				if back := resp.Header.Values("X-Ssn"); !slices.Equal(back, []string{canary, "two " + canary}) {
					t.Errorf("%s%s: the header comes back as %v", name, route, back)
				}
				want := []string{"a=1; Path=/; HttpOnly", "ssn=" + canary + "; Path=/; HttpOnly", "b=2; Path=/; HttpOnly"}
				if back := resp.Header.Values("Set-Cookie"); !slices.Equal(back, want) {
					t.Errorf("%s%s: the cookies come back as %q", name, route, back)
				}
			}
		}
		if n := r.metrics.Route("seal").Places[places.Cookie].Load(); n != 4 {
			t.Errorf("%s: %d cookies counted", name, n)
		}
		uses := map[any]int{}
		for _, s := range r.uses() {
			uses[s.Attrs["sealmesh.place"]]++
		}
		if uses["path"] != 4 || uses["headers"] != 8 || uses["cookies"] != 8 || uses[nil] != 2 {
			t.Errorf("%s: key uses by place: %v", name, uses)
		}
	}
}

// What is opened for the upstream is sealed in the response.
func TestPlacesOpenRequests(t *testing.T) {
	r := newRig(t, rigOptions{policy: placesIn("buffered")})
	p := newPlacesRig(t, r, bothWays(wire.ModeFullDuplex))
	sealed := func(value string) string {
		t.Helper()
		if resp, got := p.do("/seal/x", "", "X-Ssn", value); resp.StatusCode != http.StatusOK {
			t.Fatalf("%d %s", resp.StatusCode, got)
		}
		return p.last.Header.Get("X-Ssn")
	}
	ada := sealed("Ada B@x")
	resp, got := p.do("/open/"+ada, "", "X-Ssn", ada, "X_SSN", ada, "X.Ssn", ada, "Cookie", "ssn="+sealed("1=2"))
	if resp.StatusCode != http.StatusOK || p.last.RequestURI != "/open/Ada%20B@x" || p.last.Header.Get("Cookie") != "ssn=1=2" ||
		p.last.Header.Get("X-Ssn") != "Ada B@x" || p.last.Header["X_ssn"][0] != "Ada B@x" || p.last.Header["X.ssn"][0] != "Ada B@x" {
		t.Errorf("%d %s: the upstream got %s %v", resp.StatusCode, got, p.last.RequestURI, p.last.Header)
	}
	if !isEnvelope(resp.Header.Get("X-Ssn")) || !strings.HasPrefix(resp.Header.Get("Set-Cookie"), "ssn=sm1.") {
		t.Errorf("not sealed: %v", resp.Header)
	}
	// Nothing to seal or open is no fault, nor is an empty value.
	p.set = http.Header{"X-Ssn": {""}, "Set-Cookie": {"ssn=; Max-Age=0"}}
	if resp, got := p.do("/seal/x", "", "X-Ssn", "", "Cookie", "ssn="); resp.StatusCode != http.StatusOK || resp.Header.Get("Set-Cookie") != "ssn=; Max-Age=0" {
		t.Errorf("empty: %d %s %v", resp.StatusCode, got, resp.Header)
	}
	p.set = nil
	for _, header := range [][]string{{"X-Ssn", "in clear"}, {"X-Ssn", sealed("a")}} {
		if resp, got := p.do("/migrating/x", "", header...); resp.StatusCode != http.StatusOK || isEnvelope(p.last.Header.Get("X-Ssn")) {
			t.Errorf("migration: %d %s %v", resp.StatusCode, got, p.last.Header)
		}
	}
	kept := sealed("kept")
	if resp, got := p.do("/keep/"+kept, "", "X-Ssn", kept); resp.StatusCode != http.StatusOK || p.segment() != kept || p.last.Header.Get("X-Ssn") != kept {
		t.Errorf("keep: %d %s", resp.StatusCode, got)
	}
	if resp, got := p.do("/data/x?q="+kept, "any", "X-Ssn", kept); resp.StatusCode != http.StatusOK || p.last.Header.Get("X-Ssn") == kept {
		t.Errorf("data: %d %s", resp.StatusCode, got)
	}
	// The parameter that binds is read from the path as it came.
	if resp, got := p.do("/bound/7/"+canary, ""); resp.StatusCode != http.StatusOK {
		t.Fatalf("%d %s", resp.StatusCode, got)
	}
	bound := strings.Split(p.last.RequestURI, "/")[3]
	p.set = http.Header{"X-Id": {bound}}
	if resp, _ := p.do("/bound/7/x", ""); resp.Header.Get("X-Id") != canary {
		t.Errorf("its own record: %v", resp.Header)
	}
	if resp, got := p.do("/bound/8/x", ""); resp.StatusCode != http.StatusBadGateway || !strings.Contains(got, codeOpenFailed) {
		t.Errorf("another record: %d %s", resp.StatusCode, got)
	}
}
