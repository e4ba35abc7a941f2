package formats

import "strings"

// unread are formats that sealmesh knows and does not read, by media type. A
// type that begins with "+" stands for all types with that suffix, and one that
// ends with "/" for all types of that kind.
var unread = [...]struct{ media, name string }{
	{"application/graphql", "GraphQL"},
	{"application/graphql+json", "GraphQL"},
	{"application/x-graphql", "GraphQL"},
	{"application/msgpack", "MessagePack"},
	{"application/x-msgpack", "MessagePack"},
	{"application/vnd.msgpack", "MessagePack"},
	{"+msgpack", "MessagePack"},
	{"application/cbor", "CBOR"},
	{"application/cbor-seq", "CBOR"},
	{"+cbor", "CBOR"},
	{"+cbor-seq", "CBOR"},
	{"multipart/related", "multipart/related"},
	{"multipart/mixed", "multipart/mixed"},
	{"multipart/", "multipart of this kind"},
	{"application/xop+xml", "XOP"},
	{"application/soap+fastinfoset", "Fast Infoset"},
	{"application/fastinfoset", "Fast Infoset"},
	{"application/exi", "EXI"},
	{"application/yaml", "YAML"},
	{"application/x-yaml", "YAML"},
	{"text/yaml", "YAML"},
	{"text/x-yaml", "YAML"},
	{"+yaml", "YAML"},
	{"application/bson", "BSON"},
	{"application/grpc-web-text", "gRPC-Web in base64"},
	{"application/grpc-web-text+proto", "gRPC-Web in base64"},
	{"application/grpc-web-text+json", "gRPC-Web in base64"},
	{"application/x-jackson-smile", "Smile"},
	{"application/avro", "Avro"},
	{"avro/binary", "Avro"},
	{"application/x-thrift", "Thrift"},
	{"application/vnd.apache.thrift.binary", "Thrift"},
	{"application/vnd.apache.thrift.compact", "Thrift"},
}

// Unread returns the name of a format that sealmesh knows and does not read, ""
// for any other. media is a media type in lower case, without parameters, of
// which [Table] has no format.
func Unread(media string) (name string) {
	for _, f := range unread {
		switch {
		case f.media == media,
			f.media[0] == '+' && strings.HasSuffix(media, f.media),
			strings.HasSuffix(f.media, "/") && strings.HasPrefix(media, f.media):
			return f.name
		}
	}
	return ""
}
