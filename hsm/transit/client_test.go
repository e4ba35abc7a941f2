package transit

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"io"
	"math/big"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sealmesh/sealmesh/hsm"
	"github.com/sealmesh/sealmesh/hsm/guard"
	"github.com/sealmesh/sealmesh/hsm/hsmtest"
	"github.com/sealmesh/sealmesh/hsm/transit/transitfake"
)

// A script answers requests without a network, so that time can be virtual.
type script struct {
	asked   []time.Duration // when, from the start
	start   time.Time
	answers []func(*http.Request) (*http.Response, error) // the last one for ever
}

func (s *script) RoundTrip(r *http.Request) (*http.Response, error) {
	defer r.Body.Close()
	if _, err := io.Copy(io.Discard, r.Body); err != nil {
		return nil, err
	}
	s.asked = append(s.asked, time.Since(s.start))
	next := s.answers[0]
	if len(s.answers) > 1 {
		s.answers = s.answers[1:]
	}
	return next(r)
}

func status(code int, header ...string) func(*http.Request) (*http.Response, error) {
	return func(*http.Request) (*http.Response, error) {
		h := http.Header{}
		for i := 0; i < len(header); i += 2 {
			h.Set(header[i], header[i+1])
		}
		return &http.Response{StatusCode: code, Header: h, Body: io.NopCloser(strings.NewReader(`{"errors":[]}`))}, nil
	}
}

func hang(r *http.Request) (*http.Response, error) {
	<-r.Context().Done()
	return nil, r.Context().Err()
}

func scripted(t *testing.T, answers ...func(*http.Request) (*http.Response, error)) (*Provider, *script) {
	t.Helper()
	s := &script{start: time.Now(), answers: answers}
	c := &client{keyID: "transit/customers", timeout: 2 * time.Second, credential: &credential{fixed: "hvs.token"}}
	if err := c.connect(&url.URL{Scheme: "https", Host: "vault.example"}, "", false, s); err != nil {
		t.Fatal(err)
	}
	return &Provider{client: c, mount: "transit", key: "customers"}, s
}

// TestRetryBudget: three tries, little waiting, and none after an answer that
// another try cannot change.
func TestRetryBudget(t *testing.T) {
	tests := []struct {
		name   string
		answer func(*http.Request) (*http.Response, error)
		tries  int
		within time.Duration
		class  hsm.Class
	}{
		{"500", status(500), 3, 400 * time.Millisecond, hsm.Unavailable},
		{"sealed", status(503), 3, 400 * time.Millisecond, hsm.Unavailable},
		{"rate limit", status(429, "Retry-After", "1"), 3, 2*time.Second + time.Millisecond, hsm.Unavailable},
		{"rate limit for long", status(429, "Retry-After", "60"), 1, time.Millisecond, hsm.Unavailable},
		{"forbidden", status(403), 1, time.Millisecond, hsm.Unclear},
		{"bad request", status(400), 1, time.Millisecond, hsm.Unclear},
		{"hanging", hang, 3, 6*time.Second + 400*time.Millisecond, hsm.Unavailable},
		{"connection lost", func(*http.Request) (*http.Response, error) { return nil, io.ErrUnexpectedEOF }, 3, 400 * time.Millisecond, hsm.Unavailable},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p, s := scripted(t, tt.answer)
				var calls []hsm.Call
				ctx := hsm.WithObserver(t.Context(), func(c hsm.Call) { calls = append(calls, c) })
				_, _, err := p.GenerateDataKey(ctx, hsm.EncryptionContext{})
				hsmtest.WantError(t, err, tt.class)
				if took := time.Since(s.start); len(s.asked) != tt.tries || len(calls) != tt.tries || took > tt.within {
					t.Errorf("%d tries, %d calls in %v; want %d within %v", len(s.asked), len(calls), took, tt.tries, tt.within)
				}
			})
		})
	}
}

// TestDeadline: the caller's deadline bounds tries and waits alike.
func TestDeadline(t *testing.T) {
	for name, answer := range map[string]func(*http.Request) (*http.Response, error){"hanging": hang, "waiting": status(429, "Retry-After", "1")} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p, s := scripted(t, answer)
				ctx, cancel := context.WithTimeout(t.Context(), 700*time.Millisecond)
				defer cancel()
				_, _, err := p.GenerateDataKey(ctx, hsm.EncryptionContext{})
				hsmtest.WantError(t, err, hsm.Unavailable)
				if took := time.Since(s.start); took != 700*time.Millisecond || !errors.Is(err, context.DeadlineExceeded) {
					t.Errorf("took %v, %v", took, err)
				}
			})
		})
	}
}

