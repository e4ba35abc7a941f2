// Package transport serves gRPC over HTTP/2 on a unix socket to the Envoy on
// the same host. It is made for the traffic of ext_proc: many short streams of
// a few small messages each, on few connections. Most of the cost of such
// traffic is in system calls and in passing messages between goroutines, so the
// server needs few of both.
//
// Do not serve a network with it. Its peer is one trusted Envoy. An HTTP/2
// stack that strangers reach must withstand more than RFC 9113 describes, and
// google.golang.org/grpc does that better. Package proxy chooses between the
// two.
//
// # Terms
//
// A connection is one HTTP/2 connection; a stream is one RPC on a connection,
// and its handler is the goroutine that runs the RPC's method. The peer is the
// other end of the connection (RFC 9113 section 2.2). Credit is the number of
// bytes that the peer may still send to us. A window is the number of bytes
// that we may still send to the peer (RFC 9113 section 5.2).
//
// # Goroutines
//
// One goroutine reads a connection and one writes it. A handler takes messages
// from the reader and queues its replies for the writer. Replies that are
// queued together leave in one write.
//
//	         reader                   handler                  writer
//	socket ─► frames ─► assembly ─► inbox ─► RecvMsg
//	                                         SendMsg ─► outbox ─► batch ─► socket
//	          conn.mu     –        stream.mu           conn.mu
//
// Both mutexes are held for moments only. Where both are needed, conn.mu is
// taken first. conn.progress wakes goroutines that wait for a window, for
// room in the outbox or for the end of a handler.
//
// # Life of a connection
//
// The reader reads the client's preface and first SETTINGS within
// Options.Handshake. It then reads frames until the peer closes the connection
// or breaks the protocol. At the end, the reader fails all streams, and the
// writer writes what is queued, including a GOAWAY after a protocol error. The
// socket is closed when the peer has closed its side, after one second at most.
// GracefulStop sends GOAWAY with a ping. Streams opened before the peer
// acknowledges the ping are served, and the connection ends with the last of
// them (RFC 9113 section 6.8).
//
// # Plaintext
//
// Message bodies are plaintext. They live in buffers of Options.Pool, whose Put
// clears them, and in batches, which are cleared once written. A message that
// no handler takes is freed when its stream ends.
//
// # Scope
//
// Services register as they do with a *grpc.Server, so that generated code
// works with both. The package implements the parts of RFC 9113 and of gRPC
// over HTTP/2 (PROTOCOL-HTTP2.md of grpc/grpc) that Envoy uses with an ext_proc
// service. It has no compression and no server reflection, and handlers cannot
// send headers or trailers. Frames and HPACK come from golang.org/x/net/http2.
package transport
