package protobuf

import "github.com/sealmesh/sealmesh/codec"

// MaxMessage is the length in bytes of the longest part of a body that is held:
// a field of the message that a protobuf body is, or one message of gRPC. It is
// less where Limits.BodyBytes is.
const MaxMessage = 4 << 20

// A Rewriter rewrites a body that is made of messages. A Writer of a format
// embeds it, and gives it a [Framing]. Not safe for concurrent use.
//
// A seal changes the lengths before the value, so the Rewriter holds what is
// incomplete, scans what is complete, and only then writes it.
type Rewriter struct {
	scanner
	framing Framing
	held    codec.Held
	end     int64 // offset of the next byte of the body
	limit   int64 // Limits.BodyBytes, or 0
}

// A Framing knows how a body is made of messages.
type Framing interface {
	// Scan reads the complete parts at the beginning of p, and returns their
	// length. need is the length of the part that follows, as far as it is known
	// and more than p has of it. Scan may stop between two parts if the Rewriter
	// is Full: then need is 0. Scan returns false if it has refused the body.
	Scan(p []byte) (n, need int, ok bool)
}

// Begin readies r for a body. format is the name of the Format in errors.
// Unknown allows fields that the schema does not have in messages with rules.
func (r *Rewriter) Begin(f Framing, format string, b *codec.Body, unknown bool) {
	l := b.Limits.WithDefaults()
	r.splicer.reset(b, l)
	r.framing, r.format, r.unknown = f, format, unknown
	r.guard = &noGuard
	if r.sel != nil {
		r.guard = r.sel.Guard()
	}
	r.most, r.limit = MaxMessage, l.BodyBytes
	if r.limit > 0 {
		r.most = int(min(r.limit, MaxMessage))
	}
	r.end, r.depth, r.err = 0, 0, nil
	r.frames, r.counts = r.frames[:0], r.counts[:0]
}

// noGuard is the guard of a body without rules.
var noGuard codec.Guard

// Write implements [codec.Writer].
func (r *Rewriter) Write(out *codec.Output, p []byte) error {
	if r.err != nil {
		return r.err
	}
	over := r.limit > 0 && int64(len(p)) > r.limit-r.end
	if over {
		p = p[:r.limit-r.end]
	}
	before := r.end - int64(r.held.Len())
	used, whole := r.complete(p)
	if r.err != nil {
		return r.err
	}
	split, rest := len(r.edits), p[used:]
	for more := true; more; split, whole = 0, false {
		n := 0
		if r.base = r.end + int64(len(p)-len(rest)); len(rest) > 0 {
			var ok bool
			if n, r.need, ok = r.framing.Scan(rest); !ok {
				return r.err
			}
		}
		more = n < len(rest) && r.need == 0
		if over && !more {
			r.fail(codec.TooLarge, len(rest), "the body is longer than the limit")
			return r.err
		}
		if r.err = r.replace(split, before, r.base); r.err != nil {
			return r.err
		}
		if whole {
			write(out, r.held.Bytes(), r.edits[:split], false)
			r.held.Drop()
		}
		write(out, rest[:n], r.edits[split:], true)
		r.forget()
		rest = rest[n:]
	}
	r.held.Add(rest)
	r.end += int64(len(p))
	return nil
}

// Full reports whether as many values are tagged as one message may have. Then
// they are replaced before the next message of a chunk is scanned, which keeps
// the memory of a chunk bounded.
func (r *Rewriter) Full() bool { return len(r.splicer.fields) >= r.limits.Fields }

// complete adds to what is held as much of p as it needs, and scans it when it
// is whole. used is how much of p it took.
func (r *Rewriter) complete(p []byte) (used int, whole bool) {
	if r.held.Len() == 0 {
		return 0, false
	}
	base := r.end - int64(r.held.Len())
	for {
		n := min(r.need-r.held.Len(), len(p)-used)
		r.held.Add(p[used : used+n])
		used += n
		if r.held.Len() < r.need {
			return used, false
		}
		r.base = base
		n, need, ok := r.framing.Scan(r.held.Bytes())
		if !ok || n > 0 {
			return used, ok
		}
		r.need = need
	}
}

// Close implements [codec.Writer].
func (r *Rewriter) Close(*codec.Output) error {
	if r.err == nil && r.held.Len() > 0 {
		r.base = r.end
		r.fail(codec.Truncated, 0, "the body ends in the middle of a message")
	}
	return r.err
}

// End clears what r holds of the body, and keeps the memory.
func (r *Rewriter) End() {
	r.held.Drop()
	r.splicer.free()
	r.scanner.p, r.guard, r.framing, r.err = nil, nil, nil, nil
	clear(r.key[:])
}

// Message scans one message, of which t is the table: p[begin:end], in a frame
// of gRPC that has the message's length at prefix. It returns false if the body
// is refused. p is what Scan was given. Limits.Fields counts in each message.
func (r *Rewriter) Message(t *Table, p []byte, prefix, begin, end int) bool {
	r.scanner.p, r.count = p, 0
	return r.enter(t, span{prefix, begin, end}, true) >= 0
}

// Text reads p, which is at an offset of what Scan was given, and is not a
// message. It returns false if p holds an envelope: then the body is refused.
func (r *Rewriter) Text(p []byte, at int) bool {
	return !r.holds(p) || r.fail(codec.EnvelopeFound, at, envelopeDetail) >= 0
}

// Refuse refuses the body. at is an offset in what Scan was given.
func (r *Rewriter) Refuse(code codec.Code, at int, detail string) { r.fail(code, at, detail) }

// Longest returns the length of the longest message that r holds.
func (r *Rewriter) Longest() int { return r.most }
