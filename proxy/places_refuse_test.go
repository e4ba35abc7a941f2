package proxy

import (
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/sealmesh/sealmesh/proxy/dataplane"
	"github.com/sealmesh/sealmesh/proxy/places"
	"github.com/sealmesh/sealmesh/proxy/wire"
)

// What two servers could read differently, and what cannot be written, is
// refused before anything leaves. The refusal names the place.
func TestPlacesRefuse(t *testing.T) {
	r := newRig(t, rigOptions{policy: placesIn("buffered")})
	p := newPlacesRig(t, r, bothWays(wire.ModeFullDuplex))
	sealed := func(value string) string {
		p.do("/seal/x", "", "X-Ssn", value)
		return p.last.Header.Get("X-Ssn")
	}
	header, envelope := sealed("a; b"), sealed("ok")
	for _, c := range []struct {
		path   string
		header []string
		code   string
		in     string
	}{
		{"/seal/a%2541", nil, codePath, ""}, {"/seal/a;v=1", nil, codePath, "path"}, {"/seal/a%3Bb", nil, codePath, "path"},
		{"/seal/a%2Fb", nil, codePath, ""}, {"/seal/a%5Cb", nil, codePath, ""}, {"/seal/a%25b", nil, codePath, "path"},
		{"/seal/%41", nil, codePath, "path"}, {"/seal/a%40b", nil, codePath, "path"}, {"/seal/a%c3%ab", nil, codePath, "path"},
		{"/seal/" + envelope, nil, codeEnvelope, ""}, {"/seal/x?y=" + envelope, nil, codeEnvelope, ""},
		{"/seal/%73" + envelope[1:], nil, codeEnvelope, ""}, {"/open/" + envelope + "?y=" + envelope, nil, codeEnvelope, ""},
		{"/seal/x", []string{"X-Ssn", envelope}, codeEnvelope, "headers"}, {"/seal/x", []string{"Cookie", "ssn=" + envelope}, codeEnvelope, "cookies"},
		{"/seal/x", []string{"X-Ssn", "Zo\xeb"}, codePlace, "headers"}, {"/seal/x", []string{"X-Ssn", "a\tb"}, codePlace, "headers"},
		{"/seal/x", []string{"X_Ssn", "日本"}, codePlace, "headers"},
		{"/seal/x", []string{"X-Ssn", strings.Repeat("x", 2000)}, "value_too_large", "headers"},
		{"/seal/x", []string{"Cookie", `ssn="1"`}, codePlace, "cookies"}, {"/seal/x", []string{"Cookie", "$Version=1; ssn=1"}, codePlace, "cookies"},
		{"/seal/x", []string{"Cookie", "ssn=1; ssn=2"}, codePlace, "cookies"}, {"/seal/x", []string{"Cookie", "ssn=1", "Cookie", "a=1"}, codePlace, "cookies"},
		{"/seal/x", []string{"Cookie", "a=1, ssn=2"}, codePlace, "cookies"}, {"/seal/x", []string{"Cookie", "SSN=1"}, codePlace, "cookies"},
		{"/open/clear", nil, codePlain, "path"}, {"/open/x" + envelope, nil, codePlain, "path"},
		{"/open/" + sealed("export"), nil, "value_not_representable", "path"}, {"/open/" + sealed("Export") + "/", nil, "value_not_representable", "path"},
		{"/open/" + sealed(".."), nil, "value_not_representable", "path"},
		{"/open/" + envelope, []string{"X-Ssn", "clear"}, codePlain, "headers"},
		{"/open/" + envelope, []string{"Cookie", "ssn=" + header}, "value_not_representable", "cookies"},
		{"/open/" + envelope[:len(envelope)-2] + "AA", nil, codeOpenFailed, "path"},
		{"/migrating/%73" + envelope[1:], nil, codeEnvelope, "path"}, {"/migrating/x", []string{"X-Ssn", "%73" + envelope[1:]}, codeEnvelope, "headers"},
		{"/migrating/x", []string{"Cookie", "ssn=%2573" + envelope[1:]}, codeEnvelope, "cookies"},
		{"/keep/" + envelope[:len(envelope)-2] + "AA", nil, codeOpenFailed, "path"},
	} {
		front := p.upstream.everything()
		resp, got := p.do(c.path, "", c.header...)
		if resp.StatusCode/100 != 4 || !strings.Contains(got, `"`+c.code+`"`) || p.last != nil || p.upstream.everything() != front {
			t.Errorf("%.60s %.60q: %d %s", c.path, c.header, resp.StatusCode, got)
		}
		end := `"`
		if c.code == codePlace {
			end = `: ` // and why
		}
		if c.in != "" && !strings.Contains(got, `"in `+c.in+end) {
			t.Errorf("%.60s %.60q does not say where: %s", c.path, c.header, got)
		}
	}
	for _, set := range []http.Header{
		{"X-Ssn": {"clear"}}, {"X-Ssn": {envelope + " "}, "X_ssn": {"clear"}}, {"Set-Cookie": {"a=1", "ssn=clear"}}, {"Set-Cookie": {`ssn="` + envelope + `"`}},
		{"Set-Cookie": {"a=1, ssn=" + envelope}}, {"Set-Cookie": {"ssn=" + header}},
	} {
		p.set = set
		if resp, got := p.do("/seal/x", ""); resp.StatusCode != http.StatusBadGateway {
			t.Errorf("%v: %d %s", set, resp.StatusCode, got)
		}
	}
}

