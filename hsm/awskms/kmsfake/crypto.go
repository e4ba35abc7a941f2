package kmsfake

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
)

const (
	maxPlaintext  = 4096
	maxCiphertext = 6144
	maxContext    = 8192
	oaep          = "RSAES_OAEP_SHA_256"
	rsaAESWrap    = "RSA_AES_KEY_WRAP_SHA_256"
	symmetric     = "SYMMETRIC_DEFAULT"
)

// cryptoIn is what the cryptographic operations have in common.
type cryptoIn struct {
	KeyId               string
	Plaintext           []byte
	CiphertextBlob      []byte
	EncryptionContext   map[string]string
	EncryptionAlgorithm string
	KeySpec             string
	NumberOfBytes       int
	DryRun              bool
}

// prepare finds the key and makes sure that the caller may use it, that it can
// do what is asked, and that the request is within the API's limits.
func (r *request) prepare(in cryptoIn) (*key, *Exception) {
	k, failed := r.find(in.KeyId)
	if failed != nil {
		return nil, failed
	}
	size := 0
	for name, value := range in.EncryptionContext {
		size += len(name) + len(value)
	}
	switch {
	case size > maxContext:
		return nil, exception("ValidationException", "encryption context is longer than %d bytes", maxContext)
	case len(in.Plaintext) > maxPlaintext || len(in.CiphertextBlob) > maxCiphertext:
		return nil, exception("ValidationException", "Member must have length less than or equal to the limit")
	}
	if failed := r.authorise(k, in.EncryptionContext); failed != nil {
		return nil, failed
	}
	if failed := k.usable(); failed != nil {
		return nil, failed
	}
	if k.Usage != "ENCRYPT_DECRYPT" {
		return nil, exception("InvalidKeyUsageException", "%s key usage is %s which is not valid for %s.", k.arn(), k.Usage, r.operation)
	}
	if failed := k.suits(in); failed != nil {
		return nil, failed
	}
	if in.DryRun {
		return nil, exception("DryRunOperationException", "The request would have succeeded, but the DryRun parameter was set.")
	}
	return k, nil
}

func (k *key) suits(in cryptoIn) *Exception {
	algorithm := in.EncryptionAlgorithm
	setDefault(&algorithm, symmetric)
	switch {
	case k.isRSA() != (algorithm == oaep) || !k.isRSA() && algorithm != symmetric:
		return exception("InvalidKeyUsageException", "Algorithm %s and key spec %s are incompatible.", algorithm, k.Spec)
	case k.rsa != nil && len(in.EncryptionContext) > 0:
		return exception("ValidationException", "EncryptionContext is not supported with asymmetric keys")
	}
	return nil
}

func (r *request) generateDataKey(in cryptoIn) (any, *Exception) {
	k, failed := r.prepare(in)
	if failed != nil {
		return nil, failed
	}
	size := map[string]int{"AES_256": 32, "AES_128": 16}[in.KeySpec]
	if in.KeySpec == "" {
		size = in.NumberOfBytes
	}
	if k.rsa != nil || size < 1 || size > 1024 {
		return nil, exception("ValidationException", "key spec %q, %d bytes", in.KeySpec, in.NumberOfBytes)
	}
	plaintext := make([]byte, size)
	rand.Read(plaintext)
	return map[string]any{
		"KeyId": k.arn(), "Plaintext": plaintext, "CiphertextBlob": k.seal(plaintext, in.EncryptionContext),
		"KeyMaterialId": k.materialID(),
	}, nil
}

func (r *request) generateDataKeyWithoutPlaintext(in cryptoIn) (any, *Exception) {
	out, failed := r.generateDataKey(in)
	if failed != nil {
		return nil, failed
	}
	answer, _ := out.(map[string]any)
	delete(answer, "Plaintext")
	return answer, nil
}

func (r *request) encrypt(in cryptoIn) (any, *Exception) {
	k, failed := r.prepare(in)
	if failed != nil {
		return nil, failed
	}
	if len(in.Plaintext) == 0 {
		return nil, exception("ValidationException", "Member must have length greater than or equal to 1")
	}
	if k.rsa == nil {
		return map[string]any{
			"KeyId": k.arn(), "CiphertextBlob": k.seal(in.Plaintext, in.EncryptionContext), "EncryptionAlgorithm": symmetric,
		}, nil
	}
	blob, err := rsa.EncryptOAEP(sha256.New(), rand.Reader, &k.rsa.PublicKey, in.Plaintext, nil)
	if err != nil {
		return nil, exception("ValidationException", "%v", err)
	}
	return map[string]any{"KeyId": k.arn(), "CiphertextBlob": blob, "EncryptionAlgorithm": oaep}, nil
}

