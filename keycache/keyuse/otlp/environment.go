package otlp

import (
	"errors"
	"fmt"
	"maps"
	"net/url"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// An environment reads variables and collects what is wrong with them.
type environment struct {
	getenv func(string) string
	errs   []error
}

func (e *environment) get(name string) string { return strings.TrimSpace(e.getenv(name)) }

// which names the variable of an exporter option: the one for traces if it is
// set, else the general one.
func (e *environment) which(option string) string {
	if name := "OTEL_EXPORTER_OTLP_TRACES_" + option; e.get(name) != "" {
		return name
	}
	return "OTEL_EXPORTER_OTLP_" + option
}

func (e *environment) fail(name, value, want string) {
	if value != "" {
		name = fmt.Sprintf("%s is %q", name, value)
	}
	e.errs = append(e.errs, errors.New(name+": "+want))
}

func (e *environment) milliseconds(name string, otherwise time.Duration) time.Duration {
	v := e.get(name)
	if v == "" {
		return otherwise
	}
	n, err := strconv.ParseUint(v, 10, 31)
	if err != nil || n == 0 {
		e.fail(name, v, "want milliseconds, more than 0")
	}
	return time.Duration(n) * time.Millisecond
}

// headers returns what is sent with every export.
func (e *environment) headers() map[string]string {
	name := e.which("HEADERS")
	pairs := e.pairs(name)
	for key, value := range pairs {
		if !sendable(key, value) {
			e.fail(name, "", "header "+strconv.Quote(key)+" cannot be sent: a name has letters, digits, '-', '_' and '.', a value printable ASCII")
		}
	}
	return pairs
}

// sendable reports whether gRPC can send a header. Any other header would fail
// every export.
func sendable(key, value string) bool {
	name := strings.TrimLeft(strings.ToLower(key), "0123456789abcdefghijklmnopqrstuvwxyz-_.")
	return name == "" && !strings.ContainsFunc(value, func(r rune) bool { return r < ' ' || r > '~' })
}

// pairs parses name=value,name=value with percent-encoded values (W3C Baggage).
// Errors do not show values: headers hold credentials.
func (e *environment) pairs(name string) map[string]string {
	pairs := map[string]string{}
	v := e.get(name)
	if v == "" {
		return pairs
	}
	for pair := range strings.SplitSeq(v, ",") {
		key, value, ok := strings.Cut(pair, "=")
		key = strings.TrimSpace(key)
		value, err := url.PathUnescape(strings.TrimSpace(value))
		if !ok || key == "" || err != nil {
			e.fail(name, "", "want name=value,name=value with percent-encoded values")
			return pairs
		}
		pairs[key] = value
	}
	return pairs
}

// resource returns our attributes, overridden by those of the operator.
func (e *environment) resource(ours map[string]string) map[string]string {
	all := map[string]string{"service.name": "sealmesh"}
	maps.Copy(all, ours)
	maps.Copy(all, e.pairs("OTEL_RESOURCE_ATTRIBUTES"))
	if name := e.get("OTEL_SERVICE_NAME"); name != "" {
		all["service.name"] = name
	}
	for name, value := range all {
		if !utf8.ValidString(name) || !utf8.ValidString(value) {
			e.fail(fmt.Sprintf("resource attribute %q", name), value, "want UTF-8: a collector refuses every batch with anything else (see OTEL_RESOURCE_ATTRIBUTES, OTEL_SERVICE_NAME)")
		}
	}
	return all
}

// tls reads the files for TLS and sets tls, files and sum of d.
func (e *environment) tls(d *Destination) {
	names := map[string]string{}
	file := func(option string) string {
		names[option] = e.which(option)
		return e.get(names[option])
	}
	f := tlsFiles{ca: file("CERTIFICATE"), cert: file("CLIENT_CERTIFICATE"), key: file("CLIENT_KEY")}
	if (f.cert == "") != (f.key == "") {
		e.fail(names["CLIENT_CERTIFICATE"]+" and "+names["CLIENT_KEY"], "", "set both or none")
		return
	}
	contents, sum, err := f.read()
	if err == nil {
		d.files, d.sum = f, sum
		d.tls, err = f.config(contents)
	}
	if wrong, ok := errors.AsType[*fileError](err); ok {
		e.fail(names[wrong.option], "", wrong.Error())
	}
}
