package main

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/textproto"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	bootstrapv3 "github.com/envoyproxy/go-control-plane/envoy/config/bootstrap/v3"
	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
)

// A plainService answers with the bytes that it is told to, and keeps what it
// got, as it came: nothing of it is put right by a library.
type plainService struct {
	net.Listener
	mu     sync.Mutex
	answer string
	got    []string // lines of the last request
}

func startPlain(t *testing.T) *plainService {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	s := &plainService{Listener: l}
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go s.serve(c)
		}
	}()
	return s
}

func (s *plainService) serve(c net.Conn) {
	defer c.Close()
	r := bufio.NewReader(c)
	for {
		got, err := readMessage(r, true, false)
		if err != nil {
			return
		}
		s.mu.Lock()
		s.got = got
		answer := s.answer
		s.mu.Unlock()
		_, _ = io.WriteString(c, answer)
		if strings.Contains(answer, "Connection: close") || answer == "" || !strings.Contains(answer, "ength: ") && !strings.Contains(answer, "chunked") && !strings.Contains(answer, " 204 ") && !strings.Contains(answer, " 304 ") {
			return
		}
	}
}

// readMessage reads one message of HTTP/1 as lines: its first line, its
// headers, its body and its trailers.
func readMessage(r *bufio.Reader, request, head bool) (lines []string, err error) {
	first, err := r.ReadString('\n')
	if err != nil {
		return nil, err
	}
	lines = []string{strings.TrimRight(first, "\r\n")}
	headers, err := readFields(r)
	lines = append(lines, headers...)
	if err != nil {
		return lines, err
	}
	h := textproto.MIMEHeader{}
	for _, line := range headers {
		name, value, _ := strings.Cut(line, ":")
		h.Add(name, strings.TrimSpace(value))
	}
	status := strings.Split(first, " ")[1]
	switch {
	case !request && (head || status[0] == '1' || status == "204" || status == "304"):
	case strings.EqualFold(h.Get("Transfer-Encoding"), "chunked"):
		body, trailers, err := readChunks(r)
		lines = append(lines, "body "+strconv.Quote(body))
		for _, t := range trailers {
			lines = append(lines, "trailer "+t)
		}
		return lines, err
	case h.Get("Content-Length") != "":
		n, _ := strconv.Atoi(h.Get("Content-Length"))
		body := make([]byte, n)
		_, err = io.ReadFull(r, body)
		lines = append(lines, "body "+strconv.Quote(string(body)))
	case !request:
		body, _ := io.ReadAll(r)
		lines = append(lines, "body "+strconv.Quote(string(body)))
	}
	return lines, err
}

func readFields(r *bufio.Reader) (lines []string, err error) {
	for {
		line, err := r.ReadString('\n')
		if line = strings.TrimRight(line, "\r\n"); line == "" || err != nil {
			return lines, err
		}
		lines = append(lines, line)
	}
}

func readChunks(r *bufio.Reader) (body string, trailers []string, err error) {
	var b bytes.Buffer
	for {
		size, err := r.ReadString('\n')
		if err != nil {
			return b.String(), nil, err
		}
		n, err := strconv.ParseInt(strings.TrimSpace(size), 16, 32)
		if err != nil {
			return b.String(), nil, err
		}
		if n == 0 {
			trailers, err = readFields(r)
			return b.String(), trailers, err
		}
		if _, err := io.CopyN(&b, r, n); err != nil {
			return b.String(), nil, err
		}
		_, _ = r.ReadString('\n')
	}
}

