package keyuse

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sealmesh/sealmesh/keycache/keyuse/otlp"
	"github.com/sealmesh/sealmesh/keycache/keyuse/spool"
)

// TestEveryDiskFault fails every call of the file system in turn, in every way,
// once and until the disk is repaired. Each time every use is delivered, once,
// or counted as lost, loudly; and what counts as spooled survives a loss of
// power.
func TestEveryDiskFault(t *testing.T) {
	for name, f := range map[string]fault{
		"EIO":                   {err: syscall.EIO},
		"EIO until repaired":    {err: syscall.EIO, stay: true},
		"ENOSPC":                {err: syscall.ENOSPC},
		"ENOSPC until repaired": {err: syscall.ENOSPC, stay: true},
		"short write":           {err: syscall.ENOSPC, half: true},
		"vanished":              {vanish: true},
	} {
		for _, power := range []bool{false, true} {
			if power && f.vanish {
				continue // nothing that is left tells the next process of a file that is gone
			}
			t.Run(fmt.Sprintf("%s/power loss %t", name, power), func(t *testing.T) {
				met := map[string]bool{}
				for f.at = 1; ; f.at++ {
					what := meetFault(t, f, power)
					if what == "" {
						break
					}
					met[what] = true
				}
				for _, what := range []string{"make", "list", "open", "read", "write", "sync", "sync directory", "remove", "close"} {
					if !met[what] && !(power && what == "remove") {
						t.Errorf("%s never failed: does this test still try?", what)
					}
				}
			})
		}
	}
}

// meetFault spools uses while the collector is unreachable, delivers them, and
// has a second process deliver what the first one left. power ends the first
// one by a loss of power in place of the delivery.
func meetFault(t *testing.T, f fault, power bool) (failed string) {
	synctest.Test(t, func(t *testing.T) {
		dir := filepath.Join(t.TempDir(), "spool")
		d := newFaultyDisk(f)
		n, lost := 0, uint64(0)
		log := &bytes.Buffer{}
		collector := &far{answer: func(int, *otlp.Request) (otlp.Answer, error) { return otlp.Answer{}, errUnreachable }}
		r := openOn(t, d, dir, collector, log)
		if r != nil {
			n = fill(t, r, d)
			if power {
				r.sending.end()
				r.spilling.end()
				n = int(r.Stats().Spooled) // the others were in memory
				lost = r.Stats().Dropped
				crash(t, d)
				d.losePower(t, dir)
			} else {
				lost = recover(t, r, d, collector)
			}
		}
		failed = d.failed
		d.repair()
		collector.answer = func(int, *otlp.Request) (otlp.Answer, error) { return otlp.Answer{}, nil }
		r = openOn(t, d, dir, collector, log)
		if r == nil {
			t.Fatalf("fault %d (%s): the repaired spool does not open: %s", f.at, failed, log)
		}
		if err := r.Close(t.Context()); err != nil {
			t.Fatalf("fault %d (%s): %v", f.at, failed, err)
		}
		wantDelivered(t, fmt.Sprintf("fault %d (%s)", f.at, failed), collector.got, n, lost+r.Stats().Dropped, log.String())
	})
	return failed
}

// openOn opens a recorder whose spool is on d; nil when it refuses.
func openOn(t *testing.T, d spool.Disk, dir string, f *far, log *bytes.Buffer) *Recorder {
	t.Helper()
	opt, err := Options{
		Required: true, SpoolDir: dir, SpoolBytes: MinSpoolBytes, QueueBytes: MinQueueBytes,
		Log: slog.New(slog.NewTextHandler(log, nil)), disk: d,
	}.complete()
	if err != nil {
		t.Fatal(err)
	}
	opt.SpoolBytes = 256 << 10 // eight segments
	r, err := open(opt, otlp.Destination{Delay: time.Second}, otlp.Exporter{Export: f.export, Close: func() error { return nil }})
	if err != nil {
		fmt.Fprintln(log, "ERROR refuses to start:", err)
	}
	return r
}

// fill records uses until there are several segments, or until the record is
// full for as long as the disk fails, and returns how many were taken.
func fill(t *testing.T, r *Recorder, d *faultyDisk) (n int) {
	t.Helper()
	for full := 0; n < 250 && full < 5; {
		u := benchUse
		u.Fields = n + 1
		switch err := r.Record(&benchExchange, []Use{u}, Reservation{}); {
		case errors.Is(err, ErrFull):
			full++
			time.Sleep(time.Second)
		case err != nil:
			t.Fatal(err)
		default:
			n, full = n+1, 0
			if n%25 == 0 {
				synctest.Wait()
			}
		}
	}
	time.Sleep(3 * time.Second)
	return n
}

