package keycache_test

import (
	"context"
	"fmt"
	"io"

	"github.com/sealmesh/sealmesh/codec"
	"github.com/sealmesh/sealmesh/codec/suite"
	"github.com/sealmesh/sealmesh/hsm"
	"github.com/sealmesh/sealmesh/keycache"
	"github.com/sealmesh/sealmesh/keycache/keycachetest"
	"github.com/sealmesh/sealmesh/keycache/keyuse"
)

// A value is sealed in the direction of a request, and opened in that of a
// response.
func ExampleSession() {
	ctx := context.Background()
	keyContext, err := hsm.NewEncryptionContext(map[string]string{"service": "orders"})
	if err != nil {
		panic(err)
	}
	ring, err := hsm.NewKeyring(&hsm.Key{
		Name: "customer", Context: keyContext, Quorum: 1,
		KEKs: []hsm.KEK{keycachetest.NewKMS("a").KEK()}, // or what builtin.Open returns
	})
	if err != nil {
		panic(err)
	}
	// Key uses leave by OTLP; here they go to a writer.
	exporter := func(name string) string { return map[string]string{"OTEL_TRACES_EXPORTER": "console"}[name] }
	recorder, err := keyuse.Open(keyuse.Options{Required: true, Getenv: exporter, Console: io.Discard})
	if err != nil {
		panic(err)
	}
	defer recorder.Close(ctx)

	cache, err := keycache.New(ring, keycache.Options{Recorder: recorder})
	if err != nil {
		panic(err)
	}
	defer cache.Close()
	tag, err := cache.Tag("pii.ssn", "customer", suite.XAES256GCM, nil)
	if err != nil {
		panic(err)
	}

	request := cache.Session(ctx, keyuse.Exchange{Route: "orders", Direction: "request"})
	sealed, err := request.Seal(nil, tag, codec.Text, []byte("123-45-6789"))
	if closed := request.Close(err); closed != nil { // records the use: without it, nothing may leave
		panic(closed)
	}

	response := cache.Session(ctx, keyuse.Exchange{Route: "orders", Direction: "response"})
	opened, _, err := response.Open(nil, tag, sealed)
	if closed := response.Close(err); closed != nil {
		panic(closed)
	}
	fmt.Printf("%s… opens to %s\n", sealed[:4], opened)
	// Output: sm1.… opens to 123-45-6789
}
