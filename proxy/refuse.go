package proxy

import (
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"

	"github.com/sealmesh/sealmesh/codec"
	"github.com/sealmesh/sealmesh/keycache"
	"github.com/sealmesh/sealmesh/proxy/places"
	"github.com/sealmesh/sealmesh/proxy/policy"
	"github.com/sealmesh/sealmesh/proxy/wire"
)

// Codes of refusals. Codecs add their own (codec.Code). Codes are stable, and
// say nothing that helps an attacker.
const (
	codePath       = "path_ambiguous" // two servers could read the path or the host differently
	codePlace      = string(places.Ambiguous)
	codeUnmatched  = "route_unmatched"  // no route of the policy, and unmatched is refuse
	codeType       = "type_unsupported" // no codec for the content type
	codeFormat     = string(codec.Unsupported)
	codeEncoding   = "encoding_unsupported" // content-encoding: the body cannot be read
	codeCoded      = "encoding_malformed"   // the body is not what its content-encoding says, or is incomplete
	codeUpgrade    = "upgrade_unsupported"  // an upgraded connection cannot be protected
	codePartial    = "partial_unsupported"  // 206, or Content-Range on a request: a part of a body cannot be read
	codeMode       = "mode_unsafe"          // Envoy announced a body mode that would pass values in clear
	codeBehind     = "policy_behind"        // Envoy is configured for another policy
	codeTrailers   = "trailers_unsupported" // STREAMED mode cannot send held-back bytes before trailers
	codeProtocol   = "protocol_violation"   // Envoy sent a message that may not come here
	codeLarge      = "body_too_large"       // longer than limits.buffered_bytes, or limits.body_bytes once opened
	codeKey        = "key_unavailable"      // no key; outage, denial and misconfiguration look the same to a client
	codeInternal   = "internal"             // a defect of sealmesh
	codePlain      = "value_not_sealed"     // on open: a value in clear in place of an envelope
	codeOpenFailed = "value_not_opened"     // forged, altered, or of another tag or key
	codeUnknown    = "too_many_unknown"     // the caller lately sent too many envelopes under unknown data keys
	codeSuite      = "suite_not_approved"   // on open: sealed by a suite that fips: required does not admit
	codeAudit      = "audit_unavailable"    // the key use could not be recorded
	codeIdle       = "body_stalled"         // a body came too slowly: limits.exchange, limits.rate, limits.held
	codeEnvelope   = string(codec.EnvelopeFound)
	codeMissing    = "value_missing" // require_match, and no rule found a value
	codeBusy       = "overloaded"    // limits.streams or limits.memory is reached
	codeShare      = "caller_limit"  // one caller uses its limits.caller_share of exchanges or memory
)

// A refusal is an error that ends an exchange without forwarding.
type refusal struct {
	code   string
	cause  error  // for the log and the spans only
	detail string // for the client, in fixed words; usually ""
}

func (r *refusal) Error() string {
	if r.cause == nil {
		return r.code
	}
	return r.code + ": " + r.cause.Error()
}

func (r *refusal) Unwrap() error { return r.cause }

func refuse(code string, cause error) error { return &refusal{code: code, cause: cause} }

// refuseFormat refuses a body of a format that sealmesh knows by name and does
// not read. cause may be nil.
func refuseFormat(name string, cause error) error {
	detail := "sealmesh does not read " + name
	return &refusal{codeFormat, errors.Join(errors.New(detail), cause), detail}
}

// detailOf returns what a client may know of err beside its code. What is wrong
// with a request, and where, tells its sender nothing new.
func detailOf(err error, response bool) string {
	if e, ok := errors.AsType[*placeError](err); ok {
		if why, ok := errors.AsType[*places.Error](err); ok && why.Code == places.Ambiguous && !response {
			return "in " + e.in.String() + ": " + why.Detail
		}
		return "in " + e.in.String()
	}
	if r, ok := errors.AsType[*refusal](err); ok {
		return r.detail
	}
	e, ok := errors.AsType[*codec.Error](err)
	switch {
	case !ok || response:
	case e.Code == codec.BadParams || e.Code == codec.Unsupported:
		return e.Format + ": " + e.Detail
	case e.Code == codec.Malformed || e.Code == codec.Truncated:
		return fmt.Sprintf("%s, at byte %d: %s", e.Format, e.Offset, e.Detail)
	}
	return ""
}

// codeOf returns the code of any error that ends an exchange. No other function
// turns errors into codes.
func codeOf(err error) string {
	if r, ok := errors.AsType[*refusal](err); ok {
		return r.code
	}
	if e, ok := errors.AsType[*keycache.Error](err); ok {
		switch e.Reason {
		case keycache.NotEnvelope:
			return codePlain
		case keycache.OpenFailed:
			return codeOpenFailed
		case keycache.TooManyUnknown:
			return codeUnknown
		case keycache.SuiteUnapproved:
			return codeSuite
		case keycache.AuditFull:
			return codeAudit
		default:
			return codeKey
		}
	}
	if e, ok := errors.AsType[*codec.Error](err); ok {
		return string(e.Code)
	}
	if e, ok := errors.AsType[*places.Error](err); ok {
		return string(e.Code)
	}
	switch {
	case errors.Is(err, policy.ErrAmbiguousPath), errors.Is(err, policy.ErrAmbiguousHost), errors.Is(err, policy.ErrMethodInQuery):
		return codePath
	case errors.Is(err, policy.ErrLongParam):
		return string(codec.NameLimit)
	case errors.Is(err, policy.ErrTunnel):
		return codeUpgrade
	}
	return codeInternal
}

