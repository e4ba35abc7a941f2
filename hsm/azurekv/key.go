package azurekv

import (
	"context"
	"crypto/rsa"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"math/big"
	"slices"
	"strings"
	"time"

	"github.com/sealmesh/sealmesh/hsm"
)

// rsaLabel stands in wraps that exist.
const rsaLabel hsm.RSALabel = "sealmesh/azurekv/wrap/v1\x00"

const (
	form1       = 1
	versionSize = 16
)

// specs are the moduli, in bytes, that the service makes.
var specs = map[int]string{256: "RSA_2048", 384: "RSA_3072", 512: "RSA_4096"}

// bundle is the API's KeyBundle, as far as it is looked at.
type bundle struct {
	Key struct {
		ID         string   `json:"kid"`
		Type       string   `json:"kty"`
		Operations []string `json:"key_ops"`
		N          string   `json:"n"` // base64url
		E          string   `json:"e"`
	} `json:"key"`
	Attributes struct {
		Enabled    bool  `json:"enabled"`
		NotBefore  int64 `json:"nbf"` // Unix seconds, 0 where there is none
		Expires    int64 `json:"exp"`
		Exportable bool  `json:"exportable"`
	} `json:"attributes"`
}

// A current is the version of the key that wraps.
type current struct {
	bundle
	version [versionSize]byte
	public  *rsa.PublicKey
}

// current reads the key's current version, whatever state it is in.
func (p *Provider) current(ctx context.Context) (*current, error) {
	k := &current{}
	err := p.client.do(ctx, request{operation: "GetKey"}, &k.bundle)
	if err != nil {
		return nil, err
	}
	version, ok := strings.CutPrefix(k.Key.ID, "https://"+p.client.keyID+"/")
	raw, err := hex.DecodeString(version)
	if !ok || err != nil || len(raw) != versionSize || hex.EncodeToString(raw) != version {
		return nil, p.client.fail(hsm.Misconfigured, "GetKey", errors.New("the answer speaks of another key"), hintBetween)
	}
	k.version = [versionSize]byte(raw)
	n, err1 := base64.RawURLEncoding.DecodeString(k.Key.N)
	e, err2 := base64.RawURLEncoding.DecodeString(k.Key.E)
	public := &rsa.PublicKey{N: new(big.Int).SetBytes(n), E: int(new(big.Int).SetBytes(e[:min(len(e), 4)]).Int64())}
	if (k.Key.Type != "RSA" && k.Key.Type != "RSA-HSM") || err1 != nil || err2 != nil || len(e) > 4 || public.E < 3 || specs[public.Size()] == "" || public.N.BitLen() != 8*public.Size() {
		return nil, p.client.fail(hsm.Unsupported, "GetKey", errors.New("the key is not RSA or RSA-HSM with 2048, 3072 or 4096 bits"), "make one with `az keyvault key create --kty RSA-HSM --size 3072`")
	}
	k.public = public
	return k, nil
}

// usable says why k may not wrap, or nil. Key Vault would let a disabled key wrap.
func (p *Provider) usable(k *current) error {
	no := func(class hsm.Class, text, code string) error {
		return p.client.fail(class, "GetKey", errors.New(text), verdicts[code].hint)
	}
	now := time.Now().Unix()
	switch a := k.Attributes; {
	case !a.Enabled:
		return no(hsm.Denied, "the key's current version is disabled", "KeyDisabled")
	case a.NotBefore > now:
		return no(hsm.Denied, "the key's current version is not yet valid", "KeyNotYetValid")
	case a.Expires != 0 && a.Expires <= now:
		return no(hsm.Denied, "the key's current version has expired", "KeyExpired")
	case !slices.Contains(k.Key.Operations, "unwrapKey"):
		return no(hsm.Misconfigured, "the key may not unwrap", "KeyOperationForbidden")
	case a.Exportable:
		return p.client.fail(hsm.Misconfigured, "GetKey", errors.New("the key is exportable: it may leave the vault"), "make a key that is not, and re-wrap")
	}
	return nil
}

// wrap encrypts key by what Azure calls RSA-OAEP-256.
func (k *current) wrap(key []byte, ec hsm.EncryptionContext) ([]byte, error) {
	ciphertext, err := rsaLabel.Wrap(k.public, key, ec)
	if err != nil {
		return nil, err
	}
	return append(append([]byte{form1}, k.version[:]...), ciphertext...), nil
}

// unpack returns the version that unwraps, and what.
func unpack(wrapped []byte) (version [versionSize]byte, ciphertext []byte, ok bool) {
	n := len(wrapped) - 1 - versionSize
	if n < 0 || specs[n] == "" || wrapped[0] != form1 {
		return version, nil, false
	}
	return [versionSize]byte(wrapped[1:]), wrapped[1+versionSize:], true
}
