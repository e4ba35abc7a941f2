package bootstrap

import (
	"fmt"

	procv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/ext_proc/v3"

	"github.com/sealmesh/sealmesh/proxy"
	"github.com/sealmesh/sealmesh/proxy/policy"
)

// A Direction is what Envoy does with one direction of a route that has rules
// for it.
type Direction struct {
	Plan     *policy.Plan
	Response bool
	Mode     *procv3.ProcessingMode
	// Filter is the ext_proc filter; nil if only the routes are known.
	Filter *procv3.ExternalProcessor
	// Retry says that Envoy may send the request more than once.
	Retry bool
}

type (
	bodySendMode   = procv3.ProcessingMode_BodySendMode
	headerSendMode = procv3.ProcessingMode_HeaderSendMode
)

func (d Direction) name() string {
	if d.Response {
		return "response"
	}
	return "request"
}

func (d Direction) body() bodySendMode {
	if d.Response {
		return d.Mode.GetResponseBodyMode()
	}
	return d.Mode.GetRequestBodyMode()
}

func (d Direction) headers() headerSendMode {
	if d.Response {
		return d.Mode.GetResponseHeaderMode()
	}
	return d.Mode.GetRequestHeaderMode()
}

func (d Direction) trailers() bool {
	if d.Response {
		return d.Mode.GetResponseTrailerMode() == procv3.ProcessingMode_SEND
	}
	return d.Mode.GetRequestTrailerMode() == procv3.ProcessingMode_SEND
}

// unread reports whether only the headers of a request have rules. Bodies of
// responses are sent even then: the body mode is all that Envoy announces, so
// that sealmesh can tell by it that Envoy took another route.
func (d Direction) unread() bool { return d.Plan.PlacesOnly && !d.Response }

// unasked reports whether sealmesh gets no message before the direction passes.
func (d Direction) unasked() bool {
	return d.body() == procv3.ProcessingMode_NONE && d.headers() == procv3.ProcessingMode_SKIP &&
		d.Mode.GetRequestHeaderMode() == procv3.ProcessingMode_SKIP
}