// A codeReply is what a client sees of a code.
type codeReply struct {
	request int // HTTP status when a request is refused
	grpc    int // gRPC status for the same
	title   string
}

// codeReplies has the reply for each code. A refused response is always a 502,
// or a 503 if a retry may help: the client did nothing wrong.
var codeReplies = map[string]codeReply{
	codePath:                  {400, 3, "The path or the host is ambiguous."},
	codePlace:                 {400, 3, "A value beside the body is ambiguous."},
	codeUnmatched:             {403, 7, "No route of the policy covers this request."},
	codeType:                  {415, 12, "The content type cannot be read on this route."},
	codeEncoding:              {415, 12, "The content encoding cannot be read on this route."},
	codeCoded:                 {400, 3, "The content encoding of the body is malformed."},
	codeUpgrade:               {400, 3, "A connection cannot be upgraded on this route."},
	codePartial:               {416, 11, "A part of a body cannot be read on this route."},
	codeMode:                  {500, 13, "The proxy is not configured safely for this route."},
	codeBehind:                {503, 14, "The proxy is configured for another policy."},
	codeTrailers:              {400, 3, "Trailers cannot follow this body."},
	codeProtocol:              {500, 13, "The proxy violated the protocol."},
	codeLarge:                 {413, 8, "The body is too large."},
	codeKey:                   {503, 14, "A key is unavailable."},
	codePlain:                 {422, 3, "A value is not sealed."},
	codeOpenFailed:            {422, 3, "A value cannot be opened."},
	codeUnknown:               {429, 8, "Too many values cannot be opened."},
	codeSuite:                 {422, 3, "A value is sealed by a suite that is not approved."},
	codeEnvelope:              {422, 3, "A sealed value is in a place where no rule opens it."},
	codeMissing:               {422, 3, "The body has none of the required values."},
	codeAudit:                 {503, 14, "The use of a key cannot be recorded."},
	codeIdle:                  {408, 4, "The body did not arrive in time."},
	codeBusy:                  {503, 14, "Too many concurrent exchanges."},
	codeShare:                 {429, 8, "The caller has too many concurrent exchanges."},
	codeInternal:              {500, 13, "The exchange failed."},
	codeFormat:                {415, 12, "The format cannot be read on this route."},
	string(codec.BadParams):   {415, 12, "The parameters of the content type cannot be read."},
	string(codec.MethodFound): {422, 3, "The body names a method."},
	string(codec.Malformed):   {400, 3, "The body is malformed."},
	string(codec.Truncated):   {400, 3, "The body is incomplete."},
	string(codec.TooDeep):     {400, 3, "The body is nested too deeply."},
	string(codec.ValueLimit):  {413, 8, "A value is too large."},
	string(codec.FieldLimit):  {413, 8, "The body has too many protected values."},
	string(codec.NameLimit):   {413, 8, "A name is too long."},
	string(codec.PatchFound):  {415, 3, "A patch cannot be read on this route."},
	string(codec.WrongRoot):   {422, 3, "The body's value has the wrong kind."},
	string(codec.WrongKind):   {422, 3, "A value does not fit this format."},
}

// immediate returns the reply that refuses with code, as problem details (RFC
// 9457). detail may be "".
func immediate(code, detail string, response, grpcClient bool) *wire.Immediate {
	a, ok := codeReplies[code]
	if !ok {
		a, code = codeReplies[codeInternal], codeInternal
	}
	status := a.request
	if response {
		status = 502
		if a.request == 503 || a.request == 429 {
			status = 503
		}
	}
	im := &wire.Immediate{Status: status, GRPCStatus: -1, Details: "sealmesh_" + code}
	if grpcClient {
		im.GRPCStatus = a.grpc
		im.Body = []byte(code)
		return im
	}
	im.Headers = []wire.Header{{Name: "content-type", Value: "application/problem+json"}, {Name: "cache-control", Value: "no-store"}}
	if status == 503 || status == 429 {
		im.Headers = append(im.Headers, wire.Header{Name: "retry-after", Value: "1"})
	}
	im.Body, _ = json.Marshal(struct {
		Type   string `json:"type"`
		Title  string `json:"title"`
		Status int    `json:"status"`
		Code   string `json:"code"`
		Detail string `json:"detail,omitempty"`
	}{"urn:sealmesh:refusal:" + strings.ReplaceAll(code, "_", "-"), a.title, status, code, detail})
	return im
}

// levelOf returns the log level of a refusal. What an operator must fix is an
// error; what a client did wrong is a warning.
func levelOf(code string) slog.Level {
	switch code {
	case codeKey, codeAudit, codeBusy, codeMode, codeProtocol, codeInternal, codeBehind:
		return slog.LevelError
	}
	return slog.LevelWarn
}
