package transit

import (
	"context"
	"crypto/subtle"
	"errors"
	"fmt"
	"net/http"

	"github.com/sealmesh/sealmesh/hsm"
)

// Open connects to the key that uri names, and checks that it can be a KEK:
// that the type of the key and the server bind the key context. The package
// documentation describes the URI. The KEK has a login of its own.
func Open(ctx context.Context, uri string) (*Provider, error) {
	return new(Logins).Open(ctx, uri)
}

// Open is [Open] with logins that several KEKs share.
func (l *Logins) Open(ctx context.Context, uri string) (*Provider, error) {
	s, err := parseURI(uri)
	if err != nil {
		return nil, err
	}
	p, err := s.provider(l)
	if err != nil {
		return nil, err
	}
	if err := p.check(ctx); err != nil {
		_ = p.Close() // it has nothing to lose
		return nil, err
	}
	return p, nil
}

func (p *Provider) check(ctx context.Context) error {
	about, err := p.read(ctx)
	switch {
	case err == nil:
		err = p.usable(about)
		if err != nil {
			return err
		}
		return p.prove(ctx, true)
	case forbidden(err):
		return p.prove(ctx, false)
	}
	return err
}

func (s *settings) provider(logins *Logins) (*Provider, error) {
	c, err := s.client(logins)
	if err != nil {
		return nil, misconfigured("Open", c.keyID, err, "see the package documentation of hsm/transit for the URI and its options")
	}
	return &Provider{client: c, mount: s.mount, key: s.key}, nil
}

// about is what the engine reports about a key.
type about struct {
	Type       string `json:"type"`
	Derived    bool   `json:"derived"`
	Exportable bool   `json:"exportable"`
	Backup     bool   `json:"allow_plaintext_backup"`
	Imported   bool   `json:"imported_key"`
	Deleted    bool   `json:"soft_deleted"`       // OpenBao
	Rotate     int64  `json:"auto_rotate_period"` // seconds
}

func (p *Provider) read(ctx context.Context) (about, error) {
	var out struct {
		Data about `json:"data"`
	}
	err := p.client.do(ctx, request{operation: "read", method: http.MethodGet, path: p.mount + "/keys/" + p.key}, &out)
	if e, ok := errors.AsType[*hsm.Error](err); ok && e.Code == "HTTP 404" && e.Class == hsm.Unclear && e.Err == nil {
		e.Class, e.Err, e.Hint = hsm.Denied, errors.New("there is no such key"), "make one with `vault write -f "+p.mount+"/keys/"+p.key+"`, or check the mount and the namespace"
	}
	return out.Data, err
}

// specs are the key types that bind a context and keep 256 bits of security.
var specs = map[string]string{"aes256-gcm96": "AES_256", "chacha20-poly1305": "CHACHA20_POLY1305"}

func (p *Provider) usable(a about) error {
	switch {
	case specs[a.Type] == "":
		return p.fail(hsm.Unsupported, "Open", fmt.Errorf("the key's type is %.32q", a.Type), hintType)
	case a.Deleted:
		return p.fail(hsm.Denied, "Open", errors.New("the key is soft-deleted"), "restore it, unless it was deleted to revoke it")
	case a.Derived:
		return p.fail(hsm.Misconfigured, "Open", errors.New("the key is derived"), hintType)
	case a.Exportable || a.Backup:
		return p.fail(hsm.Misconfigured, "Open", errors.New("the key may leave Vault: it is exportable, or allows plaintext backups"), "neither can be taken back: make a new key without them, and re-wrap")
	}
	return nil
}

// prove wraps a probe, and checks that it unwraps under its own context and no
// other. A token that may do only one of the two proves less; it is accepted if
// known says that the key's type binds the context.
func (p *Provider) prove(ctx context.Context, known bool) error {
	own, err := hsm.NewEncryptionContext(map[string]string{"sealmesh": "probe"})
	if err != nil {
		return err
	}
	key, wrapped, err := p.GenerateDataKey(ctx, own)
	if forbidden(err) && known {
		return p.proveOpener(ctx)
	}
	if err == nil {
		defer key.Destroy()
		if err = p.proveUnwrap(ctx, key, wrapped, own); forbidden(err) && known {
			return nil // it only seals
		}
	}
	if e, ok := errors.AsType[*hsm.Error](err); ok && forbidden(err) {
		e.Hint = "allow read on " + p.mount + "/keys/" + p.key + ", or both encrypt and decrypt: the key's type must be known or proven"
	}
	return err
}

// proveOpener distinguishes a token that may only decrypt from a token that may
// do nothing.
func (p *Provider) proveOpener(ctx context.Context) error {
	wrapped := make([]byte, WrappedSize)
	wrapped[0], wrapped[4] = form1, 1
	if _, err := p.UnwrapDataKey(ctx, wrapped, hsm.EncryptionContext{}); err != nil && hsm.ClassOf(err) != hsm.Corrupt && hsm.ClassOf(err) != hsm.Misconfigured {
		return err
	}
	return nil // that nothing was unwrapped is as it should be
}

func (p *Provider) proveUnwrap(ctx context.Context, key *hsm.Secret, wrapped []byte, own hsm.EncryptionContext) error {
	again, err := p.UnwrapDataKey(ctx, wrapped, own)
	if err != nil {
		return err
	}
	defer again.Destroy()
	if !equal(key, again) {
		return p.fail(hsm.Misconfigured, "Open", errors.New("a probe unwraps to another key"), "check the address: this is not a Transit engine")
	}
	other, err := p.UnwrapDataKey(ctx, wrapped, hsm.EncryptionContext{})
	if err == nil {
		other.Destroy()
		return p.fail(hsm.Unsupported, "Open", errors.New("a probe unwraps under another key context"), hintUpgrade)
	}
	if hsm.ClassOf(err) != hsm.Corrupt {
		return err
	}
	return nil
}

func equal(a, b *hsm.Secret) (same bool) {
	a.Expose(func(x []byte) {
		b.Expose(func(y []byte) { same = subtle.ConstantTimeCompare(x, y) == 1 })
	})
	return same
}
