package dataplane

import (
	"strconv"
	"strings"

	filterv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/ext_proc/v3"
	extproc "github.com/envoyproxy/go-control-plane/envoy/service/ext_proc/v3"
	"google.golang.org/protobuf/types/known/structpb"

	"github.com/sealmesh/sealmesh/proxy/wire"
)

// attributeNamespace is the key of ProcessingRequest.attributes that Envoy
// uses.
const attributeNamespace = "envoy.filters.http.ext_proc"

func (x *exchange) protocol() *extproc.ProtocolConfiguration {
	c := &x.proxy.config
	return &extproc.ProtocolConfiguration{
		RequestBodyMode:                         filterv3.ProcessingMode_BodySendMode(c.Mode.RequestBody),
		ResponseBodyMode:                        filterv3.ProcessingMode_BodySendMode(c.Mode.ResponseBody),
		SendBodyWithoutWaitingForHeaderResponse: c.SendBodyWithoutWaiting,
	}
}

func (d *direction) sendHeaderMessage() {
	h := &extproc.HttpHeaders{Headers: d.headers.message(), EndOfStream: d.headersEnd}
	m := &extproc.ProcessingRequest{Request: &extproc.ProcessingRequest_ResponseHeaders{ResponseHeaders: h}}
	phase := wire.ResponseHeaders
	if d.request {
		m.Request = &extproc.ProcessingRequest_RequestHeaders{RequestHeaders: h}
		phase = wire.RequestHeaders
	}
	d.send(m, phase, 0)
}

func (d *direction) sendTrailerMessage() {
	t := &extproc.HttpTrailers{Trailers: d.trailers.message()}
	m := &extproc.ProcessingRequest{Request: &extproc.ProcessingRequest_ResponseTrailers{ResponseTrailers: t}}
	phase := wire.ResponseTrailers
	if d.request {
		m.Request = &extproc.ProcessingRequest_RequestTrailers{RequestTrailers: t}
		phase = wire.RequestTrailers
	}
	d.trailersSent = true
	d.send(m, phase, 0)
}

// sendBodyMessage sends the held bytes as the one message of BUFFERED or
// BUFFERED_PARTIAL. It keeps them: the processor may let them pass unchanged.
func (d *direction) sendBodyMessage() {
	d.bodySent, d.sent = true, len(d.held)
	d.sendData(d.held, d.ended)
}

// sendChunk sends the held bytes as one chunk.
func (d *direction) sendChunk() {
	faults := &d.x.proxy.config.Faults
	c := chunk{d.unhold(), d.ended}
	if faults.EmptyChunks {
		d.sendPiece(chunk{})
	}
	d.sendPiece(c)
	if c.end && faults.DuplicateEnd && d.mode == wire.ModeFullDuplex {
		d.sendPiece(chunk{end: true})
	}
}

func (d *direction) sendPiece(c chunk) {
	d.sendData(c.data, c.end)
	if d.mode != wire.ModeStreamed {
		return
	}
	d.chunks = append(d.chunks, c)
	if d.awaiting == nothing || d.awaiting == chunkReplies {
		d.await(chunkReplies)
	}
}

func (d *direction) sendData(data []byte, end bool) {
	b := &extproc.HttpBody{Body: data, EndOfStream: end}
	m := &extproc.ProcessingRequest{Request: &extproc.ProcessingRequest_ResponseBody{ResponseBody: b}}
	phase := wire.ResponseBody
	if d.request {
		m.Request = &extproc.ProcessingRequest_RequestBody{RequestBody: b}
		phase = wire.RequestBody
	}
	d.send(m, phase, len(data))
}

func (d *direction) send(m *extproc.ProcessingRequest, phase wire.Phase, size int) {
	if !d.first {
		d.first = true
		m.Attributes = d.attributes()
	}
	d.x.send(message{m, phase, size, d.gauge})
}

// attributes returns the configured attributes of the direction that have a
// value.
func (d *direction) attributes() map[string]*structpb.Struct {
	names := d.x.proxy.config.ResponseAttributes
	if d.request {
		names = d.x.proxy.config.RequestAttributes
	}
	values := make(map[string]*structpb.Value)
	for _, name := range names {
		if v := d.attribute(name); v != nil {
			values[name] = v
		}
	}
	if len(values) == 0 {
		return nil
	}
	return map[string]*structpb.Struct{attributeNamespace: {Fields: values}}
}

// attribute returns one of the attributes that Envoy is known to send, or nil.
// Response headers are not among them.
func (d *direction) attribute(name string) *structpb.Value {
	request := requestFields(d.x.client)
	pseudo := map[string]string{
		"request.path": ":path", "request.host": ":authority", "request.method": ":method", "request.scheme": ":scheme",
	}
	text := func(f fields, name string) *structpb.Value {
		if v, ok := f.get(name); ok {
			return structpb.NewStringValue(v)
		}
		return nil
	}
	if header, ok := between(name, "request.headers['", "']"); ok {
		return text(request, header)
	}
	if header, ok := between(name, "'", "' in request.headers"); ok {
		return structpb.NewBoolValue(text(request, header) != nil)
	}
	switch {
	case pseudo[name] != "":
		return text(request, pseudo[name])
	case name == "xds.route_name" && d.x.proxy.config.RouteName != "":
		return structpb.NewStringValue(d.x.proxy.config.RouteName)
	case name == "response.code" && !d.request:
		status, _ := d.headers.get(":status")
		code, _ := strconv.Atoi(status)
		return structpb.NewNumberValue(float64(code))
	}
	return nil
}

func between(s, before, after string) (string, bool) {
	s, ok := strings.CutPrefix(s, before)
	if !ok {
		return "", false
	}
	return strings.CutSuffix(s, after)
}