// recover brings the collector back, in time the disk too, and ends the
// process.
func recover(t *testing.T, r *Recorder, d *faultyDisk, collector *far) (lost uint64) {
	t.Helper()
	collector.mu.Lock()
	collector.answer = func(int, *otlp.Request) (otlp.Answer, error) { return otlp.Answer{}, nil }
	collector.mu.Unlock()
	time.Sleep(2 * time.Minute) // longer than a batch is looked for
	d.repair()
	if err := r.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := r.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	return r.Stats().Dropped
}

// crash leaves the spool as a process does that ends without Close.
func crash(t *testing.T, d *faultyDisk) {
	t.Helper()
	if err := d.lock.Close(); err != nil {
		t.Fatal(err)
	}
}

func wantDelivered(t *testing.T, what string, got []int, n int, lost uint64, log string) {
	t.Helper()
	seen := map[int]int{}
	for _, v := range got {
		seen[v]++
	}
	missing := 0
	for i := 1; i <= n; i++ {
		switch seen[i] {
		case 0:
			missing++
		case 1:
		default:
			t.Errorf("%s: use %d came %d times", what, i, seen[i])
		}
	}
	if uint64(missing) > lost {
		t.Errorf("%s: %d of %d uses never came, %d counted as lost:\n%s", what, missing, n, lost, log)
	}
	if missing > 0 && !strings.Contains(log, "ERROR") {
		t.Errorf("%s: uses are lost in silence", what)
	}
}

// TestVersion1IsRead opens what an earlier version left.
func TestVersion1IsRead(t *testing.T) {
	dir := t.TempDir()
	for name, file := range map[string]string{"0000000000000007.keyuse": "version1.keyuse", "0000000000000008.keyuse": "version2.keyuse"} {
		b, err := os.ReadFile(filepath.Join("testdata", file))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	f := &far{answer: func(int, *otlp.Request) (otlp.Answer, error) { return otlp.Answer{}, nil }}
	r := openFar(t, f, Options{Required: true, SpoolDir: dir})
	if err := r.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	if fmt.Sprint(f.got) != "[1 2 3 1 2 3]" || len(segments(t, dir)) != 0 || r.Stats().Dropped != 0 {
		t.Errorf("got %v, left %v, %+v", f.got, segments(t, dir), r.Stats())
	}
}

// TestNewerVersionIsNotTouched holds that spans which a newer version spooled
// wait for that version.
func TestNewerVersionIsNotTouched(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "0000000000000000.keyuse")
	if err := os.WriteFile(path, []byte("smku\x03\x00\x00\x00whatever comes then"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(Options{SpoolDir: dir, Getenv: from("")}); err == nil || !strings.Contains(err.Error(), "start the newer sealmesh") {
		t.Errorf("Open: %v", err)
	}
	if _, err := os.Stat(path); err != nil {
		t.Error(err)
	}
}

// TestDamagedFileThatCannotBeMoved fails every call while a damaged file is put
// aside: it is in the end, and nothing else is in the way meanwhile.
func TestDamagedFileThatCannotBeMoved(t *testing.T) {
	met := map[string]bool{}
	for at := 1; ; at++ {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, "0000000000000000.keyuse"), []byte("no segment"), 0o600); err != nil {
			t.Fatal(err)
		}
		d, log := newFaultyDisk(fault{at: at, err: syscall.EIO}), &bytes.Buffer{}
		f := &far{answer: func(int, *otlp.Request) (otlp.Answer, error) { return otlp.Answer{}, nil }}
		for range 2 {
			if r := openOn(t, d, dir, f, log); r != nil {
				_ = r.Close(t.Context())
			}
		}
		if left := segments(t, dir); len(left) != 1 || filepath.Ext(left[0]) != ".damaged" {
			t.Errorf("%s: left %v\n%s", d.failed, left, log)
		}
		if d.failed == "" {
			break
		}
		met[d.failed] = true
	}
	if !met["rename"] {
		t.Errorf("failed: %v: does this test still try?", met)
	}
}

// TestMissingSegmentIsLost removes a segment under a running recorder: its
// spans are counted as lost, and those after them arrive.
func TestMissingSegmentIsLost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		f := &far{answer: func(int, *otlp.Request) (otlp.Answer, error) { return otlp.Answer{}, errUnreachable }}
		r := openFar(t, f, Options{Required: true, SpoolDir: dir})
		recordFields(t, r, 1, 2, 3)
		time.Sleep(5 * time.Second)
		for _, path := range segments(t, dir) {
			if err := os.Remove(path); err != nil {
				t.Fatal(err)
			}
		}
		time.Sleep(time.Minute) // the loss is noticed
		recordFields(t, r, 4)
		time.Sleep(5 * time.Second)
		f.mu.Lock()
		f.answer = func(int, *otlp.Request) (otlp.Answer, error) { return otlp.Answer{}, nil }
		f.mu.Unlock()
		time.Sleep(time.Minute)
		if s := r.Stats(); s.Dropped != 3 || s.Exported != 1 || s.SpoolBytes != 0 || s.Down {
			t.Errorf("stats %+v", s)
		}
		if err := r.Close(t.Context()); err != nil {
			t.Error(err)
		}
	})
}
