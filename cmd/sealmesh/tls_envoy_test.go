package main

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sealmesh/sealmesh/proxy/bootstrap"
	"github.com/sealmesh/sealmesh/proxy/envoytest"
)

// Through an Envoy that `sealmesh envoy` configured with mutual TLS, values are
// sealed and opened; one that is not let in, or does not know sealmesh, passes
// nothing.
func TestEnvoyTLS(t *testing.T) {
	const allowed, own = "spiffe://mesh/ns/edge/sa/envoy", "spiffe://mesh/sealmesh"
	ours, theirs := newAuthority(t), newAuthority(t)
	dir := t.TempDir()
	put := func(name string, pem []byte) string {
		file := filepath.Join(dir, name)
		must(t, os.WriteFile(file, pem, 0o600))
		return file
	}
	pair := func(name string, by *authority, uri string) (cert, key string) {
		c, k := by.issue(t, uri, 1, time.Hour)
		return put(name+".pem", c), put(name+".key", k)
	}
	ca := put("ca.pem", ours.pem())
	cert, key := pair("sealmesh", ours, own)
	good, goodKey := pair("envoy", ours, allowed)
	other, otherKey := pair("other", ours, allowed+"2")
	addr, _ := envoytest.Addresses(t)
	policy := strings.Replace(testPolicy, "listen: unix://${STACK_DIR}/ext_proc.sock", fmt.Sprintf(
		"listen: tcp://%s\ntls: {cert: %s, key: %s, client_ca: %s, allow: [%q]}", addr, cert, key, ca, allowed), 1)
	for _, c := range []struct {
		name   string
		tls    bootstrap.TLS
		passes bool
	}{
		{"by DNS name", bootstrap.TLS{Cert: good, Key: goodKey, CA: ca, ServerName: "localhost"}, true},
		{"by SPIFFE id", bootstrap.TLS{Cert: good, Key: goodKey, CA: ca, ServerName: own}, true},
		{"a name that is not allowed", bootstrap.TLS{Cert: other, Key: otherKey, CA: ca, ServerName: "localhost"}, false},
		{"another server's name", bootstrap.TLS{Cert: good, Key: goodKey, CA: ca, ServerName: "elsewhere"}, false},
		{"another id", bootstrap.TLS{Cert: good, Key: goodKey, CA: ca, ServerName: own + "2"}, false},
		{"another CA", bootstrap.TLS{Cert: good, Key: goodKey, CA: put("theirs.pem", theirs.pem()), ServerName: "localhost"}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newStack(t, stackOptions{policy: policy, bootstrap: bootstrap.Options{TLS: c.tls}})
			body := `{"secret":"` + canary + `"}`
			got := s.do(http.MethodPost, "/buffered/x", body)
			if c.passes && (got.status != http.StatusOK || got.body != body || !strings.Contains(s.upstream.last(t).body, "sm1.")) {
				t.Errorf("%v, status %d: %s", got.err, got.status, got.body)
			}
			if ready, _ := s.admin("/readyz"); c.passes && ready != "ready\n" {
				t.Errorf("the stamp is not seen: %s", ready)
			}
			if !c.passes && (got.status < 500 || s.upstream.count() != 0) {
				t.Errorf("status %d: %s", got.status, got.body)
			}
		})
	}
}
