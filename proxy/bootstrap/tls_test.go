package bootstrap

import (
	"errors"
	"os"
	"testing"

	"github.com/sealmesh/sealmesh/proxy/policy"
)

// Where the listener has tls, Envoy is not configured to go without, nor with
// half of it.
func TestTLSIsWhole(t *testing.T) {
	src := "version: 1\nlisten: tcp://10.0.0.1:9000\ntls: {cert: /c, key: /k, client_ca: /ca, allow: [envoy]}\nroutes: [{name: a, match: {path: /a}, skip: true}]\n"
	p, err := policy.Load("policy.yaml", []byte(src), os.LookupEnv, os.ReadFile)
	if err != nil {
		t.Fatal(err)
	}
	whole := TLS{Cert: "cert", Key: "key", CA: "ca", ServerName: "sealmesh"}
	for name, cut := range map[string]func(*TLS){
		"all": func(t *TLS) { *t = TLS{} }, "cert": func(t *TLS) { t.Cert = "" }, "key": func(t *TLS) { t.Key = "" },
		"ca": func(t *TLS) { t.CA = "" }, "name": func(t *TLS) { t.ServerName = "" },
	} {
		part := whole
		cut(&part)
		if _, err := New(p, Options{Listen: "127.0.0.1:1", Upstream: "127.0.0.1:1", TLS: part}); !errors.Is(err, errTLS) {
			t.Errorf("without %s: %v", name, err)
		}
	}
	b, err := New(p, Options{Listen: "127.0.0.1:1", Upstream: "127.0.0.1:1", TLS: whole, Processor: "sealmesh.example:9000"})
	if err != nil {
		t.Fatal(err)
	}
	if c := b.StaticResources.Clusters[0]; c.TransportSocket == nil ||
		c.LoadAssignment.Endpoints[0].LbEndpoints[0].GetEndpoint().GetAddress().GetSocketAddress().GetAddress() != "sealmesh.example" {
		t.Error(c)
	}
}
