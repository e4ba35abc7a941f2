//go:build cgo && !windows

package pkcs11

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	p11 "github.com/miekg/pkcs11"

	"github.com/sealmesh/sealmesh/hsm"
)

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

// A supervisor that starts sealmesh with a wrong PIN again and again must not
// lock the token: one try is left for a person.
func TestLastTryIsKept(t *testing.T) {
	d := newShim(t, "plain", "tries 3")
	d.kek("kek")
	pin := filepath.Join(filepath.Dir(d.module), "pin")
	for i := range 2 { // each restart is one try, as each other wrong PIN is
		write(t, pin, fmt.Sprint("wrong-pin-", i))
		refused(t, d.uri("kek"), hsm.Misconfigured, "CKR_PIN_INCORRECT", "pin-source")
	}
	before := d.calls("C_Login")
	for _, text := range []string{"wrong-pin-3", userPIN} {
		write(t, pin, text)
		refused(t, d.uri("kek"), hsm.Misconfigured, "CKF_USER_PIN_FINAL_TRY", "by hand")
	}
	write(t, d.module+".wrong", "3")
	refused(t, d.uri("kek"), hsm.Denied, "CKR_PIN_LOCKED")
	if n := d.calls("C_Login") - before; n != 0 {
		t.Errorf("the last try was spent: %d logins", n)
	}
	write(t, d.module+".wrong", "0") // as after a person's login
	open(t, d.uri("kek"))
}

// Another slot's broken token is no trouble of the KEK's.
func TestBrokenNeighbour(t *testing.T) {
	d := newShim(t, "plain", "stranger 57005")
	open := d.kek("kek")
	open(t)
	d.token = "no-such-token"
	refused(t, d.uri("kek"), hsm.Unavailable, "CKR_DEVICE_ERROR")
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

// Under an RSA KEK the device is not needed to wrap, but a new data key is not
// made under one that is gone.
func TestDeletedRSAKEKIsDenied(t *testing.T) {
	d := newNSS(t)
	p := d.keyPair("pair", 2048)(t)
	newWrapped(t, p)
	d.on(func(c *p11.Ctx, s p11.SessionHandle) error {
		private := attributes{p11.CKA_LABEL: "pair", p11.CKA_CLASS: p11.CKO_PRIVATE_KEY}
		if err := c.FindObjectsInit(s, private.template()); err != nil {
			return err
		}
		found, _, err := c.FindObjects(s, 1)
		if err != nil || len(found) != 1 {
			t.Fatalf("found %d keys, %v", len(found), err)
		}
		return errors.Join(c.FindObjectsFinal(s), c.DestroyObject(s, found[0]))
	})
	key, wrapped, err := p.GenerateDataKey(t.Context(), newContext(t, "service", "customers"))
	if key != nil || wrapped != nil || hsm.ClassOf(err) != hsm.Denied {
		t.Errorf("got %v, want denied: the KEK is gone", err)
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
