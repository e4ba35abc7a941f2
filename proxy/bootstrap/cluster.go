package bootstrap

import (
	"fmt"
	"time"

	clusterv3 "github.com/envoyproxy/go-control-plane/envoy/config/cluster/v3"
	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	endpointv3 "github.com/envoyproxy/go-control-plane/envoy/config/endpoint/v3"
)

// clusters returns the clusters of sealmesh and of the service.
func clusters(f Facts, opt Options) ([]*clusterv3.Cluster, error) {
	upstream, err := address(opt.Upstream)
	if err != nil {
		return nil, fmt.Errorf("upstream address: %w", err)
	}
	processor, err := processorOf(f, opt)
	if err != nil {
		return nil, err
	}
	return []*clusterv3.Cluster{processor, upstreamOf(opt, upstream)}, nil
}

// processorOf returns the cluster of sealmesh.
func processorOf(f Facts, opt Options) (*clusterv3.Cluster, error) {
	listen, kind := f.Policy.Listen, clusterv3.Cluster_STATIC
	if opt.Processor != "" {
		listen, kind = "tcp://"+opt.Processor, clusterv3.Cluster_STRICT_DNS
	}
	a, err := processorAddress(listen)
	if err != nil {
		return nil, fmt.Errorf("address of sealmesh: %w", err)
	}
	c := cluster(processorCluster, a, kind)
	if c.TransportSocket, err = socket(opt.TLS, f); err != nil {
		return nil, err
	}
	apply(ProcessorSettings, c, f)
	c.ConnectTimeout = seconds(time.Second)
	return c, nil
}

func upstreamOf(opt Options, a *corev3.Address) *clusterv3.Cluster {
	// One service, at whichever of its addresses answers. STRICT_DNS would send
	// every second request for localhost to ::1, where the service may not listen.
	c := cluster(upstreamCluster, a, clusterv3.Cluster_LOGICAL_DNS)
	plainUpstream(c, opt)
	c.ConnectTimeout = seconds(5 * time.Second)
	return c
}

func cluster(name string, a *corev3.Address, kind clusterv3.Cluster_DiscoveryType) *clusterv3.Cluster {
	return &clusterv3.Cluster{
		Name:                 name,
		ClusterDiscoveryType: &clusterv3.Cluster_Type{Type: kind},
		LoadAssignment: &endpointv3.ClusterLoadAssignment{
			ClusterName: name,
			Endpoints: []*endpointv3.LocalityLbEndpoints{{LbEndpoints: []*endpointv3.LbEndpoint{{
				HostIdentifier: &endpointv3.LbEndpoint_Endpoint{Endpoint: &endpointv3.Endpoint{Address: a}},
			}}}},
		},
	}
}
