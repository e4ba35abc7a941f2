package keyuse

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	coltracepb "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/metadata"
	"google.golang.org/protobuf/proto"
)

// A secured collector wants TLS, a client certificate and a header.
type secured struct {
	coltracepb.UnimplementedTraceServiceServer
	spans  atomic.Int64
	server *httptest.Server
	config *tls.Config
}

func startSecured(t *testing.T) *secured {
	s := &secured{}
	s.server = httptest.NewUnstartedServer(s)
	s.server.TLS = &tls.Config{ClientAuth: tls.RequireAnyClientCert}
	s.server.StartTLS()
	s.config = s.server.TLS
	t.Cleanup(s.server.Close)
	return s
}

func (s *secured) count(header string, req *coltracepb.ExportTraceServiceRequest) {
	if header == "a b" {
		s.spans.Add(int64(len(spansOf(req))))
	}
}

func (s *secured) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	zr, err := gzip.NewReader(r.Body)
	if err != nil {
		http.Error(w, "not gzip", http.StatusBadRequest)
		return
	}
	b, err := io.ReadAll(zr)
	req := &coltracepb.ExportTraceServiceRequest{}
	if err != nil || proto.Unmarshal(b, req) != nil {
		http.Error(w, "not a request", http.StatusBadRequest)
		return
	}
	s.count(r.Header.Get("api-key"), req)
	w.Header().Set("Content-Type", "application/x-protobuf") // of an empty ExportTraceServiceResponse
}

func (s *secured) Export(ctx context.Context, req *coltracepb.ExportTraceServiceRequest) (*coltracepb.ExportTraceServiceResponse, error) {
	s.count(strings.Join(metadata.ValueFromIncomingContext(ctx, "api-key"), ""), req)
	return &coltracepb.ExportTraceServiceResponse{}, nil
}

func (s *secured) serveGRPC(t *testing.T) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	g := grpc.NewServer(grpc.Creds(credentials.NewTLS(s.config)))
	coltracepb.RegisterTraceServiceServer(g, s)
	go func() { _ = g.Serve(l) }()
	t.Cleanup(g.Stop)
	return l.Addr().String()
}

// files writes the server's certificate, which is also the client's.
func (s *secured) files(t *testing.T) (cert, key string) {
	t.Helper()
	pair := s.config.Certificates[0]
	der, err := x509.MarshalPKCS8PrivateKey(pair.PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	cert, key = filepath.Join(t.TempDir(), "cert.pem"), filepath.Join(t.TempDir(), "key.pem")
	var chain bytes.Buffer
	for _, c := range pair.Certificate {
		_ = pem.Encode(&chain, &pem.Block{Type: "CERTIFICATE", Bytes: c})
	}
	for name, data := range map[string][]byte{
		cert: chain.Bytes(),
		key:  pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}),
	} {
		if err := os.WriteFile(name, data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return cert, key
}

// TestSecured exports over TLS with a client certificate, a header and gzip.
func TestSecured(t *testing.T) {
	s := startSecured(t)
	cert, key := s.files(t)
	for protocol, endpoint := range map[string]string{"grpc": "https://" + s.serveGRPC(t), "http/protobuf": s.server.URL} {
		t.Run(protocol, func(t *testing.T) {
			s.spans.Store(0)
			env := "ENDPOINT=" + endpoint + " PROTOCOL=" + protocol + " CERTIFICATE=" + cert + " COMPRESSION=gzip HEADERS=api-key=a%20b"
			r, err := Open(Options{Required: true, Getenv: from(env + " CLIENT_CERTIFICATE=" + cert + " CLIENT_KEY=" + key)})
			if err != nil {
				t.Fatal(err)
			}
			recordFields(t, r, 1, 2, 3)
			if err := r.Close(t.Context()); err != nil || s.spans.Load() != 3 {
				t.Errorf("%v, %d spans arrived", err, s.spans.Load())
			}

			r, err = Open(Options{Required: true, Getenv: from(env)}) // no client certificate
			if err != nil {
				t.Fatal(err)
			}
			recordFields(t, r, 4)
			ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
			defer cancel()
			if err := r.Close(ctx); err == nil || s.spans.Load() != 3 {
				t.Errorf("without a client certificate: %v, %d spans", err, s.spans.Load())
			}
		})
	}
}

// TestWebServerKeepsSpans holds the same from end to end.
func TestWebServerKeepsSpans(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		_, _ = w.Write([]byte("<html>welcome</html>"))
	}))
	defer server.Close()
	opt := Options{Required: true, SpoolDir: t.TempDir(), Getenv: from("PROTOCOL=http/protobuf ENDPOINT=" + server.URL)}
	r, err := Open(opt)
	if err != nil {
		t.Fatal(err)
	}
	recordFields(t, r, 1, 2, 3)
	if err := r.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	if s := r.Stats(); s.Exported != 0 || s.Spooled != 3 || !s.Down {
		t.Errorf("stats %+v", s)
	}
}
