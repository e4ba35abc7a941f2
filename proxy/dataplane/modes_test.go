package dataplane

import (
	"strings"
	"testing"

	"github.com/sealmesh/sealmesh/proxy/wire"
)

// all is a Mode that sends everything, with both bodies in mode b.
func all(b wire.BodyMode) Mode {
	return Mode{
		RequestHeaders: true, ResponseHeaders: true, RequestBody: b, ResponseBody: b,
		RequestTrailers: true, ResponseTrailers: true,
	}
}

// merged joins the chunks of a body, since how a network cuts it is nobody's
// promise.
func merged(seen []string) string {
	var out []string
	for _, s := range seen {
		name, text, body := strings.Cut(s, ":")
		if last := len(out) - 1; body && last >= 0 && strings.HasPrefix(out[last], name+":") {
			out[last] += text
			continue
		}
		out = append(out, s)
	}
	return strings.Join(out, " ")
}

func TestModes(t *testing.T) {
	for _, c := range []struct {
		name string
		mode Mode
		want string // what comes back for "body"
		seen string // the messages
	}{
		{"none", Mode{}, "body", ""},
		{"headers only", Mode{RequestHeaders: true, ResponseHeaders: true}, "body", "request-headers response-headers"},
		{"streamed", all(wire.ModeStreamed), "BODY",
			"request-headers request-body:body. response-headers response-body:BODY."},
		{"full duplex", all(wire.ModeFullDuplex), "BODY",
			"request-headers request-body:body. response-headers response-body:BODY."},
		{"buffered without headers", Mode{RequestBody: wire.ModeBuffered}, "BODY", "request-body:body."},
		{"full duplex without headers", Mode{ResponseBody: wire.ModeFullDuplex, ResponseTrailers: true}, "BODY",
			"response-body:body."},
		{"partial", Mode{RequestBody: wire.ModeBufferedPartial}, "BODY", "request-body:body."},
	} {
		t.Run(c.name, func(t *testing.T) {
			duplex := c.mode.RequestBody == wire.ModeFullDuplex || c.mode.ResponseBody == wire.ModeFullDuplex
			r := newRig(t, Config{Mode: c.mode}, upper(duplex), nil)
			if _, got := r.post(t, "body", 200); got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
			if c.seen != "" {
				if err := <-r.ends; !normal(err) {
					t.Errorf("the stream ended with %v", err)
				}
			}
			if got := r.messages(); got != c.seen {
				t.Errorf("messages\n got %s\nwant %s", got, c.seen)
			}
			if n := r.Stats.Spurious.Load() + r.Stats.Bypassed.Load() + r.Stats.Failed.Load(); n != 0 {
				t.Errorf("%d streams went wrong", n)
			}
		})
	}
}