// TestRedirect: a standby node's redirect to the active one is followed, once,
// and never to plain HTTP.
func TestRedirect(t *testing.T) {
	isolate(t)
	active, standby := startFake(t), startFake(t)
	standby.Do(func() { standby.Standby = active.URL() })
	p := mustOpen(t, standby.uri("customers"))
	active.Requests()
	if err := hsmtest.Unwrap(t, p, hsmtest.Wrap(t, p)); err != nil {
		t.Fatal(err)
	}
	if log := active.Requests(); len(log) != 2 || log[0].Token != transitfake.Root {
		t.Errorf("the active node was asked %d times, want 2", len(log))
	}
	plain := transitfake.StartPlain()
	t.Cleanup(plain.Close)
	for what, to := range map[string]string{"plain HTTP": plain.URL(), "HTTP 307": standby.URL()} {
		standby.Do(func() { standby.Standby = to })
		if _, _, err := p.GenerateDataKey(t.Context(), hsm.EncryptionContext{}); err == nil || !strings.Contains(err.Error(), what) {
			t.Errorf("redirected to %s: %v, want %q", to, err, what)
		}
	}
	if log := plain.Requests(); len(log) != 0 {
		t.Errorf("a key was sent in clear: %d requests", len(log))
	}
}

// TestRedirectFromLoopback: plain HTTP that a loopback address allows leads to
// no other machine.
func TestRedirectFromLoopback(t *testing.T) {
	isolate(t)
	plain := transitfake.StartPlain()
	t.Cleanup(plain.Close)
	plain.CreateKey("customers", transitfake.Key{})
	t.Setenv("VAULT_TOKEN", transitfake.Root)
	p := mustOpen(t, "transit://"+plain.Host()+"/transit/customers?tls=off")
	plain.Do(func() { plain.Standby = "http://vault.example:8200" })
	_, _, err := p.GenerateDataKey(t.Context(), hsm.EncryptionContext{})
	hsmtest.WantError(t, err, hsm.Unavailable, errPlainHTTP.Error())
	t.Setenv("BAO_DISABLE_REDIRECTS", "true")
	_, err = Open(t.Context(), "transit://"+plain.Host()+"/transit/customers?tls=off")
	hsmtest.WantError(t, err, hsm.Unavailable, "HTTP 307")
}

// TestLongAnswer: no more of an answer is read than a real one may have.
func TestLongAnswer(t *testing.T) {
	for _, code := range []int{200, 403} {
		read := 0
		p, _ := scripted(t, func(*http.Request) (*http.Response, error) {
			long := io.TeeReader(strings.NewReader(`{"errors":["`+strings.Repeat("x", 4*guard.MaxAnswer)+`"]}`), counter{&read})
			return &http.Response{StatusCode: code, ContentLength: -1, Body: io.NopCloser(long)}, nil
		})
		_, _, err := p.GenerateDataKey(t.Context(), hsm.EncryptionContext{})
		hsmtest.WantError(t, err, hsm.Unavailable, "longer than any")
		if most := 3 * 2 * guard.MaxAnswer; read > most {
			t.Errorf("status %d: %d bytes were read in three tries, want %d at most", code, read, most)
		}
	}
}

type counter struct{ n *int }

func (c counter) Write(p []byte) (int, error) { *c.n += len(p); return len(p), nil }