// ask sends raw bytes to addr and returns what the service got and what the
// client got.
func (s *plainService) ask(t *testing.T, addr, request, answer string) (service, client []string) {
	t.Helper()
	s.mu.Lock()
	s.answer, s.got = answer, nil
	s.mu.Unlock()
	c, err := net.Dial("tcp", addr)
	must(t, err)
	defer c.Close()
	must(t, c.SetDeadline(time.Now().Add(20*time.Second)))
	_, err = io.WriteString(c, request)
	must(t, err)
	r := bufio.NewReader(c)
	for {
		lines, err := readMessage(r, false, strings.HasPrefix(request, "HEAD "))
		client = append(client, lines...)
		if err != nil {
			client = append(client, "end "+errorKind(err))
		}
		if err != nil || !strings.HasPrefix(lines[0], "HTTP/1.1 10") || strings.HasPrefix(lines[0], "HTTP/1.1 101") {
			break
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.got, client
}

func errorKind(err error) string {
	if strings.Contains(err.Error(), "EOF") {
		return "closed"
	}
	return err.Error()
}

// unlike lists lines that one side has and the other has not: - without Envoy,
// + with it.
func unlike(who string, without, with []string) (out []string) {
	for _, l := range without {
		if !slices.Contains(with, l) {
			out = append(out, who+" - "+l)
		}
	}
	for _, l := range with {
		if !slices.Contains(without, l) {
			out = append(out, who+" + "+l)
		}
	}
	return out
}

// toService has Envoy lead to the plain service.
func (s *plainService) toService(b *bootstrapv3.Bootstrap) {
	_, port, _ := net.SplitHostPort(s.Addr().String())
	n, _ := strconv.Atoi(port)
	b.StaticResources.Clusters[1].LoadAssignment.Endpoints[0].LbEndpoints[0].GetEndpoint().Address = &corev3.Address{Address: &corev3.Address_SocketAddress{
		SocketAddress: &corev3.SocketAddress{Address: "localhost", PortSpecifier: &corev3.SocketAddress_PortValue{PortValue: uint32(n)}}}}
}

const plainOK = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nDate: x\r\n\r\nok"

func get(path string, headers ...string) string {
	return "GET " + path + " HTTP/1.1\r\nHost: Service.example\r\n" + strings.Join(append(headers, ""), "\r\n") + "\r\n"
}

func many(n int) (out []string) {
	for i := range n {
		out = append(out, fmt.Sprintf("X-Many-%d: v", i))
	}
	return out
}

// plainCases are requests and answers, and how what arrives differs with Envoy
// between, each line by the row of docs/envoy.md that says so.
var plainCases = []struct {
	name, request, answer string
	want                  []string
}{
	{"names", get("/free/x", "X-Mixed-CASE: a", "ACCEPT: */*", "x-lower: b", "X-Empty: ", "User-Agent: UA"),
		"HTTP/1.1 200 Fine With Me\r\nContent-LENGTH: 2\r\nX-Mixed-CASE: a\r\nServer: Mine/1\r\nSet-Cookie: a=1\r\nSet-Cookie: b=2\r\nDate: x\r\n\r\nok", nil},
	{"no date", get("/free/x"), "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", []string{"`date`: client + date: *"}},
	{"what a load balancer says", get("/free/x", "X-Forwarded-For: 192.0.2.1", "X-Forwarded-Proto: https", "X-Forwarded-Host: a", "Forwarded: for=192.0.2.1", "X-Request-Id: r", "Via: 1.1 lb"), plainOK, nil},
	{"names of Envoy's", get("/free/x", "X-Envoy-Retry-On: 5xx", "X-Envoy-Upstream-Rq-Timeout-Ms: 1", "X-Sealmesh-Forwarded-Proto: a"), plainOK,
		[]string{"`x-envoy-*`: service - X-Envoy-Retry-On: 5xx", "`x-envoy-*`: service - X-Envoy-Upstream-Rq-Timeout-Ms: 1", "`x-envoy-*`: service - X-Sealmesh-Forwarded-Proto: a"}},
	{"hop by hop", get("/free/x", "Connection: keep-alive, X-Hop", "X-Hop: a", "Keep-Alive: timeout=5", "Proxy-Connection: keep-alive", "TE: trailers"),
		"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: keep-alive\r\nKeep-Alive: timeout=5\r\nDate: x\r\n\r\nok",
		[]string{"`connection`: service - Connection: keep-alive, X-Hop", "`connection`: service - X-Hop: a", "`connection`: service - Keep-Alive: timeout=5",
			"`connection`: service - Proxy-Connection: keep-alive", "`connection`: client - Connection: keep-alive", "`connection`: client - Keep-Alive: timeout=5"}},
	{"names that come twice", get("/free/x", "X-Dup: a", "X-Dup: b", "Accept: a", "Accept: b", "Cache-Control: a", "Cache-Control: b"),
		"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nX-Dup: a\r\nX-Dup: b\r\nVary: a\r\nVary: b\r\nDate: x\r\n\r\nok",
		[]string{"twice: service - Accept: a", "twice: service - Accept: b", "twice: service - Cache-Control: a", "twice: service - Cache-Control: b", "twice: service + Accept: a,b",
			"twice: service + Cache-Control: a,b", "twice: client - Vary: a", "twice: client - Vary: b", "twice: client + Vary: a,b"}},
	{"underscores and overrides", get("/free/x", "X_Under: a", "X-Original-URL: /y", "X-Rewrite-URL: /y"), plainOK,
		[]string{"underscores: service - X_Under: a", "`x-original-url`: service - X-Original-URL: /y", "`x-original-url`: service - X-Rewrite-URL: /y"}},
	{"length", "POST /free/x HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\n\r\nbody", plainOK, nil},
	{"chunks and trailers", "POST /free/x HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n4\r\nbody\r\n0\r\nX-Sum: 1\r\n\r\n",
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum\r\nDate: x\r\n\r\n2\r\nok\r\n0\r\nX-Sum: 2\r\n\r\n",
		[]string{"trailers: service - trailer X-Sum: 1", "trailers: service + trailer x-sum: 1", "trailers: client - trailer X-Sum: 2", "trailers: client + trailer x-sum: 2"}},
	{"a length and chunks", "POST /free/x HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n4\r\nbody\r\n0\r\n\r\n", plainOK, []string{"smuggling: refused 400"}},
	{"until it closes", get("/free/x"), "HTTP/1.1 200 OK\r\nDate: x\r\n\r\nok", []string{"framing: client + transfer-encoding: chunked"}},
	{"no body", strings.Replace(get("/free/x"), "GET", "PROPFIND", 1), plainOK, []string{"framing: service + content-length: 0", "framing: service + body \"\""}},
	{"closes", get("/free/x", "Connection: close"), "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\nDate: x\r\n\r\nok", []string{"`connection`: service - Connection: close"}},
	{"HTTP/1.0", "GET /free/x HTTP/1.0\r\n\r\n", plainOK,
		[]string{"HTTP/1.0: service - GET /free/x HTTP/1.0", "HTTP/1.0: service + GET /free/x HTTP/1.1", "HTTP/1.0: service + host: *", "HTTP/1.0: client - HTTP/1.1 200 OK", "HTTP/1.0: client + HTTP/1.0 200 OK", "`connection`: client + connection: close"}},
	{"a method of one's own", strings.Replace(get("/free/x", "Content-Length: 0"), "GET", "BREW", 1), plainOK, []string{"methods: refused 400"}},
	{"a method of WebDAV", strings.Replace(get("/free/x", "Content-Length: 0"), "GET", "MKCALENDAR", 1), plainOK, nil},
	{"HEAD", strings.Replace(get("/free/x"), "GET", "HEAD", 1), plainOK, nil},
	{"OPTIONS *", strings.Replace(get("*"), "GET", "OPTIONS", 1), plainOK, []string{"`OPTIONS *`: refused 404"}},
	{"a whole URL", get("http://Service.example/free/x"), plainOK, []string{"whole URLs: service - GET http://Service.example/free/x HTTP/1.1", "whole URLs: service + GET /free/x HTTP/1.1"}},
	{"double slashes", get("/free//x"), plainOK, []string{"paths: service - GET /free//x HTTP/1.1", "paths: service + GET /free/x HTTP/1.1"}},
	{"dot segments", get("/free/y/../x"), plainOK, []string{"paths: service - GET /free/y/../x HTTP/1.1", "paths: service + GET /free/x HTTP/1.1"}},
	{"encoded letters", get("/free/%78"), plainOK, []string{"paths: service - GET /free/%78 HTTP/1.1", "paths: service + GET /free/x HTTP/1.1"}},
	{"encoded slashes", get("/free/a%2Fb"), plainOK, []string{"paths: refused 400"}},
	{"a fragment", get("/free/x#f"), plainOK, []string{"paths: refused 400"}},
	{"not ASCII", get("/free/\xc3\xa4"), plainOK, []string{"paths: refused 400"}},
	{"odd bytes", get(`/free/{a}|b\c`), plainOK, []string{`paths: service - GET /free/{a}|b\c HTTP/1.1`, "paths: service + GET /free/%7Ba%7D%7Cb/c HTTP/1.1"}},
	{"a query", get("/free/x?a=%2F..//b&c"), plainOK, nil},
	{"204", get("/free/x"), "HTTP/1.1 204 No Content\r\nDate: x\r\n\r\n", nil},
	{"304", get("/free/x"), "HTTP/1.1 304 Not Modified\r\nETag: \"a\"\r\nDate: x\r\n\r\n", nil},
	{"a status of one's own", get("/free/x"), "HTTP/1.1 299 Odd\r\nContent-Length: 2\r\nDate: x\r\n\r\nok", nil},
	{"early hints", get("/free/x"), "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" + plainOK, []string{"`103`: client - HTTP/1.1 103 Early Hints", "`103`: client - Link: </a>"}},
	{"100-continue", "POST /free/x HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\nbody", plainOK,
		[]string{"`100-continue`: service - Expect: 100-continue", "`100-continue`: client + HTTP/1.1 100 Continue"}},
	{"websocket", get("/free/x", "Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Key: a"), "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nDate: x\r\n\r\n", nil},
	{"websocket where there are rules", get("/seal/x", "Connection: Upgrade", "Upgrade: websocket"), "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n", []string{"upgrades: refused 403"}},
	{"another upgrade", get("/free/x", "Connection: Upgrade", "Upgrade: custom"), "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: custom\r\n\r\n", []string{"upgrades: refused 403"}},
	{"h2c", get("/free/x", "Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", "HTTP2-Settings: AAMAAABkAAQAAP__"), plainOK,
		[]string{"upgrades: service - Connection: Upgrade, HTTP2-Settings", "upgrades: service - Upgrade: h2c", "upgrades: service - HTTP2-Settings: AAMAAABkAAQAAP__"}},
	{"many headers", get("/free/x", many(500)...), "HTTP/1.1 200 OK\r\n" + strings.Join(many(500), "\r\n") + "\r\nContent-Length: 2\r\nDate: x\r\n\r\nok", nil},
	{"a long header", get("/free/x", "X-Long: "+strings.Repeat("a", 300<<10)), "HTTP/1.1 200 OK\r\nX-Long: " + strings.Repeat("b", 300<<10) + "\r\nContent-Length: 2\r\nDate: x\r\n\r\nok", nil},
	{"no answer", get("/free/x"), "", []string{"no answer: client - end closed", "no answer: client + HTTP/1.1 503 Service Unavailable", "no answer: client + *"}},
	{"with rules", "POST /seal/x HTTP/1.1\r\nHost: h\r\nContent-Type: application/json\r\nContent-Length: 7\r\nX-Mixed-CASE: a\r\n\r\n{\"a\":1}", plainOK, nil},
	{"what a load balancer says where there are rules", "POST /seal/x HTTP/1.1\r\nHost: h\r\nContent-Type: application/json\r\nContent-Length: 7\r\nX-Forwarded-For: 192.0.2.1\r\n" +
		"X-Forwarded-Proto: https\r\nX-Forwarded-Prefix: /a\r\nForwarded: for=192.0.2.1\r\nX-Forwarded-Host: a\r\nX-HTTP-Method-Override: PUT\r\n\r\n{\"a\":1}", plainOK,
		[]string{"`x-original-url`: service - X-Forwarded-Host: a", "`x-original-url`: service - X-HTTP-Method-Override: PUT"}},
	{"with rules for responses", get("/open/x", "Accept-Encoding: gzip", "Range: bytes=0-1"),
		"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nAccept-Ranges: bytes\r\nContent-Length: 7\r\nDate: x\r\n\r\n{\"a\":1}",
		[]string{"`accept-encoding`: service - Accept-Encoding: gzip", "`accept-encoding`: service - Range: bytes=0-1", "`accept-encoding`: client - Accept-Ranges: bytes"}},
	{"without a route", get("/nowhere"), plainOK, []string{"refusals: refused 403"}},
}

// A service behind the generated Envoy gets what it gets without, and so does
// its client, but for what docs/envoy.md has a row for. The service is found by
// a name that has two kinds of address.
func TestEnvoyIsPlain(t *testing.T) {
	service := startPlain(t)
	s := newStack(t, stackOptions{mutate: service.toService})
	proxy := strings.TrimPrefix(s.envoy.URL, "http://")
	rows := documentedRows(t)
	used := map[string]bool{}
	for _, c := range plainCases {
		t.Run(c.name, func(t *testing.T) {
			service0, client0 := service.ask(t, service.Addr().String(), c.request, c.answer)
			service1, client1 := service.ask(t, proxy, c.request, c.answer)
			got := append(unlike("service", service0, service1), unlike("client", client0, client1)...)
			if len(service1) == 0 {
				got = []string{"refused " + strings.Split(client1[0], " ")[1]}
			}
			explained := map[string]bool{}
			for _, w := range c.want {
				row, line, _ := strings.Cut(w, ": ")
				if used[row] = true; !slices.Contains(rows, row) {
					t.Errorf("docs/envoy.md has no row %s", row)
				}
				for _, g := range got {
					if prefix, glob := strings.CutSuffix(line, "*"); g == line || glob && strings.HasPrefix(g, prefix) {
						explained[g], explained[w] = true, true
					}
				}
				if !explained[w] {
					t.Errorf("it no longer differs: %s", w)
				}
			}
			for _, g := range got {
				if !explained[g] {
					t.Errorf("it differs: %.300s", g)
				}
			}
		})
	}
	for _, row := range rows {
		if !used[row] {
			t.Errorf("no case shows what docs/envoy.md says in row %s", row)
		}
	}
}

// documentedRows are the names in the table of docs/envoy.md that says what is
// different.
func documentedRows(t *testing.T) (names []string) {
	t.Helper()
	doc := read(t, "../../docs/envoy.md")
	_, table, _ := strings.Cut(doc, "|---|---|---|\n")
	for line := range strings.Lines(table) {
		if !strings.HasPrefix(line, "| ") {
			break
		}
		names = append(names, strings.TrimSpace(strings.Split(line, "|")[1]))
	}
	return names
}

// Envoy cuts nothing that the service is still busy with: its own default is 15
// s. Nor does it keep a connection that the service may close at any moment.
func TestEnvoyDoesNotCut(t *testing.T) {
	t.Parallel()
	s := newStack(t, stackOptions{handler: func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, "[0")
		if strings.HasSuffix(r.URL.Path, "/slow") {
			w.(http.Flusher).Flush()
			time.Sleep(16 * time.Second)
		}
		_, _ = io.WriteString(w, "]")
	}})
	var wg sync.WaitGroup
	for _, path := range []string{"/free/slow", "/streamed/slow", "/buffered/slow", "/free/fast"} {
		wg.Go(func() {
			if got := s.do(http.MethodGet, path, ""); got.status != http.StatusOK || got.body != "[0]" || got.err != nil {
				t.Errorf("%s: status %d, %q, %v", path, got.status, got.body, got.err)
			}
		})
	}
	wg.Wait()
	for deadline := time.Now().Add(20 * time.Second); s.envoy.Stat(t, "cluster.upstream.upstream_cx_idle_timeout") == 0; time.Sleep(50 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("a connection that nobody uses is kept")
		}
	}
}

