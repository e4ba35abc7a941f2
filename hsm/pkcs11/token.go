//go:build cgo && !windows

package pkcs11

import (
	"cmp"
	"context"
	"crypto/sha256"
	"errors"
	"os"
	"strings"

	p11 "github.com/miekg/pkcs11"

	"github.com/sealmesh/sealmesh/hsm"
)

// A token is the token that a URI names, in its module. Its methods call the
// device under one share of the module's gate.
type token struct {
	*module
	uri   keyURI
	keyID string // names the KEK in errors and observed calls
	seen  bool   // the KEK has been opened: what is missing now was there
}

// call makes one device call unless ctx has ended.
func (t *token) call(ctx context.Context, operation string, f func() error) error {
	if ctx.Err() != nil {
		return timeout(operation, t.keyID, ctx.Err())
	}
	return observe(ctx, operation, t.keyID, f)
}

// fail makes an error that is not from a device call.
func (t *token) fail(class hsm.Class, operation, hint string) error {
	return &hsm.Error{Class: class, Provider: Kind, Operation: operation, KeyID: t.keyID, Hint: hint}
}

// find returns the only slot that holds the token. Slot numbers change whenever
// a module is initialised, so they are never stored. A failure of one slot does
// not matter if another slot holds the token.
func (t *token) find(ctx context.Context) (slot uint, info p11.TokenInfo, err error) {
	var slots []uint
	err = t.call(ctx, "C_GetSlotList", func() (err error) {
		slots, err = t.ctx.GetSlotList(true)
		return err
	})
	if err != nil {
		return 0, info, err
	}
	found, failed := 0, error(nil)
	for _, s := range slots {
		if t.uri.hasSlot && s != t.uri.slot {
			continue
		}
		var i p11.TokenInfo
		err := t.call(ctx, "C_GetTokenInfo", func() (err error) {
			i, err = t.ctx.GetTokenInfo(s)
			return err
		})
		if returned(err, p11.CKR_TOKEN_NOT_PRESENT) || returned(err, p11.CKR_TOKEN_NOT_RECOGNIZED) {
			continue
		}
		if err != nil {
			failed = cmp.Or(failed, err)
			continue
		}
		if t.uri.matches(trim(i.Label), trim(i.SerialNumber), trim(i.ManufacturerID), trim(i.Model)) {
			slot, info = s, i
			found++
		}
	}
	switch found {
	case 0:
		return 0, info, cmp.Or(failed, t.absent())
	case 1:
		return slot, info, nil
	default:
		return 0, info, t.fail(hsm.Misconfigured, "C_GetSlotList", "more than one token matches: add serial or slot-id")
	}
}

// absent is the error if no slot holds the token: a wrong name before the token
// was seen, an outage after. Recovery is as for CKR_TOKEN_NOT_PRESENT.
func (t *token) absent() error {
	e := &hsm.Error{
		Class: hsm.Misconfigured, Provider: Kind, Operation: "C_GetSlotList", KeyID: t.keyID,
		Code: "CKR_TOKEN_NOT_PRESENT", Hint: hintToken, Err: ckRV(p11.CKR_TOKEN_NOT_PRESENT),
	}
	if t.seen {
		e.Class = hsm.Unavailable
	}
	return e
}

func (u *keyURI) matches(label, serial, manufacturer, model string) bool {
	same := func(want, have string) bool { return want == "" || want == have }
	return same(u.token, label) && same(u.serial, serial) && same(u.manufacturer, manufacturer) && same(u.model, model)
}

// trim cuts the padding of a fixed-length field: blanks, or with some vendors
// NULs.
func trim(s string) string { return strings.TrimRight(s, " \x00") }

// logIn logs the process in through session s, unless it is logged in. A PIN
// that the token refused is not tried again, since tokens lock after a few
// tries. The last try before a token locks is left to a person: a supervisor
// would spend it on the same wrong PIN. flags are the token's.
func (t *token) logIn(ctx context.Context, slot, flags uint, s p11.SessionHandle) error {
	switch {
	case flags&p11.CKF_USER_PIN_LOCKED != 0:
		return deviceError("C_Login", t.keyID, ckRV(p11.CKR_PIN_LOCKED))
	case flags&p11.CKF_USER_PIN_FINAL_TRY != 0:
		return t.lastTry()
	}
	pin, err := t.uri.pin.read()
	if err != nil {
		return err
	}
	t.login.Lock()
	defer t.login.Unlock()
	hash := sha256.Sum256([]byte(pin))
	if t.wrong[slot] == hash {
		return deviceError("C_Login", t.keyID, ckRV(p11.CKR_PIN_INCORRECT))
	}
	err = t.call(ctx, "C_Login", func() error {
		err := t.ctx.Login(s, p11.CKU_USER, pin)
		if errors.Is(err, p11.Error(p11.CKR_USER_ALREADY_LOGGED_IN)) {
			return nil
		}
		return err
	})
	if returned(err, p11.CKR_PIN_INCORRECT) {
		t.wrong[slot] = hash
	}
	return err
}

// lastTry is the error if only a person may log in now. Cached data keys of an
// open KEK stay in use: an attacker who spends the token's tries must not
// revoke it.
func (t *token) lastTry() error {
	e := &hsm.Error{
		Class: hsm.Misconfigured, Provider: Kind, Operation: "C_Login", KeyID: t.keyID, Code: "CKF_USER_PIN_FINAL_TRY",
		Hint: "one more wrong PIN locks the token: check the PIN that pin-source names, log in once by hand (pkcs11-tool --login), which gives the tries back, then start sealmesh",
	}
	if t.seen {
		e.Class = hsm.Unavailable
	}
	return e
}

// read returns the PIN. It reads the PIN for every login, so that a rotated PIN
// takes effect without a restart.
func (p pinSource) read() (string, error) {
	if p.kind == "env" {
		pin := os.Getenv(p.name)
		if pin == "" {
			return "", misconfigured("C_Login", "the environment variable that pin-source names is empty or not set")
		}
		return pin, nil
	}
	b, err := os.ReadFile(p.name)
	defer clear(b)
	pin := strings.TrimRight(string(b), "\r\n")
	switch {
	case err != nil:
		return "", &hsm.Error{
			Class: hsm.Misconfigured, Provider: Kind, Operation: "C_Login", Err: err,
			Hint: "make the file that pin-source names readable for this process",
		}
	case pin == "":
		return "", misconfigured("C_Login", "the file that pin-source names is empty")
	}
	return pin, nil
}
