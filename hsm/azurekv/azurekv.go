package azurekv

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"slices"

	"github.com/sealmesh/sealmesh/hsm"
	"github.com/sealmesh/sealmesh/hsm/rest"
)

// Kind is the provider's kind, as URIs and records name it.
const Kind = "azurekv"

// A Provider is one key in a vault. Safe for concurrent use. It holds nothing
// that has to be closed.
type Provider struct {
	client *client
}

// Open fetches a token, and makes sure that the key that uri names can be a KEK.
// The package documentation describes the URI.
func Open(ctx context.Context, uri string) (*Provider, error) {
	s, err := parseURI(uri)
	if err != nil {
		return nil, err
	}
	c := &client{endpoint: s.endpoint, path: "keys/" + s.name, keyID: s.host + "/keys/" + s.name, timeout: s.timeout, http: rest.Client(nil)}
	if c.credential, err = s.credential(); err != nil {
		return nil, misconfigured("LoadCredentials", c.keyID, err, hintCredentials)
	}
	p := &Provider{client: c}
	k, err := p.current(ctx)
	if err == nil {
		err = p.usable(k)
	}
	if err != nil {
		return nil, err
	}
	return p, nil
}

// Identity returns host/keys/name.
func (p *Provider) Identity() string { return p.client.keyID }

// GenerateDataKey makes a data key from crypto/rand and wraps it under the key's
// current version: Key Vault makes none itself.
func (p *Provider) GenerateDataKey(ctx context.Context, ec hsm.EncryptionContext) (*hsm.Secret, []byte, error) {
	key := make([]byte, hsm.DataKeySize)
	rand.Read(key) // never fails: it ends the process instead
	wrapped, err := p.wrap(ctx, key, ec)
	if err != nil {
		clear(key)
		return nil, nil, err
	}
	return hsm.NewSecret(key), wrapped, nil
}

// WrapDataKey wraps key, which must be [hsm.DataKeySize] bytes.
func (p *Provider) WrapDataKey(ctx context.Context, key *hsm.Secret, ec hsm.EncryptionContext) ([]byte, error) {
	var own []byte
	key.Expose(func(b []byte) { own = slices.Clone(b) })
	defer clear(own)
	if len(own) != hsm.DataKeySize {
		return nil, p.client.fail(hsm.Unsupported, "WrapKey", errors.New("data key is not 32 bytes"), "")
	}
	return p.wrap(ctx, own, ec)
}

func (p *Provider) wrap(ctx context.Context, key []byte, ec hsm.EncryptionContext) ([]byte, error) {
	k, err := p.current(ctx)
	if err == nil {
		err = p.usable(k)
	}
	if err != nil {
		return nil, gone(err)
	}
	wrapped, err := k.wrap(key, ec)
	if err != nil {
		return nil, p.client.fail(hsm.Unsupported, "WrapKey", err, "")
	}
	return wrapped, nil
}

// gone makes a key that was there when it was opened, and is not any more, one
// that was taken away.
func gone(err error) error {
	if e, ok := errors.AsType[*hsm.Error](err); ok && e.Code == "KeyNotFound" {
		e.Class, e.Hint = hsm.Denied, hintDeleted
	}
	return err
}

// UnwrapDataKey has Key Vault unwrap wrapped under the version that it names, of
// this key and no other.
func (p *Provider) UnwrapDataKey(ctx context.Context, wrapped []byte, ec hsm.EncryptionContext) (*hsm.Secret, error) {
	version, ciphertext, ok := unpack(wrapped)
	if !ok {
		return nil, p.client.fail(hsm.Corrupt, "UnwrapKey", errors.New("wrapped data key has the wrong form"), hsm.HintCorrupt)
	}
	var out struct {
		Value string `json:"value"` // base64url
	}
	var plaintext []byte
	check := func() error {
		var err error
		if plaintext, err = base64.RawURLEncoding.DecodeString(out.Value); err == nil && rsaLabel.Bound(plaintext, ec) {
			return nil
		}
		clear(plaintext)
		return p.client.fail(hsm.Corrupt, "UnwrapKey", errors.New("wrapped under another key context"), hsm.HintCorrupt)
	}
	body := []byte(`{"alg":"RSA-OAEP-256","value":"` + base64.RawURLEncoding.EncodeToString(ciphertext) + `"}`)
	err := p.client.do(ctx, request{operation: "UnwrapKey", path: "/" + hex.EncodeToString(version[:]) + "/unwrapkey", body: body, check: check}, &out)
	if err != nil {
		return nil, p.explain(ctx, err, version)
	}
	clear(plaintext[hsm.DataKeySize:])
	return hsm.NewSecret(plaintext[:hsm.DataKeySize:hsm.DataKeySize]), nil
}

// explain asks for the key where an answer about one of its versions leaves two
// meanings: a version that is not there is a forgery while the key is, and one
// that is disabled is the end of the KEK only if it is the current one. Where the
// key may not be read, the answer stands.
func (p *Provider) explain(ctx context.Context, err error, version [versionSize]byte) error {
	e, ok := errors.AsType[*hsm.Error](err)
	if !ok || e.Code != "KeyNotFound" && e.Code != "KeyDisabled" {
		return err
	}
	k, failed := p.current(ctx)
	other, _ := errors.AsType[*hsm.Error](failed)
	switch {
	case other != nil && other.Code == "KeyNotFound":
		e.Class, e.Hint = hsm.Denied, hintDeleted
	case failed == nil && e.Code == "KeyDisabled" && k.version != version && k.Attributes.Enabled:
		e.Class, e.Err = hsm.Misconfigured, errors.New("the version that wrapped it is disabled; the current one is not")
	}
	return e
}
