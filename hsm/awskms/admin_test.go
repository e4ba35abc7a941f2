package awskms

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"

	"github.com/sealmesh/sealmesh/hsm"
	"github.com/sealmesh/sealmesh/hsm/awskms/kmsfake"
)

// admin is an SDK client of the fake, for what operators do.
func admin(t *testing.T, s *kmsfake.Server, region string) *kms.Client {
	t.Helper()
	return adminOver(t, httpClient(hsm.DefaultTimeout), s.URL(), region)
}

func adminOver(t *testing.T, over aws.HTTPClient, endpoint, region string) *kms.Client {
	t.Helper()
	set := settings{key: keyARN{region: region}, endpoint: endpoint, timeout: hsm.DefaultTimeout}
	cfg, err := loadConfig(t.Context(), set, over)
	if err != nil {
		t.Fatal(err)
	}
	client, err := newClient(cfg, set, set.key)
	if err != nil {
		t.Fatal(err)
	}
	return client
}

func grant(t *testing.T, s *kmsfake.Server, arn, grantee string, subset map[string]string, operations ...types.GrantOperation) {
	t.Helper()
	in := &kms.CreateGrantInput{KeyId: aws.String(arn), GranteePrincipal: aws.String(grantee), Operations: operations}
	if subset != nil {
		in.Constraints = &types.GrantConstraints{EncryptionContextSubset: subset}
	}
	if _, err := admin(t, s, west).CreateGrant(t.Context(), in); err != nil {
		t.Fatal(err)
	}
}

// importMaterial gives an EXTERNAL key its material, to expire at validTo where
// that is not zero.
func importMaterial(t *testing.T, client *kms.Client, arn string, material []byte, validTo time.Time) error {
	t.Helper()
	params, err := client.GetParametersForImport(t.Context(), &kms.GetParametersForImportInput{
		KeyId: aws.String(arn), WrappingAlgorithm: types.AlgorithmSpecRsaesOaepSha256, WrappingKeySpec: types.WrappingKeySpecRsa2048,
	})
	if err != nil {
		t.Fatal(err)
	}
	parsed, err := x509.ParsePKIXPublicKey(params.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	encrypted, err := rsa.EncryptOAEP(sha256.New(), rand.Reader, parsed.(*rsa.PublicKey), material, nil)
	if err != nil {
		t.Fatal(err)
	}
	in := &kms.ImportKeyMaterialInput{
		KeyId: aws.String(arn), ImportToken: params.ImportToken, EncryptedKeyMaterial: encrypted,
		ExpirationModel: types.ExpirationModelTypeKeyMaterialDoesNotExpire,
	}
	if !validTo.IsZero() {
		in.ExpirationModel, in.ValidTo = types.ExpirationModelTypeKeyMaterialExpires, aws.Time(validTo)
	}
	_, err = client.ImportKeyMaterial(t.Context(), in)
	return err
}
