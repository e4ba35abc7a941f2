package otlp

import (
	"cmp"
	"crypto/sha256"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/url"
	"path"
	"strconv"
	"strings"
	"time"
)

// A kind is a protocol, or a substitute for a collector.
type kind int

const (
	toGRPC kind = iota
	toHTTP
	toConsole
	toNowhere
)

const (
	defaultTimeout = 10 * time.Second
	defaultDelay   = time.Second
	tracesPath     = "/v1/traces"
	userAgent      = "OTel-OTLP-Exporter-sealmesh"
)

// A Destination is what the OTEL_* variables say.
type Destination struct {
	// Delay is how long a batch that is not full may wait before it is sent.
	Delay time.Duration
	// Resource is the attributes of the OTLP resource.
	Resource map[string]string

	kind    kind
	target  string // gRPC: a name for the resolver; HTTP: a URL
	headers map[string]string
	timeout time.Duration // of one export
	tls     *tls.Config   // nil: no TLS
	files   tlsFiles      // sources of tls
	sum     [sha256.Size]byte
	gzip    bool
}

// Offline reports whether there is no collector: OTEL_TRACES_EXPORTER is none.
func (d *Destination) Offline() bool { return d.kind == toNowhere }

// Open returns an exporter to d. It does not wait for the collector. The
// console exporter writes to console. log gets changes of TLS files.
func (d *Destination) Open(console io.Writer, log *slog.Logger) (Exporter, error) {
	switch {
	case d.kind == toConsole:
		return openConsole(console), nil
	case d.kind == toNowhere:
		return Exporter{Close: func() error { return nil }}, nil
	case d.files != tlsFiles{}:
		return d.openRenewing(log)
	}
	return d.connect()
}

// connect opens an exporter over the network.
func (d *Destination) connect() (Exporter, error) {
	if d.kind == toGRPC {
		return d.openGRPC()
	}
	return d.openHTTP(), nil
}

// FromEnvironment reads the variables of the OpenTelemetry specification.
// resource holds attributes that the variables override. The error lists all
// problems and shows no credentials.
func FromEnvironment(getenv func(string) string, resource map[string]string) (Destination, error) {
	e := environment{getenv: getenv}
	d := Destination{kind: e.kind(), Delay: e.milliseconds("OTEL_BSP_SCHEDULE_DELAY", defaultDelay)}
	d.Resource = e.resource(resource)
	if d.kind == toGRPC || d.kind == toHTTP {
		d.timeout = e.milliseconds(e.which("TIMEOUT"), defaultTimeout)
		d.headers = e.headers()
		d.gzip = e.gzip()
		e.endpoint(&d)
	}
	if len(e.errs) > 0 {
		return Destination{}, fmt.Errorf("key uses: %w", errors.Join(e.errs...))
	}
	return d, nil
}

func (e *environment) kind() kind {
	switch v := e.get("OTEL_TRACES_EXPORTER"); v {
	case "", "otlp":
	case "console":
		return toConsole
	case "none":
		return toNowhere
	default:
		e.fail("OTEL_TRACES_EXPORTER", v, "want otlp, console or none")
	}
	name := e.which("PROTOCOL")
	switch v := e.get(name); v {
	case "", "grpc":
		return toGRPC
	case "http/protobuf":
		return toHTTP
	default:
		e.fail(name, v, "want grpc or http/protobuf")
	}
	return toGRPC
}

func (e *environment) gzip() bool {
	name := e.which("COMPRESSION")
	switch v := e.get(name); v {
	case "", "none":
		return false
	case "gzip":
		return true
	default:
		e.fail(name, v, "want gzip or none")
	}
	return false
}

// endpoint sets target and tls. For HTTP, ENDPOINT is a base to which
// /v1/traces is added, and TRACES_ENDPOINT is the whole URL.
func (e *environment) endpoint(d *Destination) {
	name := e.which("ENDPOINT")
	v := e.get(name)
	if v == "" {
		v = "http://localhost:4317"
		if d.kind == toHTTP {
			v = "http://localhost:4318"
		}
	}
	if d.kind == toGRPC && !strings.Contains(v, "://") && !strings.HasPrefix(v, "unix:") {
		v = e.scheme() + v // a bare host:port
	}
	u, err := url.Parse(v)
	if err != nil || u.Scheme != "unix" && u.Host == "" {
		e.fail(name, "", "want a URL such as http://localhost:4317") // the value may hold a password
		return
	}
	switch {
	case u.Scheme == "https":
		e.tls(d)
	case u.Scheme == "unix" && d.kind == toGRPC:
		d.target = u.String()
		return
	case u.Scheme != "http":
		e.fail(name, u.Scheme, "want the scheme http or https, or for gRPC unix")
		return
	}
	if d.kind == toGRPC {
		d.target = u.Host
		return
	}
	if name == "OTEL_EXPORTER_OTLP_ENDPOINT" {
		u.Path = path.Join("/", u.Path, tracesPath)
	} else if u.Path == "" {
		u.Path = "/"
	}
	d.target = u.String()
}

// scheme returns the scheme of an endpoint without one, by INSECURE. OTLP
// defaults to TLS.
func (e *environment) scheme() string {
	name := e.which("INSECURE")
	insecure, err := strconv.ParseBool(cmp.Or(e.get(name), "false"))
	if err != nil {
		e.fail(name, e.get(name), "want true or false")
	}
	if insecure {
		return "http://"
	}
	return "https://"
}
