package envoycheck

import (
	"net"
	"slices"
	"strconv"
	"strings"

	clusterv3 "github.com/envoyproxy/go-control-plane/envoy/config/cluster/v3"
	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	tcpv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/tcp_proxy/v3"
	"google.golang.org/protobuf/types/known/anypb"

	"github.com/sealmesh/sealmesh/proxy/bootstrap"
)

// upstreams are the clusters of protected requests, and their addresses.
type upstreams struct {
	names     []string
	addresses []string
	original  []string // listeners that lead to the address that the client connected to
}

// add adds the destination of a, or of its weighted cluster w, behind listener.
func (u *upstreams) add(c *check, listener string, a *routev3.RouteAction, w *routev3.WeightedCluster_ClusterWeight) {
	name := a.GetCluster()
	if w != nil {
		name = w.GetName()
	}
	switch {
	case name == "":
	case c.original(name):
		u.original = append(u.original, listener)
	case !slices.Contains(u.names, name):
		u.names = append(u.names, name)
		u.addresses = append(u.addresses, c.addresses(name)...)
	}
}

// original reports whether the cluster of that name leads to the address that
// the client connected to.
func (c *check) original(name string) bool {
	return c.config.clusters[name].GetType() == clusterv3.Cluster_ORIGINAL_DST
}

// shared returns a cluster of a that protected requests also use, "" for none.
func (u *upstreams) shared(c *check, listener string, a *routev3.RouteAction) string {
	for _, w := range weights(a) {
		name := a.GetCluster()
		if w != nil {
			name = w.GetName()
		}
		if u.has(c, name) || c.original(name) && slices.Contains(u.original, listener) {
			return name
		}
	}
	return ""
}

// has reports whether the cluster of that name is one of u, or has an address
// in common with one.
func (u *upstreams) has(c *check, name string) bool {
	same := func(a string) bool { return slices.Contains(u.addresses, a) }
	return name != "" && (slices.Contains(u.names, name) || slices.ContainsFunc(c.addresses(name), same))
}

// addresses returns the endpoints of a cluster, as far as the file has them.
func (c *check) addresses(name string) (all []string) {
	cluster := c.config.clusters[name]
	load := cluster.GetLoadAssignment()
	if service := cluster.GetEdsClusterConfig().GetServiceName(); load == nil && service != "" {
		load = c.config.endpoints[service]
	}
	if load == nil {
		load = c.config.endpoints[name]
	}
	for _, l := range load.GetEndpoints() {
		for _, e := range l.GetLbEndpoints() {
			if a := address(e.GetEndpoint().GetAddress()); a != "" {
				all = append(all, a)
			}
		}
	}
	return all
}

func address(a *corev3.Address) string {
	if p := a.GetPipe(); p != nil {
		return "unix://" + p.GetPath()
	}
	if s := a.GetSocketAddress(); s != nil {
		return "tcp://" + net.JoinHostPort(s.GetAddress(), strconv.Itoa(int(s.GetPortValue())))
	}
	return ""
}

// raw checks a chain without HTTP: sealmesh never sees what it carries.
func (c *check) raw(r rawChain, reached *upstreams) {
	for _, f := range r.filters {
		m := new(tcpv3.TcpProxy)
		if !unpack(f.GetTypedConfig(), m) {
			continue
		}
		names := []string{m.GetCluster()}
		for _, w := range m.GetWeightedClusters().GetClusters() {
			names = append(names, w.GetName())
		}
		for _, name := range names {
			c.tcp(r, name, reached)
		}
		return
	}
	if last := len(r.filters) - 1; last >= 0 {
		c.report(Unseen, r.where, "a chain without an HTTP connection manager ends in %s, which cannot be checked", r.filters[last].GetName())
	}
}

// tcp checks a chain that leads to the cluster of that name. Chains of one
// listener that lead to where the client connected all lead to one host, on
// different ports.
func (c *check) tcp(r rawChain, name string, reached *upstreams) {
	switch {
	case reached.has(c, name):
		c.report(InClear, r.where, "a chain without an HTTP connection manager leads to cluster %s, which protected requests also use: sealmesh never sees its traffic", name)
	case !c.original(name) || !slices.Contains(reached.original, r.listener):
	case r.port != 0:
		c.report(InClear, r.where, "port %d of the protected host is treated as TCP: sealmesh never sees its traffic; declare it as HTTP", r.port)
	default:
		c.report(Unseen, r.where, "ports of the protected host that no other chain names are passed on as TCP, and this file does not tell whether a service listens there: declare each of its ports as HTTP")
	}
}

// target names the target of a grpc_service.
func target(s *corev3.GrpcService) string {
	if e := s.GetEnvoyGrpc(); e != nil {
		return "cluster " + e.GetClusterName()
	}
	if g := s.GetGoogleGrpc(); g != nil {
		return g.GetTargetUri()
	}
	return ""
}

// processorCluster checks the cluster that p asks, if the file has clusters.
func (c *check) processorCluster(p *processor, facts bootstrap.Facts) {
	name := p.config.GetGrpcService().GetEnvoyGrpc().GetClusterName()
	if len(c.config.clusters) == 0 {
		return
	}
	cluster := c.config.clusters[name]
	if cluster == nil {
		c.report(Breaks, p.name, "it asks %s, which is not in this file", target(p.config.GetGrpcService()))
		return
	}
	where := "cluster " + name
	settings(c, where, bootstrap.ProcessorSettings, cluster, facts)
	if c.policy.TLS != nil && cluster.GetTransportSocket() == nil && len(cluster.GetTransportSocketMatches()) == 0 {
		c.report(Breaks, where, "the policy's listener has tls, and the cluster has no transport_socket")
	}
	for _, a := range c.addresses(name) {
		switch {
		case a == c.policy.Listen || !strings.HasPrefix(c.policy.Listen, "unix://"):
		case strings.HasPrefix(a, "unix://"):
			c.report(InClear, where, "bodies go to %s, but sealmesh listens at %s: another process may read them", a, c.policy.Listen)
		default:
			c.report(Unseen, where, "bodies go to %s, but sealmesh listens at %s: this file does not tell whether both are the same", a, c.policy.Listen)
		}
	}
}

// filterNames returns the names under which table configures ext_proc.
func filterNames(table *routev3.RouteConfiguration) (names []string) {
	add := func(all map[string]*anypb.Any) {
		for name, a := range all {
			if isProcessor(name, a) && !slices.Contains(names, name) {
				names = append(names, name)
			}
		}
	}
	add(table.GetTypedPerFilterConfig())
	for _, v := range table.GetVirtualHosts() {
		add(v.GetTypedPerFilterConfig())
		for _, r := range v.GetRoutes() {
			add(r.GetTypedPerFilterConfig())
		}
	}
	slices.Sort(names)
	return names
}

// isProcessor reports whether a, under that name, configures an ext_proc
// filter.
func isProcessor(name string, a *anypb.Any) bool {
	return strings.HasSuffix(a.GetTypeUrl(), ".ExtProcPerRoute") || strings.Contains(name, "ext_proc") || strings.Contains(name, "extproc")
}
