package proxy

import (
	"fmt"
	"io"
	"strings"
	"testing"

	pb "github.com/envoyproxy/go-control-plane/envoy/service/ext_proc/v3"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/sealmesh/sealmesh/proxy/dataplane"
	"github.com/sealmesh/sealmesh/proxy/wire"
)

// asItIs describes a reply on which Envoy sends the copy of the body that it
// has.
const asItIs = "body as it is"

// describe says what a reply carries: the phase, the headers that it sets and
// removes, and its part of the body.
func describe(r *pb.ProcessingResponse) string {
	common, name := r.GetRequestHeaders().GetResponse(), "headers"
	switch {
	case r.GetResponseHeaders() != nil:
		common = r.GetResponseHeaders().GetResponse()
	case r.GetRequestBody() != nil:
		common, name = r.GetRequestBody().GetResponse(), "body"
	case r.GetResponseBody() != nil:
		common, name = r.GetResponseBody().GetResponse(), "body"
	case r.GetRequestTrailers() != nil, r.GetResponseTrailers() != nil:
		return "trailers"
	case r.GetImmediateResponse() != nil:
		return fmt.Sprint("refused ", r.GetImmediateResponse().GetStatus().GetCode().Number())
	}
	for _, h := range common.GetHeaderMutation().GetSetHeaders() {
		name += " " + h.Header.Key + "=" + string(h.Header.RawValue)
	}
	for _, h := range common.GetHeaderMutation().GetRemoveHeaders() {
		name += " -" + h
	}
	switch m := common.GetBodyMutation().GetMutation().(type) {
	case *pb.BodyMutation_Body:
		name += "=" + envelopeText.ReplaceAllString(string(m.Body), "ENVELOPE")
	case nil:
		if name == "body" {
			name = asItIs
		}
	}
	if piece := common.GetBodyMutation().GetStreamedResponse(); piece != nil {
		name += " " + envelopeText.ReplaceAllString(string(piece.GetBody()), "ENVELOPE")
		if piece.GetEndOfStream() {
			name += "."
		}
	}
	return name
}

// describeAll describes replies in order.
func describeAll(replies []*pb.ProcessingResponse) string {
	all := make([]string, len(replies))
	for i, reply := range replies {
		all[i] = describe(reply)
	}
	return strings.Join(all, "|")
}

// A buffered body in FULL_DUPLEX_STREAMED is answered when it has come whole:
// headers with its length, then the body, as few messages as it fits in.
func TestWholeSequences(t *testing.T) {
	r := newRig(t, rigOptions{})
	length := len(r.seal(secretBody))
	head := func(kv ...string) *msg {
		return reqHead("/seal/x", false, append([]string{"content-type", jsonType}, kv...)...)
	}
	sealed := strings.Replace(secretBody, canary, "ENVELOPE", 1)
	for _, c := range []struct {
		name    string
		msgs    []*msg
		replies []int
		want    string
	}{
		{"one chunk", []*msg{first(head("content-length", "25"), duplex, none), reqBody(secretBody, true)}, n(0, 2),
			fmt.Sprintf("headers content-length=%d|body %s.", length, sealed)},
		{"an end of its own", []*msg{first(head("content-length", "25"), duplex, none), reqBody(secretBody, false), reqBody("", true)}, n(0, 0, 2),
			fmt.Sprintf("headers content-length=%d|body %s.", length, sealed)},
		{"several chunks", []*msg{first(head(), duplex, none), reqBody(secretBody[:5], false), reqBody("", false), reqBody(secretBody[5:9], false), reqBody(secretBody[9:], false), reqBody("", true)},
			n(0, 0, 0, 0, 0, 2), "headers|body " + sealed + "."},
		{"trailers", []*msg{first(head(), duplex, none), reqBody(secretBody, false), reqTrailers()}, n(0, 0, 3), "headers|body " + sealed + "|trailers"},
		{"trailers alone", []*msg{first(head(), duplex, none), reqTrailers()}, n(0, 2), "headers|trailers"},
		{"an empty body", []*msg{first(head("content-length", "0"), duplex, none), reqBody("", true)}, n(0, 2), "headers|body ."},
		{"nothing tagged", []*msg{first(head("content-length", "2", "digest", "x"), duplex, none), reqBody("{}", true)}, n(0, 2), "headers|body {}."},
		{"a digest", []*msg{first(head("digest", "x"), duplex, none), reqBody(secretBody, true)}, n(0, 2),
			"headers -digest -content-digest -repr-digest -content-md5|body " + sealed + "."},
		{"no body", []*msg{first(reqHead("/seal/x", true), duplex, none)}, n(1), "headers"},
		{"the end twice", []*msg{first(head(), duplex, none), reqBody(secretBody, true), reqBody("", true)}, n(0, 2, 0), "headers|body " + sealed + "."},
		{"a type that passes", []*msg{first(reqHead("/seal/x", false, "content-type", "image/png", "content-length", "3"), duplex, none), reqBody("a", false), reqBody("bc", true)}, n(1, 1, 1),
			"headers|body a|body bc."},
	} {
		t.Run(c.name, func(t *testing.T) {
			replies, err := r.play(t, c.msgs, c.replies, true)
			if err != io.EOF {
				t.Errorf("ended with %v", err)
			}
			if got := describeAll(replies); got != c.want {
				t.Errorf("got  %s\nwant %s", got, c.want)
			}
		})
	}
	r.idle()
}

