//go:build cgo && !windows

package pkcs11

import (
	"io"
	"strings"
	"testing"

	p11 "github.com/miekg/pkcs11"

	"github.com/sealmesh/sealmesh/hsm"
)

// refused wants Open of uri to fail as class, and to say each of say.
func refused(t *testing.T, uri string, class hsm.Class, say ...string) {
	t.Helper()
	p, _, err := Open(t.Context(), uri)
	if err == nil {
		_ = p.(io.Closer).Close()
		t.Fatal("opened")
	}
	if got := hsm.ClassOf(err); got != class {
		t.Errorf("class %v, want %v: %v", got, class, err)
	}
	for _, s := range say {
		if !strings.Contains(err.Error(), s) {
			t.Errorf("%q does not say %q", err, s)
		}
	}
}

func TestUnfitKeysAreRefused(t *testing.T) {
	d := newToken(t)
	aes256 := func(label string) attributes { return secretKey(label).with(p11.CKA_VALUE_LEN, 32) }
	for _, tt := range []struct {
		label     string
		mechanism uint
		a         attributes
		say       string
	}{
		{"extractable", p11.CKM_AES_KEY_GEN, aes256("extractable").with(p11.CKA_EXTRACTABLE, true), "CKA_EXTRACTABLE false"},
		{"readable", p11.CKM_AES_KEY_GEN, aes256("readable").with(p11.CKA_SENSITIVE, false), "CKA_SENSITIVE true"},
		{"no encrypt", p11.CKM_AES_KEY_GEN, aes256("no encrypt").with(p11.CKA_ENCRYPT, false), "CKA_ENCRYPT true"},
		{"no decrypt", p11.CKM_AES_KEY_GEN, aes256("no decrypt").with(p11.CKA_DECRYPT, false), "CKA_DECRYPT true"},
		{"aes-128", p11.CKM_AES_KEY_GEN, aes256("aes-128").with(p11.CKA_VALUE_LEN, 16), "CKA_VALUE_LEN 32"},
		{"generic", p11.CKM_GENERIC_SECRET_KEY_GEN, aes256("generic"), "CKA_KEY_TYPE CKK_AES"},
	} {
		t.Run(tt.label, func(t *testing.T) {
			d.generate(tt.mechanism, tt.a)
			refused(t, d.uri(escape([]byte(tt.label))), hsm.Misconfigured, tt.say)
		})
	}
	t.Run("short rsa", func(t *testing.T) {
		d.keyPair("short", 1024)
		refused(t, d.uri("short", "&x-mechanism=rsa-oaep-sha256"), hsm.Misconfigured, "CKA_MODULUS")
	})
}

func TestExactlyOneKey(t *testing.T) {
	d := newToken(t)
	a := secretKey("twin").with(p11.CKA_VALUE_LEN, 32)
	d.generate(p11.CKM_AES_KEY_GEN, a.with(p11.CKA_ID, []byte{1}))
	d.generate(p11.CKM_AES_KEY_GEN, a.with(p11.CKA_ID, []byte{2}))
	refused(t, d.uri("twin"), hsm.Misconfigured, "more than one key", "id")
	refused(t, d.uri("absent"), hsm.Misconfigured, "no such key")
	refused(t, strings.Replace(d.uri("twin"), "token=", "model=", 1), hsm.Misconfigured, "no token")
	refused(t, strings.Replace(d.uri("twin"), "token=", "token=x", 1), hsm.Misconfigured, "CKR_TOKEN_NOT_PRESENT")
	refused(t, strings.Replace(d.uri("twin"), "libsofthsm2.so", "pin", 1), hsm.Misconfigured, "does not name a PKCS#11 library")
	refused(t, strings.Replace(d.uri("twin"), "libsofthsm2.so", "gone.so", 1), hsm.Misconfigured, "no file")

	_, first, err := Open(t.Context(), strings.Replace(d.uri("twin"), "object=twin", "id=%01", 1))
	if err != nil {
		t.Fatal(err)
	}
	_, both, err := Open(t.Context(), strings.Replace(d.uri("twin"), "object=twin", "object=twin;id=%01", 1))
	if err != nil {
		t.Fatal(err)
	}
	if first != both || !strings.HasSuffix(first, ";id=%01;type=secret-key") {
		t.Errorf("one key has two identities, %s and %s", first, both)
	}
}

