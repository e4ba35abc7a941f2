package wire

import (
	"errors"
	"unicode/utf8"

	"google.golang.org/grpc/mem"
)

// A Reply is one ProcessingResponse. Its CommonResponse always has the status
// CONTINUE.
type Reply struct {
	Phase     Phase
	Set       []Header // header_mutation.set_headers
	Remove    []string // header_mutation.remove_headers; Envoy removes before it sets
	Body      BodyReply
	Segments  [][]byte   // the new body, or its next piece
	End       bool       // BodyStreamed: end_of_stream
	Mode      *Protocol  // mode_override of both body modes; header replies only
	Immediate *Immediate // if not nil, replaces all of the above
	// Release, if not nil, is called once, when Segments are no longer used: after
	// the transport has written or dropped them, or within Send when they were
	// copied or could not be sent. Another goroutine may call it. It must not
	// block.
	Release func()
}

// A Header is one header to set. It is sent as raw_value. Unless Append is set,
// it replaces all headers of its name.
type Header struct {
	Name, Value string
	Append      bool
}

// A BodyReply says what happens to a body.
type BodyReply uint8

const (
	BodyUnchanged BodyReply = iota // no body_mutation
	BodyReplaced                   // body_mutation.body (BUFFERED, STREAMED)
	BodyStreamed                   // body_mutation.streamed_response (FULL_DUPLEX_STREAMED)
)

// Immediate is an ImmediateResponse.
type Immediate struct {
	Status     int // HTTP status, one of envoy.type.v3.StatusCode
	Headers    []Header
	Body       []byte // copied
	GRPCStatus int    // -1: none
	Details    string
}

var (
	errReply = errors.New("wire: the reply has no phase, or a field that its phase cannot carry")
	errText  = errors.New("wire: header names and details of a reply must be UTF-8")
)

// check refuses a reply that Envoy would ignore, or take for leave to continue.
func (r *Reply) check() error {
	if m := r.Immediate; m != nil {
		if !utf8.ValidString(m.Details) {
			return errText
		}
		return checkNames(m.Headers, nil)
	}
	headers := r.Phase == RequestHeaders || r.Phase == ResponseHeaders
	body := r.Phase == RequestBody || r.Phase == ResponseBody
	switch {
	case r.Phase == None || r.Phase > ResponseTrailers,
		r.Body > BodyStreamed,
		r.Body != BodyUnchanged && !body,
		r.Body == BodyUnchanged && len(r.Segments) > 0,
		r.Body != BodyStreamed && r.End,
		r.Mode != nil && !headers:
		return errReply
	}
	return checkNames(r.Set, r.Remove)
}

func checkNames(set []Header, remove []string) error {
	for i := range set {
		if !utf8.ValidString(set[i].Name) {
			return errText
		}
	}
	for _, name := range remove {
		if !utf8.ValidString(name) {
			return errText
		}
	}
	return nil
}

// plain reports whether r only lets its phase pass.
func (r *Reply) plain() bool {
	return r.Immediate == nil && len(r.Set) == 0 && len(r.Remove) == 0 && r.Body == BodyUnchanged && r.Mode == nil
}

// constant holds the replies that let a phase pass: a ProcessingResponse with
// an empty HeadersResponse, BodyResponse or TrailersResponse.
var constant = [...]mem.BufferSlice{
	RequestHeaders:   {mem.SliceBuffer{1<<3 | 2, 0}},
	ResponseHeaders:  {mem.SliceBuffer{2<<3 | 2, 0}},
	RequestBody:      {mem.SliceBuffer{3<<3 | 2, 0}},
	ResponseBody:     {mem.SliceBuffer{4<<3 | 2, 0}},
	RequestTrailers:  {mem.SliceBuffer{5<<3 | 2, 0}},
	ResponseTrailers: {mem.SliceBuffer{6<<3 | 2, 0}},
}