// ModeSettings are the settings of the modes of one direction of a route with
// rules.
var ModeSettings = []Setting[Direction]{
	{
		Field: "header_mode", Clear: true,
		set: func(d Direction, _ Facts) {
			d.Mode.RequestHeaderMode = procv3.ProcessingMode_SEND
			if d.Response {
				d.Mode.ResponseHeaderMode = procv3.ProcessingMode_SEND
			}
		},
		wrong: func(d Direction, _ Facts) string {
			return unless(!d.unasked(), d.name()+"_body_mode is NONE, and no headers are sent: sealmesh is never asked; make it FULL_DUPLEX_STREAMED or BUFFERED")
		},
	},
	{
		Field: "body_mode",
		set: func(d Direction, f Facts) {
			m := procv3.ProcessingMode_FULL_DUPLEX_STREAMED
			switch {
			case d.unread():
				m = procv3.ProcessingMode_NONE
			case d.Plan.Mode == policy.Buffered && f.old:
				m = procv3.ProcessingMode_BUFFERED
			}
			if d.Response {
				d.Mode.ResponseBodyMode = m
			} else {
				d.Mode.RequestBodyMode = m
			}
		},
		wrong: func(d Direction, _ Facts) string { return d.wrongBody() },
	},
	{
		Field: "trailer_mode",
		set: func(d Direction, _ Facts) {
			m := procv3.ProcessingMode_SKIP
			if d.body() == procv3.ProcessingMode_FULL_DUPLEX_STREAMED || d.Plan.HasPlaces() {
				m = procv3.ProcessingMode_SEND
			}
			if d.Response {
				d.Mode.ResponseTrailerMode = m
			} else {
				d.Mode.RequestTrailerMode = m
			}
		},
		wrong: func(d Direction, _ Facts) string {
			switch d.body() {
			case procv3.ProcessingMode_STREAMED:
				return unless(d.trailers(), fmt.Sprintf("%[1]s_body_mode is STREAMED and %[1]s_trailer_mode is not SEND: the end of a body with trailers would be lost", d.name()))
			case procv3.ProcessingMode_FULL_DUPLEX_STREAMED:
				return unless(d.trailers(), fmt.Sprintf("%[1]s_body_mode is FULL_DUPLEX_STREAMED, and Envoy takes that only with %[1]s_trailer_mode SEND", d.name()))
			}
			return ""
		},
	},
	{
		Field: "response_header_mode",
		wrong: func(d Direction, _ Facts) string {
			return unless(!d.Response || d.Plan.HasPlaces() || d.headers() != procv3.ProcessingMode_SKIP, "response_header_mode is SKIP: sealmesh needs the content type, and refuses the body; make it SEND")
		},
	},
	{
		// A response without a body would pass unnoticed.
		Field: "header_mode of places", Clear: true,
		wrong: func(d Direction, _ Facts) string {
			return unless(!d.Plan.HasPlaces() || d.headers() != procv3.ProcessingMode_SKIP,
				fmt.Sprintf("%[1]s_header_mode is SKIP, and the policy has rules for the %[1]s's headers, cookies or path: make it SEND", d.name()))
		},
	},
	{
		// Some servers merge trailers into the headers.
		Field: "trailer_mode of places", Clear: true,
		wrong: func(d Direction, _ Facts) string {
			return unless(!d.Plan.HasPlaces() || d.trailers(),
				fmt.Sprintf("%[1]s_trailer_mode is not SEND, and the policy has rules for the %[1]s's headers, cookies or path: sealmesh removes trailers with their names; make it SEND", d.name()))
		},
	},
	{
		Field: "header_mode with allow_content_length_header",
		wrong: func(d Direction, _ Facts) string {
			wrong := d.Filter.GetAllowContentLengthHeader() && d.headers() == procv3.ProcessingMode_SKIP && d.body() != procv3.ProcessingMode_NONE
			return unless(!wrong, fmt.Sprintf("with allow_content_length_header and %s_header_mode SKIP a body keeps the length that it had before: make it SEND", d.name()))
		},
	},
	{
		Field: "attributes",
		wrong: func(d Direction, _ Facts) string { return d.wrongAttributes() },
	},
	{
		Field: "retry_policy",
		wrong: func(d Direction, _ Facts) string {
			wrong := d.Retry && !d.Response && d.body() == procv3.ProcessingMode_FULL_DUPLEX_STREAMED
			return unless(!wrong, "a retry sends a FULL_DUPLEX_STREAMED body twice (envoy#45470): take out the retry_policy, or make it BUFFERED")
		},
	},
}

func (d Direction) wrongBody() string {
	if d.unread() {
		return ""
	}
	switch m := d.body(); m {
	case procv3.ProcessingMode_STREAMED, procv3.ProcessingMode_FULL_DUPLEX_STREAMED:
		return ""
	case procv3.ProcessingMode_BUFFERED:
		return unless(d.Plan.Mode != policy.Streamed,
			fmt.Sprintf("the policy has %s bodies streamed, and BUFFERED refuses those that are longer than Envoy's buffer: make it FULL_DUPLEX_STREAMED", d.name()))
	default:
		return unless(d.unasked(),
			fmt.Sprintf("%s_body_mode is %s, which does not show whole bodies: sealmesh refuses with mode_unsafe; make it FULL_DUPLEX_STREAMED or BUFFERED", d.name(), m))
	}
}

// wrongAttributes reports request headers that are neither sent nor replaced by
// attributes.
func (d Direction) wrongAttributes() string {
	if d.Filter == nil || d.Mode.GetRequestHeaderMode() != procv3.ProcessingMode_SKIP {
		return ""
	}
	key, have, need := "request_attributes", d.Filter.GetRequestAttributes(), proxy.RequestAttributes
	if d.Response {
		key, have, need = "response_attributes", d.Filter.GetResponseAttributes(), proxy.ResponseAttributes
	}
	missing := Missing(have, need)
	return unless(missing == "", fmt.Sprintf("the route sends no request headers, and %s lacks %s: sealmesh cannot match the request", key, missing))
}
