package wire

import (
	"strings"
	"testing"

	"google.golang.org/protobuf/encoding/protowire"
)

// FuzzRequest holds decoding to the generated code: the same messages accepted,
// the same content found, however the bytes are cut into buffers.
func FuzzRequest(f *testing.F) {
	for _, m := range messages(f) {
		f.Add(marshal(f, m), uint64(len(m.Attributes)))
	}
	f.Fuzz(func(t *testing.T, data []byte, seed uint64) {
		checkRequest(t, withoutMetadata(data), seed)
	})
}

// withoutMetadata removes metadata_context, the one field that is not looked
// into.
func withoutMetadata(data []byte) []byte {
	var out []byte
	for rest := data; len(rest) > 0; {
		number, _, n := protowire.ConsumeField(rest)
		if n < 0 {
			return append(out, rest...)
		}
		if number != 8 {
			out = append(out, rest[:n]...)
		}
		rest = rest[n:]
	}
	return out
}

// FuzzReply holds encoding to the generated code, and Release to being called
// once.
func FuzzReply(f *testing.F) {
	f.Add(uint8(RequestHeaders), uint8(8), "content-length\n1\nx\n\xff", "etag\nx", "", 0)
	f.Add(uint8(ResponseBody), uint8(2|4), "", "", "a body\n\nof three", 4096)
	f.Add(uint8(RequestBody), uint8(1), "content-length\n9", "", "another", 70000)
	f.Add(uint8(ResponseTrailers), uint8(0), "grpc-status\n0", "a", "", 1)
	f.Add(uint8(0), uint8(16), "grpc\nx", "details", "refused", 14)
	f.Fuzz(func(t *testing.T, phase, flags uint8, set, remove, body string, size int) {
		r := replyFrom(phase, flags, set, remove, body, size)
		if r.check() == nil {
			checkReply(t, r)
			return
		}
		released := 0
		r.Release = func() { released++ }
		if _, err := testCodec.Marshal(r); err == nil || released != 1 {
			t.Errorf("error %v, released %d times", err, released)
		}
	})
}

// replyFrom makes a Reply of any kind: lists are lines, and size makes a
// segment large.
func replyFrom(phase, flags uint8, set, remove, body string, size int) *Reply {
	r := &Reply{Phase: Phase(phase), Body: BodyReply(flags & 3), End: flags&4 != 0}
	if flags&8 != 0 {
		r.Mode = &Protocol{BodyMode(flags >> 5), BodyMode(flags >> 4)}
	}
	names := strings.Split(set, "\n")
	for i := 1; i < len(names); i += 2 {
		r.Set = append(r.Set, Header{names[i-1], names[i], len(names[i])%2 == 1})
	}
	if remove != "" {
		r.Remove = strings.Split(remove, "\n")
	}
	if flags&16 != 0 {
		r.Immediate = &Immediate{Status: int(phase), Headers: r.Set, Body: []byte(body), GRPCStatus: size, Details: remove}
		return r
	}
	if r.Body != BodyUnchanged {
		for line := range strings.SplitSeq(body, "\n") {
			r.Segments = append(r.Segments, []byte(line))
		}
		r.Segments = append(r.Segments, make([]byte, uint(size)%(200<<10)))
	}
	return r
}