// Whatever is wrong with such a body, its headers have not left: it is refused
// with a status, also in a response, and nothing of it leaves.
func TestWholeRefusals(t *testing.T) {
	r := newRig(t, rigOptions{})
	head := func(path string) *msg { return first(reqHead(path, false, "content-type", jsonType), duplex, none) }
	answered := func(kv ...string) []*msg {
		return []*msg{first(reqHead("/open/x", true), buffered, duplex), respHead("200", false, kv...)}
	}
	for _, c := range []struct {
		name    string
		msgs    []*msg
		replies []int
		want    string
	}{
		{"malformed later", []*msg{head("/seal/x"), reqBody(secretBody, false), reqBody("]", true)}, n(0, 0, 1), "refused 400"},
		{"cut by trailers", []*msg{head("/seal/x"), reqBody(`{"secret":`, false), reqTrailers()}, n(0, 0, 1), "refused 400"},
		{"too long by a byte", []*msg{head("/seal/x"), reqBody(`"`+strings.Repeat("x", 256<<10-2), false), reqBody(`"`, false), reqBody(" ", false)}, n(0, 0, 0, 1), "refused 413"},
		{"no type", []*msg{first(reqHead("/seal/x", false), duplex, none), reqBody(secretBody, true)}, n(0, 1), "refused 415"},
		{"in clear", append(answered("content-type", jsonType), respBody(secretBody, false), respBody("", true)), n(1, 0, 0, 1), "headers|refused 502"},
		{"JSON in a coding that is not read", append(answered("content-type", jsonType, "content-encoding", "deflate"), respBody(secretBody, true)), n(1, 1), "headers|refused 502"},
	} {
		t.Run(c.name, func(t *testing.T) {
			replies, err := r.play(t, c.msgs, c.replies, true)
			if status.Code(err) != codes.Aborted {
				t.Errorf("ended with %v", err)
			}
			if got := describeAll(replies); got != c.want {
				t.Errorf("got  %s\nwant %s", got, c.want)
			}
		})
	}
	r.idle()
}

// Byte by byte, a body takes no more memory than its bytes and comes back as it
// was.
func TestWholeOfManyChunks(t *testing.T) {
	j := newJob(nil)
	want := strings.Repeat("0123456789", 20_000)
	for i := range len(want) {
		j.add([][]byte{[]byte(want[i : i+1])}, i)
	}
	held := 0
	for _, b := range j.own {
		held += cap(*b)
	}
	j.done()
	var got strings.Builder
	for _, p := range j.body {
		got.Write(p)
	}
	if got.String() != want || held > 3*len(want) {
		t.Errorf("%d bytes came back of %d, in %d bytes of buffers", got.Len(), len(want), held)
	}
	j.free()
	if len(j.own) != 0 {
		t.Error("buffers are kept")
	}
}

