package proxy

import (
	"net"
	"slices"

	"github.com/sealmesh/sealmesh/proxy/wire"
)

// AddressAttribute is the request attribute that names the caller where no certificate
// does. Each attribute costs Envoy a few per cent of what an exchange costs it.
const AddressAttribute = "source.address"

// identities are the attributes that name the peer of Envoy's connection by its
// certificate, a SPIFFE id before a DNS name.
var identities = [...]string{"connection.uri_san_peer_certificate", "connection.dns_san_peer_certificate"}

// NamesCaller reports whether an attribute of that name says who called.
func NamesCaller(attribute string) bool {
	return attribute == AddressAttribute || slices.Contains(identities[:], attribute)
}

// caller names who called, as far as Envoy vouches for it: by the peer's certificate,
// else by its address without the port. Attributes are Envoy's own view of the connection;
// a header could come from anyone. It is empty where Envoy is not configured to say.
func caller(req *wire.Request) string {
	for _, name := range identities {
		if c, ok := req.Attribute(name); ok && c != "" {
			return c
		}
	}
	address, _ := req.Attribute(AddressAttribute)
	if host, _, err := net.SplitHostPort(address); err == nil {
		return host
	}
	return address // of a unix socket
}