// Envoy lets a service be as busy as it likes: its own default is 1,024
// requests.
func TestEnvoyTakesAsManyRequests(t *testing.T) {
	const n = 1100
	all := make(chan struct{})
	var arrived atomic.Int32
	s := newStack(t, stackOptions{discard: func(w http.ResponseWriter, _ *http.Request) {
		if arrived.Add(1) == n {
			close(all)
		}
		select {
		case <-all:
		case <-time.After(20 * time.Second):
			w.WriteHeader(http.StatusGatewayTimeout)
		}
	}})
	var refused atomic.Int32
	var wg sync.WaitGroup
	for range n {
		wg.Go(func() {
			if got := s.do(http.MethodGet, "/free/x", ""); got.status != http.StatusOK {
				refused.Add(1)
			}
		})
	}
	wg.Wait()
	if refused.Load() != 0 {
		t.Errorf("%d of %d requests were refused", refused.Load(), n)
	}
}

// Envoy obeys none of the orders that its x-envoy headers are, wherever a
// client comes from: a retry would send a body twice.
func TestEnvoyTakesNoOrders(t *testing.T) {
	s := newStack(t, stackOptions{handler: func(w http.ResponseWriter, _ *http.Request) {
		time.Sleep(50 * time.Millisecond)
		w.WriteHeader(http.StatusServiceUnavailable)
	}})
	for _, path := range []string{"/free/x", "/seal/x"} {
		before := s.upstream.count()
		got := s.do(http.MethodPost, path, `{}`, "X-Envoy-Retry-On", "5xx", "X-Envoy-Max-Retries", "3", "X-Envoy-Upstream-Rq-Timeout-Ms", "1", "X-Envoy-Internal", "true")
		if n := s.upstream.count() - before; got.status != http.StatusServiceUnavailable || n != 1 {
			t.Errorf("%s: status %d after %d requests", path, got.status, n)
		}
	}
}

