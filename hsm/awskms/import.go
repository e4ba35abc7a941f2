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

// materialSize is the length in bytes of the key material of a symmetric KEK.
const materialSize = 32

// NewMaterial makes key material for the KEK that uri names, for [Import]: 32
// random bytes, or an RSA private key as PKCS #8.
func NewMaterial(ctx context.Context, uri string) ([]byte, error) {
	k, err := openImport(ctx, uri)
	if err != nil {
		return nil, err
	}
	arn := k.settings.key.String()
	spec, err := specOf(ctx, k.clients[0], arn)
	if err != nil {
		return nil, err
	}
	if spec == types.KeySpecSymmetricDefault {
		b := make([]byte, materialSize)
		rand.Read(b)
		return b, nil
	}
	if modulusBytes[spec] == 0 {
		return nil, importFailed(arn, noKEK(spec))
	}
	private, err := rsa.GenerateKey(rand.Reader, 8*modulusBytes[spec])
	if err != nil {
		return nil, importFailed(arn, err)
	}
	return x509.MarshalPKCS8PrivateKey(private)
}

// Import imports key material into the KEK that uri names, in each of its
// Regions, and checks that the KEK then works. The origin of the KEK must be
// EXTERNAL. material is 32 bytes for a symmetric KEK, and an RSA private key as
// PKCS #8 in DER for an RSA KEK. It expires at that moment, or never if the
// time is zero.
//
// Material travels wrapped under an RSA_4096 key that KMS makes for it: by
// RSAES_OAEP_SHA_256, or for an RSA key by RSA_AES_KEY_WRAP_SHA_256, which AWS
// does not offer in China. Importing the same material again renews it; KMS
// refuses any other.
func Import(ctx context.Context, uri string, material []byte, expires time.Time) (*Provider, error) {
	k, err := openImport(ctx, uri)
	if err != nil {
		return nil, err
	}
	for i, name := range k.settings.regions {
		if err := importInto(ctx, k.clients[i], k.settings.key.in(name).String(), material, expires); err != nil {
			return nil, err
		}
	}
	return open(ctx, k.settings, k.http)
}

// An importing is a KEK without material. [Open] would refuse it.
type importing struct {
	settings settings
	http     aws.HTTPClient
	clients  []*kms.Client // by Region, as in settings
}

func openImport(ctx context.Context, uri string) (*importing, error) {
	s, err := parseURI(uri)
	if err != nil {
		return nil, err
	}
	if s.key.isAlias() {
		return nil, importFailed(s.key.String(), errors.New("name the key by its ARN: an alias could change hands meanwhile"))
	}
	k := &importing{settings: s, http: httpClient(s.timeout)}
	cfg, err := loadConfig(ctx, s, k.http)
	if err != nil {
		return nil, err
	}
	for _, name := range s.regions {
		c, err := newClient(cfg, s, s.key.in(name))
		if err != nil {
			return nil, err
		}
		k.clients = append(k.clients, c)
	}
	return k, nil
}

func specOf(ctx context.Context, c *kms.Client, arn string) (types.KeySpec, error) {
	out, err := c.DescribeKey(ctx, &kms.DescribeKeyInput{KeyId: aws.String(arn)})
	if err != nil {
		return "", classify(ctx, "DescribeKey", arn, err)
	}
	return out.KeyMetadata.KeySpec, nil
}

func importInto(ctx context.Context, c *kms.Client, arn string, material []byte, expires time.Time) error {
	spec, err := specOf(ctx, c, arn)
	if err != nil {
		return err
	}
	algorithm, err := algorithmFor(spec, material)
	if err != nil {
		return importFailed(arn, err)
	}
	params, err := c.GetParametersForImport(ctx, &kms.GetParametersForImportInput{
		KeyId: aws.String(arn), WrappingAlgorithm: algorithm, WrappingKeySpec: types.WrappingKeySpecRsa4096,
	})
	if err != nil {
		return classify(ctx, "GetParametersForImport", arn, err)
	}
	wrapped, err := wrapMaterial(algorithm, params.PublicKey, material)
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

// algorithmFor returns how material for a KEK of that spec travels, after
// checking that the material suits the spec. KMS takes an RSA key only by
// RSA_AES_KEY_WRAP, and symmetric material only by RSAES_OAEP.
func algorithmFor(spec types.KeySpec, material []byte) (types.AlgorithmSpec, error) {
	if spec == types.KeySpecSymmetricDefault {
		if len(material) != materialSize {
			return "", fmt.Errorf("key material of %d bytes: a symmetric KEK takes %d", len(material), materialSize)
		}
		return types.AlgorithmSpecRsaesOaepSha256, nil
	}
	bits := 8 * modulusBytes[spec]
	if bits == 0 {
		return "", noKEK(spec)
	}
	parsed, err := x509.ParsePKCS8PrivateKey(material)
	private, ok := parsed.(*rsa.PrivateKey)
	if err != nil || !ok {
		return "", fmt.Errorf("the key material is no RSA private key as PKCS #8, which a KEK of spec %s takes", spec)
	}
	if private.N.BitLen() != bits {
		return "", fmt.Errorf("an RSA key of %d bits: a KEK of spec %s takes one of %d", private.N.BitLen(), spec, bits)
	}
	return types.AlgorithmSpecRsaAesKeyWrapSha256, nil
}

func noKEK(spec types.KeySpec) error {
	return fmt.Errorf("a key of spec %s is no KEK: use SYMMETRIC_DEFAULT, RSA_2048, RSA_3072 or RSA_4096", spec)
}

func wrapMaterial(algorithm types.AlgorithmSpec, der, material []byte) ([]byte, error) {
	parsed, err := x509.ParsePKIXPublicKey(der)
	public, ok := parsed.(*rsa.PublicKey)
	if err != nil || !ok {
		return nil, errors.New("KMS's wrapping key cannot be read")
	}
	if algorithm == types.AlgorithmSpecRsaAesKeyWrapSha256 {
		return wrapRSAAES(public, material)
	}
	return rsa.EncryptOAEP(sha256.New(), rand.Reader, public, material, nil)
}

func importFailed(arn string, err error) error {
	return &hsm.Error{Class: hsm.Misconfigured, Provider: Kind, Operation: "Import", KeyID: arn, Err: err}
}