// A trailer that some servers merge into the headers is removed.
func TestPlacesTrailers(t *testing.T) {
	buffered := bothWays(wire.ModeBuffered)
	buffered.RequestTrailers = true
	unread := dataplane.Mode{RequestHeaders: true, RequestTrailers: true}
	for path, mode := range map[string]dataplane.Mode{"/seal/x": bothWays(wire.ModeFullDuplex), "/body/x": buffered, "/data/x": unread} {
		r := newRig(t, rigOptions{policy: placesIn("buffered")})
		p := newPlacesRig(t, r, mode)
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, p.URL+path, io.MultiReader(strings.NewReader(`{}`)))
		must(t, err)
		req.Header.Set("Content-Type", "application/json")
		req.Trailer = http.Header{"X-Ssn": {canary}, "X_ssn": {canary}, "Other": {"1"}}
		resp, err := p.Client().Do(req)
		must(t, err)
		must(t, resp.Body.Close())
		if resp.StatusCode != http.StatusOK || p.last.Trailer.Get("Other") != "1" || p.last.Trailer.Get("X-Ssn") != "" || p.last.Trailer["X_ssn"] != nil {
			t.Errorf("%s: %d; trailers %v", path, resp.StatusCode, p.last.Trailer)
		}
	}
}

// Without request headers, the values beside bodies would pass in clear.
func TestPlacesNeedHeaders(t *testing.T) {
	r := newRig(t, rigOptions{policy: placesIn("buffered")})
	// A body mode of another route says that Envoy has taken that.
	other := r.front(dataplane.Config{Mode: dataplane.Mode{RequestHeaders: true, ResponseHeaders: true, RequestBody: wire.ModeBuffered}}, nil)
	if status, got, err := other.post("/seal/x", "application/json", strings.NewReader(`{}`)); err != nil || status != http.StatusInternalServerError || !strings.Contains(got, codeMode) {
		t.Errorf("no bodies of responses: %v %d %s", err, status, got)
	}
	front := r.front(dataplane.Config{
		Mode:              dataplane.Mode{ResponseHeaders: true, RequestBody: wire.ModeBuffered, ResponseBody: wire.ModeBuffered},
		RequestAttributes: RequestAttributes, ResponseAttributes: ResponseAttributes,
	}, nil)
	status, got, err := front.post("/seal/x", "application/json", strings.NewReader(`{}`))
	if err != nil || status != http.StatusInternalServerError || !strings.Contains(got, codeMode) {
		t.Errorf("%v %d %s", err, status, got)
	}
}

// A header that may choose another route cannot be tagged: it is removed.
func TestOverridesAreReserved(t *testing.T) {
	for _, o := range overrides {
		if places.Reserved(o.name) == "" {
			t.Errorf("%s may be tagged", o.name)
		}
	}
}