// What a response that is only opened says with a type that no codec reads
// passes: no codec sealed anything in it, and the service has acted.
func TestPageWhereRulesOpen(t *testing.T) {
	r := newRig(t, rigOptions{})
	for _, code := range []string{"200", "201", "302", "404"} {
		got, err := r.play(t, []*msg{first(reqHead("/open/x", true), duplex, duplex), respHead(code, false, "content-type", "text/plain", "etag", `"1"`), respBody("a,b", true)}, n(1, 1, 1), true)
		if err != io.EOF || describe(got[1]) != "headers" || describe(got[2]) != "body a,b." {
			t.Errorf("%s: %v, %v", code, got, err)
		}
	}
	if n := r.metrics.Route("open").Passed[1].Load(); n != 4 {
		t.Errorf("%d bodies are counted", n)
	}
	got, err := r.play(t, []*msg{first(reqHead("/open/x", true), duplex, duplex), respHead("200", false, "content-type", jsonType, "upgrade", "h2c"), respBody("{}", true)}, n(1, 0, 2), true)
	if err != io.EOF {
		t.Errorf("a response that names an upgrade: %v, %v", got, err)
	}
}

// What was sealed at a limit is longer, and opens: limits.body_bytes and
// limits.buffered_bytes bound what is open.
func TestSealedAtTheLimitOpens(t *testing.T) {
	const most = 4 << 10
	for name, p := range map[string]string{"kept": rigPolicy, "streamed": streamedPolicy} {
		p = strings.Replace(p, "buffered_bytes: 256KiB", "body_bytes: 4KiB, buffered_bytes: 4KiB", 1)
		r := newRig(t, rigOptions{policy: p})
		front := r.front(dataplane.Config{Mode: bothWays(wire.ModeFullDuplex)}, nil)
		list := strings.Repeat(`{"secret":"`+canary+`"},`, 80)
		body := "[" + list + `"` + strings.Repeat("p", most-len(list)-4) + `"]`
		if status, got, err := front.post("/both/x", "application/json", strings.NewReader(body)); err != nil || status != 200 || got != body || len(body) != most {
			t.Errorf("%s: %d bytes: %v, status %d, %d bytes", name, len(body), err, status, len(got))
		}
		if status, got, err := front.post("/both/x", "application/json", strings.NewReader(body+" ")); err == nil && status == 200 {
			t.Errorf("%s: a byte more passes: %d bytes", name, len(got))
		}
	}
}

// A body that was changed and that a header signs is counted; one that stays is
// not.
func TestSignedBodiesAreCounted(t *testing.T) {
	r := newRig(t, rigOptions{})
	for _, c := range []struct{ header, body string }{{"x-hub-signature-256", secretBody}, {"signature-input", secretBody}, {"content-digest", secretBody}, {"stripe-signature", "{}"}, {"x-other", secretBody}} {
		if _, err := r.play(t, []*msg{first(reqHead("/seal/x", false, "content-type", jsonType, c.header, "x"), duplex, none), reqBody(c.body, true)}, n(0, 2), true); err != io.EOF {
			t.Fatal(err)
		}
	}
	if n := r.metrics.Route("seal").Signed[0].Load(); n != 3 {
		t.Errorf("%d are counted", n)
	}
}

// The limit is the longest body that passes.
func TestWholeAtTheLimit(t *testing.T) {
	r := newRig(t, rigOptions{})
	body := `{"pad":"` + strings.Repeat("x", 256<<10-10) + `"}`
	got, err := r.play(t, []*msg{first(reqHead("/seal/x", false, "content-type", jsonType), duplex, none), reqBody(body[:100_000], false), reqBody(body[100_000:], true)}, n(0, 0, 1), true)
	if err != io.EOF {
		t.Fatal(err)
	}
	var echoed strings.Builder
	for _, reply := range got {
		piece := reply.GetRequestBody().GetResponse().GetBodyMutation().GetStreamedResponse().GetBody()
		if len(piece) > maxChunk {
			t.Errorf("a chunk of %d bytes", len(piece))
		}
		echoed.Write(piece)
	}
	if echoed.String() != body || len(body) != 256<<10 {
		t.Errorf("%d bytes came back of %d", echoed.Len(), len(body))
	}
}
