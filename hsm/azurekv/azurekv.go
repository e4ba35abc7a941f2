package azurekv

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"slices"

	"github.com/Azure/azure-sdk-for-go/sdk/security/keyvault/azkeys"

	"github.com/sealmesh/sealmesh/hsm"
)

// Kind is the provider's kind in URIs and records.
const Kind = "azurekv"

// A Provider is one key in a vault. Safe for concurrent use. It needs no Close.
type Provider struct {
	client *client
}

// Open fetches a token, and checks that the key that uri names can be a KEK.
// The package documentation describes the URI.
func Open(ctx context.Context, uri string) (*Provider, error) {
	s, err := parseURI(uri)
	if err != nil {
		return nil, err
	}
	c, err := newClient(s)
	if err != nil {
		return nil, err
	}
	p := &Provider{client: c}
	if err := p.start(ctx); err != nil {
		return nil, err
	}
	return p, nil
}

// start makes the failures Misconfigured that a running process survives but an
// operator must fix at the start: an identity that gets no token, and a key
// that never existed.
func (p *Provider) start(ctx context.Context) error {
	k, err := p.current(ctx)
	if err == nil {
		return p.usable(k)
	}
	e, ok := errors.AsType[*hsm.Error](err)
	switch {
	case ok && e.Operation == "GetToken" && (e.Class == hsm.Unclear || errors.Is(e.Err, errNoToken)):
		e.Class = hsm.Misconfigured
	case ok && e.Code == "KeyNotFound":
		e.Class, e.Hint = hsm.Misconfigured, hintName
	}
	return err
}

// Identity returns host/keys/name.
func (p *Provider) Identity() string { return p.client.keyID }

// GenerateDataKey makes a data key from crypto/rand and wraps it under the
// key's current version: Key Vault makes no data keys.
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
		return nil, err
	}
	wrapped, err := k.wrap(key, ec)
	if err != nil {
		return nil, p.client.fail(hsm.Unsupported, "WrapKey", err, "")
	}
	return wrapped, nil
}

// UnwrapDataKey unwraps wrapped in Key Vault, under the version of this key
// that wrapped names.
func (p *Provider) UnwrapDataKey(ctx context.Context, wrapped []byte, ec hsm.EncryptionContext) (*hsm.Secret, error) {
	version, ciphertext, ok := unpack(wrapped)
	if !ok {
		return nil, p.client.fail(hsm.Corrupt, "UnwrapKey", errors.New("wrapped data key has the wrong form"), hsm.HintCorrupt)
	}
	asked := azkeys.KeyOperationParameters{Algorithm: new(azkeys.EncryptionAlgorithmRSAOAEP256), Value: ciphertext}
	out, failed := ask(ctx, p.client, "UnwrapKey", func(ctx context.Context) (azkeys.UnwrapKeyResponse, error) {
		return p.client.keys.UnwrapKey(ctx, p.client.name, hex.EncodeToString(version[:]), asked, nil)
	})
	if failed != nil {
		return nil, p.explain(ctx, failed, version)
	}
	plaintext := out.Result
	if !rsaLabel.Bound(plaintext, ec) {
		clear(plaintext)
		return nil, p.client.fail(hsm.Corrupt, "UnwrapKey", errors.New("wrapped under another key context"), hsm.HintCorrupt)
	}
	clear(plaintext[hsm.DataKeySize:])
	return hsm.NewSecret(plaintext[:hsm.DataKeySize:hsm.DataKeySize]), nil
}

// explain asks for the key if an answer about one of its versions has two
// meanings. A version that does not exist is a forgery if the key exists. A
// disabled version ends the KEK only if it is the current one. If the key's
// state is unknown, the answer is unclear.
func (p *Provider) explain(ctx context.Context, e *hsm.Error, version [versionSize]byte) error {
	if e.Code != "KeyNotFound" && e.Code != "KeyDisabled" {
		return e
	}
	k, err := p.current(ctx)
	other, _ := errors.AsType[*hsm.Error](err)
	switch {
	case other != nil && other.Code == "KeyNotFound":
		e.Class, e.Hint = hsm.Denied, hintDeleted
	case other != nil:
		e.Class, e.Hint = hsm.Unclear, "allow keys/get, so that the key's current version can be told from others"
	case e.Code == "KeyNotFound":
		e.Class, e.Hint = hsm.Corrupt, hsm.HintCorrupt
	case k.enabled && k.version == version:
		e.Class, e.Err = hsm.Unclear, errors.New("the version is disabled by one answer and enabled by the next")
	case k.enabled:
		e.Class, e.Err = hsm.Misconfigured, errors.New("the version that wrapped it is disabled; the current one is not")
	}
	return e
}
