package load

import (
	"bytes"
	"encoding/json"
	"io"
	"testing"
	"time"
)

func TestDocument(t *testing.T) {
	for _, c := range []struct{ size, fields int }{{512, 5}, {2048, 0}, {2048, 5}, {16384, 50}, {225280, 1000}} {
		b := NewDocument(c.size, c.fields)
		if len(b) != c.size || !json.Valid(b) {
			t.Errorf("%+v: %d bytes, valid %v", c, len(b), json.Valid(b))
		}
		if n := bytes.Count(b, []byte(`"`+Member+`":"`)); n != c.fields {
			t.Errorf("%+v: %d fields", c, n)
		}
	}
}

func TestSchedule(t *testing.T) {
	a, b := Schedule(1, 1000, time.Second), Schedule(1, 1000, time.Second)
	if len(a) < 800 || len(a) > 1200 {
		t.Errorf("%d arrivals at 1000/s", len(a))
	}
	for i := range a {
		if a[i] != b[i] || i > 0 && a[i] < a[i-1] {
			t.Fatalf("arrival %d: %v, %v", i, a[i], b[i])
		}
	}
	if c := Schedule(2, 1000, time.Second); c[0] == a[0] {
		t.Error("another seed gives the same arrivals")
	}
}

func upstream(t *testing.T) *Upstream {
	u, err := StartUpstream()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = u.Close() })
	return u
}

func TestLoops(t *testing.T) {
	u := upstream(t)
	c := NewClient(u.Addr())
	defer c.Close()
	r := NewRequest("POST", "/both/1", []byte(`{"a":1}`))
	if b, err := c.Do(r); err != nil || string(b) != `{"a":1}` {
		t.Fatalf("%s, %v", b, err)
	}
	for name, res := range map[string]Result{
		"closed": c.Closed(3, 30*time.Millisecond, func(int64) *Request { return r }),
		"open":   c.Open(3, Schedule(1, 500, 50*time.Millisecond), r),
	} {
		if res.Err != nil || res.Failed > 0 || res.Requests == 0 || res.Latency.TotalCount() != res.Requests {
			t.Errorf("%s: %+v", name, res)
		}
	}
}

// When the server stands still, the requests that were due meanwhile all say
// so: no wait is left out because nothing could be sent.
func TestNoCoordinatedOmission(t *testing.T) {
	u := upstream(t)
	c := NewClient(u.Addr())
	defer c.Close()
	size := int64(1 << 20)
	stall := 100 * time.Millisecond
	r := NewStream("/sink/1", size, func() io.Reader { return &slow{left: size, pause: stall} })
	schedule := make([]time.Duration, 5) // all due at once, on one connection
	res := c.Open(1, schedule, r)
	if res.Requests != 5 || res.Err != nil {
		t.Fatalf("%+v", res)
	}
	if least := time.Duration(res.Latency.Max()) * time.Microsecond; least < 5*stall {
		t.Errorf("the last of 5 waited %v, want 5 × %v", least, stall)
	}
}

// slow pauses once, then gives zeros.
type slow struct {
	left  int64
	pause time.Duration
}

func (s *slow) Read(p []byte) (int, error) {
	if s.pause > 0 {
		<-time.After(s.pause)
		s.pause = 0
	}
	if s.left == 0 {
		return 0, io.EOF
	}
	n := min(int64(len(p)), s.left)
	s.left -= n
	clear(p[:n])
	return int(n), nil
}

func TestFailuresCount(t *testing.T) {
	u := upstream(t)
	c := NewClient(u.Addr())
	u.Close()
	res := c.Closed(1, time.Millisecond, func(int64) *Request { return NewRequest("GET", "/x", nil) })
	if res.Err == nil || res.Failed == 0 {
		t.Errorf("nobody listens: %+v", res)
	}
}
