package proxy_test

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"

	"github.com/sealmesh/sealmesh/hsm"
	"github.com/sealmesh/sealmesh/hsm/local"
	"github.com/sealmesh/sealmesh/keycache"
	"github.com/sealmesh/sealmesh/keycache/keyuse"
	"github.com/sealmesh/sealmesh/proxy"
	"github.com/sealmesh/sealmesh/proxy/policy"
)

const examplePolicy = `version: 1
listen: unix:///run/sealmesh.sock
keys:
  main: {kek: "local:kek", context: {service: crm}}
tags:
  pii.ssn: {key: main}
routes:
  - name: create
    match: {path: /customers}
    request: {seal: {$.ssn: pii.ssn}}
`

// Example embeds the ext_proc service in a program. NewGRPCServer returns a
// server of proxy/transport, because the policy listens on a unix socket. For a
// TCP listener it returns a server of google.golang.org/grpc, and a tls.Config
// makes it require mutual TLS.
func Example() {
	dir, _ := os.MkdirTemp("", "example")
	defer os.RemoveAll(dir)
	log := slog.New(slog.DiscardHandler)

	// The policy, and the keys that it names.
	p, err := policy.Load("policy.yaml", []byte(examplePolicy), os.LookupEnv, os.ReadFile)
	check(err)
	cache, stop := openKeys(dir, p, log)
	defer stop()

	// The service: a runtime joins the policy and its keys.
	metrics := new(proxy.Metrics)
	runtime, err := proxy.NewRuntime(p, cache, metrics, nil)
	check(err)
	service := proxy.NewServer(runtime, metrics, log, nil)
	defer service.Close()

	// The listener.
	server := proxy.NewGRPCServer(p, nil, log)
	service.Register(server)
	socket, err := net.Listen("unix", filepath.Join(dir, "sealmesh.sock"))
	check(err)
	served := make(chan error)
	go func() { served <- server.Serve(socket) }()

	// Without an Envoy at hand, Apply runs the rules of one direction.
	var out strings.Builder
	target := proxy.ApplyTarget{Route: "create", ContentType: "application/json"}
	check(service.Apply(context.Background(), target, strings.NewReader(`{"name":"Ann","ssn":"123-45-6789"}`), &out))
	fmt.Println(out.String()[:26])

	server.GracefulStop()
	<-served
	// Output:
	// {"name":"Ann","ssn":"sm1.A
}

// openKeys opens the keys of p with a KEK in a file, which is for examples and
// tests only.
func openKeys(dir string, p *policy.Policy, log *slog.Logger) (cache *keycache.Cache, stop func()) {
	file := filepath.Join(dir, "kek")
	check(local.Create(file))
	var keys []*hsm.Key
	for _, k := range p.Keys {
		provider, err := local.Open(file)
		check(err)
		kek := hsm.KEK{URI: k.KEKs[0], Kind: "local", ProviderID: 1, Identity: provider.Identity(), Provider: provider}
		keys = append(keys, &hsm.Key{Name: k.Name, KEKs: []hsm.KEK{kek}, Quorum: 1})
	}
	ring, err := hsm.NewKeyring(keys...)
	check(err)
	recorder, err := keyuse.Open(keyuse.Options{Log: log}) // no collector: uses are counted, not required
	check(err)
	cache, err = keycache.New(ring, keycache.Options{Recorder: recorder})
	check(err)
	return cache, func() {
		check(cache.Close())
		ctx, cancel := context.WithCancel(context.Background())
		cancel() // there is no collector to wait for
		_ = recorder.Close(ctx)
	}
}

func check(err error) {
	if err != nil {
		panic(err)
	}
}
