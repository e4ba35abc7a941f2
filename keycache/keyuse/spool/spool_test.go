package spool

import (
	"bytes"
	"errors"
	"fmt"
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

// limit is the size of the spools in these tests.
const limit = 1 << 20

func openDir(t *testing.T, dir string, limit int64) (*Spool, []Stored, []error) {
	t.Helper()
	s, found, notes, err := Open(options(t, dir, limit))
	if err != nil {
		t.Fatal(err)
	}
	return s, found, notes
}

var testResource = []byte("a resource")

func options(t *testing.T, dir string, limit int64) Options {
	return Options{Dir: dir, Limit: limit, Resource: testResource, Log: slog.New(slog.NewTextHandler(t.Output(), nil)), Disk: OS{}}
}

func put(t *testing.T, s *Spool, data string) *Frame {
	t.Helper()
	f, err := s.Append([]byte(data), len(data))
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func closeSpool(t *testing.T, s *Spool) {
	t.Helper()
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}

// contents reads what a spool holds.
func contents(t *testing.T, found []Stored) (all []string) {
	t.Helper()
	for _, f := range found {
		b, err := f.Frame.Read()
		if err != nil {
			t.Fatal(err)
		}
		if f.Spans != len(b) || !bytes.Equal(f.Frame.seg.resource, testResource) {
			t.Errorf("%q: %d spans, resource %q", b, f.Spans, f.Frame.seg.resource)
		}
		all = append(all, string(b))
	}
	return all
}

func wantContents(t *testing.T, found []Stored, want ...string) {
	t.Helper()
	if got := contents(t, found); strings.Join(got, " ") != strings.Join(want, " ") {
		t.Errorf("spool holds %q, want %q", got, want)
	}
}

func TestSpoolKeepsWhatIsNotReleased(t *testing.T) {
	dir := t.TempDir()
	s, _, _ := openDir(t, dir, limit)
	a, b := put(t, s, "a"), put(t, s, "bb")
	put(t, s, "ccc")
	for _, f := range []*Frame{a, b} {
		if err := s.Release(f); err != nil {
			t.Fatal(err)
		}
	}
	closeSpool(t, s)

	s, found, notes := openDir(t, dir, limit)
	wantContents(t, found, "ccc")
	d := put(t, s, "dddd")
	for _, f := range []*Frame{found[0].Frame, d} {
		if err := s.Release(f); err != nil {
			t.Fatal(err)
		}
	}
	if n, _ := s.Size(); n != 0 || len(notes) != 0 || len(segments(t, dir)) != 0 {
		t.Errorf("%d bytes, notes %v, files %v left", n, notes, segments(t, dir))
	}
	closeSpool(t, s)
}

// TestTornEnd cuts a segment at every byte, as a killed process may: the whole
// frames before the cut are read, and nothing else.
func TestTornEnd(t *testing.T) {
	dir := t.TempDir()
	s, _, _ := openDir(t, dir, limit)
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
		s, found, notes := openDir(t, dir, limit)
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
	s, _, _ := openDir(t, dir, limit)
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
		s, found, notes := openDir(t, dir, limit)
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
	s, _, _ := openDir(t, dir, limit)
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
	s, found, _ := openDir(t, dir, limit)
	wantContents(t, found, "first")
	if err := s.Release(found[0].Frame); err != nil {
		t.Fatal(err)
	}
	closeSpool(t, s)
	if left := segments(t, dir); len(left) != 1 || left[0] != path+".damaged" {
		t.Errorf("left: %v", left)
	}
}

func TestSpoolLimit(t *testing.T) {
	dir := t.TempDir()
	s, _, _ := openDir(t, dir, limit)
	data := make([]byte, 10_000)
	var frames []*Frame
	for {
		f, err := s.Append(data, 1)
		if errors.Is(err, ErrFull) {
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
	if n, _ := s.Size(); disk != n || disk > limit || disk < limit*9/10 {
		t.Errorf("%d bytes on disk, %d counted, limit %d", disk, n, limit)
	}
	for _, f := range frames {
		if err := s.Release(f); err != nil {
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
	s, _, _ := openDir(t, dir, limit)
	a := put(t, s, "a")
	if err := s.file.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Append([]byte("bb"), 2); err == nil || errors.Is(err, ErrFull) {
		t.Errorf("append to a closed file: %v", err)
	}
	put(t, s, "bb")
	if n := len(segments(t, dir)); n != 2 {
		t.Errorf("%d segments", n)
	}
	closeSpool(t, s)
	s, found, notes := openDir(t, dir, limit)
	wantContents(t, found, "a", "bb")
	if len(notes) != 0 || found[0].Frame.off != a.off {
		t.Errorf("notes %v", notes)
	}
	closeSpool(t, s)
}

func TestSpoolIsForOneProcess(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "deep", "spool")
	s, _, _ := openDir(t, dir, limit)
	if _, _, _, err := Open(options(t, dir, limit)); err == nil || !strings.Contains(err.Error(), "another process") {
		t.Errorf("second open: %v", err)
	}
	info, err := os.Stat(dir)
	if err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
	closeSpool(t, s)
	s, _, _ = openDir(t, dir, limit)
	closeSpool(t, s)
}

// TestDamagedFilesAreBounded damages segment after segment: the newest are
// kept, and the disk does not fill.
func TestDamagedFilesAreBounded(t *testing.T) {
	dir := t.TempDir()
	for range 40 {
		s, _, _ := openDir(t, dir, limit)
		put(t, s, strings.Repeat("x", 10_000))
		path := s.active.path
		closeSpool(t, s)
		if err := os.Truncate(path, 9_000); err != nil {
			t.Fatal(err)
		}
	}
	s, _, _ := openDir(t, dir, limit)
	_, kept := s.Size()
	closeSpool(t, s)
	left := segments(t, dir)
	if kept > limit/8 || len(left) != int(kept/9_000) || len(left) < 10 || left[len(left)-1] != filepath.Join(dir, fmt.Sprintf(segmentName, 39)+damagedSuffix) {
		t.Errorf("%d bytes in %v", kept, left)
	}
}
