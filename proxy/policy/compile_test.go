package policy

import (
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/sealmesh/sealmesh/codec"
	"github.com/sealmesh/sealmesh/codec/suite"
	"github.com/sealmesh/sealmesh/hsm"
)

// goldenSource returns a file of testdata/valid.txtar.
func goldenSource(t *testing.T, name string) string {
	t.Helper()
	_, cases := readArchive(t, "testdata/valid.txtar")
	for _, c := range cases {
		if c.name == name {
			return c.src
		}
	}
	t.Fatalf("no %s in valid.txtar", name)
	return ""
}

func keyContext(t *testing.T, pairs map[string]string) hsm.EncryptionContext {
	t.Helper()
	ec, err := hsm.NewEncryptionContext(pairs)
	if err != nil {
		t.Fatal(err)
	}
	return ec
}

// TestCompileEverything holds every key of the file to its place in the Policy.
func TestCompileEverything(t *testing.T) {
	p, err := load(t, goldenSource(t, "everything"))
	if err != nil {
		t.Fatal(err)
	}
	yes, limits := true, codec.Limits{ValueBytes: 64 << 10, Depth: 32, Fields: 1000, NameBytes: 4096, BodyBytes: 1 << 30}
	same(t, "listen", p.Listen, "tcp://0.0.0.0:9000")
	same(t, "transport", p.Transport, GRPCTransport)
	same(t, "admin", p.Admin, "unix:///run/sealmesh/admin.sock")
	same(t, "metrics", p.Metrics, "0.0.0.0:9464")
	same(t, "tls", p.TLS, &TLS{"/tls/tls.crt", "/tls/tls.key", "/tls/ca.crt", []string{"spiffe://mesh/ns/edge/sa/envoy", "envoy.example"}})
	same(t, "unmatched", p.Unmatched, PassUnmatched)
	same(t, "audit", p.Audit, Audit{Required: false, SpoolDir: "/var/lib/sealmesh/spool", SpoolBytes: 1 << 30})
	same(t, "limits", p.Limits, Limits{BufferedBytes: 1 << 20, Streams: 12, Exchange: 30 * time.Second, Memory: 256 << 20, CallerShare: 30, Held: 2 * time.Minute, Rate: 1 << 10, Ratio: DefaultRatio})
	same(t, "keys", p.Keys, []Key{{
		Name:    "customer",
		KEKs:    []string{"awskms:///arn:aws:kms:eu-west-1:111122223333:key/mrk-1", "pkcs11:token=t;object=o?pin-source=env:PIN", "local:kek.key"},
		Quorum:  2,
		Context: keyContext(t, map[string]string{"service": "customers", "quoted name": "8"}),
		Rotate:  hsm.Rotate{Age: 30 * 24 * time.Hour, Uses: 1_000_000, Bytes: 1 << 40},
		Cache:   hsm.TTLs{Soft: time.Minute, Hard: 36 * time.Hour},
		Store:   "postgres://sealmesh:do-not-show-me@db.example/keys?sslmode=verify-full", StoreRefuse: true,
		Require: &hsm.Requirement{
			Manager: "customer", Origin: "AWS_CLOUDHSM", Spec: "SYMMETRIC_DEFAULT", MultiRegion: &yes,
			Regions: []string{"eu-west-1", "us-east-1"}, Rotation: "enabled", MinDaysToExpiry: 30,
		},
	}, {
		Name: "lookup", KEKs: []string{"pkcs11:token=t;object=o?pin-source=file:/etc/sealmesh/pin"}, Quorum: 1, Record: []byte("smk1.AAAA"),
	}})
	same(t, "tags", p.Tags, []Tag{
		{Name: "pii", Key: "customer", Suite: suite.HKDFAES256GCM, Context: map[string]string{"region": "eu"}},
		{Name: "pii.email", Key: "lookup", Suite: suite.AES256SIV},
	})
	health, r := p.Routes[0], p.Routes[1]
	if !health.Skip || health.Request != nil || health.Response != nil || !reflect.DeepEqual(health.Methods, []string{"GET"}) {
		t.Errorf("health %+v", health)
	}
	same(t, "hosts", r.Hosts, []string{"api.example.com", "*.internal"})
	same(t, "path", r.Path, "/v1/{tenant}/customers/**")
	same(t, "ignore_case", r.IgnoreCase, true)
	until := time.Date(2000, 2, 1, 0, 0, 0, 0, time.UTC)
	same(t, "request rules", r.Request.Rules, []Rule{
		{Path: "$.ssn", Tag: 0}, {Path: "$.contacts[*].email", Tag: 1}, {Path: "$.old", Tag: 0, Open: true, PlaintextUntil: until},
	})
	same(t, "response rules", r.Response.Rules, []Rule{{Path: "$..ssn", Tag: 0, Open: true}, {Path: "$..['e-mail']", Tag: 1, Open: true}})
	same(t, "request mode", r.Request.Mode, Streamed)
	same(t, "response mode", r.Response.Mode, Buffered)
	same(t, "pass", r.Request.PassTypes, []string{"image/*", "application/pdf"})
	limits.BodyBytes = 0 // what is opened is bounded as it leaves
	same(t, "body limits", r.Request.Limits, limits)
	same(t, "opened bytes", r.Request.OpenedBytes, int64(1<<30))
}

func same(t *testing.T, what string, got, want any) {
	t.Helper()
	if !reflect.DeepEqual(got, want) {
		t.Errorf("%s: %+v, want %+v", what, got, want)
	}
}

