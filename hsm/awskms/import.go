package awskms

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"errors"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"

	"github.com/sealmesh/sealmesh/hsm"
)

// MaterialSize is the length in bytes of the key material of a symmetric KEK.
const MaterialSize = 32

// Import gives the KEK that uri names, whose origin must be EXTERNAL, its key
// material, in each of its Regions, and makes sure that it then works. The material expires at
// that moment, or never where it is zero. It travels wrapped under a public key that KMS
// makes for it (RSAES_OAEP_SHA_256, RSA_4096). To import the same material again renews it; KMS refuses any other.
func Import(ctx context.Context, uri string, material []byte, expires time.Time) (*Provider, error) {
	if len(material) != MaterialSize {
		return nil, importFailed("", fmt.Errorf("key material of %d bytes: a symmetric KEK takes %d", len(material), MaterialSize))
	}
	s, err := parseURI(uri)
	if err != nil {
		return nil, err
	}
	if s.key.isAlias() {
		return nil, importFailed(s.key.String(), errors.New("name the key by its ARN: an alias could change hands meanwhile"))
	}
	client := httpClient(s.timeout)
	cfg, err := loadConfig(ctx, s, client)
	if err != nil {
		return nil, err
	}
	for _, name := range s.regions {
		key := s.key.in(name)
		c, err := newClient(cfg, s, key)
		if err != nil {
			return nil, err
		}
		if err := importInto(ctx, c, key.String(), material, expires); err != nil {
			return nil, err
		}
	}
	return open(ctx, s, client)
}

func importInto(ctx context.Context, c *kms.Client, arn string, material []byte, expires time.Time) error {
	params, err := c.GetParametersForImport(ctx, &kms.GetParametersForImportInput{
		KeyId: aws.String(arn), WrappingAlgorithm: types.AlgorithmSpecRsaesOaepSha256, WrappingKeySpec: types.WrappingKeySpecRsa4096,
	})
	if err != nil {
		return classify(ctx, "GetParametersForImport", arn, err)
	}
	parsed, err := x509.ParsePKIXPublicKey(params.PublicKey)
	public, ok := parsed.(*rsa.PublicKey)
	if err != nil || !ok {
		return importFailed(arn, errors.New("KMS's wrapping key cannot be read"))
	}
	wrapped, err := rsa.EncryptOAEP(sha256.New(), rand.Reader, public, material, nil)
	if err != nil {
		return importFailed(arn, err)
	}
	in := &kms.ImportKeyMaterialInput{
		KeyId: aws.String(arn), ImportToken: params.ImportToken, EncryptedKeyMaterial: wrapped,
		ExpirationModel: types.ExpirationModelTypeKeyMaterialDoesNotExpire,
	}
	if !expires.IsZero() {
		in.ExpirationModel, in.ValidTo = types.ExpirationModelTypeKeyMaterialExpires, aws.Time(expires)
	}
	if _, err := c.ImportKeyMaterial(ctx, in); err != nil {
		return classify(ctx, "ImportKeyMaterial", arn, err)
	}
	return nil
}

func importFailed(arn string, err error) error {
	return &hsm.Error{Class: hsm.Misconfigured, Provider: Kind, Operation: "Import", KeyID: arn, Err: err}
}
