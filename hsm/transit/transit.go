package transit

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"net/http"
	"strings"

	"github.com/sealmesh/sealmesh/hsm"
)

// Kind is the provider's kind in URIs and records.
const Kind = "transit"

// A Provider is one Transit key. Safe for concurrent use. Close stops the
// renewal of its token.
type Provider struct {
	client *client
	mount  string
	key    string
}

// Identity returns [cluster:][namespace/]mount/key.
func (p *Provider) Identity() string { return p.client.keyID }

// Close stops the renewal of the login's token, which then ends with its lease,
// and closes the connections. It may be called more than once.
func (p *Provider) Close() error {
	p.client.close()
	return nil
}

// GenerateDataKey makes a data key from crypto/rand and lets Transit wrap it:
// Transit's own datakey endpoint cannot bind the context.
func (p *Provider) GenerateDataKey(ctx context.Context, ec hsm.EncryptionContext) (*hsm.Secret, []byte, error) {
	key := make([]byte, hsm.DataKeySize)
	rand.Read(key) // never fails: it ends the process instead
	wrapped, err := p.wrap(ctx, encryptBody(key, ec))
	if err != nil {
		clear(key)
		return nil, nil, err
	}
	return hsm.NewSecret(key), wrapped, nil
}

// WrapDataKey lets Transit encrypt key, which must be [hsm.DataKeySize] bytes.
func (p *Provider) WrapDataKey(ctx context.Context, key *hsm.Secret, ec hsm.EncryptionContext) ([]byte, error) {
	var body []byte
	key.Expose(func(b []byte) {
		if len(b) == hsm.DataKeySize {
			body = encryptBody(b, ec)
		}
	})
	if body == nil {
		return nil, p.fail(hsm.Unsupported, "encrypt", errors.New("data key is not 32 bytes"), "")
	}
	return p.wrap(ctx, body)
}

// wrap clears body.
func (p *Provider) wrap(ctx context.Context, body []byte) ([]byte, error) {
	defer clear(body)
	var out struct {
		Data struct {
			Ciphertext string `json:"ciphertext"`
		} `json:"data"`
		warnings
	}
	if err := p.client.do(ctx, p.post("encrypt", body), &out); err != nil {
		return nil, err
	}
	if err := p.heeded("encrypt", out.warnings); err != nil {
		return nil, err
	}
	wrapped, ok := pack(out.Data.Ciphertext)
	if !ok {
		return nil, p.fail(hsm.Unsupported, "encrypt", errors.New("Transit returned a ciphertext of another form than that of a data key"), hintType)
	}
	return wrapped, nil
}

// UnwrapDataKey lets Transit decrypt wrapped under this key and no other.
func (p *Provider) UnwrapDataKey(ctx context.Context, wrapped []byte, ec hsm.EncryptionContext) (*hsm.Secret, error) {
	ciphertext, ok := unpack(wrapped)
	if !ok {
		return nil, p.fail(hsm.Corrupt, "decrypt", errors.New("wrapped data key has the wrong form"), hsm.HintCorrupt)
	}
	var out struct {
		Data struct {
			Plaintext []byte `json:"plaintext"`
		} `json:"data"`
		warnings
	}
	if err := p.client.do(ctx, p.post("decrypt", decryptBody(ciphertext, ec)), &out); err != nil {
		return nil, err
	}
	key := hsm.NewSecret(out.Data.Plaintext)
	err := p.heeded("decrypt", out.warnings)
	if err == nil && len(out.Data.Plaintext) != hsm.DataKeySize {
		err = p.fail(hsm.Corrupt, "decrypt", errors.New("the plaintext is no data key"), "it was not wrapped by sealmesh")
	}
	if err != nil {
		key.Destroy()
		return nil, err
	}
	return key, nil
}

func (p *Provider) post(operation string, body []byte) request {
	return request{operation: operation, method: http.MethodPost, path: p.mount + "/" + operation + "/" + p.key, body: body}
}

type warnings struct {
	Warnings json.RawMessage `json:"warnings"`
}

// heeded refuses an answer of a server that ignored the context: servers before
// Vault 1.13 do, and say so.
func (p *Provider) heeded(operation string, w warnings) error {
	if strings.Contains(string(w.Warnings), "associated_data") {
		return p.fail(hsm.Unsupported, operation, errors.New("the server ignores associated_data, so it does not bind the key context"), hintUpgrade)
	}
	return nil
}

func (p *Provider) fail(class hsm.Class, operation string, err error, hint string) *hsm.Error {
	return &hsm.Error{Class: class, Provider: Kind, Operation: operation, KeyID: p.client.keyID, Err: err, Hint: hint}
}
