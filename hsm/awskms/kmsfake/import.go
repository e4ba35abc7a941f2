package kmsfake

import (
	"bytes"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"time"
)

// wrappingBits are the wrapping keys on offer.
var wrappingBits = map[string]int{"RSA_2048": 2048, "RSA_3072": 3072, "RSA_4096": 4096}

// getParametersForImport offers RSAES_OAEP_SHA_256 and no other way.
func (r *request) getParametersForImport(in struct{ KeyId, WrappingAlgorithm, WrappingKeySpec string }) (any, *Exception) {
	k, failed := r.external(in.KeyId)
	if failed != nil {
		return nil, failed
	}
	bits := wrappingBits[in.WrappingKeySpec]
	if in.WrappingAlgorithm != oaep || bits == 0 {
		return nil, exception("UnsupportedOperationException", "this fake wraps by %s under RSA", oaep)
	}
	var err error
	if k.importing, err = rsa.GenerateKey(rand.Reader, bits); err != nil {
		return nil, exception("KMSInternalException", "%v", err)
	}
	k.token = make([]byte, 64)
	rand.Read(k.token)
	der, err := x509.MarshalPKIXPublicKey(&k.importing.PublicKey)
	if err != nil {
		return nil, exception("KMSInternalException", "%v", err)
	}
	return map[string]any{
		"KeyId": k.arn(), "PublicKey": der, "ImportToken": k.token, "ParametersValidTo": time.Now().Add(24 * time.Hour).Unix(),
	}, nil
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
	if k.importing == nil || !bytes.Equal(in.ImportToken, k.token) {
		return nil, exception("InvalidImportTokenException", "")
	}
	imported, err := rsa.DecryptOAEP(sha256.New(), nil, k.importing, in.EncryptedKeyMaterial, nil)
	if err != nil || len(imported) != 32 {
		return nil, exception("InvalidCiphertextException", "")
	}
	sum := sha256.Sum256(imported)
	if k.imported != [32]byte{} && k.imported != sum {
		return nil, exception("IncorrectKeyMaterialException", "")
	}
	expires := in.ExpirationModel != "KEY_MATERIAL_DOES_NOT_EXPIRE"
	validTo := time.UnixMilli(int64(in.ValidTo * 1000))
	if expires && !validTo.After(time.Now()) {
		return nil, exception("ValidationException", "ValidTo is not in the future")
	}
	k.imported, k.aes, k.state, k.validTo, k.importing = sum, imported, Enabled, time.Time{}, nil
	if expires {
		k.validTo = validTo
	}
	return map[string]any{"KeyId": k.arn(), "KeyMaterialId": k.materialID()}, nil
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
