package keyuse

import (
	"bytes"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func segments(t *testing.T, dir string) []string {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(dir, "*"+segmentSuffix+"*"))
	if err != nil {
		t.Fatal(err)
	}
	return names
}

func openDir(t *testing.T, dir string, limit int64) (*spool, []stored, []error) {
	t.Helper()
	s, found, notes, err := openSpool(spoolOptions(t, dir, limit), testResource)
	if err != nil {
		t.Fatal(err)
	}
	return s, found, notes
}

var testResource = appendResource(nil, map[string]string{"service.name": "test"})

func spoolOptions(t *testing.T, dir string, limit int64) Options {
	t.Helper()
	opt, err := Options{SpoolDir: dir, SpoolBytes: limit, Log: slog.New(slog.NewTextHandler(t.Output(), nil))}.complete()
	if err != nil {
		t.Fatal(err)
	}
	return opt
}

func put(t *testing.T, s *spool, data string) frame {
	t.Helper()
	f, err := s.append([]byte(data), len(data))
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func closeSpool(t *testing.T, s *spool) {
	t.Helper()
	if err := s.close(); err != nil {
		t.Fatal(err)
	}
}

// contents reads what a spool holds.
func contents(t *testing.T, found []stored) (all []string) {
	t.Helper()
	for _, f := range found {
		b, err := f.frame.read()
		if err != nil {
			t.Fatal(err)
		}
		if f.spans != len(b) || !bytes.Equal(f.frame.seg.resource, testResource) {
			t.Errorf("%q: %d spans, resource %q", b, f.spans, f.frame.seg.resource)
		}
		all = append(all, string(b))
	}
	return all
}

func wantContents(t *testing.T, found []stored, want ...string) {
	t.Helper()
	if got := contents(t, found); strings.Join(got, " ") != strings.Join(want, " ") {
		t.Errorf("spool holds %q, want %q", got, want)
	}
}

func TestSpoolKeepsWhatIsNotReleased(t *testing.T) {
	dir := t.TempDir()
	s, _, _ := openDir(t, dir, MinSpoolBytes)
	a, b := put(t, s, "a"), put(t, s, "bb")
	put(t, s, "ccc")
	for _, f := range []frame{a, b} {
		if err := s.release(f); err != nil {
			t.Fatal(err)
		}
	}
	closeSpool(t, s)

	s, found, notes := openDir(t, dir, MinSpoolBytes)
	wantContents(t, found, "ccc")
	d := put(t, s, "dddd")
	for _, f := range []frame{found[0].frame, d} {
		if err := s.release(f); err != nil {
			t.Fatal(err)
		}
	}
	if n, _ := s.size(); n != 0 || len(notes) != 0 || len(segments(t, dir)) != 0 {
		t.Errorf("%d bytes, notes %v, files %v left", n, notes, segments(t, dir))
	}
	closeSpool(t, s)
}

// TestTornEnd cuts a segment at every byte, as a killed process may: the whole
// frames before the cut are read, and nothing else.
func TestTornEnd(t *testing.T) {
	dir := t.TempDir()
	s, _, _ := openDir(t, dir, MinSpoolBytes)
	put(t, s, "first")
	put(t, s, "second")
	end := s.active.size
	closeSpool(t, s)
	path := segments(t, dir)[0]
	whole, err := os.ReadFile(path)
	if err != nil || int64(len(whole)) != end {
		t.Fatal(err, len(whole), end)
	}
	start := len(appendHeader(nil, testResource))
	one, two := start+frameHeader+linkField+len("first"), len(whole)
	for cut := range two + 1 {
		var want []string
		if cut >= one {
			want = append(want, "first")
		}
		if cut >= two {
			want = append(want, "second")
		}
		if err := os.WriteFile(path, whole[:cut], 0o600); err != nil {
			t.Fatal(err)
		}
		s, found, notes := openDir(t, dir, MinSpoolBytes)
		wantContents(t, found, want...)
		clean := cut == 0 || cut == start || cut == one || cut == two
		if clean != (len(notes) == 0) {
			t.Errorf("cut at %d: notes %v", cut, notes)
		}
		closeSpool(t, s)
	}
}

// TestDamage flips every byte of a segment: no changed frame is ever read, and
// the file is kept for the operator.
func TestDamage(t *testing.T) {
	dir := t.TempDir()
	s, _, _ := openDir(t, dir, MinSpoolBytes)
	put(t, s, "first")
	put(t, s, "second")
	closeSpool(t, s)
	path := segments(t, dir)[0]
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for i := range whole {
		bad := bytes.Clone(whole)
		bad[i] ^= 0x40
		if err := os.WriteFile(path, bad, 0o600); err != nil {
			t.Fatal(err)
		}
		s, found, notes := openDir(t, dir, MinSpoolBytes)
		for _, data := range contents(t, found) {
			if data != "first" && data != "second" {
				t.Errorf("byte %d: read %q", i, data)
			}
		}
		if len(notes) == 0 || len(found) > 1 {
			t.Errorf("byte %d: %d frames, notes %v", i, len(found), notes)
		}
		closeSpool(t, s)
	}
}

func TestDamagedFileIsKept(t *testing.T) {
	dir := t.TempDir()
	s, _, _ := openDir(t, dir, MinSpoolBytes)
	put(t, s, "first")
	put(t, s, "second")
	closeSpool(t, s)
	path := segments(t, dir)[0]
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	b[len(b)-1] ^= 1
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
	s, found, _ := openDir(t, dir, MinSpoolBytes)
	wantContents(t, found, "first")
	if err := s.release(found[0].frame); err != nil {
		t.Fatal(err)
	}
	closeSpool(t, s)
	if left := segments(t, dir); len(left) != 1 || left[0] != path+".damaged" {
		t.Errorf("left: %v", left)
	}
}

func TestSpoolLimit(t *testing.T) {
	dir := t.TempDir()
	s, _, _ := openDir(t, dir, MinSpoolBytes)
	data := make([]byte, 10_000)
	var frames []frame
	for {
		f, err := s.append(data, 1)
		if errors.Is(err, errSpoolFull) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		frames = append(frames, f)
	}
	var disk int64
	for _, name := range segments(t, dir) {
		info, err := os.Stat(name)
		if err != nil {
			t.Fatal(err)
		}
		disk += info.Size()
		if info.Mode().Perm() != 0o600 {
			t.Errorf("%s has mode %v", name, info.Mode())
		}
	}
	if n, _ := s.size(); disk != n || disk > MinSpoolBytes || disk < MinSpoolBytes*9/10 {
		t.Errorf("%d bytes on disk, %d counted, limit %d", disk, n, MinSpoolBytes)
	}
	for _, f := range frames {
		if err := s.release(f); err != nil {
			t.Fatal(err)
		}
	}
	put(t, s, "room again")
	closeSpool(t, s)
}

// TestSpoolFileGoesBad fails one write: nothing is lost, and the next write has
// a file of its own.
func TestSpoolFileGoesBad(t *testing.T) {
	dir := t.TempDir()
	s, _, _ := openDir(t, dir, MinSpoolBytes)
	a := put(t, s, "a")
	if err := s.file.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := s.append([]byte("bb"), 2); err == nil || errors.Is(err, errSpoolFull) {
		t.Errorf("append to a closed file: %v", err)
	}
	put(t, s, "bb")
	if n := len(segments(t, dir)); n != 2 {
		t.Errorf("%d segments", n)
	}
	closeSpool(t, s)
	s, found, notes := openDir(t, dir, MinSpoolBytes)
	wantContents(t, found, "a", "bb")
	if len(notes) != 0 || found[0].frame.off != a.off {
		t.Errorf("notes %v", notes)
	}
	closeSpool(t, s)
}

func TestSpoolIsForOneProcess(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "deep", "spool")
	s, _, _ := openDir(t, dir, MinSpoolBytes)
	if _, _, _, err := openSpool(spoolOptions(t, dir, MinSpoolBytes), nil); err == nil || !strings.Contains(err.Error(), "another process") {
		t.Errorf("second open: %v", err)
	}
	info, err := os.Stat(dir)
	if err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
	closeSpool(t, s)
	s, _, _ = openDir(t, dir, MinSpoolBytes)
	closeSpool(t, s)
}
