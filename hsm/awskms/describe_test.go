package awskms

import (
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kms"

	"github.com/sealmesh/sealmesh/hsm"
	"github.com/sealmesh/sealmesh/hsm/awskms/kmsfake"
)

func TestDescribe(t *testing.T) {
	isolate(t)
	s := startFake(t)
	arn := s.CreateKey(kmsfake.Key{MultiRegion: true})
	s.Replicate(arn, central)
	client := admin(t, s, west)
	if _, err := client.EnableKeyRotation(t.Context(), &kms.EnableKeyRotationInput{KeyId: aws.String(arn), RotationPeriodInDays: aws.Int32(180)}); err != nil {
		t.Fatal(err)
	}
	d := describedBy(t, mustOpen(t, uri(s, arn)))
	if d.Kind != "awskms" || d.KeyID != arn || d.Manager != "customer" || d.Origin != "AWS_KMS" || d.Spec != "SYMMETRIC_DEFAULT" ||
		d.State != "Enabled" || !d.MultiRegion || !slices.Equal(d.Regions, []string{central, west}) ||
		d.Rotation != "enabled" || d.RotationDays != 180 || !d.Expires.IsZero() {
		t.Errorf("described as %+v", d)
	}
	require := hsm.Requirement{Manager: "customer", Origin: "AWS_CLOUDHSM", MultiRegion: new(true), Regions: []string{west, "us-east-1"}, Rotation: "enabled"}
	diffs := require.Check(d, time.Now())
	if len(diffs) != 2 || diffs[0].Field != "origin" || diffs[1].Field != "regions" {
		t.Errorf("differences: %v", diffs)
	}

	d = describedBy(t, mustOpen(t, uri(s, s.CreateKey(kmsfake.Key{Spec: "RSA_2048"}))))
	if d.Spec != "RSA_2048" || d.Rotation != "disabled" || d.MultiRegion || !slices.Equal(d.Regions, []string{west}) {
		t.Errorf("an RSA key is described as %+v", d)
	}

	s.Inject(kmsfake.Fault{Operation: "GetKeyRotationStatus", Code: "AccessDeniedException"})
	if d = describedBy(t, mustOpen(t, uri(s, arn))); d.Rotation != "" || d.Spec == "" {
		t.Errorf("where rotation may not be asked for: %+v", d)
	}
}

func describedBy(t *testing.T, p *Provider) hsm.Description {
	t.Helper()
	d, err := p.Describe(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// TestImportedMaterial: a key whose material expires is revoked when it does,
// and the same material brings it back.
func TestImportedMaterial(t *testing.T) {
	isolate(t)
	s := startFake(t)
	client := admin(t, s, west)
	arn := s.CreateKey(kmsfake.Key{Origin: "EXTERNAL"})
	material := []byte("thirty-two bytes of key material")
	expires := time.Now().Add(time.Hour).Truncate(time.Second)
	if err := importMaterial(t, client, arn, material, expires); err != nil {
		t.Fatal(err)
	}
	p := mustOpen(t, uri(s, arn))
	d := describedBy(t, p)
	if d.Origin != "EXTERNAL" || d.Expires.Unix() != expires.Unix() || d.Rotation != "disabled" {
		t.Errorf("described as %+v", d)
	}
	diffs := hsm.Requirement{MinDaysToExpiry: 1}.Check(d, time.Now())
	if len(diffs) != 1 || !strings.Contains(diffs[0].Hint, "import the same key material") {
		t.Errorf("differences: %v", diffs)
	}
	_, wrapped, err := p.GenerateDataKey(t.Context(), hsm.EncryptionContext{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := client.DeleteImportedKeyMaterial(t.Context(), &kms.DeleteImportedKeyMaterialInput{KeyId: aws.String(arn)}); err != nil {
		t.Fatal(err)
	}
	_, err = p.UnwrapDataKey(t.Context(), wrapped, hsm.EncryptionContext{})
	if err == nil || hsm.ClassOf(err) != hsm.Denied || !strings.Contains(err.Error(), "import the same material again") {
		t.Errorf("without material: %v", err)
	}
	if err := importMaterial(t, client, arn, []byte("thirty-two bytes that are others"), time.Time{}); err == nil {
		t.Error("the fake took other material for an old key")
	}
	if err := importMaterial(t, client, arn, material, time.Time{}); err != nil {
		t.Fatal(err)
	}
	if _, err = p.UnwrapDataKey(t.Context(), wrapped, hsm.EncryptionContext{}); err != nil {
		t.Errorf("with its material back: %v", err)
	}
	if d = describedBy(t, p); !d.Expires.IsZero() {
		t.Errorf("material that does not expire is described as %+v", d)
	}
}

// TestMaterialExpires: at the very second, and not before.
func TestMaterialExpires(t *testing.T) {
	isolate(t)
	synctest.Test(t, func(t *testing.T) {
		s := kmsfake.New()
		arn := s.CreateKey(kmsfake.Key{Origin: "EXTERNAL"})
		client := adminOver(t, direct{s}, "http://127.0.0.1:1", west)
		if err := importMaterial(t, client, arn, []byte("thirty-two bytes of key material"), time.Now().Add(time.Hour)); err != nil {
			t.Fatal(err)
		}
		p := openDirect(t, s, arn, "")
		time.Sleep(time.Hour - time.Second)
		if _, _, err := p.GenerateDataKey(t.Context(), hsm.EncryptionContext{}); err != nil {
			t.Errorf("a second before: %v", err)
		}
		time.Sleep(time.Second)
		_, _, err := p.GenerateDataKey(t.Context(), hsm.EncryptionContext{})
		if err == nil || hsm.ClassOf(err) != hsm.Denied || !strings.Contains(err.Error(), "PendingImport") {
			t.Errorf("when it expires: %v", err)
		}
	})
}
