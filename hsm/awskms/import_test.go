package awskms

import (
	"crypto/rand"
	"strings"
	"testing"
	"time"

	"github.com/sealmesh/sealmesh/hsm"
	"github.com/sealmesh/sealmesh/hsm/awskms/kmsfake"
)

func TestImport(t *testing.T) {
	isolate(t)
	s := startFake(t)
	arn := s.CreateKey(kmsfake.Key{Origin: "EXTERNAL"})
	material := make([]byte, MaterialSize)
	rand.Read(material)
	expires := time.Now().Add(48 * time.Hour).Truncate(time.Second)
	p, err := Import(t.Context(), uri(s, arn), material, expires)
	if err != nil {
		t.Fatal(err)
	}
	if d := describedBy(t, p); d.ExpiresUnix != expires.Unix() {
		t.Errorf("expires at %d, not %d", d.ExpiresUnix, expires.Unix())
	}
	key, wrapped, err := p.GenerateDataKey(t.Context(), hsm.EncryptionContext{})
	if err != nil {
		t.Fatal(err)
	}
	defer key.Destroy()
	// The same again renews it, for ever this time.
	if p, err = Import(t.Context(), uri(s, arn), material, time.Time{}); err != nil {
		t.Fatal(err)
	}
	if d := describedBy(t, p); d.ExpiresUnix != 0 {
		t.Errorf("expires at %d", d.ExpiresUnix)
	}
	if _, err := p.UnwrapDataKey(t.Context(), wrapped, hsm.EncryptionContext{}); err != nil {
		t.Error(err)
	}
	material[0] ^= 1
	if _, err := Import(t.Context(), uri(s, arn), material, time.Time{}); err == nil {
		t.Error("other material: no error")
	}
}

func TestImportRefuses(t *testing.T) {
	isolate(t)
	s := startFake(t)
	kmsMade := s.CreateKey(kmsfake.Key{})
	for name, c := range map[string]struct {
		uri      string
		material int
		want     string
	}{
		"short material": {uri(s, kmsMade), 16, "16 bytes"},
		"KMS's own key":  {uri(s, kmsMade), 32, "GetParametersForImport"},
		"alias":          {"awskms:///arn:aws:kms:eu-west-1:111122223333:alias/x?endpoint=" + s.URL(), 32, "by its ARN"},
	} {
		_, err := Import(t.Context(), c.uri, make([]byte, c.material), time.Time{})
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
