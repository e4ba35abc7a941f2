package envoycheck

import (
	"maps"
	"slices"
	"strings"

	// TypedStruct holds messages of types that are unknown here.
	_ "github.com/cncf/xds/go/xds/type/v3"
	clusterv3 "github.com/envoyproxy/go-control-plane/envoy/config/cluster/v3"
	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	endpointv3 "github.com/envoyproxy/go-control-plane/envoy/config/endpoint/v3"
	listenerv3 "github.com/envoyproxy/go-control-plane/envoy/config/listener/v3"
	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	procv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/ext_proc/v3"
	hcmv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/http_connection_manager/v3"
	"google.golang.org/protobuf/proto"
)

// A config has all parts of a file that can be checked, wherever they are in
// it.
type config struct {
	listeners  []*listenerv3.Listener
	tables     map[string][]*routev3.RouteConfiguration
	scopes     map[string]*routev3.ScopedRouteConfiguration
	extensions map[string]*corev3.TypedExtensionConfig
	clusters   map[string]*clusterv3.Cluster
	endpoints  map[string]*endpointv3.ClusterLoadAssignment
	managers   map[string][]*hcmv3.HttpConnectionManager // without a listener, as in a patch
	filters    map[string][]*procv3.ExternalProcessor    // without a connection manager
}

func (f *config) empty() bool {
	return len(f.listeners)+len(f.tables)+len(f.managers)+len(f.filters)+len(f.extensions) == 0
}

// read finds the parts of src that can be checked.
func (c *check) read(src []byte) (*config, error) {
	docs, err := documents(src)
	if err != nil {
		return nil, err
	}
	f := &config{
		tables: map[string][]*routev3.RouteConfiguration{}, scopes: map[string]*routev3.ScopedRouteConfiguration{},
		extensions: map[string]*corev3.TypedExtensionConfig{}, clusters: map[string]*clusterv3.Cluster{},
		endpoints: map[string]*endpointv3.ClusterLoadAssignment{}, managers: map[string][]*hcmv3.HttpConnectionManager{},
		filters: map[string][]*procv3.ExternalProcessor{},
	}
	for _, d := range docs {
		if err := c.walk(f, d, ""); err != nil {
			return nil, err
		}
	}
	return f, nil
}

// past are fields of a config_dump that are not in use: listeners that accept
// no connections (any more), and route tables that are also in their listener.
var past = []string{"draining_state", "error_state", "static_route_configs"}

// walk finds the parts below v that can be checked. where is the name of the
// part that contains v.
func (c *check) walk(f *config, v any, where string) error {
	switch v := v.(type) {
	case []any:
		for _, e := range v {
			if err := c.walk(f, e, where); err != nil {
				return err
			}
		}
	case node:
		if name := text(v, "name"); name != "" {
			where = name
		}
		if taken, err := c.take(f, v, where); taken || err != nil {
			return err
		}
		for _, key := range slices.Sorted(maps.Keys(v)) {
			if slices.ContainsFunc(past, func(p string) bool { return key == p || key == camel(p) }) {
				continue
			}
			if err := c.walk(f, v[key], where); err != nil {
				return err
			}
		}
	}
	return nil
}

// take adds n to f if n is a message that is checked. It knows a message by its
// type or, without one, by a field that no other message has.
func (c *check) take(f *config, n node, where string) (bool, error) {
	has := func(names ...string) bool {
		return slices.ContainsFunc(names, func(name string) bool { return field(n, name) != nil })
	}
	t := typeOf(n)
	switch {
	case strings.HasSuffix(t, ".Listener"), t == "" && has("filter_chains", "default_filter_chain", "api_listener"):
		m := new(listenerv3.Listener)
		err := c.decodeAny(n, "listener "+where, m)
		if !slices.ContainsFunc(f.listeners, func(l *listenerv3.Listener) bool { return proto.Equal(l, m) }) {
			f.listeners = append(f.listeners, m)
		}
		return true, err
	case strings.HasSuffix(t, ".HttpConnectionManager"):
		if !has("http_filters") {
			return true, nil // a part of a message, as in a patch
		}
		return true, keepAll(c, f.managers, n, where, new(hcmv3.HttpConnectionManager))
	case strings.HasSuffix(t, ".ExternalProcessor"):
		return true, keepAll(c, f.filters, n, where, new(procv3.ExternalProcessor))
	case strings.HasSuffix(t, ".RouteConfiguration"), t == "" && has("virtual_hosts", "vhds"):
		return true, keepAll(c, f.tables, n, text(n, "name"), new(routev3.RouteConfiguration))
	case strings.HasSuffix(t, ".ScopedRouteConfiguration"):
		return true, keep(c, f.scopes, n, where, new(routev3.ScopedRouteConfiguration))
	case strings.HasSuffix(t, ".TypedExtensionConfig"):
		return true, keep(c, f.extensions, n, where, new(corev3.TypedExtensionConfig))
	case strings.HasSuffix(t, ".Cluster"), t == "" && has("load_assignment", "eds_cluster_config", "lb_policy", "connect_timeout"):
		return true, keep(c, f.clusters, n, where, new(clusterv3.Cluster))
	case strings.HasSuffix(t, ".ClusterLoadAssignment"):
		return true, keep(c, f.endpoints, n, text(n, "cluster_name"), new(endpointv3.ClusterLoadAssignment))
	}
	return false, nil
}

// keep decodes n and adds it to all under its name.
func keep[M proto.Message](c *check, all map[string]M, n node, name string, m M) error {
	err := c.decodeAny(n, name, m)
	all[name] = m
	return err
}

// keepAll is keep for messages that may share a name.
func keepAll[M proto.Message](c *check, all map[string][]M, n node, name string, m M) error {
	err := c.decodeAny(n, name, m)
	if !slices.ContainsFunc(all[name], func(other M) bool { return proto.Equal(other, m) }) {
		all[name] = append(all[name], m)
	}
	return err
}
