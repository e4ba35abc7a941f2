package dataplane

import "github.com/sealmesh/sealmesh/proxy/wire"

// Faults are faults and oddities to play. The zero value plays none.
type Faults struct {
	// Chunks cuts bodies into chunks of these sizes, repeating the list. Empty: as
	// the network delivers.
	Chunks []int
	// EmptyChunks sends an empty chunk before each chunk of a streamed body [Envoy
	// 44101].
	EmptyChunks bool
	// DuplicateEnd repeats the last chunk of a FULL_DUPLEX_STREAMED body, empty
	// and with end_of_stream [Envoy 46237].
	DuplicateEnd bool
	// NoRequest sends a message without a `request` before every other message.
	NoRequest bool
	// EarlyClose closes the stream as soon as the processor is no longer needed,
	// as Envoy 1.37 does, rather than at the end of the exchange.
	EarlyClose bool
	// HalfClose ends streams gracefully, so that the processor sees io.EOF. The
	// default is a reset, which it sees as codes.Canceled.
	HalfClose bool
	// ResetAfter disconnects the client after that many bytes of request body.
	ResetAfter int
	// LocalReply responds with this status before requests reach ext_proc, as an
	// earlier filter would. The processor sees only the response.
	LocalReply int
	// Kill is called before each message. If it returns true, the stream breaks
	// and the message is not sent. n counts the messages of the stream from 0.
	Kill func(phase wire.Phase, n int) bool
	// BeforeReceive is called before each reply is read. It can play a slow
	// reader.
	BeforeReceive func()
}

// chunk returns the size of the i-th chunk, 0 for any size.
func (f *Faults) chunk(i int) int {
	if len(f.Chunks) == 0 {
		return 0
	}
	return max(f.Chunks[i%len(f.Chunks)], 1)
}
