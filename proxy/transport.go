package proxy

import (
	"time"

	"github.com/sealmesh/sealmesh/proxy/policy"
	"github.com/sealmesh/sealmesh/proxy/transport"
	"github.com/sealmesh/sealmesh/proxy/wire"
)

const (
	// window is a stream's flow-control window in bytes, so that a body of usual size comes
	// without a pause.
	window     = 256 << 10
	connWindow = 4 << 20

	// headroom is what a buffered body message may be longer than the body itself.
	headroom = 1 << 20

	// handshake is how long a peer may take to say that it speaks HTTP/2.
	handshake = 10 * time.Second
)

// Transport returns how the listener of p has to be served: in clear text, and with
// messages as long as Envoy may send them under p.
func Transport(p *policy.Policy) transport.Options {
	return transport.Options{
		Codec:      wire.Codec(),
		Pool:       wire.Pool(),
		Metadata:   TraceMetadata(),
		MaxMessage: int(max(p.Limits.BufferedBytes, 16<<20)) + headroom,
		Streams:    uint32(p.Limits.Streams),
		Window:     window,
		ConnWindow: connWindow,
		Handshake:  handshake,
		Send:       max(p.Limits.Exchange, 0),
	}
}
