package policy

import (
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/sealmesh/sealmesh/proxy/places"
)

const placesSource = `version: 1
keys:
  customer: {kek: local:kek.key}
  lookup: {kek: local:kek.key, record: smk1.AAAA}
tags:
  pii: {key: customer}
  look: {key: lookup, suite: deterministic}
routes:
  - name: a
    match: {path: "/a/{id}/{ssn}/**"}
    request:
      seal: {$.ssn: pii}
      query: {seal: {ssn: pii, $.user.ssn: look}}
      path: {seal: {id: look, ssn: pii}}
      headers: {seal: {X_SSN: pii}, open: {x-id: pii}}
      cookies: {seal: {Ssn: look}}
      migration: {accept_plaintext_until: 2000-03-01}
    response: {cookies: {open: {Ssn: look}}}
  - name: b
    match: {path: "/b"}
    request: {envelopes: data, headers: {seal: {x-ssn: pii}}}
`

func TestCompilePlaces(t *testing.T) {
	p, err := load(t, placesSource)
	if err != nil {
		t.Fatal(err)
	}
	request, response, b := p.Routes[0].Request, p.Routes[0].Response, p.Routes[1].Request
	until := request.Rules[6].PlaintextUntil
	same(t, "rules", request.Rules, []Rule{
		{Path: "$.ssn"},
		{In: places.Path, Path: "id", Tag: 1, Lookup: true}, {In: places.Path, Path: "ssn"},
		{In: places.Query, Path: "ssn"}, {In: places.Query, Path: "$.user.ssn", Tag: 1, Lookup: true},
		{In: places.Header, Path: "x-ssn"}, {In: places.Header, Path: "x-id", Open: true, PlaintextUntil: until},
		{In: places.Cookie, Path: "Ssn", Tag: 1, Lookup: true},
	})
	if until.IsZero() || request.Query == nil || len(request.Query.Rules) != 2 || request.Query.Rules[0].Path != "$['ssn']" || !request.HasPlaces() || request.Reads() {
		t.Errorf("%+v", request)
	}
	if request.PlacesOnly || !response.PlacesOnly || !response.Reads() || !b.PlacesOnly || response.Query != nil {
		t.Errorf("places only: %v %v %v", request.PlacesOnly, response.PlacesOnly, b.PlacesOnly)
	}
	// What a service cannot look up is noted, in the path and the query.
	var notes []string
	for _, a := range p.Advice {
		if strings.Contains(a.Message, "deterministic") {
			notes = append(notes, a.Message[:14])
		}
	}
	if want := []string{`"ssn" in query`, `"ssn" in path `}; !slices.Equal(notes, want) {
		t.Errorf("notes %q, want %q", notes, want)
	}
	// Envoy must know where headers have rules, and which bodies it need not send.
	for _, other := range []string{
		strings.Replace(placesSource, "    response: {cookies: {open: {Ssn: look}}}\n", "", 1),
		strings.Replace(placesSource, "envelopes: data, headers: {seal: {x-ssn: pii}}", "seal: {$.ssn: pii}", 1),
		strings.Replace(placesSource, "envelopes: data, headers", "seal: {$.ssn: pii}, headers", 1),
	} {
		q, err := load(t, other)
		if err != nil {
			t.Fatal(err)
		}
		if q.Stamp() == p.Stamp() {
			t.Errorf("the same stamp for %s", other)
		}
	}
}

func TestSegment(t *testing.T) {
	p, err := load(t, placesSource)
	if err != nil {
		t.Fatal(err)
	}
	r := p.Routes[0]
	for target, want := range map[string]string{
		"/a/1/22": "22", "/a/1/22/": "22", "/a/1/22?x/y": "22", "/A/1/2%20/x?ssn=/": "", "/a/1/2%2D2/b/c": "2%2D2", "/a/1/22;v=1": "", "/a//22": "", "/a/1": "",
		"/a/1/" + strings.Repeat("x", MaxParamBytes+1): strings.Repeat("x", MaxParamBytes+1),
	} {
		begin, end, err := r.Segment(target, "ssn")
		if got := target[begin:end]; got != want || (err != nil) != (want == "") {
			t.Errorf("%.40s: %q, %v", target, got, err)
		}
	}
}

// FuzzSegment: what Segment finds is the parameter as it was sent, and what is
// written there leaves the route and the other segments as they are.
func FuzzSegment(f *testing.F) {
	p := routesOf(f, `{path: "/a/{id}/c"}`, `{path: "/{id}/b/**"}`, `{path: "/B/*/{id}", ignore_case: true}`)
	for _, target := range []string{"/a/1/c", "/a/1/c/?x/y", "/x/b", "/x/b/c/d", "/b/%2D/1%20", "/a/1;v=2/c", "/a;x/1/c", "//a/1/c", "/a/%2e/c", "/é/b", "/a/?/c", "/a/1/c??x=/"} {
		f.Add(target)
	}
	f.Fuzz(func(t *testing.T, target string) {
		r, err := p.Match("GET", "h", target)
		if err != nil || r == nil {
			return
		}
		begin, end, err := r.Segment(target, "id")
		if err != nil {
			return
		}
		value, err := r.Param(target, "id")
		if plain, _ := url.PathUnescape(target[begin:end]); err == nil && plain != value {
			t.Errorf("%q: the segment is %q, the parameter %q", target, target[begin:end], value)
		}
		sealed := target[:begin] + "sm1.E" + target[end:]
		again, err := p.Match("GET", "h", sealed)
		if value, paramErr := again.Param(sealed, "id"); err != nil || again != r || paramErr != nil || value != "sm1.E" {
			t.Errorf("%q became %q: %v, %v, %q, %v", target, sealed, again, err, value, paramErr)
		}
	})
}
