package keycache

import (
	"context"
	"log/slog"
	"testing"

	"github.com/sealmesh/sealmesh/codec"
	"github.com/sealmesh/sealmesh/codec/envelope"
	"github.com/sealmesh/sealmesh/codec/suite"
	"github.com/sealmesh/sealmesh/keycache/keycachetest"
	"github.com/sealmesh/sealmesh/keycache/keyuse"
)

var value16 = []byte("0123456789abcdef")

func benchRig(b *testing.B) *rig {
	// A collector that takes nothing: what is measured is the recording, not the
	// export.
	collector := make(stuck)
	rec, err := keyuse.Open(keyuse.Options{Getenv: keycachetest.ToConsole, Console: collector, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		b.Fatal(err)
	}
	r := newRig(b, keyOf(keycachetest.NewKMS("a")), Options{Recorder: rec})
	b.Cleanup(func() {
		_ = r.Close()
		close(collector)
		_ = rec.Close(context.Background())
	})
	b.ReportAllocs()
	return r
}

func BenchmarkSeal16(b *testing.B) {
	r := benchRig(b)
	s := r.session()
	dst := make([]byte, 0, 1024)
	for b.Loop() {
		if _, err := s.Seal(dst, r.tag, codec.Text, value16); err != nil {
			b.Fatal(err)
		}
	}
	_ = s.Close(nil)
}

func BenchmarkOpen16(b *testing.B) {
	r := benchRig(b)
	s := r.session()
	text, _ := s.Seal(nil, r.tag, codec.Text, value16)
	dst := make([]byte, 0, 1024)
	for b.Loop() {
		if _, _, err := s.Open(dst, r.tag, text); err != nil {
			b.Fatal(err)
		}
	}
	_ = s.Close(nil)
}

// BenchmarkBareSeal16 and BenchmarkBareOpen16 are the floor: envelope and
// suite, no cache, no account.
func BenchmarkBareSeal16(b *testing.B) {
	c, h := bare(b)
	dst, fc := make([]byte, 0, 1024), envelope.NewFrame("pii", nil).Context(nil)
	s, err := envelope.NewSealer(h, c)
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if _, err := s.Seal(dst, codec.Text, value16, fc); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkBareOpen16(b *testing.B) {
	c, h := bare(b)
	fc := envelope.NewFrame("pii", nil).Context(nil)
	s, err := envelope.NewSealer(h, c)
	if err != nil {
		b.Fatal(err)
	}
	text, _ := s.Seal(nil, codec.Text, value16, fc)
	dst, buf := make([]byte, 0, 1024), []byte(nil)
	for b.Loop() {
		h, payload, out, err := envelope.Parse(buf, text)
		if err == nil {
			_, buf, err = envelope.Open(dst, out, h, c, payload, fc)
		}
		if err != nil {
			b.Fatal(err)
		}
	}
}

func bare(b *testing.B) (suite.Cipher, envelope.Header) {
	c, err := suite.ByID(suite.XAES256GCM).New(make([]byte, 32))
	if err != nil {
		b.Fatal(err)
	}
	record := envelope.AppendRecord(nil, envelope.Record{Wraps: []envelope.Wrap{{ProviderID: 200, Wrapped: make([]byte, 60)}}})
	b.ReportAllocs()
	return c, envelope.Header{Suite: suite.XAES256GCM, Record: record}
}

// BenchmarkDirection is a whole direction: a session, five values, their
// record.
func BenchmarkDirection(b *testing.B) {
	r := benchRig(b)
	dst := make([]byte, 0, 1024)
	for b.Loop() {
		s := r.session()
		for range 5 {
			if _, err := s.Seal(dst, r.tag, codec.Text, value16); err != nil {
				b.Fatal(err)
			}
		}
		_ = s.Close(nil)
	}
}

func BenchmarkDirectionParallel(b *testing.B) {
	r := benchRig(b)
	b.RunParallel(func(pb *testing.PB) {
		dst := make([]byte, 0, 1024)
		for pb.Next() {
			s := r.session()
			for range 5 {
				if _, err := s.Seal(dst, r.tag, codec.Text, value16); err != nil {
					b.Fatal(err)
				}
			}
			_ = s.Close(nil)
		}
	})
}

// BenchmarkFind is a hit alone: how a data key is found and judged.
func BenchmarkFind(b *testing.B) {
	r := benchRig(b)
	text := r.mustSeal("v")
	h := headerOf(b, text)
	b.RunParallel(func(pb *testing.PB) {
		s := r.session()
		s.tick()
		for pb.Next() {
			if _, _, _, err := s.find(r.tag.key, &h); err != nil {
				b.Fatal(err)
			}
		}
		_ = s.Close(nil)
	})
}
