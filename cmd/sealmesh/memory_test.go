package main

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/sealmesh/sealmesh/proxy/envoytest"
)

// A body of 1 GiB passes through in 76 MiB of memory, each way: some 50 are the
// pages of the binary, which carries the SDKs of four services.
func TestEnvoyStreamsGiB(t *testing.T) {
	envoytest.Path(t)
	const size, limit = 1 << 30, 76 << 20
	binary := filepath.Join(t.TempDir(), "sealmesh") // without the race detector's own memory
	if out, err := exec.Command("go", "build", "-o", binary, ".").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	got := make(chan tally, 1)
	policy := strings.Replace(testPolicy, "limits: {buffered_bytes: 1MiB}\n", "", 1) // the default, 4 MiB
	s := newStack(t, stackOptions{binary: binary, policy: policy, discard: func(w http.ResponseWriter, r *http.Request) {
		n, err := count64(r.Body)
		n.err = err
		got <- n
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.Copy(w, document(size))
	}})
	resp, err := edge.RoundTrip(s.request(http.MethodPost, "/streamed-seal/x", document(size)))
	must(t, err)
	defer resp.Body.Close()
	down, err := count64(resp.Body)
	must(t, err)
	up := <-got
	must(t, up.err)
	for who, n := range map[string]tally{"upstream": up, "client": down} {
		if n.envelopes != fields(size) || n.canaries != 0 || n.bytes < size {
			t.Errorf("the %s got %+v, not %d envelopes", who, n, fields(size))
		}
	}
	peak := peakMemory(t, s.sealmesh.Process.Pid)
	t.Logf("%d MiB sealed each way, peak memory %d MiB", up.bytes>>20, peak>>20)
	if peak > limit {
		t.Errorf("peak memory %d MiB, over %d MiB", peak>>20, limit>>20)
	}
}

// unit is one element of a long document; each holds one tagged value.
var unit = []byte(`{"secret":"` + canary + `","pad":"` + strings.Repeat("0123456789abcdef", 4096) + `"},` + "\n")

func fields(size int64) int { return int(size)/len(unit) + 1 }

// document reads as a JSON array of at least size bytes.
func document(size int64) io.Reader {
	n := fields(size)
	readers := []io.Reader{strings.NewReader("[")}
	for range n {
		readers = append(readers, bytes.NewReader(unit))
	}
	return io.MultiReader(append(readers, strings.NewReader("null]"))...)
}

type tally struct {
	bytes               int64
	envelopes, canaries int
	err                 error
}

// count64 reads r to its end, and counts what it holds.
func count64(r io.Reader) (n tally, err error) {
	buf := make([]byte, 0, 256<<10)
	const overlap = 16
	for {
		m, err := r.Read(buf[len(buf):cap(buf)])
		buf, n.bytes = buf[:len(buf)+m], n.bytes+int64(m)
		// Count what is complete, and keep the end for what may straddle it.
		done := max(0, len(buf)-overlap)
		if err == io.EOF {
			done = len(buf)
		}
		n.envelopes += bytes.Count(buf[:min(len(buf), done+3)], []byte("sm1."))
		n.canaries += bytes.Count(buf[:min(len(buf), done+len(canary)-1)], []byte(canary))
		buf = append(buf[:0], buf[done:]...)
		if err == io.EOF {
			return n, nil
		}
		if err != nil {
			return n, err
		}
	}
}

// peakMemory returns the most that a process ever had resident, in bytes.
func peakMemory(t *testing.T, pid int) int64 {
	t.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	must(t, err)
	for line := range strings.Lines(string(status)) {
		if v, ok := strings.CutPrefix(line, "VmHWM:"); ok {
			kb, err := strconv.ParseInt(strings.TrimSuffix(strings.TrimSpace(v), " kB"), 10, 64)
			must(t, err)
			return kb << 10
		}
	}
	t.Fatal("no VmHWM")
	return 0
}
