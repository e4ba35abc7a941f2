// Package bootstrap makes the Envoy configuration that a policy needs: an
// ext_proc filter that fails closed and, for each route, the body modes and the
// fewest phases that the rules of the route need.
//
// Every message that Envoy waits for costs both sides. Bodies therefore travel
// in FULL_DUPLEX_STREAMED, where Envoy sends headers and body without waiting
// for a reply in between. sealmesh holds a buffered body until it is complete,
// and sets its length; with [Options.Buffered], Envoy holds such a body
// instead. A direction without rules is not sent. On a route without rules the
// filter is disabled and costs nothing. Envoy also sends the headers of a
// request that no route matches, so that sealmesh decides what the path
// matches. If sealmesh finds another route for a request than Envoy did, the
// route that sealmesh found counts. The request is refused if Envoy's body
// modes hide a body from the rules of that route.
//
// The lists of [Setting] hold every setting that safety needs. All other
// settings make Envoy as transparent as possible: clients and the service
// should not notice Envoy.
//
// Headers are not replaced by attributes: Envoy computes all attributes of a
// filter for every exchange, whatever the route needs, and that costs Envoy
// more than the messages that attributes save.
package bootstrap

import (
	"fmt"
	"net"
	"strconv"
	"strings"
	"time"

	bootstrapv3 "github.com/envoyproxy/go-control-plane/envoy/config/bootstrap/v3"
	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	listenerv3 "github.com/envoyproxy/go-control-plane/envoy/config/listener/v3"
	"github.com/goccy/go-yaml"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/anypb"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/sealmesh/sealmesh/proxy/policy"
)

// Options are what the rules of a policy do not say: the section envoy of the
// policy, or the flags of "sealmesh envoy".
type Options = policy.Envoy

// TLS is how Envoy authenticates to sealmesh.
type TLS = policy.EnvoyTLS

const (
	processorCluster = "sealmesh"
	upstreamCluster  = "upstream"
)

// New returns the bootstrap for p, which holds all of the configuration. It has
// passed Envoy's own validation.
func New(p *policy.Policy, opt Options) (*bootstrapv3.Bootstrap, error) {
	f := factsOf(p, opt)
	l, err := listener(f, opt, inline(f, opt))
	if err != nil {
		return nil, err
	}
	all, err := clusters(f, opt)
	if err != nil {
		return nil, err
	}
	return checked(&bootstrapv3.Bootstrap{StaticResources: &bootstrapv3.Bootstrap_StaticResources{
		Listeners: []*listenerv3.Listener{l},
		Clusters:  all,
	}}, opt)
}

// checked returns b with the settings of every bootstrap, after Envoy's own
// validation.
func checked(b *bootstrapv3.Bootstrap, opt Options) (*bootstrapv3.Bootstrap, error) {
	b.Node = &corev3.Node{Id: "sealmesh", Cluster: "sealmesh"}
	if opt.Admin != "" {
		admin, err := adminAddress(opt.Admin)
		if err != nil {
			return nil, fmt.Errorf("admin address: %w", err)
		}
		b.Admin = &bootstrapv3.Admin{Address: admin}
	}
	if err := b.ValidateAll(); err != nil {
		return nil, fmt.Errorf("envoy bootstrap: %w", err)
	}
	return b, nil
}

// YAML returns b as Envoy reads it with -c.
func YAML(b *bootstrapv3.Bootstrap) ([]byte, error) {
	js, err := protojson.MarshalOptions{UseProtoNames: true}.Marshal(b)
	if err != nil {
		return nil, err
	}
	return yaml.JSONToYAML(js)
}

func address(hostport string) (*corev3.Address, error) {
	host, port, err := net.SplitHostPort(hostport)
	if err != nil {
		return nil, fmt.Errorf("%q is not host:port", hostport)
	}
	n, err := strconv.ParseUint(port, 10, 16)
	if err != nil {
		return nil, fmt.Errorf("%q has no port number", hostport)
	}
	if host == "" {
		host = "0.0.0.0"
	}
	return &corev3.Address{Address: &corev3.Address_SocketAddress{SocketAddress: &corev3.SocketAddress{
		Address: host, PortSpecifier: &corev3.SocketAddress_PortValue{PortValue: uint32(n)},
	}}}, nil
}

// adminAddress converts the address of Envoy's admin endpoint.
func adminAddress(listen string) (*corev3.Address, error) {
	if path, ok := strings.CutPrefix(listen, "unix://"); ok {
		// Whoever reaches the endpoint can stop Envoy.
		return &corev3.Address{Address: &corev3.Address_Pipe{Pipe: &corev3.Pipe{Path: path, Mode: 0o600}}}, nil
	}
	return address(listen)
}

// processorAddress converts an address on which sealmesh listens.
func processorAddress(listen string) (*corev3.Address, error) {
	if path, ok := strings.CutPrefix(listen, "unix://"); ok {
		return &corev3.Address{Address: &corev3.Address_Pipe{Pipe: &corev3.Pipe{Path: path}}}, nil
	}
	if hostport, ok := strings.CutPrefix(listen, "tcp://"); ok {
		return address(hostport)
	}
	return nil, fmt.Errorf("listen %q is neither unix:// nor tcp://", listen)
}

// pack wraps m for a typed_config, always in the same bytes. A message that we
// have built always marshals.
func pack(m proto.Message) *anypb.Any {
	a := new(anypb.Any)
	if err := anypb.MarshalFrom(a, m, proto.MarshalOptions{Deterministic: true}); err != nil {
		panic(err)
	}
	return a
}

func seconds(d time.Duration) *durationpb.Duration { return durationpb.New(d) }
