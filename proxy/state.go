package proxy

import (
	"errors"

	"github.com/sealmesh/sealmesh/proxy/policy"
	"github.com/sealmesh/sealmesh/proxy/wire"
)

// A state says how far a direction has come, and what becomes of its body.
type state uint8

const (
	unknown    state = iota // nothing has said which request this is
	barred                  // nothing may come: the response alone named the request, or nothing did
	free                    // no rules; headers may still come, unless Envoy hides them
	expected                // rules; headers must come before all else
	passing                 // the body passes unread: no rules, or the policy says so
	keeping                 // FULL_DUPLEX_STREAMED, body: buffered. Kept until whole, headers too
	inOnePiece              // BUFFERED: one message brings the whole body
	chunkwise               // STREAMED: each chunk is answered with a chunk
	flowing                 // FULL_DUPLEX_STREAMED, body: streamed. Rewritten as it comes
	over                    // the whole direction has come
	states
)

// An event is what may happen to a direction.
type event uint8

const (
	onHeaders  event = iota // and a body or trailers follow
	onBareHead              // headers, and nothing follows
	onPiece                 // a part of the body
	onLast                  // the end of the body, perhaps with bytes; no trailers follow
	onTrailers              // the end of the body
	onHangup                // Envoy ends the stream as if all had been said
	onSilence               // nothing came for limits.exchange
	events
)

// A step is what an event leads to.
type step uint8

const (
	violate  step = iota // refused: protocol_violation
	name                 // the headers name the request: look again, in its state
	begin                // the headers decide what becomes of the body
	announce             // headers leave; the body is not to be read
	conclude             // headers leave; there is no body
	pass                 // the bytes leave as they came
	keep                 // nothing leaves
	deliver              // headers and the whole body leave, rewritten
	replace              // the whole body leaves, rewritten
	rewrite              // what can leave does, rewritten
	finish               // what was held back leaves, rewritten; then the trailers
	trail                // trailers leave
	late                 // refused, unless it is empty (envoy#46237)
	fine                 // the stream ends well: there is nothing left to protect
	cut                  // the stream ends with an error: OK would mean "pass the rest on"
	stall                // refused: body_stalled
	wait                 // nothing has to come soon
)

// table is the promise that no protected value leaves in clear. A body with rules is
// in one of the four states from keeping to flowing, from its headers to its end. There
// bytes leave by deliver, replace, rewrite and finish alone. Each takes them from the
// codec's output, once the key uses are recorded. A cell that is not filled refuses.
//
// The state changes at the headers (begin, announce, conclude), at the first byte, which
// may show that the body is of a type that passes (open), where there is no room to keep
// a response (flow), and at the end.
var table = [states][events]step{
	unknown:    {onHeaders: name, onBareHead: name, onHangup: fine, onSilence: wait},
	barred:     {onHangup: fine, onSilence: wait},
	free:       {onHeaders: announce, onBareHead: conclude, onPiece: pass, onLast: pass, onTrailers: trail, onHangup: fine, onSilence: wait},
	expected:   {onHeaders: begin, onBareHead: conclude, onHangup: fine, onSilence: wait},
	passing:    {onPiece: pass, onLast: pass, onTrailers: trail, onHangup: fine, onSilence: wait},
	keeping:    {onPiece: keep, onLast: deliver, onTrailers: deliver, onHangup: cut, onSilence: stall},
	inOnePiece: {onPiece: replace, onLast: replace, onTrailers: finish, onHangup: cut, onSilence: wait},
	chunkwise:  {onPiece: rewrite, onLast: rewrite, onTrailers: finish, onHangup: cut, onSilence: stall},
	flowing:    {onPiece: rewrite, onLast: rewrite, onTrailers: finish, onHangup: cut, onSilence: stall},
	over:       {onPiece: late, onLast: late, onTrailers: trail, onHangup: fine, onSilence: wait},
}

// on returns the step that e leads to.
func (d *direction) on(e event) step { return table[d.state][e] }

// underway reports whether a body that is to be rewritten may still come.
func (d *direction) underway() bool { return d.on(onHangup) == cut }

// engine returns the state in which a body with rules is rewritten. announced has
// refused every mode that is not named here.
func (d *direction) engine() state {
	switch {
	case d.mode == wire.ModeBuffered:
		return inOnePiece
	case d.mode == wire.ModeStreamed:
		return chunkwise
	case d.mode == wire.ModeFullDuplex && d.plan.Mode == policy.Buffered && d.head.headers && !d.plan.Reads():
		return keeping
	case d.mode == wire.ModeFullDuplex:
		return flowing
	}
	return barred
}

var errOrder = errors.New("a message that may not come now")

func violation() error { return refuse(codeProtocol, errOrder) }
