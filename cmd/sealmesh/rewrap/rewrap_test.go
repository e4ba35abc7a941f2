package rewrap

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/sealmesh/sealmesh/codec/envelope"
	"github.com/sealmesh/sealmesh/codec/suite"
	"github.com/sealmesh/sealmesh/keycache/rewrap"
)

// Candidates are found wherever the text is cut, and nothing of it is lost.
func TestTokenScanner(t *testing.T) {
	long := "sm1." + strings.Repeat("Ab-_9", 100_000)
	text := "sm1.,x sm1 sm1.AAAA\"sm1.sm1.B " + long + "\n" + strings.Repeat("s", 300_000) + "sm1"
	want := []string{"sm1.", "sm1.AAAA", "sm1.sm1", long}
	for name, r := range map[string]io.Reader{
		"whole": strings.NewReader(text), "halves": iotest.HalfReader(strings.NewReader(text)), "end with data": iotest.DataErrReader(strings.NewReader(text)),
	} {
		s := newTokenScanner(r, 1<<20)
		var all bytes.Buffer
		var tokens []string
		for {
			a, b, err := s.next()
			all.Write(a)
			all.Write(b)
			if len(b) > 0 {
				tokens = append(tokens, string(b))
			}
			if err == io.EOF {
				break
			}
			must(t, err)
		}
		if all.String() != text {
			t.Errorf("%s: the text changed", name)
		}
		if fmt.Sprint(tokens) != fmt.Sprint(want) {
			t.Errorf("%s: %d tokens: %.100q", name, len(tokens), tokens)
		}
	}
	if _, _, err := newTokenScanner(iotest.ErrReader(errors.New("disk")), 1<<20).next(); err == nil {
		t.Error("a failing reader: no error")
	}
}

// An envelope longer than the policy lets any be is left whole and counted as
// failed: to change the part of it that was read would damage the rest.
func TestRewrapLeavesLongOnes(t *testing.T) {
	var changed [][]byte
	start := func(keepGoing bool) *job {
		return &job{
			opt: options{keepGoing: keepGoing}, limit: 100, report: newProgress(io.Discard, "envelope"),
			change: func(_ context.Context, dst, text []byte) ([]byte, rewrap.Status, error) {
				changed = append(changed, bytes.Clone(text))
				return append(dst, "changed"...), rewrap.Outdated, nil
			},
		}
	}
	long := "sm1." + strings.Repeat("A", 600_000)
	text := "a " + long + " b sm1." + strings.Repeat("A", 96) + " c"
	if err := start(false).stream(t.Context(), newTokenScanner(strings.NewReader(text), 100), io.Discard, nil, 0); !errors.Is(err, errLong) {
		t.Errorf("%v, want %v", err, errLong)
	}
	var out bytes.Buffer
	j := start(true)
	must(t, j.stream(t.Context(), newTokenScanner(strings.NewReader(text), 100), &out, nil, 0))
	if want := "a " + long + " b changed c"; out.String() != want {
		t.Errorf("%.80q", out.String())
	}
	if len(changed) != 1 || j.counts.Failed != 1 || j.counts.Changed != 1 {
		t.Errorf("%d changed: %v", len(changed), j.counts)
	}
}

// A prefix before an envelope does not hide it.
func TestRewrapAfterPrefix(t *testing.T) {
	real := string(envelope.Append(nil, envelope.Header{Suite: suite.XAES256GCM}, make([]byte, 64)))
	var out bytes.Buffer
	j := &job{limit: 1 << 10, report: newProgress(io.Discard, "envelope"), change: func(_ context.Context, dst, text []byte) ([]byte, rewrap.Status, error) {
		if _, _, _, err := envelope.Parse(nil, text); err != nil {
			return dst, rewrap.Current, err
		}
		return append(dst, "changed"...), rewrap.Outdated, nil
	}}
	text := "sm1.sm1.xsm1." + real + ",sm1." + real + " sm1.sm1"
	must(t, j.stream(t.Context(), newTokenScanner(iotest.OneByteReader(strings.NewReader(text)), 1<<10), &out, nil, 0))
	if want := "sm1.sm1.xsm1.changed,sm1.changed sm1.sm1"; out.String() != want {
		t.Errorf("%q", out.String())
	}
}

func TestRewrapProgress(t *testing.T) {
	p := &progress{noun: "envelope", from: 100 << 20, seen: 1000}
	got := p.line(10*time.Second, counts{Seen: 6000}, 200<<20, 400<<20)
	if want := "50% of 400 MiB, 500 envelopes/s, 20s left: 6000 envelopes"; !strings.HasPrefix(got, want) {
		t.Errorf("%s", got)
	}
	if got := p.line(time.Second, counts{}, 3<<20, 0); !strings.HasPrefix(got, "3 MiB, ") || strings.Contains(got, "left") {
		t.Errorf("of unknown size: %s", got)
	}
	var out bytes.Buffer
	p = &progress{w: &out, noun: "envelope", terminal: true, begin: time.Now().Add(-time.Minute)}
	p.show(counts{}, 1, 0)
	p.end(options{}, counts{})
	if n := strings.Count(out.String(), "\r\x1b[K"); n != 2 || strings.Count(out.String(), "\n") != 1 {
		t.Errorf("on a terminal: %q", out.String())
	}
}

// An operator who wants to delete a KEK learns that rewrap does not reach
// envelopes by id.
func TestRewrapWarnsOfRecordsElsewhere(t *testing.T) {
	var out bytes.Buffer
	text := envelope.Append(nil, envelope.Header{Suite: suite.XAES256GCM}, make([]byte, 64))
	elsewhere := func(_ context.Context, dst, text []byte) ([]byte, rewrap.Status, error) {
		return append(dst, text...), rewrap.Elsewhere, nil
	}
	j := &job{limit: 1 << 10, report: newProgress(&out, "envelope"), change: elsewhere}
	var same bytes.Buffer
	must(t, j.run(t.Context(), bytes.NewReader(text), &same))
	if same.String() != string(text) || !strings.Contains(out.String(), "warning: 1 envelope by id") {
		t.Errorf("%q, %q", same.String(), out.String())
	}
}

// What is no continuation of the same job is refused, and nothing is written.
func TestRewrapStateOfAnotherJob(t *testing.T) {
	dir := t.TempDir()
	opt := options{in: filepath.Join(dir, "in"), out: filepath.Join(dir, "out"), key: "k"}
	must(t, os.WriteFile(opt.in, []byte("input"), 0o600))
	begin := func() {
		t.Helper()
		f, err := openFileJob(opt)
		must(t, err)
		_, err = f.out.WriteString("inp")
		must(t, errors.Join(err, f.save(3, counts{}), f.close()))
	}
	refused := func(opt options, want string) {
		t.Helper()
		if f, err := openFileJob(opt); err == nil {
			t.Errorf("resumed, want %q", want)
			_ = f.close()
		} else if !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
	begin()
	f, err := openFileJob(opt)
	must(t, err)
	if f.state.Read != 3 || f.state.Written != 3 {
		t.Errorf("resumed at %+v", f.state)
	}
	must(t, f.close())
	other := opt
	other.drop = []string{"local:old"}
	refused(other, "another job")
	must(t, os.Remove(opt.out+".partial"))
	refused(opt, "shorter")
	must(t, os.Remove(opt.out+".state"))
	must(t, os.Remove(opt.out+".partial"))
	begin()
	must(t, os.WriteFile(opt.in, []byte("another input"), 0o600))
	refused(opt, "another job")
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
