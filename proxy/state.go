package proxy

import (
	"errors"

	"github.com/sealmesh/sealmesh/proxy/policy"
	"github.com/sealmesh/sealmesh/proxy/wire"
)

// A state says how far a direction has come, and what happens to its body.
type state uint8

const (
	unknown    state = iota // the request is not known yet
	barred                  // no message may come: only the response named the request, or a filter before us replied
	free                    // no rules; headers may still come, unless Envoy hides them
	expected                // rules; headers must come first
	passing                 // the body passes unread: no rules, or the policy says so
	holding                 // FULL_DUPLEX_STREAMED, body: buffered. Headers and body are held until the body is complete
	inOnePiece              // BUFFERED: one message brings the whole body
	chunkwise               // STREAMED: each chunk is answered with a chunk
	flowing                 // FULL_DUPLEX_STREAMED, body: streamed. Rewritten as it comes
	over                    // the direction has ended
	states
)

// An event is what can happen to a direction.
type event uint8

const (
	onHeaders  event = iota // and a body or trailers follow
	onBareHead              // headers, and nothing follows
	onPiece                 // a part of the body
	onLast                  // the end of the body, perhaps with bytes; no trailers follow
	onTrailers              // the end of the body
	onHangup                // Envoy ends the stream without an error
	onSilence               // nothing came for limits.exchange
	events
)

// A step is what a direction does on an event.
type step uint8

const (
	violate      step = iota // refuse: protocol_violation
	identify                 // headers name the request: match it, then look up the step again
	begin                    // headers decide what happens to the body
	announce                 // send headers; the body passes unread
	conclude                 // send headers; there is no body
	pass                     // send the bytes as they came
	hold                     // send nothing
	release                  // send headers and the whole body, rewritten
	replace                  // send the whole body, rewritten
	rewrite                  // send what can leave, rewritten
	finish                   // send what was held back, rewritten; then the trailers
	passTrailers             // send the trailers
	afterEnd                 // refuse, unless the message is empty (envoy#46237)
	endOK                    // end the stream with OK: nothing is left to protect
	endError                 // end the stream with an error: OK would mean "pass the rest on"
	stall                    // refuse: body_stalled
	wait                     // nothing has to come soon
)

// table is the promise that no protected value leaves in clear. A body with
// rules is in one of the four states from holding to flowing, from its headers
// to its end. There, bytes leave by release, replace, rewrite and finish alone,
// and each of these sends the codec's output after the key uses are recorded.
// An empty cell refuses.
//
// The state changes at the headers (begin, announce, conclude), at the first
// byte, which may show that the type of the body passes (piece.open), when
// there is no room to hold a response (piece.flow), and at the end.
var table = [states][events]step{
	unknown:    {onHeaders: identify, onBareHead: identify, onHangup: endOK, onSilence: wait},
	barred:     {onHangup: endOK, onSilence: wait},
	free:       {onHeaders: announce, onBareHead: conclude, onPiece: pass, onLast: pass, onTrailers: passTrailers, onHangup: endOK, onSilence: wait},
	expected:   {onHeaders: begin, onBareHead: conclude, onHangup: endOK, onSilence: wait},
	passing:    {onPiece: pass, onLast: pass, onTrailers: passTrailers, onHangup: endOK, onSilence: wait},
	holding:    {onPiece: hold, onLast: release, onTrailers: release, onHangup: endError, onSilence: stall},
	inOnePiece: {onPiece: replace, onLast: replace, onTrailers: finish, onHangup: endError, onSilence: wait},
	chunkwise:  {onPiece: rewrite, onLast: rewrite, onTrailers: finish, onHangup: endError, onSilence: stall},
	flowing:    {onPiece: rewrite, onLast: rewrite, onTrailers: finish, onHangup: endError, onSilence: stall},
	over:       {onPiece: afterEnd, onLast: afterEnd, onTrailers: passTrailers, onHangup: endOK, onSilence: wait},
}

// on returns the step for e.
func (d *direction) on(e event) step { return table[d.state][e] }

// underway reports whether more of a body with rules may come.
func (d *direction) underway() bool { return d.on(onHangup) == endError }

// engine returns the state in which a body with rules is rewritten. setPlan has
// refused all other modes.
func (d *direction) engine() state {
	switch {
	case d.mode == wire.ModeBuffered:
		return inOnePiece
	case d.mode == wire.ModeStreamed:
		return chunkwise
	case d.mode == wire.ModeFullDuplex && d.plan.Mode == policy.Buffered && d.head.headers && !d.plan.Reads():
		return holding
	case d.mode == wire.ModeFullDuplex:
		return flowing
	}
	return barred
}

var errOrder = errors.New("Envoy sent a message that may not come now")

func violation() error { return refuse(codeProtocol, errOrder) }