func TestCreateKEK(t *testing.T) {
	d := newToken(t)
	made, err := CreateKEK(t.Context(), d.uri("kek"))
	if err != nil {
		t.Fatal(err)
	}
	p, opened, err := Open(t.Context(), d.uri("kek"))
	if err != nil {
		t.Fatal(err)
	}
	defer p.(io.Closer).Close()
	if made != opened {
		t.Errorf("made %s, opened %s", made, opened)
	}
	got, err := p.(hsm.Describer).Describe(t.Context())
	want := hsm.Description{Kind: "pkcs11", KeyID: made, Manager: "customer", Origin: "HSM", Spec: "AES_256", State: "Enabled"}
	if err != nil || got.Origin != want.Origin || got.Spec != want.Spec || got.KeyID != want.KeyID || got.Manager != want.Manager {
		t.Errorf("got %+v, %v, want %+v", got, err, want)
	}
	for label, uri := range map[string]string{
		"same label": d.uri("kek"),
		"same id":    strings.Replace(d.uri("another"), ";object", strings.TrimSuffix(made[strings.Index(made, ";id="):], ";type=secret-key")+";object", 1),
	} {
		if _, err := CreateKEK(t.Context(), uri); hsm.ClassOf(err) != hsm.Misconfigured {
			t.Errorf("%s: made another: %v", label, err)
		}
	}
	if _, err := CreateKEK(t.Context(), d.uri("rsa", "&x-mechanism=rsa-oaep-sha256")); hsm.ClassOf(err) != hsm.Unsupported {
		t.Errorf("RSA: %v", err)
	}
	d.on(func(c *p11.Ctx, s p11.SessionHandle) error {
		inspectCreated(t, c, s)
		return nil
	})
}

// find returns the one object of that label.
func find(t *testing.T, c *p11.Ctx, s p11.SessionHandle, label string) p11.ObjectHandle {
	t.Helper()
	if err := c.FindObjectsInit(s, []*p11.Attribute{p11.NewAttribute(p11.CKA_LABEL, label)}); err != nil {
		t.Fatal(err)
	}
	found, _, err := c.FindObjects(s, 2)
	if err != nil || len(found) != 1 {
		t.Fatalf("found %d keys, %v", len(found), err)
	}
	if err := c.FindObjectsFinal(s); err != nil {
		t.Fatal(err)
	}
	return found[0]
}

// inspectCreated checks with the token itself what CreateKEK promises.
func inspectCreated(t *testing.T, c *p11.Ctx, s p11.SessionHandle) {
	key := find(t, c, s, "kek")
	for typ, want := range map[uint]bool{
		p11.CKA_TOKEN: true, p11.CKA_PRIVATE: true, p11.CKA_SENSITIVE: true, p11.CKA_ALWAYS_SENSITIVE: true,
		p11.CKA_EXTRACTABLE: false, p11.CKA_NEVER_EXTRACTABLE: true, p11.CKA_WRAP: false, p11.CKA_UNWRAP: false,
		p11.CKA_ENCRYPT: true, p11.CKA_DECRYPT: true, p11.CKA_LOCAL: true,
	} {
		got, err := c.GetAttributeValue(s, key, []*p11.Attribute{p11.NewAttribute(typ, nil)})
		if err != nil || boolean(got[0].Value) != want {
			t.Errorf("attribute 0x%X is %v, %v; want %t", typ, got, err, want)
		}
	}
	if _, err := c.GetAttributeValue(s, key, []*p11.Attribute{p11.NewAttribute(p11.CKA_VALUE, nil)}); err != p11.Error(p11.CKR_ATTRIBUTE_SENSITIVE) {
		t.Errorf("the key's value can be read: %v", err)
	}
}
