package keyuse

import (
	"cmp"
	"crypto/sha256"
	"crypto/tls"
	"errors"
	"fmt"
	"net/url"
	"path"
	"strconv"
	"strings"
	"time"
)

type kind int

const (
	toGRPC kind = iota
	toHTTP
	toConsole
	toNowhere
)

const (
	defaultTimeout = 10 * time.Second
	tracesPath     = "/v1/traces"
	userAgent      = "OTel-OTLP-Exporter-sealmesh"
)

// A destination is what the OTEL_* variables say.
type destination struct {
	kind     kind
	target   string // of gRPC: a name for the resolver; of HTTP: a URL
	headers  map[string]string
	timeout  time.Duration // of one attempt
	tls      *tls.Config   // nil for none
	files    tlsFiles      // that it is made of
	sum      [sha256.Size]byte
	gzip     bool
	delay    time.Duration // how long a batch that is not full may wait
	resource map[string]string
}

func (d *destination) open(opt *Options) (exporter, error) {
	switch {
	case d.kind == toConsole:
		return openConsole(opt.Console), nil
	case d.kind == toNowhere:
		return exporter{close: func() error { return nil }}, nil
	case d.files != tlsFiles{}:
		return d.openRenewing(opt.Log)
	}
	return d.connect()
}

// connect opens an exporter over the network.
func (d *destination) connect() (exporter, error) {
	if d.kind == toGRPC {
		return d.openGRPC()
	}
	return d.openHTTP(), nil
}

// destinationFrom reads the variables of the OpenTelemetry specification, all
// problems at once.
func destinationFrom(getenv func(string) string, resource map[string]string) (destination, error) {
	e := environment{getenv: getenv}
	d := destination{kind: e.kind(), delay: e.milliseconds("OTEL_BSP_SCHEDULE_DELAY", defaultDelay)}
	d.resource = e.resource(resource)
	if d.kind == toGRPC || d.kind == toHTTP {
		d.timeout = e.milliseconds(e.which("TIMEOUT"), defaultTimeout)
		d.headers = e.headers()
		d.gzip = e.gzip()
		e.endpoint(&d)
	}
	if len(e.errs) > 0 {
		return destination{}, fmt.Errorf("key uses: %w", errors.Join(e.errs...))
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

// endpoint sets target and tls. ENDPOINT of HTTP is a base, to which /v1/traces
// is added; TRACES_ENDPOINT is taken as it is.
func (e *environment) endpoint(d *destination) {
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
		e.fail(name, "", "want a URL such as http://localhost:4317") // its text may hold a password
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

// scheme is what INSECURE says about an endpoint without one; OTLP defaults to TLS.
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
