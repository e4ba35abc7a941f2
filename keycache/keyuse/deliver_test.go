package keyuse

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sealmesh/sealmesh/keycache/keyuse/otlp"
)

// A far is an exporter that answers as a test tells it, and notes when it was
// asked.
type far struct {
	mu     sync.Mutex
	answer func(attempt int, req *otlp.Request) (otlp.Answer, error)
	asked  []time.Time
	got    []int // Fields of the spans it acknowledged
}

func (f *far) export(_ context.Context, req *otlp.Request) (otlp.Answer, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.asked = append(f.asked, time.Now())
	a, err := f.answer(len(f.asked), req)
	if err == nil {
		f.got = append(f.got, fieldsOf(req)...)
	}
	return a, err
}

func fieldsOf(req *otlp.Request) (fields []int) {
	for _, span := range req.Decode() {
		fields = append(fields, int(span["sealmesh.fields"].(int64)))
	}
	return fields
}

func (f *far) waits() (waits []time.Duration) {
	for i := 1; i < len(f.asked); i++ {
		waits = append(waits, f.asked[i].Sub(f.asked[i-1]))
	}
	return waits
}

func openFar(t *testing.T, f *far, opt Options) *Recorder {
	t.Helper()
	opt.Log = slog.New(slog.NewTextHandler(t.Output(), nil))
	opt, err := opt.complete()
	if err != nil {
		t.Fatal(err)
	}
	out := otlp.Exporter{Export: f.export, Close: func() error { return nil }}
	r, err := open(opt, otlp.Destination{Delay: time.Second}, out)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func recordFields(t *testing.T, r *Recorder, fields ...int) {
	t.Helper()
	for _, n := range fields {
		u := benchUse
		u.Fields = n
		if err := r.Record(&benchExchange, []Use{u}, Reservation{}); err != nil {
			t.Fatal(err)
		}
	}
}

var errUnreachable = errors.New("unreachable")

func TestBackoff(t *testing.T) {
	for _, c := range []struct {
		name string
		err  error
		min  []time.Duration
		max  []time.Duration
	}{
		{"doubles", errUnreachable, []time.Duration{50e6, 100e6, 200e6, 400e6}, []time.Duration{100e6, 200e6, 400e6, 800e6}},
		{"as asked", &otlp.Error{After: 7 * time.Second, Err: errUnreachable}, []time.Duration{7e9, 7e9}, []time.Duration{7e9, 7e9}},
		{"asked too much", &otlp.Error{After: 24 * time.Hour, Err: errUnreachable}, []time.Duration{maxAsked}, []time.Duration{maxAsked}},
		{"for good", &otlp.Error{Permanent: true, Err: errUnreachable}, []time.Duration{500e6, 1e9, 2e9}, []time.Duration{1e9, 2e9, 4e9}},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := &far{answer: func(attempt int, _ *otlp.Request) (otlp.Answer, error) {
					if attempt <= len(c.min) {
						return otlp.Answer{}, c.err
					}
					return otlp.Answer{}, nil
				}}
				r := openFar(t, f, Options{Required: true})
				start := time.Now()
				recordFields(t, r, 1, 2)
				if err := r.Flush(t.Context()); err != nil {
					t.Fatal(err)
				}
				if d := f.asked[0].Sub(start); d > time.Second {
					t.Errorf("first attempt after %v", d)
				}
				for i, w := range f.waits() {
					if w < c.min[i] || w > c.max[i] {
						t.Errorf("wait %d is %v, want %v to %v", i, w, c.min[i], c.max[i])
					}
				}
				if s := r.Stats(); s.Exported != 2 || s.Down {
					t.Errorf("stats %+v", s)
				}
				if err := r.Close(t.Context()); err != nil {
					t.Error(err)
				}
			})
		})
	}
}

func TestBackoffHasALimit(t *testing.T) {
	for attempt := range 200 {
		if d := backoff(attempt, &otlp.Error{Err: errUnreachable}); d <= 0 || d > maxBackoff {
			t.Fatalf("backoff(%d) = %v", attempt, d)
		}
		if d := backoff(attempt, &otlp.Error{Permanent: true, Err: errUnreachable}); d < slowBackoff/2 || d > maxSlow {
			t.Fatalf("slow backoff(%d) = %v", attempt, d)
		}
	}
}

// TestDelay holds that a batch which is not full leaves after the delay.
func TestDelay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &far{answer: func(int, *otlp.Request) (otlp.Answer, error) { return otlp.Answer{}, nil }}
		r := openFar(t, f, Options{Required: true})
		start := time.Now()
		recordFields(t, r, 1)
		time.Sleep(time.Second / 2)
		recordFields(t, r, 2)
		time.Sleep(time.Second)
		synctest.Wait()
		if len(f.got) != 2 || f.asked[0].Sub(start) != time.Second {
			t.Errorf("%v sent at %v", f.got, f.asked)
		}
		if err := r.Close(t.Context()); err != nil {
			t.Error(err)
		}
	})
}

