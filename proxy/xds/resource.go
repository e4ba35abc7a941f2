package xds

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"

	discovery "github.com/envoyproxy/go-control-plane/envoy/service/discovery/v3"
	"github.com/envoyproxy/go-control-plane/pkg/resource/v3"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/anypb"
)

// A Resource is one resource of xDS. Its type is that of Body: a Listener, a
// RouteConfiguration, a TypedExtensionConfig (ECDS) and so on.
type Resource struct {
	Name string // unique in its type; what Envoy asks for
	Body proto.Message
}

// order is that in which Envoy gets the types. Others follow.
var order = []string{
	resource.ClusterType, resource.EndpointType, resource.SecretType,
	resource.ExtensionConfigType, resource.ListenerType, resource.RouteType,
}

// A set is what one Set put in place. It never changes.
type set struct {
	number  uint64
	version string                           // a hash of all
	types   map[string][]*discovery.Resource // by type URL, in the order of names
}

func newSet(rs []Resource) (*set, error) {
	s := &set{types: map[string][]*discovery.Resource{}}
	for _, r := range rs {
		m, err := marshal(r)
		if err != nil {
			return nil, err
		}
		s.types[m.Resource.TypeUrl] = append(s.types[m.Resource.TypeUrl], m)
	}
	var versions []string
	for url, list := range s.types {
		slices.SortFunc(list, func(a, b *discovery.Resource) int { return strings.Compare(a.Name, b.Name) })
		for i, r := range list {
			if i > 0 && r.Name == list[i-1].Name {
				return nil, fmt.Errorf("%s %q is there twice", short(url), r.Name)
			}
			versions = append(versions, url+" "+r.Name+" "+r.Version)
		}
	}
	slices.Sort(versions)
	s.version = hash([]byte(strings.Join(versions, "\n")))
	return s, nil
}

func marshal(r Resource) (*discovery.Resource, error) {
	switch {
	case r.Body == nil:
		return nil, fmt.Errorf("resource %q has no body", r.Name)
	case r.Name == "":
		return nil, errors.New("a resource has no name")
	case r.Name == "*":
		return nil, errors.New("* is no name of a resource: it means all")
	}
	b, err := proto.MarshalOptions{Deterministic: true}.Marshal(r.Body)
	if err != nil {
		return nil, fmt.Errorf("resource %q: %w", r.Name, err)
	}
	url := resource.APITypePrefix + string(r.Body.ProtoReflect().Descriptor().FullName())
	return &discovery.Resource{Name: r.Name, Version: hash(b), Resource: &anypb.Any{TypeUrl: url, Value: b}}, nil
}

// find returns the resource of that name, nil if there is none.
func find(list []*discovery.Resource, name string) *discovery.Resource {
	i, ok := slices.BinarySearchFunc(list, name, func(r *discovery.Resource, name string) int { return strings.Compare(r.Name, name) })
	if !ok {
		return nil
	}
	return list[i]
}

// hash is the version of b. It has 128 bits, so that no two resources share
// one.
func hash(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:16])
}

// short is the message's name in a type URL.
func short(url string) string { return url[strings.LastIndexByte(url, '.')+1:] }
