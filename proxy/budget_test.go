package proxy

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/sealmesh/sealmesh/proxy/policy"
)

// One caller may take its share of memory and of exchanges, all together the
// whole; what is given back may be taken again.
func TestBudget(t *testing.T) {
	b := newBudget()
	l := &policy.Limits{Memory: 16 * footing, Streams: 12, CallerShare: 50}
	var a *account
	var err error
	for range 6 {
		if a, err = b.enter([]byte("a"), l); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := b.enter([]byte("a"), l); !errors.Is(err, errStreams) {
		t.Errorf("a seventh exchange: %v", err)
	}
	b.leave(a, footing)
	if err := b.grow(a, 2*footing, l, false); err != nil {
		t.Errorf("a caller's share: %v", err)
	}
	if err := b.grow(a, 1, l, false); !errors.Is(err, errShare) {
		t.Errorf("a byte more than a caller's share: %v", err)
	}
	nobody, err := b.enter([]byte(""), l)
	if err != nil {
		t.Fatal(err)
	}
	if err := b.grow(nobody, 7*footing, l, false); err != nil {
		t.Errorf("the rest: %v", err)
	}
	if _, err := b.enter([]byte("c"), l); !errors.Is(err, errMemory) {
		t.Errorf("one exchange more than there is room for: %v", err)
	}
	if err := b.grow(nobody, footing, l, true); err != nil || b.held() != 18*footing {
		t.Errorf("with force: %v, %d held", err, b.held())
	}
}

// All addresses of one IPv6 network have one share: one client can have them
// all.
func TestNetworkHasOneShare(t *testing.T) {
	b := newBudget()
	l := &policy.Limits{Memory: 20 * footing, Streams: 10, CallerShare: 50}
	var last *account
	for i := range 5 {
		a, err := b.enter(fmt.Appendf(nil, "2001:db8::%x", i), l)
		if err != nil || a.caller != fmt.Sprintf("2001:db8::%x", i) {
			t.Fatal(a, err)
		}
		last = a
	}
	if err := b.grow(last, 6*footing, l, false); !errors.Is(err, errShare) {
		t.Errorf("more than the share: %v", err)
	}
	if _, err := b.enter([]byte("2001:db8::ffff"), l); !errors.Is(err, errStreams) {
		t.Errorf("a sixth exchange: %v", err)
	}
	if _, err := b.enter([]byte("2001:db8:0:1::1"), l); err != nil {
		t.Errorf("another network: %v", err)
	}
}

// Callers that are gone are forgotten.
func TestBudgetForgets(t *testing.T) {
	b := newBudget()
	l := &policy.Limits{Streams: 10, CallerShare: 50}
	for i := range 10 * idleCallers {
		a, err := b.enter([]byte(fmt.Sprint(i)), l)
		if err != nil {
			t.Fatal(err)
		}
		b.leave(a, footing)
	}
	if len(b.callers) > idleCallers || b.held() != 0 {
		t.Errorf("%d callers are remembered, %d bytes are held", len(b.callers), b.held())
	}
}

func limited(p, limits string) string {
	return strings.Replace(p, "limits: {", "limits: {"+limits+", ", 1)
}

func calledBy(m *msg, address string) *msg {
	m.Attributes = attributes(map[string]any{AddressAttribute: address + ":1"})
	return m
}

// Past the memory for bodies a request is refused, and one of another caller is
// not: whether its body is kept, or streamed with a value that does not end.
func TestNoRoomForARequest(t *testing.T) {
	for _, c := range []struct {
		name, policy string
		share        int
		pieces       int
	}{{"kept", rigPolicy, 20, 7}, {"streamed", streamedPolicy, 7, 1}} {
		r := newRig(t, rigOptions{policy: limited(c.policy, fmt.Sprintf("memory: 1MiB, caller_share: %d", c.share))})
		head := func(who string) *msg {
			return calledBy(first(reqHead("/root/x", false, "content-type", jsonType), duplex, none), who)
		}
		msgs, replies := []*msg{head("10.0.0.1")}, make([]int, 1+c.pieces)
		for i := range c.pieces {
			msgs = append(msgs, reqBody(`"`[min(i, 1):]+strings.Repeat("x", 31<<10), false))
		}
		replies[c.pieces] = 1
		if c.name == "streamed" {
			replies[0] = 1
		}
		got, err := r.play(t, msgs, replies, true)
		if status.Code(err) != codes.Aborted || len(got) == 0 || !strings.Contains(string(got[len(got)-1].GetImmediateResponse().GetBody()), codeShare) {
			t.Errorf("%s: %v, %v", c.name, got, err)
		}
		if got, err := r.play(t, []*msg{head("10.0.0.2"), reqBody("1", true)}, n(replies[0], 2-replies[0]), true); err != io.EOF {
			t.Errorf("%s: another caller: %v, %v", c.name, got, err)
		}
		r.idle()
		if n := r.server.Held(); n != 0 {
			t.Errorf("%s: %d bytes are still charged", c.name, n)
		}
	}
}

// A response for which there is no room is not refused, since the service has
// acted: it flows.
func TestNoRoomForAResponse(t *testing.T) {
	r := newRig(t, rigOptions{policy: limited(rigPolicy, "memory: 1MiB, caller_share: 10")})
	sealed := strings.TrimSuffix(r.seal(secretBody), "}")
	pad := strings.Repeat("p", 30<<10)
	msgs := []*msg{calledBy(first(reqHead("/open/x", true), duplex, duplex), "10.0.0.1"),
		respHead("200", false, "content-type", jsonType, "content-length", "150000"),
		respBody(sealed+`,"pad":"`+pad, false), respBody(pad, false), respBody(pad, false), respBody(pad, false), respBody(`"}`, true)}
	got, err := r.play(t, msgs, n(1, 0, 0, 2, 1, 1, 1), true)
	if err != io.EOF {
		t.Fatal(err)
	}
	var body strings.Builder
	for _, reply := range got {
		body.Write(reply.GetResponseBody().GetResponse().GetBodyMutation().GetStreamedResponse().GetBody())
	}
	if want := strings.TrimSuffix(secretBody, "}") + `,"pad":"` + strings.Repeat(pad, 4) + `"}`; body.String() != want {
		t.Errorf("%d bytes came of %d", body.Len(), len(want))
	}
	if head := describe(got[1]); !strings.Contains(head, "-content-length") {
		t.Errorf("the headers are %s", head)
	}
	if n := r.metrics.Route("open").Flowed.Load(); n != 1 {
		t.Errorf("%d responses are counted as streamed", n)
	}
	r.idle()
	if n := r.server.Held(); n != 0 {
		t.Errorf("%d bytes are still charged", n)
	}
}

// A body that is held has to come at limits.rate, and by limits.held: a byte
// now and then renews nothing.
func TestHeldBodiesHaveADeadline(t *testing.T) {
	for _, c := range []struct {
		name       string
		bytes      int           // of each piece
		every, end time.Duration // of pieces; when the body is given up
		limits     policy.Limits
	}{
		{name: "a byte now and then", bytes: 1, every: 10 * time.Second, end: time.Minute,
			limits: policy.Limits{Exchange: time.Minute, Held: time.Hour, Rate: 4096}},
		{name: "fast enough, for too long", bytes: 16 << 10, every: time.Second, end: 2 * time.Minute,
			limits: policy.Limits{Exchange: time.Minute, Held: 2 * time.Minute, Rate: 4096}},
		{name: "nothing more", bytes: 1, every: time.Hour, end: 20 * time.Second,
			limits: policy.Limits{Exchange: 20 * time.Second, Held: time.Hour, Rate: 1}},
	} {
		synctest.Test(t, func(t *testing.T) {
			h := &heldBody{since: time.Now(), bytes: c.bytes, received: c.bytes}
			begin := time.Now()
			for time.Since(begin) < 2*time.Hour {
				wait := h.patience(&c.limits)
				if wait < c.every {
					time.Sleep(wait)
					break
				}
				time.Sleep(c.every)
				h.received += c.bytes
				h.bytes = h.received
			}
			if got := time.Since(begin); got < c.end || got > c.end+time.Second {
				t.Errorf("%s: given up after %v, not %v", c.name, got, c.end)
			}
		})
	}
}
