package keyuse

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sealmesh/sealmesh/keycache/keyuse/otlp"
)

var forged = Use{Key: "customer", Operation: "open", Tags: []string{"pii"}, Fields: 1, ErrorType: "value_not_opened"}

// attemptsOf returns how many values the spans of a collector say failed, by
// caller.
func attemptsOf(spans []map[string]any) map[string]int64 {
	n := map[string]int64{}
	for _, s := range spans {
		n[s["sealmesh.caller"].(string)] += s["sealmesh.fields"].(int64)
	}
	return n
}

// keeping acknowledges, and keeps the spans.
func keeping(spans *[]map[string]any) *far {
	return &far{answer: func(_ int, req *otlp.Request) (otlp.Answer, error) {
		*spans = append(*spans, req.Decode()...)
		return otlp.Answer{}, nil
	}}
}

// A caller that sends forged envelopes as fast as it can costs one span a
// second, with the count, and another's are told apart.
func TestAttemptsAreRecordedInSum(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var spans []map[string]any
		r := openFar(t, keeping(&spans), Options{Required: true})
		x := benchExchange
		for i := range 10_000 { // 10 s
			time.Sleep(time.Millisecond)
			x.TraceID[15], x.Caller = byte(i), "attacker"
			r.Attempt(&x, &forged)
			if i%5000 == 0 {
				x.Caller = "other"
				r.Attempt(&x, &forged)
			}
		}
		if err := r.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
		if n := attemptsOf(spans); n["attacker"] != 10_000 || n["other"] != 2 || len(spans) > 10+1+2 {
			t.Errorf("%d spans of %v", len(spans), n)
		}
		alone := 0
		for _, s := range spans {
			if s["sealmesh.aggregate"] != true {
				alone++
			}
		}
		if alone != 2 {
			t.Errorf("%d spans are of one exchange alone, want those of the other caller", alone)
		}
	})
}

// Callers without number share a span.
func TestAttemptsOfManyCallers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var spans []map[string]any
		r := openFar(t, keeping(&spans), Options{Required: true})
		x := benchExchange
		for i := range 5000 {
			x.Caller = fmt.Sprint("caller ", i)
			r.Attempt(&x, &forged)
		}
		if err := r.Flush(t.Context()); err != nil {
			t.Fatal(err)
		}
		if n := attemptsOf(spans); len(spans) != maxAttempts+1 || n[otlp.Ellipsis] != 5000-maxAttempts {
			t.Errorf("%d spans, %d of callers without a span", len(spans), n[otlp.Ellipsis])
		}
		if err := r.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
	})
}

// However long forged envelopes come while the collector is unreachable, the
// record has room for the uses of others, and the count is right in the end.
func TestAttemptsLeaveRoom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var spans []map[string]any
		f := keeping(&spans)
		back := f.answer
		f.answer = func(int, *otlp.Request) (otlp.Answer, error) { return otlp.Answer{}, errUnreachable }
		r := openFar(t, f, Options{Required: true, QueueBytes: MinQueueBytes})
		x := benchExchange
		for i := range 100_000 {
			if i%100 == 0 {
				time.Sleep(time.Second)
			}
			x.Caller = fmt.Sprint("caller ", i%200)
			r.Attempt(&x, &forged)
		}
		others := 0
		for r.Record(&benchExchange, []Use{{Fields: 1}}, Reservation{}) == nil {
			others++
		}
		if others < 40 {
			t.Errorf("room for %d uses is left", others)
		}
		f.mu.Lock()
		f.answer = back
		f.mu.Unlock()
		if err := r.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
		total := int64(0)
		for _, n := range attemptsOf(spans) {
			total += n
		}
		if total != 100_000+int64(others) {
			t.Errorf("%d of 100,000 attempts are recorded", total-int64(others))
		}
	})
}

// What finds no room even at the end is counted as lost.
func TestAttemptsThatAreLost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &far{answer: func(int, *otlp.Request) (otlp.Answer, error) { return otlp.Answer{}, errUnreachable }}
		r := openFar(t, f, Options{Required: true, QueueBytes: MinQueueBytes})
		full := 0
		for r.Record(&benchExchange, []Use{benchUse}, Reservation{}) == nil {
			full++
		}
		r.Attempt(&benchExchange, &forged)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := r.Close(ctx); err == nil {
			t.Error("nothing is lost")
		}
		r.Attempt(&benchExchange, &forged) // after the end
		if s := r.Stats(); s.Dropped != uint64(full)+2 {
			t.Errorf("%d uses and 2 attempts: %+v", full, s)
		}
	})
}
