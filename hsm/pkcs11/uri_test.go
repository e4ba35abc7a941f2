package pkcs11

import (
	"reflect"
	"strings"
	"testing"
)

const valid = "pkcs11:token=My%20token;object=kek?module-path=/usr/lib/hsm.so&pin-source=file:/run/pin"

func TestParseURI(t *testing.T) {
	base := keyURI{
		token: "My token", object: "kek", modulePath: "/usr/lib/hsm.so", pin: pinSource{"file", "/run/pin"},
		mechanism: mechAESGCM, sessions: DefaultSessions,
	}
	change := func(f func(*keyURI)) keyURI {
		u := base
		f(&u)
		return u
	}
	for uri, want := range map[string]keyURI{
		valid: base,
		strings.Replace(valid, "?", ";type=secret-key?", 1): base,
		strings.Replace(valid, "?", ";type=private?", 1):    change(func(u *keyURI) { u.mechanism = mechRSAOAEP }),
		valid + "&x-mechanism=rsa-oaep-sha256":              change(func(u *keyURI) { u.mechanism = mechRSAOAEP }),
		valid + "&x-sessions=64":                            change(func(u *keyURI) { u.sessions = 64 }),
		valid + "&x-profile=cloudhsm":                       change(func(u *keyURI) { u.profile = "cloudhsm" }),
		valid + "&x-init-reserved=configdir%3D'sql:/x'":     change(func(u *keyURI) { u.reserved = "configdir='sql:/x'" }),
		strings.Replace(valid, "file:/run/pin", "env:HSM_PIN", 1): change(func(u *keyURI) {
			u.pin = pinSource{"env", "HSM_PIN"}
		}),
		strings.Replace(valid, "object=kek", "id=%00%FF%3b", 1): change(func(u *keyURI) { u.object, u.id = "", []byte{0, 255, ';'} }),
		strings.Replace(valid, "token=My%20token", "slot-id=7;serial=12;manufacturer=M;model=X", 1): change(func(u *keyURI) {
			u.token, u.serial, u.manufacturer, u.model, u.slot, u.hasSlot = "", "12", "M", "X", 7, true
		}),
	} {
		got, err := parseURI(uri)
		if err != nil {
			t.Errorf("%s: %v", uri, err)
		} else if !reflect.DeepEqual(got, want) {
			t.Errorf("%s:\n got %+v\nwant %+v", uri, got, want)
		}
	}
}

func TestParseURIRefuses(t *testing.T) {
	for uri, want := range map[string]string{
		"":             "does not begin",
		"PKCS11:x":     "does not begin",
		"pkcs11:":      "no module-path",
		"pkcs11:token": "not of the form",
		"pkcs11:;":     "not of the form",
		valid + "&":    "not of the form",
		strings.Replace(valid, ";object", ";token=x;object", 1):                              `"token" appears twice`,
		strings.Replace(valid, "kek", "", 1):                                                 `"object" is empty`,
		strings.Replace(valid, "kek", "%zz", 1):                                              "bad percent-encoding",
		strings.Replace(valid, "kek", "%FF", 1):                                              "not UTF-8",
		strings.Replace(valid, "kek", "a%00b", 1):                                            "not UTF-8",
		strings.Replace(valid, "object", "objekt", 1):                                        `"objekt" is not supported`,
		strings.Replace(valid, "object", "library-version", 1):                               `"library-version" is not supported`,
		valid + "&pin-value=1234":                                                            "would put the PIN",
		valid + "&module-name=softhsm2":                                                      `"module-name" is not supported`,
		strings.Replace(valid, "/usr/lib", "lib", 1):                                         "not an absolute path",
		strings.Replace(valid, "file:/run/pin", "file:run/pin", 1):                           "neither file:",
		strings.Replace(valid, "file:/run/pin", "|/bin/askpin", 1):                           "neither file:",
		strings.Replace(valid, "file:/run/pin", "env:", 1):                                   "neither file:",
		strings.Replace(valid, "&pin-source=file:/run/pin", "", 1):                           "no pin-source",
		strings.Replace(valid, "token=My%20token;", "", 1):                                   "no token",
		strings.Replace(valid, ";object=kek", "", 1):                                         "no key",
		strings.Replace(valid, "token=", "slot-id=x;token=", 1):                              "not a decimal number",
		strings.Replace(valid, "?", ";type=cert?", 1):                                        "secret-key for an AES KEK",
		strings.Replace(valid, "?", ";type=secret-key?", 1) + "&x-mechanism=rsa-oaep-sha256": "does not go with",
		valid + "&x-mechanism=aes-kw":                                                        "use aes-gcm or",
		valid + "&x-profile=yubihsm":                                                         "use one of cloudhsm, luna, nss, softhsm",
		valid + "&x-sessions=0":                                                              "from 1 to 64",
		valid + "&x-sessions=65":                                                             "from 1 to 64",
	} {
		_, err := parseURI(uri)
		if err == nil {
			t.Errorf("%s was accepted", uri)
		} else if !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %q, want it to say %q", uri, err, want)
		}
	}
}

func TestURIErrorsHideValues(t *testing.T) {
	for _, uri := range []string{
		valid + "&pin-value=s3cret", valid + "&pin-valu=s3cret", valid + "&x-sessions=s3cret", valid + "&x-profile=s3cret",
		strings.Replace(valid, "file:/run/pin", "s3cret", 1), strings.Replace(valid, "kek", "s3cret%FF", 1), valid + "&x-mechanism=s3cret",
	} {
		if _, err := parseURI(uri); err == nil || strings.Contains(err.Error(), "s3cret") {
			t.Errorf("%s: %v", uri, err)
		}
	}
}

func TestIdentity(t *testing.T) {
	for _, tt := range []struct{ got, want string }{
		{identity("My token", "12", []byte{1, 0xfe}, "kek", "secret-key"), "pkcs11:token=My%20token;id=%01%FE;type=secret-key"},
		{identity("t", "12", nil, "a;b", "secret-key"), "pkcs11:token=t;object=a%3Bb;type=secret-key"},
		{identity("", "12", []byte("id"), "", "private"), "pkcs11:serial=12;id=id;type=private"},
	} {
		if tt.got != tt.want {
			t.Errorf("got %s, want %s", tt.got, tt.want)
		}
	}
}

// FuzzURI: what parses names one key completely, and its name for errors parses
// to the same key.
func FuzzURI(f *testing.F) {
	f.Add(valid)
	f.Add("pkcs11:slot-id=1;id=%01%3B;type=private?module-path=/m&pin-source=env:P&x-sessions=8")
	f.Fuzz(func(t *testing.T, raw string) {
		u, err := parseURI(raw)
		if err != nil {
			return
		}
		if u.object == "" && len(u.id) == 0 || u.modulePath == "" || u.pin.name == "" || u.sessions < 1 || u.sessions > MaxSessions {
			t.Fatalf("incomplete: %+v", u)
		}
		if u.token+u.serial == "" {
			return
		}
		again, err := parseURI(u.configured() + "?module-path=/m&pin-source=env:P")
		if err != nil {
			t.Fatalf("%s: %v", u.configured(), err)
		}
		if again.token != u.token || again.serial != u.serial || again.object != u.object || string(again.id) != string(u.id) || again.mechanism != u.mechanism {
			t.Fatalf("%+v became %+v", u, again)
		}
	})
}
