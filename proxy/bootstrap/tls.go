package bootstrap

import (
	"errors"
	"net"
	"path/filepath"
	"strings"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	tlsv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/transport_sockets/tls/v3"
	matcherv3 "github.com/envoyproxy/go-control-plane/envoy/type/matcher/v3"
)

var (
	errNoTLS = errors.New("the policy's listener has no tls: leave the --tls flags out, or add tls to the policy")
	errTLS   = errors.New("the policy's listener has tls: give --tls-cert and --tls-key (Envoy's own, with a name of tls.allow), --tls-ca (that signed sealmesh's certificate) and --tls-server-name")
)

// socket returns the transport socket to sealmesh, nil for clear text.
func socket(t TLS, f Facts) (*corev3.TransportSocket, error) {
	switch {
	case f.Policy.TLS == nil && t == TLS{}:
		return nil, nil
	case f.Policy.TLS == nil:
		return nil, errNoTLS
	case t.Cert == "" || t.Key == "" || t.CA == "" || t.ServerName == "":
		return nil, errTLS
	}
	return &corev3.TransportSocket{
		Name:       "envoy.transport_sockets.tls",
		ConfigType: &corev3.TransportSocket_TypedConfig{TypedConfig: pack(tlsContext(t, f.stamp != ""))},
	}, nil
}

func tlsContext(t TLS, xds bool) *tlsv3.UpstreamTlsContext {
	kind, sni := tlsv3.SubjectAltNameMatcher_DNS, t.ServerName
	switch {
	case strings.Contains(t.ServerName, "://"):
		kind, sni = tlsv3.SubjectAltNameMatcher_URI, ""
	case net.ParseIP(t.ServerName) != nil: // RFC 6066 section 3 forbids addresses
		kind, sni = tlsv3.SubjectAltNameMatcher_IP_ADDRESS, ""
	}
	common := &tlsv3.CommonTlsContext{
		TlsParams: &tlsv3.TlsParameters{
			TlsMinimumProtocolVersion: tlsv3.TlsParameters_TLSv1_3,
			TlsMaximumProtocolVersion: tlsv3.TlsParameters_TLSv1_3,
		},
		AlpnProtocols: []string{"h2"},
	}
	peer := &tlsv3.CertificateValidationContext{
		MatchTypedSubjectAltNames: []*tlsv3.SubjectAltNameMatcher{{
			SanType: kind,
			Matcher: &matcherv3.StringMatcher{MatchPattern: &matcherv3.StringMatcher_Exact{Exact: t.ServerName}},
		}},
	}
	if xds {
		common.TlsCertificateSdsSecretConfigs = []*tlsv3.SdsSecretConfig{secret(certificateSecret)}
		common.ValidationContextType = &tlsv3.CommonTlsContext_CombinedValidationContext{
			CombinedValidationContext: &tlsv3.CommonTlsContext_CombinedCertificateValidationContext{
				DefaultValidationContext: peer, ValidationContextSdsSecretConfig: secret(authoritySecret),
			},
		}
	} else {
		peer.TrustedCa = file(t.CA)
		common.TlsCertificates = []*tlsv3.TlsCertificate{{CertificateChain: file(t.Cert), PrivateKey: file(t.Key)}}
		common.ValidationContextType = &tlsv3.CommonTlsContext_ValidationContext{ValidationContext: peer}
	}
	return &tlsv3.UpstreamTlsContext{Sni: sni, CommonTlsContext: common}
}

// Names of secrets.
const (
	certificateSecret = "sealmesh_certificate"
	authoritySecret   = "sealmesh_ca"
)

func secret(name string) *tlsv3.SdsSecretConfig {
	return &tlsv3.SdsSecretConfig{Name: name, SdsConfig: ads()}
}

// secrets returns the secrets of t, nil without TLS. They name files, so that a
// private key is read by Envoy alone, which reads it again when it changes.
func secrets(t TLS) []*tlsv3.Secret {
	if t == (TLS{}) {
		return nil
	}
	return []*tlsv3.Secret{
		{Name: certificateSecret, Type: &tlsv3.Secret_TlsCertificate{TlsCertificate: &tlsv3.TlsCertificate{
			CertificateChain: file(t.Cert), PrivateKey: file(t.Key), WatchedDirectory: folder(t.Cert),
		}}},
		{Name: authoritySecret, Type: &tlsv3.Secret_ValidationContext{ValidationContext: &tlsv3.CertificateValidationContext{
			TrustedCa: file(t.CA), WatchedDirectory: folder(t.CA),
		}}},
	}
}

func folder(file string) *corev3.WatchedDirectory {
	return &corev3.WatchedDirectory{Path: filepath.Dir(file)}
}

func file(name string) *corev3.DataSource {
	return &corev3.DataSource{Specifier: &corev3.DataSource_Filename{Filename: name}}
}
