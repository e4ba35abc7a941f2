package hsmtest_test

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/sealmesh/sealmesh/hsm"
	"github.com/sealmesh/sealmesh/hsm/hsmtest"
)

// A box is a provider whose KEK is an AES-256 key in memory. A real back end
// sends what seal and open do here to a KMS or an HSM.
type box struct {
	aead cipher.AEAD
	id   string // what stays the same when the KEK's URI changes
}

func newBox(id string, kek []byte) (*box, error) {
	block, err := aes.NewCipher(kek)
	if err != nil {
		return nil, err
	}
	aead, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		return nil, err
	}
	return &box{aead, id}, nil
}

func (b *box) GenerateDataKey(ctx context.Context, ec hsm.EncryptionContext) (*hsm.Secret, []byte, error) {
	key := make([]byte, hsm.DataKeySize)
	rand.Read(key)
	secret := hsm.NewSecret(key)
	wrapped, err := b.WrapDataKey(ctx, secret, ec)
	if err != nil {
		secret.Destroy()
		return nil, nil, err
	}
	return secret, wrapped, nil
}

func (b *box) WrapDataKey(ctx context.Context, key *hsm.Secret, ec hsm.EncryptionContext) (wrapped []byte, err error) {
	err = b.call(ctx, "Wrap", func() *hsm.Error {
		var failed *hsm.Error
		key.Expose(func(k []byte) {
			if len(k) != hsm.DataKeySize {
				failed = &hsm.Error{Class: hsm.Unsupported, Err: errors.New("the data key is not 32 bytes")}
				return
			}
			wrapped = b.aead.Seal(nil, nil, k, ec.Encoded()) // binds the context
		})
		return failed
	})
	return wrapped, err
}

func (b *box) UnwrapDataKey(ctx context.Context, wrapped []byte, ec hsm.EncryptionContext) (key *hsm.Secret, err error) {
	err = b.call(ctx, "Unwrap", func() *hsm.Error {
		k, err := b.aead.Open(nil, nil, wrapped, ec.Encoded())
		if err != nil {
			return &hsm.Error{Class: hsm.Corrupt, Err: err, Hint: hsm.HintCorrupt}
		}
		key = hsm.NewSecret(k)
		return nil
	})
	return key, err
}

// call makes one request to the back end. It gives up with ctx, names provider,
// operation and KEK in the error, and reports the request to the observer.
func (b *box) call(ctx context.Context, operation string, request func() *hsm.Error) (err error) {
	start := time.Now()
	var failed *hsm.Error
	if err := ctx.Err(); err != nil {
		failed = &hsm.Error{Class: hsm.Unavailable, Err: err}
	} else {
		failed = request()
	}
	if failed != nil {
		failed.Provider, failed.Operation, failed.KeyID = "box", operation, b.id
		err = failed
	}
	hsm.Observe(ctx, hsm.Call{Provider: "box", Operation: operation, KeyID: b.id, Start: start, End: time.Now(), Err: err})
	return err
}

// testConformance proves that a box keeps the contract of [hsm.Provider]. In a
// provider's own folder it is called TestConformance.
func testConformance(t *testing.T) {
	opens := func(kek string) func(testing.TB) hsm.Provider {
		return func(t testing.TB) hsm.Provider {
			p, err := newBox(kek, []byte(kek))
			if err != nil {
				t.Fatal(err)
			}
			return p
		}
	}
	hsmtest.Run(t, hsmtest.Harness{
		Open:  opens("the KEK under test: 32 bytes AES"),
		Other: opens("another KEK, also of 32 bytes...")})
}

// A custom provider, and the test that runs the conformance suite on it.
func Example() {
	ctx := context.Background()
	p, err := newBox("my-kek", make([]byte, 32))
	if err != nil {
		panic(err)
	}
	ec, err := hsm.NewEncryptionContext(map[string]string{"service": "customers"})
	if err != nil {
		panic(err)
	}
	_, wrapped, err := p.GenerateDataKey(ctx, ec)
	if err != nil {
		panic(err)
	}
	_, err = p.UnwrapDataKey(ctx, wrapped, ec)
	fmt.Println("same context:", err)
	_, err = p.UnwrapDataKey(ctx, wrapped, hsm.EncryptionContext{})
	fmt.Println("no context:", hsm.ClassOf(err))
	// Output:
	// same context: <nil>
	// no context: corrupt
}
