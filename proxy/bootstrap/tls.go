package bootstrap

import (
	"errors"
	"net"
	"strings"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	tlsv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/transport_sockets/tls/v3"
	matcherv3 "github.com/envoyproxy/go-control-plane/envoy/type/matcher/v3"

	"github.com/sealmesh/sealmesh/proxy/policy"
)

// TLS has the PEM files with which Envoy and sealmesh authenticate each other,
// where the policy's listener has tls. Envoy reads them when it starts.
type TLS struct {
	Cert, Key  string // Envoy's certificate, with a name that the policy's tls.allow has
	CA         string // signed sealmesh's certificate
	ServerName string // a name in sealmesh's certificate: DNS, or a URI such as a SPIFFE id
}

var (
	errNoTLS = errors.New("the policy's listener has no tls: leave the --tls flags out, or add tls to the policy")
	errTLS   = errors.New("the policy's listener has tls: give --tls-cert and --tls-key (Envoy's own, with a name of tls.allow), --tls-ca (that signed sealmesh's certificate) and --tls-server-name")
)

// socket returns the transport socket to sealmesh, nil for clear text.
func (t TLS) socket(p *policy.Policy) (*corev3.TransportSocket, error) {
	switch {
	case p.TLS == nil && t == TLS{}:
		return nil, nil
	case p.TLS == nil:
		return nil, errNoTLS
	case t.Cert == "" || t.Key == "" || t.CA == "" || t.ServerName == "":
		return nil, errTLS
	}
	return &corev3.TransportSocket{
		Name:       "envoy.transport_sockets.tls",
		ConfigType: &corev3.TransportSocket_TypedConfig{TypedConfig: pack(t.context())},
	}, nil
}

func (t TLS) context() *tlsv3.UpstreamTlsContext {
	kind, sni := tlsv3.SubjectAltNameMatcher_DNS, t.ServerName
	switch {
	case strings.Contains(t.ServerName, "://"):
		kind, sni = tlsv3.SubjectAltNameMatcher_URI, ""
	case net.ParseIP(t.ServerName) != nil: // RFC 6066 section 3 forbids addresses
		kind, sni = tlsv3.SubjectAltNameMatcher_IP_ADDRESS, ""
	}
	return &tlsv3.UpstreamTlsContext{
		Sni: sni,
		CommonTlsContext: &tlsv3.CommonTlsContext{
			TlsParams: &tlsv3.TlsParameters{
				TlsMinimumProtocolVersion: tlsv3.TlsParameters_TLSv1_3,
				TlsMaximumProtocolVersion: tlsv3.TlsParameters_TLSv1_3,
			},
			AlpnProtocols:   []string{"h2"},
			TlsCertificates: []*tlsv3.TlsCertificate{{CertificateChain: file(t.Cert), PrivateKey: file(t.Key)}},
			ValidationContextType: &tlsv3.CommonTlsContext_ValidationContext{ValidationContext: &tlsv3.CertificateValidationContext{
				TrustedCa: file(t.CA),
				MatchTypedSubjectAltNames: []*tlsv3.SubjectAltNameMatcher{{
					SanType: kind,
					Matcher: &matcherv3.StringMatcher{MatchPattern: &matcherv3.StringMatcher_Exact{Exact: t.ServerName}},
				}},
			}},
		},
	}
}

func file(name string) *corev3.DataSource {
	return &corev3.DataSource{Specifier: &corev3.DataSource_Filename{Filename: name}}
}