func TestPartialSuccessIsCounted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &far{answer: func(int, *otlp.Request) (otlp.Answer, error) {
			return otlp.Answer{Rejected: 2, Message: "too old"}, nil
		}}
		r := openFar(t, f, Options{Required: true})
		recordFields(t, r, 1, 2, 3, 4, 5)
		if err := r.Close(t.Context()); err != nil {
			t.Error(err)
		}
		if s := r.Stats(); s.Exported != 3 || s.Refused != 2 || len(f.asked) != 1 {
			t.Errorf("stats %+v after %d requests", s, len(f.asked))
		}
	})
}

// TestBestEffortGivesUp drops what a collector refuses for good, and counts it;
// what follows still arrives.
func TestBestEffortGivesUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &far{answer: func(attempt int, _ *otlp.Request) (otlp.Answer, error) {
			if attempt == 1 {
				return otlp.Answer{}, &otlp.Error{Permanent: true, Err: errUnreachable}
			}
			return otlp.Answer{}, nil
		}}
		r := openFar(t, f, Options{})
		recordFields(t, r, 1)
		time.Sleep(2 * time.Second)
		recordFields(t, r, 2)
		if err := r.Close(t.Context()); err != nil {
			t.Error(err)
		}
		if s := r.Stats(); s.Dropped != 1 || s.Exported != 1 || len(f.got) != 1 || f.got[0] != 2 {
			t.Errorf("stats %+v, got %v", s, f.got)
		}
	})
}

// TestCloseWithoutSpool tries until its context ends, and tells what is lost.
func TestCloseWithoutSpool(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &far{answer: func(int, *otlp.Request) (otlp.Answer, error) { return otlp.Answer{}, errUnreachable }}
		r := openFar(t, f, Options{Required: true})
		recordFields(t, r, 1, 2, 3)
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		start := time.Now()
		err := r.Close(ctx)
		if err == nil || time.Since(start) != 10*time.Second || len(f.asked) < 5 {
			t.Errorf("Close: %v after %v and %d attempts", err, time.Since(start), len(f.asked))
		}
		if again := r.Close(t.Context()); again != err {
			t.Errorf("second Close: %v", again)
		}
		if s := r.Stats(); s.Dropped != 3 {
			t.Errorf("stats %+v", s)
		}
		if err := r.Record(&benchExchange, []Use{benchUse}, Reservation{}); err != ErrClosed {
			t.Errorf("Record after Close: %v", err)
		}
		if _, err := r.Reserve(Reservation{}, 1); err != ErrClosed {
			t.Errorf("Reserve after Close: %v", err)
		}
	})
}

// TestCloseWithSpool does not wait for a collector that is unreachable.
func TestCloseWithSpool(t *testing.T) {
	dir := t.TempDir()
	f := &far{answer: func(int, *otlp.Request) (otlp.Answer, error) { return otlp.Answer{}, errUnreachable }}
	r := openFar(t, f, Options{Required: true, SpoolDir: dir})
	recordFields(t, r, 1, 2, 3)
	if err := r.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	f = &far{answer: func(int, *otlp.Request) (otlp.Answer, error) { return otlp.Answer{}, nil }}
	r = openFar(t, f, Options{Required: true, SpoolDir: dir})
	recordFields(t, r, 4)
	if err := r.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	wantInts(t, f.got, 1, 4)
	if left := segments(t, dir); len(left) != 0 {
		t.Errorf("left in the spool: %v", left)
	}
}

func wantInts(t *testing.T, got []int, first, last int) {
	t.Helper()
	ok := len(got) == last-first+1
	for i := range got {
		ok = ok && got[i] == first+i
	}
	if !ok {
		t.Errorf("got %v, want %d to %d", got, first, last)
	}
}

func TestConsoleFailureIsRetried(t *testing.T) {
	d, err := otlp.FromEnvironment(from("OTEL_TRACES_EXPORTER=console"), nil)
	if err != nil {
		t.Fatal(err)
	}
	synctest.Test(t, func(t *testing.T) {
		r := openFar(t, &far{answer: func(n int, req *otlp.Request) (otlp.Answer, error) {
			out, err := d.Open(failing(n < 3), slog.Default())
			if err != nil {
				return otlp.Answer{}, err
			}
			return out.Export(t.Context(), req)
		}}, Options{Required: true})
		recordFields(t, r, 1)
		if err := r.Close(t.Context()); err != nil || r.Stats().Exported != 1 {
			t.Errorf("%v, %+v", err, r.Stats())
		}
	})
}

type failing bool

func (f failing) Write(b []byte) (int, error) {
	if f {
		return 0, io.ErrShortWrite
	}
	return len(b), nil
}
