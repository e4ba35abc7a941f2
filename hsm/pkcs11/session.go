//go:build cgo && !windows

package pkcs11

import (
	"context"

	p11 "github.com/miekg/pkcs11"

	"github.com/sealmesh/sealmesh/hsm"
)

// A session is an open session, logged in, with the KEK's handle in it. What
// ends a session also ends the handle, so both are obtained together. One
// operation at a time uses it.
type session struct {
	handle p11.SessionHandle
	key    p11.ObjectHandle
	epoch  uint64
}

// openSession opens a session, logs in if necessary, and looks up the KEK.
func (t *token) openSession(ctx context.Context) (*session, error) {
	s, err := t.openLoggedIn(ctx)
	if err != nil {
		return nil, err
	}
	s.key, err = t.findKey(ctx, s.handle)
	if err != nil {
		t.closeSession(ctx, s)
		return nil, err
	}
	return s, nil
}

// openLoggedIn opens a session without looking for the KEK. It is read-write:
// CloudHSM has refused read-only ones (CKR_FUNCTION_FAILED before 5.5.0).
func (t *token) openLoggedIn(ctx context.Context) (*session, error) {
	slot, info, err := t.find(ctx)
	if err != nil {
		return nil, err
	}
	s := &session{epoch: t.epoch.Load()}
	err = t.call(ctx, "C_OpenSession", func() (err error) {
		s.handle, err = t.ctx.OpenSession(slot, p11.CKF_SERIAL_SESSION|p11.CKF_RW_SESSION)
		return err
	})
	if err != nil {
		return nil, err
	}
	if err := t.logIn(ctx, slot, info.Flags, s.handle); err != nil {
		t.closeSession(ctx, s)
		return nil, err
	}
	return s, nil
}

// closeSession closes s, even if ctx has ended. It forgets a session that the
// device does not close: if lost sessions add up to CKR_SESSION_COUNT,
// C_CloseAllSessions ends them.
func (t *token) closeSession(ctx context.Context, s *session) {
	if s == nil || s.epoch != t.epoch.Load() {
		return
	}
	ctx = context.WithoutCancel(ctx)
	_ = t.call(ctx, "C_CloseSession", func() error { return t.ctx.CloseSession(s.handle) })
}

// findKey returns the only object that is the KEK. It asks for two, to check
// that there is one.
func (t *token) findKey(ctx context.Context, s p11.SessionHandle) (p11.ObjectHandle, error) {
	found, err := t.findObjects(ctx, s, t.uri.keyTemplate())
	switch {
	case err != nil:
		return 0, err
	case len(found) == 0:
		return 0, t.gone()
	case len(found) > 1:
		return 0, t.fail(hsm.Misconfigured, "C_FindObjects", "more than one key matches: name it by id")
	}
	return found[0], nil
}

// gone is the error for a token without the key: a wrong name before the key
// was seen, a revocation after. A lost login hides keys too, so recovery is as
// for a stale handle, up to a new login.
func (t *token) gone() error {
	e := &hsm.Error{
		Class: hsm.Misconfigured, Provider: Kind, Operation: "C_FindObjects", KeyID: t.keyID, Err: ckRV(p11.CKR_OBJECT_HANDLE_INVALID),
		Hint: "the token holds no such key that this user may see: check object, id and type, and who owns the key",
	}
	if t.seen {
		e.Class = hsm.Denied
	}
	return e
}

func (u *keyURI) keyTemplate() []*p11.Attribute {
	class := uint(p11.CKO_SECRET_KEY)
	if u.mechanism == mechRSAOAEP {
		class = p11.CKO_PRIVATE_KEY
	}
	template := []*p11.Attribute{p11.NewAttribute(p11.CKA_CLASS, class)}
	if u.object != "" {
		template = append(template, p11.NewAttribute(p11.CKA_LABEL, u.object))
	}
	if len(u.id) > 0 {
		template = append(template, p11.NewAttribute(p11.CKA_ID, u.id))
	}
	return template
}

// findObjects returns at most two objects that match template. It always ends
// the search: an open search would fail the session's next search.
func (t *token) findObjects(ctx context.Context, s p11.SessionHandle, template []*p11.Attribute) (found []p11.ObjectHandle, err error) {
	err = t.call(ctx, "C_FindObjectsInit", func() error { return t.ctx.FindObjectsInit(s, template) })
	if err != nil {
		return nil, err
	}
	err = t.call(ctx, "C_FindObjects", func() (err error) {
		found, _, err = t.ctx.FindObjects(s, 2)
		return err
	})
	ctx = context.WithoutCancel(ctx)
	end := t.call(ctx, "C_FindObjectsFinal", func() error { return t.ctx.FindObjectsFinal(s) })
	if err == nil {
		err = end
	}
	return found, err
}