// marshal encodes r. It calls Release when the buffers that it returns are
// freed, or at once if they do not refer to Segments.
func (r *Reply) marshal() (mem.BufferSlice, error) {
	if err := r.check(); err != nil {
		r.released()
		return nil, err
	}
	if r.plain() {
		r.released()
		return constant[r.Phase], nil
	}
	if r.Immediate != nil {
		return assemble(r, nil), nil
	}
	return assemble(r, r.Segments), nil
}

// released calls Release.
func (r *Reply) released() {
	if r.Release != nil {
		r.Release()
	}
}

// bound returns a length that suffices to encode r without its Segments.
func (r *Reply) bound() int {
	const fixed, perField = 128, 64 // for tags and lengths
	n := fixed
	set := r.Set
	if m := r.Immediate; m != nil {
		n += len(m.Body) + len(m.Details)
		set = m.Headers
	}
	for i := range set {
		n += perField + len(set[i].Name) + len(set[i].Value)
	}
	for _, name := range r.Remove {
		n += perField + len(name)
	}
	return n
}

// encode writes the message without the body, which will follow. A submessage
// with end 0 includes the body.
func (r *Reply) encode(w *backward) {
	switch {
	case r.Immediate != nil:
		r.Immediate.encode(w)
		w.message(7, 0)
	case r.Phase == RequestTrailers || r.Phase == ResponseTrailers:
		encodeMutation(w, 1, r.Set, r.Remove) // TrailersResponse.header_mutation
		w.message(responseField[r.Phase], 0)
	default:
		end := 0
		if r.Mode != nil {
			w.number(4, uint64(r.Mode.Response))
			w.number(3, uint64(r.Mode.Request))
			w.message(9, 0) // mode_override
			end = w.mark()
		}
		r.encodeBody(w)
		encodeMutation(w, 2, r.Set, r.Remove)
		w.message(1, end) // HeadersResponse.response, BodyResponse.response
		w.message(responseField[r.Phase], end)
	}
}

// responseField maps phases to the field numbers of
// ProcessingResponse.response.
var responseField = [...]uint64{
	RequestHeaders: 1, ResponseHeaders: 2,
	RequestBody: 3, ResponseBody: 4,
	RequestTrailers: 5, ResponseTrailers: 6,
}

// encodeBody writes CommonResponse.body_mutation up to the first byte of the
// body. Protobuf does not prescribe the order of fields, so that all other
// fields come before the body.
func (r *Reply) encodeBody(w *backward) {
	if r.Body == BodyUnchanged {
		return
	}
	w.message(1, 0) // the body is last in each message that contains it
	if r.Body == BodyStreamed {
		if r.End {
			w.number(2, 1)
		}
		w.message(3, 0)
	}
	w.message(3, 0)
}

// encodeMutation writes a HeaderMutation as field n, or nothing.
func encodeMutation(w *backward, n uint64, set []Header, remove []string) {
	if len(set)+len(remove) == 0 {
		return
	}
	end := w.mark()
	for i := len(remove) - 1; i >= 0; i-- {
		w.text(2, remove[i])
	}
	for i := len(set) - 1; i >= 0; i-- {
		option := w.mark()
		if set[i].Append {
			w.number(1, 1)
		}
		w.message(2, option) // append: a BoolValue
		value := w.mark()
		w.text(3, set[i].Value)
		w.text(1, set[i].Name)
		w.message(1, value)
		w.message(1, option)
	}
	w.message(n, end)
}

// encode writes an ImmediateResponse.
func (m *Immediate) encode(w *backward) {
	w.text(5, m.Details)
	if m.GRPCStatus >= 0 {
		end := w.mark()
		w.number(1, uint64(m.GRPCStatus))
		w.message(4, end)
	}
	w.text(3, string(m.Body))
	encodeMutation(w, 2, m.Headers, nil)
	end := w.mark()
	w.number(1, uint64(m.Status))
	w.message(1, end)
}