// TestCAReplaced: a CA file that is renewed in place is followed, and one that
// is half written changes nothing.
func TestCAReplaced(t *testing.T) {
	isolate(t)
	r := startFake(t)
	real, err := os.ReadFile(r.ca)
	if err != nil {
		t.Fatal(err)
	}
	strange, err := os.ReadFile(strangeCA(t))
	if err != nil {
		t.Fatal(err)
	}
	p := mustOpen(t, r.uri("customers"))
	written := time.Now()
	for _, c := range []struct {
		name string
		pem  []byte
		ok   bool
	}{{"half written", real[:40], true}, {"another CA", strange, false}, {"the CA again", real, true}} {
		if err := os.WriteFile(r.ca, c.pem, 0o600); err != nil {
			t.Fatal(err)
		}
		written = written.Add(time.Minute)
		if err := os.Chtimes(r.ca, written, written); err != nil {
			t.Fatal(err)
		}
		_, _, err := p.GenerateDataKey(t.Context(), hsm.EncryptionContext{})
		if c.ok && err != nil {
			t.Errorf("%s: %v", c.name, err)
		}
		if !c.ok {
			hsmtest.WantError(t, err, hsm.Unavailable, "certificate")
		}
	}
}

// TestTLS: a server whose CA is not trusted gets neither token nor key.
func TestTLS(t *testing.T) {
	isolate(t)
	r := startFake(t)
	_, err := Open(t.Context(), r.uri("customers", "ca-file", strangeCA(t)))
	hsmtest.WantError(t, err, hsm.Unavailable, "certificate", "ca-file")
	_, err = Open(t.Context(), r.uri("customers", "server-name", "vault.example.org"))
	hsmtest.WantError(t, err, hsm.Unavailable, "certificate")
	if log := r.Requests(); len(log) != 0 {
		t.Errorf("an untrusted server was sent %+v", log)
	}
	_, err = Open(t.Context(), r.uri("customers", "ca-file", r.token))
	hsmtest.WantError(t, err, hsm.Misconfigured, "PEM")

	plain := transitfake.StartPlain()
	t.Cleanup(plain.Close)
	plain.CreateKey("customers", transitfake.Key{})
	mustOpen(t, "transit://"+plain.Host()+"/transit/customers?tls=off&token-file="+r.token)
}

// TestClientCertificate: it is presented, and one renewed in place is found.
func TestClientCertificate(t *testing.T) {
	isolate(t)
	r := startFake(t)
	mutual := httptest.NewUnstartedServer(r.Server)
	mutual.TLS = &tls.Config{ClientAuth: tls.RequireAnyClientCert}
	mutual.StartTLS()
	t.Cleanup(mutual.Close)
	uri := strings.Replace(r.uri("customers"), r.Host(), strings.TrimPrefix(mutual.URL, "https://"), 1)
	_, err := Open(t.Context(), uri)
	hsmtest.WantError(t, err, hsm.Unavailable, "certificate")
	cert := strangeCA(t)
	uri += "&cert-file=" + cert + "&key-file=" + strings.TrimSuffix(cert, "ca.pem") + "key.pem"
	p := mustOpen(t, uri)
	if err := os.Remove(cert); err != nil {
		t.Fatal(err)
	}
	p.client.http.CloseIdleConnections()
	_, _, err = p.GenerateDataKey(t.Context(), hsm.EncryptionContext{})
	hsmtest.WantError(t, err, hsm.Unavailable)
	_, err = Open(t.Context(), uri)
	hsmtest.WantError(t, err, hsm.Misconfigured, "client certificate")
}

// strangeCA is the file of a CA that signed nothing. Its key is beside it, in
// key.pem.
func strangeCA(t *testing.T) string {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), IsCA: true, BasicConstraintsValid: true, NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	for name, block := range map[string]*pem.Block{"ca.pem": {Type: "CERTIFICATE", Bytes: der}, "key.pem": {Type: "PRIVATE KEY", Bytes: private}} {
		if err := os.WriteFile(filepath.Join(dir, name), pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return filepath.Join(dir, "ca.pem")
}

// TestBodyIsSentAnew: a retry sends what the first try sent, though that was
// cleared.
func TestBodyIsSentAnew(t *testing.T) {
	isolate(t)
	r := startFake(t)
	p := mustOpen(t, r.uri("customers"))
	r.Requests()
	r.Fail(transitfake.Fault{Status: 0}, transitfake.Fault{Status: 503, Body: `{"errors":[]}`})
	wrapped := hsmtest.Wrap(t, p)
	if err := hsmtest.Unwrap(t, p, wrapped); err != nil {
		t.Fatal(err)
	}
	log := r.Requests()
	if len(log) != 4 || log[0].Body != log[1].Body || log[0].Body != log[2].Body {
		t.Errorf("%d requests; the three tries of the first were not alike", len(log))
	}
}