// With fips: required a tag seals by the approved suite, and every KEK must
// wrap by an approved algorithm.
func TestCompileFIPS(t *testing.T) {
	p, err := load(t, goldenSource(t, "fips"))
	if err != nil {
		t.Fatal(err)
	}
	same(t, "fips", p.FIPS, true)
	same(t, "suites", []suite.ID{p.Tags[0].Suite, p.Tags[1].Suite}, []suite.ID{suite.HKDFAES256GCM, suite.HKDFAES256GCM})
	same(t, "require", []bool{p.Keys[0].Require.FIPS, p.Keys[1].Require.FIPS}, []bool{true, true})
}

func TestCompileDefaults(t *testing.T) {
	p, err := load(t, goldenSource(t, "smallest"))
	if err != nil {
		t.Fatal(err)
	}
	same(t, "addresses", []string{p.Listen, p.Admin, p.Metrics}, []string{"unix:///run/sealmesh/ext_proc.sock", "unix:///run/sealmesh/admin.sock", "127.0.0.1:9464"})
	same(t, "transport", p.Transport, OwnTransport)
	same(t, "unmatched", p.Unmatched, RefuseUnmatched)
	same(t, "audit", p.Audit, Audit{Required: true})
	same(t, "limits", p.Limits, Limits{DefaultBufferedBytes, DefaultStreams, DefaultExchange, 0, DefaultCallerShare, DefaultHeld, DefaultRate, DefaultRatio})
}

// TestLimitsAtTheLimit holds that every limit takes its least and its most;
// testdata/limits.txtar has the cases one past them.
func TestLimitsAtTheLimit(t *testing.T) {
	for _, l := range []string{
		"value_bytes: 1, depth: 1, fields: 1, name_bytes: 1, body_bytes: 1, buffered_bytes: 1, streams: 1, exchange: 1ns, memory: 1MiB, caller_share: 1, held: 1ns, rate: 1",
		"value_bytes: 1GiB, depth: 10000, fields: 1073741824, name_bytes: 16MiB, body_bytes: 9223372036854775807, buffered_bytes: 2GiB, streams: 16777216, memory: 4611686018427387903, caller_share: 100, rate: 1TiB",
	} {
		if _, err := load(t, "version: 1\nlimits: {"+l+"}\nroutes: [{name: a, match: {path: /}, skip: true}]\n"); err != nil {
			t.Error(err)
		}
	}
}

func TestFileLimits(t *testing.T) {
	valid := "version: 1\nroutes: [{name: a, match: {path: /}, skip: true}]\n"
	for _, c := range []struct {
		name, src, want string
		line, column    int
	}{
		{"longest", valid + "#" + strings.Repeat("x", MaxFileBytes-len(valid)-1), "", 0, 0},
		{"too long", valid + "#" + strings.Repeat("x", MaxFileBytes-len(valid)), "the file has 1048577 bytes, more than 1048576", 1, 1},
		{"not UTF-8", valid + "# ü\xff", "not valid UTF-8", 3, 4},
		{"byte order mark", "\uFEFF" + valid, "", 0, 0},
		{"CRLF", strings.ReplaceAll(valid, "\n", "\r\n"), "", 0, 0},
	} {
		_, err := load(t, c.src)
		ps, _ := errors.AsType[Problems](err)
		switch {
		case c.want == "" && err == nil:
		case len(ps) != 1 || ps[0].Message != c.want || ps[0].Line != c.line || ps[0].Column != c.column:
			t.Errorf("%s: %v", c.name, err)
		}
	}
}

// TestHash holds that a policy's identity is that of its bytes, whatever they
// expand to.
func TestHash(t *testing.T) {
	p, err := load(t, "version: 1\nroutes: [{name: a, match: {path: /}, skip: true}]\n")
	if err != nil {
		t.Fatal(err)
	}
	// sha256sum of the same bytes
	same(t, "hash", p.Hash, "42eaa53c3d2857cbc5b4819bec2000f7f1e46cb322a946662139e04a08a9a10e")
}

// TestUnescape holds which rules ask for a string with escapes as its text:
// those that seal deterministically, and those that open where it may be an
// envelope, since whatever stored one may have escaped it.
func TestUnescape(t *testing.T) {
	p, err := load(t, goldenSource(t, "everything"))
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []codec.Kind{codec.Literal, codec.Text, codec.Text} {
		body := []string{`{"ssn":"\u0061"}`, `{"contacts":[{"email":"\u0061"}]}`, `{"old":"\u0073m1."}`}[i]
		var got codec.Kind
		w := jsonWriter(t, p.Routes[1].Request, func(dst []byte, batch []codec.Field) ([]byte, codec.Kind, error) {
			if got = batch[0].Kind; batch[0].Rule != i {
				t.Errorf("rule %d, want %d", batch[0].Rule, i)
			}
			return dst, 0, codec.ErrKeep
		})
		var out codec.Output
		if err := errors.Join(w.Write(&out, []byte(body)), w.Close(&out)); err != nil || got != want {
			t.Errorf("%s: kind %v, %v, want %v", body, got, err, want)
		}
		w.Free()
	}
}

// A unix socket is served by google.golang.org/grpc where the policy asks for
// it.
func TestTransportOnRequest(t *testing.T) {
	p, err := load(t, "version: 1\nlisten_transport: grpc\nroutes:\n  - {name: a, match: {path: /a}, skip: true}\n")
	if err != nil {
		t.Fatal(err)
	}
	same(t, "transport", p.Transport, GRPCTransport)
}
