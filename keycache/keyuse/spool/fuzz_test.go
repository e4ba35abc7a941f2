package spool

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// FuzzSegment reads any file as a segment: it never panics, finds only frames
// whose checksum holds, and says so when it did not understand the file to its
// end.
func FuzzSegment(f *testing.F) {
	whole := appendHeader(nil, nil)
	f.Add([]byte{})
	f.Add(whole)
	f.Add(appendFrame(slices.Clone(whole), []byte("spans"), 3))
	f.Add(appendFrame(appendFrame(slices.Clone(whole), nil, 0), []byte("spans"), 1<<32-1))
	f.Fuzz(func(t *testing.T, b []byte) {
		path := filepath.Join(t.TempDir(), "0000000000000000.keyuse")
		if err := os.WriteFile(path, b, 0o600); err != nil {
			t.Fatal(err)
		}
		seg, found, err := readSegment(OS{}, path)
		read := int64(0)
		for _, s := range found {
			data, err := s.Frame.Read()
			if err != nil || len(data) != s.Frame.size {
				t.Fatalf("frame at %d: %v", s.Frame.off, err)
			}
			read += frameHeader + seg.link + int64(len(data))
		}
		if err == nil && len(b) > 0 && seg.live != len(found) || read > int64(len(b)) {
			t.Fatalf("%d frames, %d live, %d of %d bytes", len(found), seg.live, read, len(b))
		}
	})
}
