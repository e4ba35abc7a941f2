package proxy

import (
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/sealmesh/sealmesh/codec"
	"github.com/sealmesh/sealmesh/codec/formats"
	"github.com/sealmesh/sealmesh/proxy/dataplane"
	"github.com/sealmesh/sealmesh/proxy/policy"
)

// smuggled are content types that one server reads as UTF-8 and another does
// not.
var smuggled = []string{
	"application/json; charset*=utf-7",
	"application/json; charset*=utf-8''utf-7",
	"application/json; charset*0=utf; charset*1=-7",
	"application/json; charset=utf-8; charset=utf-7",
	`application/json; x="; charset=utf-7; y="`,
	`application/json; x="charset=utf-7"`,
}

// A body of which two servers could read different text is refused, either way.
func TestSmuggledCharset(t *testing.T) {
	const body = `{"+AHMAZQBjAHIAZQB0-":"` + canary + `"}`
	for mode, m := range bodyModes {
		r := newRig(t, rigOptions{policy: m.policy})
		front := r.front(dataplane.Config{Mode: bothWays(m.mode)}, func(w http.ResponseWriter, req *http.Request) {
			w.Header().Set("Content-Type", req.Header.Get("X-Answer"))
			_, _ = io.WriteString(w, `{"secret":1}`)
		})
		for _, smuggled := range smuggled {
			t.Run(mode+"/"+smuggled, func(t *testing.T) {
				status, got, err := front.post("/seal/x", smuggled, strings.NewReader(body))
				if err != nil || status != http.StatusUnsupportedMediaType || !strings.Contains(got, codeType) {
					t.Errorf("request: %v, status %d: %s", err, status, got)
				}
				resp, err := front.Client().Do(asking(t, front.URL+"/open/x", smuggled))
				must(t, err)
				defer resp.Body.Close()
				if resp.StatusCode != http.StatusBadGateway {
					t.Errorf("response: status %d", resp.StatusCode)
				}
			})
		}
		if seen := front.upstream.everything(); strings.Contains(seen, canary) {
			t.Errorf("%s: the upstream saw %s", mode, seen)
		}
	}
}

func asking(t *testing.T, url, answer string) *http.Request {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	must(t, err)
	req.Header.Set("X-Answer", answer)
	return req
}

// What is forwarded names the reading in one spelling, whatever was sent.
func TestContentTypeIsCanonical(t *testing.T) {
	for mode, m := range bodyModes {
		r := newRig(t, rigOptions{policy: m.policy})
		var saw string // written before the reply that post waits for
		front := r.front(dataplane.Config{Mode: bothWays(m.mode)}, func(w http.ResponseWriter, req *http.Request) {
			saw = req.Header.Get("Content-Type")
			w.Header().Set("Content-Type", `Application/Problem+JSON;charset="UTF8"`)
			_, _ = io.WriteString(w, `{}`)
		})
		for sent, want := range map[string]string{
			"application/json":                  "application/json",
			"application/json;charset=utf8":     "application/json; charset=utf-8",
			`Application/JSON; Charset="utf-8"`: "application/json; charset=utf-8",
			`application/vnd.x+json;v="1";`:     "application/vnd.x+json; v=1",
			"image/png;x=Y":                     "image/png;x=Y", // passes unread, and as it came
		} {
			path := "/both/x"
			if strings.HasPrefix(sent, "image") {
				path = "/seal/x"
			}
			resp, err := front.Client().Post(front.URL+path, sent, strings.NewReader(`{}`))
			must(t, err)
			_ = resp.Body.Close()
			if resp.StatusCode != http.StatusOK || saw != want {
				t.Errorf("%s: %q was forwarded as %q, want %q; status %d", mode, sent, saw, want, resp.StatusCode)
			}
			if got := resp.Header.Get("Content-Type"); path == "/both/x" && got != "application/problem+json; charset=utf-8" {
				t.Errorf("%s: the client was sent %q", mode, got)
			}
		}
	}
}

// Where attributes stand in for headers, sealmesh could not put the type right.
func TestContentTypeByAttributeIsAsItMustBe(t *testing.T) {
	r := newRig(t, rigOptions{})
	m := first(reqBody(secretBody, true), buffered, none)
	m.Attributes = attributes(map[string]any{attrPath: "/seal/x", attrMethod: "POST", attrHost: "h", attrType: "application/json;charset=utf8"})
	got, err := r.play(t, []*msg{m}, n(1), true)
	if err == io.EOF || !strings.Contains(string(got[0].GetImmediateResponse().GetBody()), codeType) {
		t.Errorf("ended with %v after %v", err, got)
	}
}

// A type of the policy's pass types does not pass where a server that looks for
// a part of it, as Laravel does, would read the body as JSON.
func TestPassedTypeThatResemblesJSON(t *testing.T) {
	r := newRig(t, rigOptions{})
	front := r.front(dataplane.Config{Mode: bothWays(bodyModes["whole"].mode)}, nil)
	for _, sent := range []string{"image/json", "image/JSON-x", "image/x+json-y", `image/png; a="application/json"`} {
		status, got, err := front.post("/seal/x", sent, strings.NewReader(`{"secret":"`+canary+`"}`))
		if err != nil || status != http.StatusUnsupportedMediaType || !strings.Contains(got, codeType) {
			t.Errorf("%s: %v, status %d: %s", sent, err, status, got)
		}
	}
}

// A format that the policy does not say how to read is refused, unless bodies
// of its type pass.
func TestUnreadFormat(t *testing.T) {
	d := &direction{head: message{contentType: jsonType, headers: true}, media: formats.Table().Detect(jsonType), plan: &plan{Plan: &policy.Plan{}}}
	d.x = &exchange{counts: new(Counts)}
	if err := d.checkFormat(); err != nil || d.state == passing {
		t.Errorf("a format that can have the rules: %v", err)
	}
	d.plan.Unread = map[*codec.Format]error{d.media.Format: errors.New("a rule that JSON cannot decide")}
	if err := d.checkFormat(); err == nil || codeOf(err) != codeFormat || detailOf(err, false) != "sealmesh does not read json on this route" {
		t.Errorf("a format that cannot: %v", err)
	}
	d.response = true // without values to seal
	if err := d.checkFormat(); err != nil || d.state != passing {
		t.Errorf("a response in which nothing can be sealed: %v", err)
	}
	d.response, d.state, d.plan.PassTypes = false, expected, []string{jsonType}
	if err := d.checkFormat(); err != nil || d.state != passing {
		t.Errorf("a type that passes: %v", err)
	}
}
