package proxy

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/sealmesh/sealmesh/proxy/wire"
)

const queryPolicy = `version: 1
keys:
  main: {kek: "local:kek"}
tags:
  pii: {key: main}
  bound: {key: main, context_from: {record: path.record}}
routes:
  - name: seal
    match: {path: "/seal/{id}"}
    request:
      query: {seal: {ssn: pii, $.user.name: pii, "it's": pii}}
      path: {seal: {id: pii}}
    response: {headers: {open: {x-ssn: pii}}}
  - name: open
    match: {path: "/open/**"}
    request: {query: {open: {ssn: pii}}, headers: {open: {x-ssn: pii}}}
  - name: bound
    match: {path: "/bound/{record}"}
    request: {query: {seal: {ssn: bound}}}
    response: {headers: {open: {x-ssn: bound}}}
  - name: keep
    match: {path: "/keep"}
    request: {envelopes: keep, query: {seal: {ssn: pii}}}
  - name: folding
    match: {path: "/folding"}
    request: {ignore_case: true, query: {seal: {ssn: pii}}}
  - name: migrating
    match: {path: "/migrating"}
    request: {query: {open: {ssn: pii}}, migration: {accept_plaintext_until: 2999-01-01}}
`

// query returns the query that the upstream got.
func (p *placesRig) query() string {
	_, query, _ := strings.Cut(p.last.RequestURI, "?")
	return query
}

// Each value of a query with a rule is sealed, however its name is spelled; all
// else stays as it is. It opens as it was.
func TestQuery(t *testing.T) {
	r := newRig(t, rigOptions{policy: queryPolicy})
	p := newPlacesRig(t, r, bothWays(wire.ModeFullDuplex))
	for sent, want := range map[string]string{ // § is an envelope
		"ssn=" + canary: "ssn=§", "a=1&ssn=" + canary + "&b=%41+c": "a=1&ssn=§&b=%41+c",
		"s%73n=" + canary + "&ssn=x&ssn[]=y": "s%73n=§&ssn=§&ssn[]=§",
		"user[name]=a+b&user.name=c%20d":     "user[name]=§&user.name=§",
		"it%27s=1":                           "it%27s=§",
		"ssn=&user=x":                        "ssn=&user=x",
		"q=1?2/3&&x":                         "q=1?2/3&&x", "": "",
	} {
		if resp, got := p.do("/seal/7?"+sent, ""); resp.StatusCode != http.StatusOK {
			t.Errorf("%s: %d %s", sent, resp.StatusCode, got)
			continue
		}
		got := strings.Split(p.query(), "&")
		for i, pair := range strings.Split(want, "&") {
			name, isEnv := strings.CutSuffix(pair, "§")
			if i >= len(got) || isEnv && !strings.HasPrefix(got[i], name+"sm1.") || !isEnv && got[i] != pair {
				t.Errorf("%s: became %s, want %s", sent, p.query(), want)
				break
			}
		}
		if !isEnvelope(p.segment()[:5]) {
			t.Errorf("%s: the path is %s", sent, p.last.RequestURI)
		}
	}
	for _, value := range []string{canary, "a+b", "a%20b", "%41", "Zo%C3%AB", "1%261", "", "x=y", "%7e"} {
		p.do("/seal/7?ssn="+value, "")
		sealed := strings.TrimPrefix(p.query(), "ssn=")
		if resp, got := p.do("/open/x?a=1&ssn="+sealed+"&b", ""); resp.StatusCode != http.StatusOK || p.query() != "a=1&ssn="+value+"&b" {
			t.Errorf("%s: %d %s: opens as %s", value, resp.StatusCode, got, p.last.RequestURI)
		}
	}
}

func TestQueryRefuses(t *testing.T) {
	r := newRig(t, rigOptions{policy: queryPolicy})
	p := newPlacesRig(t, r, bothWays(wire.ModeFullDuplex))
	p.do("/seal/7?ssn="+canary, "")
	env := strings.TrimPrefix(p.query(), "ssn=")
	for target, code := range map[string]string{
		"/seal/7?ssn=1;ssn=2": codePlace, "/seal/7?a=%": codePlace, "/seal/7?ssn=%zz": codePlace, "/seal/7?ssn=%u0031": codePlace, "/seal/7?ssn=%FF": codePlace,
		"/seal/7?ssn=" + env: codeEnvelope, "/seal/7?a=" + env: codeEnvelope, "/seal/7?" + env + "=1": codeEnvelope, "/seal/7?ssn=%73" + env[1:]: codeEnvelope,
		"/seal/7?a=" + url.QueryEscape(url.QueryEscape("%"+env)): codeEnvelope,
		"/open/" + env + "?ssn=" + env:                           codeEnvelope, "/open/x?ssn=" + env + "&b=" + env: codeEnvelope, "/open/x?b=" + env: codeEnvelope,
		"/open/x?ssn=1": codePlain, "/open/x?ssn=x" + env: codePlain, "/keep?ssn=x" + env: codeEnvelope, "/keep?a=" + env: codeEnvelope,
		"/migrating?ssn=x" + env: codeEnvelope, "/migrating?ssn=%2573" + env[1:]: codeEnvelope,
	} {
		if resp, got := p.do(target, ""); resp.StatusCode/100 != 4 || !strings.Contains(got, code) || p.last != nil {
			t.Errorf("%.60s: %d %s", target, resp.StatusCode, got)
		}
	}
	for target, want := range map[string]string{"/keep?ssn=" + env + "&a=1": "ssn=" + env + "&a=1", "/migrating?ssn=clear": "ssn=clear", "/migrating?ssn=" + env: "ssn=" + canary} {
		if resp, got := p.do(target, ""); resp.StatusCode != http.StatusOK || p.query() != want {
			t.Errorf("%.60s: %d %s", target, resp.StatusCode, got)
		}
	}
	// Case counts unless the direction ignores it.
	if p.do("/folding?SSN="+canary, ""); !strings.HasPrefix(p.query(), "SSN=sm1.") {
		t.Errorf("in another case: %s", p.query())
	}
	// A value is bound to the record in the path, and text opens anywhere.
	p.do("/bound/7?ssn="+canary, "")
	p.set = http.Header{"X-Ssn": {strings.TrimPrefix(p.query(), "ssn=")}}
	if resp, _ := p.do("/bound/7", ""); resp.Header.Get("X-Ssn") != canary {
		t.Errorf("its own record: %v", resp.Header)
	}
	if resp, got := p.do("/bound/8", ""); resp.StatusCode != http.StatusBadGateway || !strings.Contains(got, codeOpenFailed) {
		t.Errorf("another record: %d %s", resp.StatusCode, got)
	}
}
