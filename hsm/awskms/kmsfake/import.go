package kmsfake

import (
	"bytes"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"fmt"
	"time"
)

// wrappingBits are the wrapping keys on offer.
var wrappingBits = map[string]int{"RSA_2048": 2048, "RSA_3072": 3072, "RSA_4096": 4096}

// A wrapping is how key material is to come: one public key, one token, one
// algorithm.
type wrapping struct {
	private   *rsa.PrivateKey
	token     []byte
	algorithm string
}

// wrappingAlgorithm returns the one by which material of the key's spec
// travels: an RSA private key is too long to be encrypted under an RSA key
// itself.
func (k *key) wrappingAlgorithm() string {
	if k.isRSA() {
		return rsaAESWrap
	}
	return oaep
}

func (r *request) getParametersForImport(in struct{ KeyId, WrappingAlgorithm, WrappingKeySpec string }) (any, *Exception) {
	k, failed := r.external(in.KeyId)
	if failed != nil {
		return nil, failed
	}
	bits := wrappingBits[in.WrappingKeySpec]
	if in.WrappingAlgorithm != k.wrappingAlgorithm() || bits == 0 {
		return nil, exception("UnsupportedOperationException", "material of %s comes by %s under RSA", k.Spec, k.wrappingAlgorithm())
	}
	private, err := r.s.wrappingKey(bits)
	if err != nil {
		return nil, exception("KMSInternalException", "%v", err)
	}
	k.importing = &wrapping{private, make([]byte, 64), in.WrappingAlgorithm}
	rand.Read(k.importing.token)
	der, err := x509.MarshalPKIXPublicKey(&private.PublicKey)
	if err != nil {
		return nil, exception("KMSInternalException", "%v", err)
	}
	return map[string]any{
		"KeyId": k.arn(), "PublicKey": der, "ImportToken": k.importing.token, "ParametersValidTo": time.Now().Add(24 * time.Hour).Unix(),
	}, nil
}

func (s *Server) wrappingKey(bits int) (key *rsa.PrivateKey, err error) {
	if s.wrapper[bits] == nil {
		if key, err = rsa.GenerateKey(rand.Reader, bits); err != nil {
			return nil, err
		}
		s.wrapper[bits] = key
	}
	return s.wrapper[bits], nil
}

type importIn struct {
	KeyId                string
	ImportToken          []byte
	EncryptedKeyMaterial []byte
	ExpirationModel      string
	ValidTo              float64 // seconds since 1970
}

func (r *request) importKeyMaterial(in importIn) (any, *Exception) {
	k, failed := r.external(in.KeyId)
	if failed != nil {
		return nil, failed
	}
	if k.importing == nil || !bytes.Equal(in.ImportToken, k.importing.token) {
		return nil, exception("InvalidImportTokenException", "")
	}
	imported, err := k.importing.unwrap(in.EncryptedKeyMaterial)
	if err != nil {
		return nil, exception("InvalidCiphertextException", "")
	}
	sum := sha256.Sum256(imported)
	m, ok := k.materialOf(imported)
	if !ok || k.imported != [32]byte{} && k.imported != sum {
		return nil, exception("IncorrectKeyMaterialException", "")
	}
	expires := in.ExpirationModel != "KEY_MATERIAL_DOES_NOT_EXPIRE"
	validTo := time.UnixMilli(int64(in.ValidTo * 1000))
	if expires && !validTo.After(time.Now()) {
		return nil, exception("ValidationException", "ValidTo is not in the future")
	}
	k.imported, *k.material, k.state, k.validTo, k.importing = sum, m, Enabled, time.Time{}, nil
	if expires {
		k.validTo = validTo
	}
	return map[string]any{"KeyId": k.arn(), "KeyMaterialId": k.materialID()}, nil
}

// unwrap returns the material. RSA_AES_KEY_WRAP is PKCS #11's
// CKM_RSA_AES_KEY_WRAP: an AES key under RSA-OAEP, and behind it the material
// under that key, by RFC 5649.
func (w *wrapping) unwrap(b []byte) ([]byte, error) {
	if w.algorithm == oaep {
		return rsa.DecryptOAEP(sha256.New(), nil, w.private, b, nil)
	}
	size := w.private.Size()
	if len(b) < size {
		return nil, errUnwrap
	}
	key, err := rsa.DecryptOAEP(sha256.New(), nil, w.private, b[:size], nil)
	if err != nil {
		return nil, err
	}
	return unwrapPadded(key, b[size:])
}

// materialOf reads what was imported, and reports whether it fits the key's
// spec.
func (k *key) materialOf(b []byte) (m material, ok bool) {
	if !k.isRSA() {
		return material{aes: b}, k.Spec != symmetric || len(b) == 32
	}
	parsed, err := x509.ParsePKCS8PrivateKey(b)
	private, ok := parsed.(*rsa.PrivateKey)
	if err != nil || !ok || len(private.Primes) != 2 || fmt.Sprintf("RSA_%d", private.N.BitLen()) != k.Spec {
		return material{}, false
	}
	return material{rsa: private}, true
}

func (r *request) deleteImportedKeyMaterial(in keyIn) (any, *Exception) {
	k, failed := r.external(in.KeyId)
	if failed != nil {
		return nil, failed
	}
	k.dropMaterial()
	return map[string]any{"KeyId": k.arn()}, nil
}

func (r *request) external(id string) (*key, *Exception) {
	k, failed := r.find(id)
	if failed == nil {
		failed = r.authorise(k, nil)
	}
	switch {
	case failed != nil:
		return nil, failed
	case k.Origin != "EXTERNAL":
		return nil, exception("UnsupportedOperationException", "%s origin is %s which is not valid for this operation.", k.arn(), k.Origin)
	case k.state == PendingDeletion:
		return nil, k.usable()
	}
	return k, nil
}
