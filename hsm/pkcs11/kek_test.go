//go:build cgo && !windows

package pkcs11

import (
	"bytes"
	"context"
	"crypto/aes"
	"crypto/cipher"
	"encoding/hex"
	"io"
	"os"
	"path/filepath"
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

// Records made today open for ever: the form, the label and the context encoding
// are pinned by AES-GCM of the standard library over a KEK known to the test.
func TestFormIsPermanent(t *testing.T) {
	d := newToken(t)
	kek := bytes.Repeat([]byte{7}, 32)
	d.imported("known", kek)
	p := open(t, d.uri("known"))
	ec := newContext(t, "service", "customers", "b", "2")
	aad := "sealmesh/v1/pkcs11/aes-gcm" + "\x00\x01b\x00\x012" + "\x00\x07service\x00\x09customers"

	// A golden record, and the same made here.
	for form, size := range map[byte]int{1: 12, 3: 16} {
		iv, key := bytes.Repeat([]byte{9}, size), bytes.Repeat([]byte{5}, 32)
		record := append(append([]byte{form}, iv...), gcm(t, kek, size).Seal(nil, iv, key, []byte(aad))...)
		if golden := map[byte]string{1: goldenGCM12, 3: goldenGCM16}[form]; hex.EncodeToString(record) != golden {
			t.Fatalf("form %d: the test itself changed: %x", form, record)
		}
		secret, err := p.UnwrapDataKey(t.Context(), record, ec)
		if err != nil {
			t.Fatalf("form %d: %v", form, err)
		}
		secret.Expose(func(b []byte) {
			if !bytes.Equal(b, key) {
				t.Errorf("form %d: another key", form)
			}
		})
	}

	_, record, err := p.GenerateDataKey(t.Context(), ec)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := gcm(t, kek, 12).Open(nil, record[1:13], record[13:], []byte(aad)); err != nil || record[0] != 1 || len(record) != 61 {
		t.Errorf("a new record is not what the package documents: form %d, %d bytes, %v", record[0], len(record), err)
	}
}

func gcm(t *testing.T, key []byte, iv int) cipher.AEAD {
	t.Helper()
	block, err := aes.NewCipher(key)
	if err != nil {
		t.Fatal(err)
	}
	aead, err := cipher.NewGCMWithNonceSize(block, iv)
	if err != nil {
		t.Fatal(err)
	}
	return aead
}

// Every way to mistake one vendor for another must end in a refusal.
func TestWrongProfileIsRefused(t *testing.T) {
	for _, tt := range []struct {
		device, profile string
		class           hsm.Class
		say             string
	}{
		// SoftHSM takes the zero IV that CloudHSM replaces, and says nothing.
		{"plain", "cloudhsm", hsm.Misconfigured, "IVs might repeat"},
		{"cloudhsm", "softhsm", hsm.Unsupported, "x-profile"},
		{"cloudhsm", "luna", hsm.Unsupported, "x-profile"},
		{"luna", "softhsm", hsm.Misconfigured, "IVs might repeat"},
		{"luna", "cloudhsm", hsm.Misconfigured, "IVs might repeat"},
	} {
		t.Run(tt.device+" as "+tt.profile, func(t *testing.T) {
			d := newShim(t, tt.device)
			d.kek("kek")
			d.profile = tt.profile
			refused(t, d.uri("kek"), tt.class, tt.say)
		})
	}
	t.Run("luna outside FIPS mode", func(t *testing.T) {
		d := newShim(t, "plain") // which uses the IV it is given
		d.kek("kek")
		d.profile = "luna"
		open(t, d.uri("kek"))
	})
}

func TestWrongPINIsTriedOnce(t *testing.T) {
	d := newShim(t, "plain")
	d.kek("kek")
	pin := filepath.Join(filepath.Dir(d.module), "pin")
	write(t, pin, "wrong-pin-99")
	before := d.calls("C_Login")
	for range 4 {
		refused(t, d.uri("kek"), hsm.Misconfigured, "CKR_PIN_INCORRECT", "pin-source")
	}
	if n := d.calls("C_Login") - before; n != 1 {
		t.Errorf("a wrong PIN was tried %d times: tokens lock", n)
	}
	write(t, pin, userPIN+"\n")
	open(t, d.uri("kek"))

	write(t, pin, "")
	refused(t, d.uri("kek"), hsm.Misconfigured, "empty")
	if err := os.Remove(pin); err != nil {
		t.Fatal(err)
	}
	refused(t, d.uri("kek"), hsm.Misconfigured, "readable")
}

func TestPINFromEnvironment(t *testing.T) {
	d := newToken(t)
	d.kek("kek")
	d.query = "&pin-source=env:SEALMESH_TEST_PIN"
	refused(t, d.uri("kek"), hsm.Misconfigured, "environment variable")
	t.Setenv("SEALMESH_TEST_PIN", userPIN)
	open(t, d.uri("kek"))
}

func TestDeletedKEKIsDenied(t *testing.T) {
	d := newShim(t, "plain")
	p := d.kek("kek")(t)
	w := newWrapped(t, p)
	d.on(func(c *p11.Ctx, s p11.SessionHandle) error {
		found := find(t, c, s, "kek")
		return c.DestroyObject(s, found)
	})
	resets := d.calls("C_Finalize")
	if err := w.open(t.Context(), p); hsm.ClassOf(err) != hsm.Denied {
		t.Errorf("got %v, want denied: the KEK is gone", err)
	}
	if d.calls("C_Finalize") != resets {
		t.Error("a deleted KEK reset the module for every other")
	}
}

func TestRevocationIsDenied(t *testing.T) {
	d := newShim(t, "plain")
	p := d.kek("kek")(t)
	w := newWrapped(t, p)
	for code, name := range map[string]string{"0x68": "CKR_KEY_FUNCTION_NOT_PERMITTED", "0x1B": "CKR_ACTION_PROHIBITED", "0xA4": "CKR_PIN_LOCKED"} {
		d.fail("fail C_DecryptInit " + code + " ever")
		err := w.open(context.Background(), p)
		if hsm.ClassOf(err) != hsm.Denied || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

const (
	goldenGCM12 = "0109090909090909090909090922808191bbf5c464a567ce3de3efa6dad1b566f631ebf2c56aab43a3d071047f869b049e4ddb8a3b92731f6e2c155bd5"
	goldenGCM16 = "0309090909090909090909090909090909c78f88306a733172523d4cbcb6272b69d953b3cbd335380dda1d34c09a59d9997749cf6cd2fa5bd76dd2555facbaa631"
)
