package proxy

import (
	"log/slog"
	"os"
	"testing"

	"google.golang.org/grpc"

	"github.com/sealmesh/sealmesh/proxy/policy"
	"github.com/sealmesh/sealmesh/proxy/transport"
)

// Our own server faces the Envoy on this host and nobody else.
func TestWhichServerServesWhom(t *testing.T) {
	const tls = "tls: {cert: /c, key: /k, client_ca: /ca, allow: [envoy]}\n"
	for listener, own := range map[string]bool{
		"":                             true,
		"listen: unix:///run/s\n":      true,
		"listen_transport: own\n":      true,
		"listen_transport: grpc\n":     false,
		tls:                            false,
		"listen: tcp://[::]:1\n" + tls: false,
	} {
		p, err := policy.Load("policy.yaml", []byte("version: 1\n"+listener+"routes: [{name: a, match: {path: /a}, skip: true}]\n"), os.LookupEnv, os.ReadFile)
		must(t, err)
		g := NewGRPCServer(p, nil, slog.New(slog.DiscardHandler))
		_, isOwn := g.(*transport.Server)
		_, isGRPC := g.(*grpc.Server)
		if isOwn != own || isGRPC == own {
			t.Errorf("%q is served by %T", listener, g)
		}
		g.Stop()
	}
}
