package azurefake

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"math/big"
	"slices"
)

// A Key says what a key is. The zero value is what `az keyvault key create`
// makes.
type Key struct {
	Type               string // RSA where empty
	Bits               int    // 2048 where zero
	Exportable         bool
	NotBefore, Expires int64    // Unix seconds
	Operations         []string // all that RSA has where nil
	RotateAfter        string   // "P90D", "" for no rotation
}

type key struct {
	Key
	versions []*version // the last is the current one
}

type version struct {
	id       string
	private  *rsa.PrivateKey
	disabled bool
}

// CreateKey makes a key, or replaces one.
func (s *Server) CreateKey(name string, k Key) {
	if k.Type == "" {
		k.Type = "RSA"
	}
	if k.Bits == 0 {
		k.Bits = 2048
	}
	if k.Operations == nil {
		k.Operations = []string{"encrypt", "decrypt", "sign", "verify", "wrapKey", "unwrapKey"}
	}
	made := &key{Key: k}
	made.rotate()
	s.do(func() { s.keys[name] = made })
}

// Rotate adds a version, which is the current one from then on.
func (s *Server) Rotate(name string) { s.do(func() { s.keys[name].rotate() }) }

// Disable disables a version. The first version is 1.
func (s *Server) Disable(name string, version int) {
	s.do(func() { s.keys[name].versions[version-1].disabled = true })
}

// Change changes what a key is.
func (s *Server) Change(name string, f func(*Key)) { s.do(func() { f(&s.keys[name].Key) }) }

// DeleteKey deletes a key; soft or hard makes no difference to who uses it.
func (s *Server) DeleteKey(name string) { s.do(func() { delete(s.keys, name) }) }

func (k *key) rotate() {
	id := make([]byte, 16)
	rand.Read(id)
	private, err := rsa.GenerateKey(rand.Reader, k.Bits)
	if err != nil {
		panic(err)
	}
	k.versions = append(k.versions, &version{id: hex.EncodeToString(id), private: private})
}

// version returns the one of that id, the current one for "", or nil.
func (k *key) version(id string) *version {
	if k == nil {
		return nil
	}
	if id == "" {
		return k.versions[len(k.versions)-1]
	}
	i := slices.IndexFunc(k.versions, func(v *version) bool { return v.id == id })
	if i < 0 {
		return nil
	}
	return k.versions[i]
}

func kid(name string, v *version) string { return "https://" + Host + "/keys/" + name + "/" + v.id }

func (k *key) bundle(name string, v *version) map[string]any {
	attributes := map[string]any{"enabled": !v.disabled, "created": 1_700_000_000, "updated": 1_700_000_000, "exportable": k.Exportable, "recoveryLevel": "Recoverable+Purgeable"}
	if k.NotBefore != 0 {
		attributes["nbf"] = k.NotBefore
	}
	if k.Expires != 0 {
		attributes["exp"] = k.Expires
	}
	public := &v.private.PublicKey
	return map[string]any{
		"key": map[string]any{
			"kid": kid(name, v), "kty": k.Type, "key_ops": k.Operations,
			"n": base64.RawURLEncoding.EncodeToString(public.N.Bytes()),
			"e": base64.RawURLEncoding.EncodeToString(big.NewInt(int64(public.E)).Bytes()),
		},
		"attributes": attributes,
	}
}

func (k *key) rotationPolicy() map[string]any {
	actions := []any{map[string]any{"trigger": map[string]any{"timeBeforeExpiry": "P30D"}, "action": map[string]any{"type": "Notify"}}}
	if k.RotateAfter != "" {
		actions = append(actions, map[string]any{"trigger": map[string]any{"timeAfterCreate": k.RotateAfter}, "action": map[string]any{"type": "Rotate"}})
	}
	return map[string]any{"lifetimeActions": actions, "attributes": map[string]any{}}
}

func (k *key) crypt(name string, v *version, operation string, text []byte) (map[string]any, *refusal) {
	var in struct{ Alg, Value string }
	err := json.Unmarshal(text, &in)
	value, err2 := base64.RawURLEncoding.DecodeString(in.Value)
	permitted := map[string]string{"wrapkey": "wrapKey", "unwrapkey": "unwrapKey"}[operation]
	switch {
	case err != nil || err2 != nil || in.Alg != "RSA-OAEP-256":
		return nil, &refusal{400, "BadParameter", "", "Property has invalid value"}
	case !slices.Contains(k.Operations, permitted):
		return nil, &refusal{403, "Forbidden", "KeyOperationForbidden", "Operation " + permitted + " is not permitted on this key."}
	case v.disabled && permitted == "unwrapKey":
		return nil, &refusal{403, "Forbidden", "KeyDisabled", "Operation unwrapKey is not allowed on a disabled key."}
	}
	var out []byte
	if permitted == "wrapKey" {
		out, err = rsa.EncryptOAEP(sha256.New(), rand.Reader, &v.private.PublicKey, value, nil)
	} else {
		out, err = rsa.DecryptOAEP(sha256.New(), nil, v.private, value, nil)
	}
	if err != nil {
		return nil, &refusal{400, "BadParameter", "", "The parameter is incorrect."}
	}
	return map[string]any{"kid": kid(name, v), "value": base64.RawURLEncoding.EncodeToString(out)}, nil
}
