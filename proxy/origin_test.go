package proxy

import (
	"io"
	"testing"
)

// Who called is what Envoy says of the connection, the strongest name first.
// What a header says is nobody's word.
func TestCaller(t *testing.T) {
	r := newRig(t, rigOptions{})
	uri, dns := identities[0], identities[1]
	cases := []struct {
		attributes map[string]any
		want       any
	}{
		{map[string]any{uri: "spiffe://a/b", dns: "b.example", AddressAttribute: "10.1.2.3:40000"}, "spiffe://a/b"},
		{map[string]any{dns: "b.example", AddressAttribute: "10.1.2.3:40000"}, "b.example"},
		{map[string]any{uri: "", AddressAttribute: "10.1.2.3:40000"}, "10.1.2.3"},
		{map[string]any{AddressAttribute: "[2001:db8::1]:40000"}, "2001:db8::1"},
		{map[string]any{AddressAttribute: "/run/app.sock"}, "/run/app.sock"},
		{map[string]any{}, nil},
	}
	for _, c := range cases {
		m := first(reqHead("/seal/x", false, "content-type", jsonType, "x-forwarded-for", "6.6.6.6", "forwarded", "for=6.6.6.6",
			"x-forwarded-client-cert", "URI=spiffe://forged"), buffered, none)
		m.Attributes = attributes(c.attributes)
		if _, err := r.play(t, []*msg{m, reqBody(secretBody, true)}, n(1, 1), true); err != io.EOF {
			t.Fatal(err)
		}
	}
	uses := r.uses()
	for i, c := range cases {
		if got := uses[i].Attrs["sealmesh.caller"]; got != c.want {
			t.Errorf("%v: caller %v, not %v", c.attributes, got, c.want)
		}
	}
}
