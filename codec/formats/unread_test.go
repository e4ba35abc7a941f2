package formats

import "testing"

func TestUnread(t *testing.T) {
	for media, want := range map[string]string{
		"application/graphql": "GraphQL", "application/vnd.x+cbor": "CBOR", "application/msgpack": "MessagePack",
		"multipart/related": "multipart/related", "multipart/byteranges": "multipart of this kind",
		"text/plain": "", "application/json": "", "": "", "application/cbor2": "", "x-multipart/related": "",
	} {
		if got := Unread(media); got != want {
			t.Errorf("%s: %q, want %q", media, got, want)
		}
	}
}
