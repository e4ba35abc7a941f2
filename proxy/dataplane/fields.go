package dataplane

import (
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
)

// fields is a list of headers or trailers with lower-case names, pseudo-headers
// first.
type fields []field

type field struct{ name, value string }

func (f fields) get(name string) (string, bool) {
	for _, h := range f {
		if h.name == name {
			return h.value, true
		}
	}
	return "", false
}

// set replaces all fields of that name by one field, in the place of the first.
func (f *fields) set(name, value string) {
	i := slices.IndexFunc(*f, func(h field) bool { return h.name == name })
	if i < 0 {
		f.add(name, value)
		return
	}
	(*f)[i].value = value
	rest := slices.DeleteFunc((*f)[i+1:], func(h field) bool { return h.name == name })
	*f = (*f)[:i+1+len(rest)]
}

func (f *fields) add(name, value string) { *f = append(*f, field{name, value}) }

func (f *fields) remove(name string) {
	*f = slices.DeleteFunc(*f, func(h field) bool { return h.name == name })
}

func (f fields) message() *corev3.HeaderMap {
	m := &corev3.HeaderMap{Headers: make([]*corev3.HeaderValue, len(f))}
	for i, h := range f {
		m.Headers[i] = &corev3.HeaderValue{Key: h.name, RawValue: []byte(h.value)}
	}
	return m
}

// addAll adds the fields of h, sorted by name.
func (f *fields) addAll(h http.Header) {
	names := make([]string, 0, len(h))
	for name := range h {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		for _, value := range h[name] {
			f.add(strings.ToLower(name), value)
		}
	}
}

// requestFields returns the headers of r in Envoy's form.
func requestFields(r *http.Request) fields {
	scheme := "http"
	if r.TLS != nil {
		scheme = "https"
	}
	f := fields{{":authority", r.Host}, {":path", r.URL.RequestURI()}, {":method", r.Method}, {":scheme", scheme}}
	f.addAll(r.Header)
	if len(r.TransferEncoding) > 0 {
		f.add("transfer-encoding", "chunked")
	}
	f.hop(upgrade(r.Header))
	f.remove("expect") // the HTTP server answers it
	return f
}

// responseFields returns the headers of r in Envoy's form.
func responseFields(r *http.Response) fields {
	f := fields{{":status", strconv.Itoa(r.StatusCode)}}
	f.addAll(r.Header)
	f.hop(r.StatusCode == http.StatusSwitchingProtocols)
	return f
}

// hop removes fields of the connection (RFC 9110 section 7.6.1).
func (f *fields) hop(upgrade bool) {
	f.remove("keep-alive")
	f.remove("proxy-connection")
	if !upgrade {
		f.remove("connection")
		f.remove("upgrade")
	}
}

func upgrade(h http.Header) bool {
	return strings.Contains(strings.ToLower(h.Get("Connection")), "upgrade") && h.Get("Upgrade") != ""
}

// header returns the fields for net/http, without pseudo-headers and without
// fields that net/http writes itself.
func (f fields) header() http.Header {
	out := make(http.Header, len(f))
	for _, h := range f {
		if h.name[0] != ':' && h.name != "transfer-encoding" {
			out.Add(h.name, h.value)
		}
	}
	return out
}

// contentLength returns the content-length, -1 if there is none or if it is not
// a number.
func (f fields) contentLength() int64 {
	s, ok := f.get("content-length")
	if !ok {
		return -1
	}
	n, err := strconv.ParseUint(s, 10, 63)
	if err != nil {
		return -1
	}
	return int64(n)
}

// request returns the upstream request with these headers and no body yet.
func (f fields) request(base *url.URL) (*http.Request, error) {
	method, _ := f.get(":method")
	path, _ := f.get(":path")
	u, err := url.ParseRequestURI(path)
	if err != nil {
		return nil, err
	}
	u.Scheme, u.Host = base.Scheme, base.Host
	r := &http.Request{Method: method, URL: u, Header: f.header(), ContentLength: f.contentLength()}
	r.Host, _ = f.get(":authority")
	r.Header.Del("Content-Length")
	if _, ok := f.get("user-agent"); !ok {
		r.Header.Set("User-Agent", "") // keeps net/http from adding its own
	}
	return r, nil
}
