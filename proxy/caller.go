package proxy

import (
	"bytes"
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
// a header could come from anyone. It is empty where Envoy is not configured to say, and
// valid as long as req.
func caller(req *wire.Request) []byte {
	for _, name := range identities {
		if c, ok := req.AttributeBytes(name); ok && len(c) > 0 {
			return c
		}
	}
	address, _ := req.AttributeBytes(AddressAttribute)
	port := bytes.LastIndexByte(address, ':')
	if port < 0 || address[0] == '/' { // of a unix socket
		return address
	}
	host := bytes.TrimPrefix(address[:port], []byte("["))
	return bytes.TrimSuffix(host, []byte("]"))
}
