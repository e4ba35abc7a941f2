package pkcs11

import (
	"encoding/hex"
	"errors"
	"fmt"
	"net/url"
	"path/filepath"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Limits of x-sessions, the number of sessions that one KEK keeps open.
const (
	DefaultSessions = 4
	MaxSessions     = 64
)

// Ways in which a KEK wraps a data key: the value of x-mechanism.
const (
	mechAESGCM  = "aes-gcm"
	mechRSAOAEP = "rsa-oaep-sha256"
)

// keyURI is a parsed PKCS#11 URI (RFC 7512) that names one KEK. Empty fields
// match anything.
type keyURI struct {
	token, serial, manufacturer, model string

	slot    uint
	hasSlot bool

	object string
	id     []byte

	modulePath string
	pin        pinSource
	mechanism  string
	profile    string // "" until detected from the library
	sessions   int
	reserved   string // pReserved of C_Initialize
}

// pinSource names where a PIN is read from, never the PIN.
type pinSource struct {
	kind string // "file" or "env"
	name string
}

// parseURI accepts the subset of RFC 7512 that can name exactly one KEK. It
// refuses what it does not know: a misspelt attribute would otherwise select
// another key. Errors name attributes and never show values, which may include
// a PIN.
func parseURI(raw string) (keyURI, error) {
	rest, ok := strings.CutPrefix(raw, "pkcs11:")
	if !ok {
		return keyURI{}, errors.New("URI does not begin with pkcs11:")
	}
	path, query, _ := strings.Cut(rest, "?")
	u := keyURI{sessions: DefaultSessions}
	var kind string
	err := eachAttribute(path, ";", func(name, value string) error {
		if name == "type" {
			kind = value
			return nil
		}
		return u.setPath(name, value)
	})
	if err != nil {
		return keyURI{}, err
	}
	if err := eachAttribute(query, "&", u.setQuery); err != nil {
		return keyURI{}, err
	}
	if err := u.settleMechanism(kind); err != nil {
		return keyURI{}, err
	}
	return u, u.complete()
}

// eachAttribute calls set for each name=value of list, decoded. A name must not
// appear twice (RFC 7512 §2.3).
func eachAttribute(list, separator string, set func(name, value string) error) error {
	if list == "" {
		return nil
	}
	seen := map[string]bool{}
	for part := range strings.SplitSeq(list, separator) {
		name, raw, ok := strings.Cut(part, "=")
		if !ok || name == "" {
			return errors.New("an attribute is not of the form name=value")
		}
		if seen[name] {
			return fmt.Errorf("attribute %q appears twice", name)
		}
		seen[name] = true
		value, err := url.PathUnescape(raw)
		if err != nil {
			return fmt.Errorf("attribute %q: bad percent-encoding", name)
		}
		if value == "" {
			return fmt.Errorf("attribute %q is empty", name)
		}
		if name != "id" && (!utf8.ValidString(value) || strings.ContainsRune(value, 0)) {
			return fmt.Errorf("attribute %q is not UTF-8 text", name)
		}
		if err := set(name, value); err != nil {
			return err
		}
	}
	return nil
}

func (u *keyURI) setPath(name, value string) error {
	switch name {
	case "token":
		u.token = value
	case "serial":
		u.serial = value
	case "manufacturer":
		u.manufacturer = value
	case "model":
		u.model = value
	case "object":
		u.object = value
	case "id":
		u.id = []byte(value)
	case "slot-id":
		n, err := strconv.ParseUint(value, 10, 32)
		if err != nil {
			return errors.New(`attribute "slot-id" is not a decimal number`)
		}
		u.slot, u.hasSlot = uint(n), true
	default:
		return fmt.Errorf("path attribute %q is not supported: use token, serial, manufacturer, model, slot-id, object, id, type", name)
	}
	return nil
}

func (u *keyURI) setQuery(name, value string) error {
	switch name {
	case "module-path":
		u.modulePath = value
		if !filepath.IsAbs(value) {
			return errors.New(`attribute "module-path" is not an absolute path`)
		}
	case "pin-source":
		return u.pin.set(value)
	case "pin-value":
		return errors.New(`attribute "pin-value" would put the PIN into the configuration: use pin-source=file:/path or pin-source=env:NAME`)
	case "x-mechanism":
		u.mechanism = value
	case "x-profile":
		if _, ok := profiles[value]; !ok {
			return fmt.Errorf("attribute %q: use one of %s", name, profileNames())
		}
		u.profile = value
	case "x-sessions":
		n, err := strconv.Atoi(value)
		if err != nil || n < 1 || n > MaxSessions {
			return fmt.Errorf("attribute %q is not a number from 1 to %d", name, MaxSessions)
		}
		u.sessions = n
	case "x-init-reserved":
		u.reserved = value
	default:
		return fmt.Errorf("query attribute %q is not supported: use module-path, pin-source, x-mechanism, x-profile, x-sessions, x-init-reserved", name)
	}
	return nil
}

func (p *pinSource) set(value string) error {
	kind, name, _ := strings.Cut(value, ":")
	switch {
	case kind == "file" && filepath.IsAbs(name), kind == "env" && name != "":
		*p = pinSource{kind, name}
		return nil
	default:
		return errors.New(`attribute "pin-source" is neither file:/absolute/path nor env:NAME`)
	}
}

// settleMechanism reconciles type= with x-mechanism=, either of which implies
// the other.
func (u *keyURI) settleMechanism(kind string) error {
	implied, ok := map[string]string{"": "", "secret-key": mechAESGCM, "private": mechRSAOAEP}[kind]
	switch {
	case !ok:
		return errors.New(`attribute "type": use secret-key for an AES KEK or private for an RSA one`)
	case u.mechanism == "" && implied == "":
		u.mechanism = mechAESGCM
	case u.mechanism == "":
		u.mechanism = implied
	case u.mechanism != mechAESGCM && u.mechanism != mechRSAOAEP:
		return fmt.Errorf(`attribute "x-mechanism": use %s or %s`, mechAESGCM, mechRSAOAEP)
	case implied != "" && implied != u.mechanism:
		return fmt.Errorf("type=%s does not go with x-mechanism=%s", kind, u.mechanism)
	}
	return nil
}

func (u *keyURI) complete() error {
	switch {
	case u.modulePath == "":
		return errors.New("no module-path: name the vendor's library, as in ?module-path=/usr/lib/softhsm/libsofthsm2.so")
	case u.pin.kind == "":
		return errors.New("no pin-source: use pin-source=file:/path or pin-source=env:NAME")
	case u.token == "" && u.serial == "" && !u.hasSlot:
		return errors.New("no token: name it by token, serial or slot-id")
	case u.object == "" && len(u.id) == 0:
		return errors.New("no key: name it by object (its label) or id")
	}
	return nil
}

// keyType is the RFC 7512 type of the KEK's object.
func (u *keyURI) keyType() string {
	if u.mechanism == mechRSAOAEP {
		return "private"
	}
	return "secret-key"
}

// configured names the KEK as the URI does, for errors before the KEK is
// resolved.
func (u *keyURI) configured() string {
	name := "pkcs11:"
	for _, a := range []struct{ name, value string }{
		{"token=", u.token}, {"serial=", u.serial}, {"object=", u.object}, {"id=", string(u.id)},
	} {
		if a.value != "" {
			name += a.name + escape([]byte(a.value)) + ";"
		}
	}
	return name + "type=" + u.keyType()
}

// identity is a name of the KEK that stays the same when its token is moved,
// cloned or restored: the token's label (or its serial, if it has none), and
// CKA_ID (or the key's label, if it has none).
func identity(tokenLabel, serial string, id []byte, label, keyType string) string {
	name := "pkcs11:token=" + escape([]byte(tokenLabel))
	if tokenLabel == "" {
		name = "pkcs11:serial=" + escape([]byte(serial))
	}
	if len(id) > 0 {
		name += ";id=" + escape(id)
	} else {
		name += ";object=" + escape([]byte(label))
	}
	return name + ";type=" + keyType
}

// escape percent-encodes all but RFC 3986's unreserved characters, so that a
// value has only one spelling.
func escape(value []byte) string {
	var b strings.Builder
	for _, c := range value {
		switch {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', strings.IndexByte("-._~", c) >= 0:
			b.WriteByte(c)
		default:
			b.WriteString("%" + strings.ToUpper(hex.EncodeToString([]byte{c})))
		}
	}
	return b.String()
}
