package azurekv

import (
	"context"
	"crypto/rsa"
	"encoding/hex"
	"errors"
	"math/big"
	"slices"
	"strings"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/security/keyvault/azkeys"

	"github.com/sealmesh/sealmesh/hsm"
)

// rsaLabel is in existing wraps: it must not change.
const rsaLabel hsm.RSALabel = "sealmesh/azurekv/wrap/v1\x00"

const (
	form1       = 1
	versionSize = 16
)

// specs are the specs of keys by modulus in bytes.
var specs = map[int]string{256: "RSA_2048", 384: "RSA_3072", 512: "RSA_4096"}

// A current is the current version of the key, which wraps.
type current struct {
	version            [versionSize]byte
	public             *rsa.PublicKey
	hsm                bool
	enabled            bool
	unwraps            bool // by the key's permitted operations
	exportable         bool
	notBefore, expires time.Time // zero where there is none
}

// current returns the key's current version, whatever its state.
func (p *Provider) current(ctx context.Context) (*current, error) {
	out, failed := ask(ctx, p.client, "GetKey", func(ctx context.Context) (azkeys.GetKeyResponse, error) {
		return p.client.keys.GetKey(ctx, p.client.name, "", nil)
	})
	if failed != nil {
		return nil, failed
	}
	if out.Key == nil || out.Key.KID == nil || out.Attributes == nil {
		return nil, p.client.fail(hsm.Unavailable, "GetKey", errors.New("the answer names no key"), hintBetween)
	}
	version, ok := strings.CutPrefix(string(*out.Key.KID), "https://"+p.client.keyID+"/")
	raw, err := hex.DecodeString(version)
	if !ok || err != nil || len(raw) != versionSize || hex.EncodeToString(raw) != version {
		return nil, p.client.fail(hsm.Misconfigured, "GetKey", errors.New("the answer is about another key"), hintBetween)
	}
	public, hardware := publicKey(out.Key)
	if public == nil {
		return nil, p.client.fail(hsm.Unsupported, "GetKey", errors.New("the key is not RSA or RSA-HSM with 2048, 3072 or 4096 bits"), "make one with `az keyvault key create --kty RSA-HSM --size 3072`")
	}
	a := out.Attributes
	return &current{
		version: [versionSize]byte(raw), public: public, hsm: hardware,
		enabled: value(a.Enabled), exportable: value(a.Exportable), notBefore: value(a.NotBefore), expires: value(a.Expires),
		unwraps: slices.ContainsFunc(out.Key.KeyOps, func(o *azkeys.KeyOperation) bool { return value(o) == azkeys.KeyOperationUnwrapKey }),
	}, nil
}

func value[T any](p *T) (v T) {
	if p != nil {
		v = *p
	}
	return v
}

// publicKey returns nil for a key that cannot be a KEK.
func publicKey(k *azkeys.JSONWebKey) (public *rsa.PublicKey, hardware bool) {
	kind := value(k.Kty)
	if kind != azkeys.KeyTypeRSA && kind != azkeys.KeyTypeRSAHSM || len(k.E) > 4 {
		return nil, false
	}
	public = &rsa.PublicKey{N: new(big.Int).SetBytes(k.N), E: int(new(big.Int).SetBytes(k.E).Int64())}
	if public.E < 3 || specs[public.Size()] == "" || public.N.BitLen() != 8*public.Size() {
		return nil, false
	}
	return public, kind == azkeys.KeyTypeRSAHSM
}

// usable returns why k may not wrap, or nil. Key Vault would let a disabled key
// wrap.
func (p *Provider) usable(k *current) error {
	no := func(class hsm.Class, text, code string) error {
		return p.client.fail(class, "GetKey", errors.New(text), verdicts[code].hint)
	}
	now := time.Now()
	switch {
	case !k.enabled:
		return no(hsm.Denied, "the key's current version is disabled", "KeyDisabled")
	case k.notBefore.After(now):
		return no(hsm.Denied, "the key's current version is not yet valid", "KeyNotYetValid")
	case !k.expires.IsZero() && !k.expires.After(now):
		return no(hsm.Denied, "the key's current version has expired", "KeyExpired")
	case !k.unwraps:
		return no(hsm.Misconfigured, "the key may not unwrap", "KeyOperationForbidden")
	case k.exportable:
		return p.client.fail(hsm.Misconfigured, "GetKey", errors.New("the key is exportable: it may leave the vault"), "make a key that is not, and re-wrap")
	}
	return nil
}

// wrap encrypts key with Azure's RSA-OAEP-256.
func (k *current) wrap(key []byte, ec hsm.EncryptionContext) ([]byte, error) {
	ciphertext, err := rsaLabel.Wrap(k.public, key, ec)
	if err != nil {
		return nil, err
	}
	return append(append([]byte{form1}, k.version[:]...), ciphertext...), nil
}

// unpack returns the version that unwraps, and the ciphertext.
func unpack(wrapped []byte) (version [versionSize]byte, ciphertext []byte, ok bool) {
	n := len(wrapped) - 1 - versionSize
	if n < 0 || specs[n] == "" || wrapped[0] != form1 {
		return version, nil, false
	}
	return [versionSize]byte(wrapped[1:]), wrapped[1+versionSize:], true
}