func (r *request) decrypt(in cryptoIn) (any, *Exception) {
	owner := r.owner(in.CiphertextBlob)
	if in.KeyId == "" && owner != nil {
		in.KeyId = owner.arn()
	}
	if len(in.CiphertextBlob) == 0 {
		return nil, exception("ValidationException", "Member must have length greater than or equal to 1")
	}
	if in.KeyId == "" {
		return nil, exception("InvalidCiphertextException", "")
	}
	k, failed := r.prepare(in)
	if failed != nil {
		return nil, failed
	}
	plaintext, failed := k.decrypt(owner, in)
	if failed != nil {
		return nil, failed
	}
	out := map[string]any{"KeyId": k.arn(), "Plaintext": plaintext, "EncryptionAlgorithm": symmetric}
	if k.rsa != nil {
		out["EncryptionAlgorithm"] = oaep
	}
	return out, nil
}

func (k *key) decrypt(owner *key, in cryptoIn) ([]byte, *Exception) {
	switch {
	case k.rsa != nil:
		plaintext, err := rsa.DecryptOAEP(sha256.New(), nil, k.rsa, in.CiphertextBlob, nil)
		if err != nil {
			return nil, exception("InvalidCiphertextException", "")
		}
		return plaintext, nil
	case owner == nil:
		return nil, exception("InvalidCiphertextException", "")
	case owner != k:
		return nil, exception("IncorrectKeyException", "The key ID in the request does not identify a CMK that can perform this operation.")
	}
	return k.open(in.CiphertextBlob, in.EncryptionContext)
}

type reEncryptIn struct {
	CiphertextBlob               []byte
	SourceKeyId                  string
	SourceEncryptionContext      map[string]string
	DestinationKeyId             string
	DestinationEncryptionContext map[string]string
}

// reEncrypt knows symmetric keys only.
func (r *request) reEncrypt(in reEncryptIn) (any, *Exception) {
	operation := r.operation
	r.operation = "ReEncryptFrom"
	opened, failed := r.decrypt(cryptoIn{KeyId: in.SourceKeyId, CiphertextBlob: in.CiphertextBlob, EncryptionContext: in.SourceEncryptionContext})
	if failed != nil {
		return nil, failed
	}
	source, _ := opened.(map[string]any)
	plaintext, _ := source["Plaintext"].([]byte)
	r.operation = "ReEncryptTo"
	sealed, failed := r.encrypt(cryptoIn{KeyId: in.DestinationKeyId, Plaintext: plaintext, EncryptionContext: in.DestinationEncryptionContext})
	if failed != nil {
		return nil, failed
	}
	r.operation = operation
	destination, _ := sealed.(map[string]any)
	return map[string]any{
		"KeyId": destination["KeyId"], "SourceKeyId": source["KeyId"], "CiphertextBlob": destination["CiphertextBlob"],
		"SourceEncryptionAlgorithm": symmetric, "DestinationEncryptionAlgorithm": symmetric,
	}, nil
}

func (r *request) getPublicKey(in keyIn) (any, *Exception) {
	k, failed := r.find(in.KeyId)
	if failed != nil {
		return nil, failed
	}
	if failed := r.authorise(k, nil); failed != nil {
		return nil, failed
	}
	if !k.isRSA() {
		return nil, exception("UnsupportedOperationException", "")
	}
	if failed := k.usable(); failed != nil {
		return nil, failed
	}
	der, err := x509.MarshalPKIXPublicKey(&k.rsa.PublicKey)
	if err != nil {
		return nil, exception("KMSInternalException", "%v", err)
	}
	return map[string]any{
		"KeyId": k.arn(), "PublicKey": der, "KeySpec": k.Spec, "KeyUsage": k.Usage,
		"EncryptionAlgorithms": []string{"RSAES_OAEP_SHA_1", oaep},
	}, nil
}