// An upgraded connection carries what either side sends.
func TestEnvoyPassesWebSockets(t *testing.T) {
	s := newStack(t, stackOptions{discard: func(w http.ResponseWriter, _ *http.Request) {
		c, rw, err := http.NewResponseController(w).Hijack()
		if err != nil {
			return
		}
		defer c.Close()
		_, _ = rw.WriteString("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
		_ = rw.Flush()
		_, _ = io.Copy(c, rw)
	}})
	c, err := net.Dial("tcp", strings.TrimPrefix(s.envoy.URL, "http://"))
	must(t, err)
	defer c.Close()
	must(t, c.SetDeadline(time.Now().Add(10*time.Second)))
	_, err = io.WriteString(c, get("/free/x", "Connection: Upgrade", "Upgrade: websocket"))
	must(t, err)
	r := bufio.NewReader(c)
	resp, err := http.ReadResponse(r, nil)
	must(t, err)
	if resp.StatusCode != http.StatusSwitchingProtocols {
		t.Fatal(resp.Status)
	}
	_, err = io.WriteString(c, "\x81\x02hi")
	must(t, err)
	echo := make([]byte, 4)
	if _, err := io.ReadFull(r, echo); err != nil || string(echo) != "\x81\x02hi" {
		t.Errorf("%q, %v", echo, err)
	}
}
