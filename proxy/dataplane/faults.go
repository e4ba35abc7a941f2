package dataplane

import "github.com/sealmesh/sealmesh/proxy/wire"

// Faults are what goes wrong, or is merely odd. The zero value is a quiet day.
type Faults struct {
	// Chunks cuts bodies into chunks of these sizes, again and again, in place of what
	// the network gives.
	Chunks []int
	// EmptyChunks sends an empty chunk before each chunk of a streamed body [Envoy 44101].
	EmptyChunks bool
	// DuplicateEnd repeats the last chunk of a FULL_DUPLEX_STREAMED body, empty and with
	// end_of_stream [Envoy 46237].
	DuplicateEnd bool
	// NoRequest sends a message without a `request` before every other message.
	NoRequest bool
	// EarlyClose closes the stream as soon as the processor is no longer needed, as Envoy
	// 1.37 does, in place of at the end of the exchange.
	EarlyClose bool
	// HalfClose ends streams gracefully, so that the processor sees io.EOF; the default
	// is a reset, which it sees as codes.Canceled.
	HalfClose bool
	// ResetAfter makes the client disappear after that many bytes of request body.
	ResetAfter int
	// LocalReply answers requests with this status before they reach ext_proc, as an
	// earlier filter would: the processor sees only the response.
	LocalReply int
	// Kill is asked before each message; true breaks the stream in its place. n counts
	// the messages of the stream from 0.
	Kill func(phase wire.Phase, n int) bool
	// BeforeReceive is called before each reply is read: a slow reader.
	BeforeReceive func()
}

// chunk returns the size of the i-th chunk, 0 for any.
func (f *Faults) chunk(i int) int {
	if len(f.Chunks) == 0 {
		return 0
	}
	return max(f.Chunks[i%len(f.Chunks)], 1)
}
