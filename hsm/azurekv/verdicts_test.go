package azurekv

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sealmesh/sealmesh/hsm"
	"github.com/sealmesh/sealmesh/hsm/azurekv/azurefake"
	"github.com/sealmesh/sealmesh/hsm/guard"
	"github.com/sealmesh/sealmesh/hsm/hsmtest"
)

func vaultError(t *testing.T, code, inner, message string) string {
	t.Helper()
	e := map[string]any{"code": code, "message": message}
	if inner != "" {
		e["innererror"] = map[string]string{"code": inner}
	}
	text, err := json.Marshal(map[string]any{"error": e})
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// rows is what every row of the table says, in words of its own.
var rows = map[hsm.Class][]string{
	hsm.Denied: {
		"Forbidden", "AccessDenied", "ForbiddenByPolicy", "ForbiddenByRbac", "KeyDisabled", "KeyNotYetValid", "KeyExpired", "KeyOperationForbidden",
		"KeyNotFound", "VaultNotFound", "VaultDisabled", "ObjectIsBeingDeleted", "ObjectIsDeletedButRecoverable",
	},
	hsm.Unclear: {
		"Unauthorized", "ForbiddenByConnection", "ForbiddenByFirewall", "ForbiddenByNsp", "SubscriptionDisabled", "NotFound", "ResourceNotFound",
		"ResourceGroupNotFound", "VaultAlreadyExists", "VaultNameNotValid", "RegionNotSupported", "SkuNotSupported",
	},
	hsm.Misconfigured: {"BadParameter", "BadRequest"},
	hsm.Unsupported:   {"NotSupported", "UnsupportedOperation"},
	hsm.Unavailable: {
		"ObjectIsBeingRecovered", "Conflict", "ConflictError", "Throttled", "TooManyRequests", "InternalServerError", "InternalError", "ServiceUnavailable",
		"ServerBusy", "BadGateway", "GatewayTimeout", "RequestTimeout",
	},
}

// TestVerdicts: every code, as the outer one and as the inner one; and whatever
// the code, a failing server has denied nothing.
func TestVerdicts(t *testing.T) {
	c := &client{keyID: "contoso.vault.azure.net/keys/customers"}
	seen := 0
	for class, codes := range rows {
		for _, code := range codes {
			seen++
			for _, body := range []string{vaultError(t, code, "", "canary"), vaultError(t, "Other", code, "canary")} {
				failed := c.classify("GetKey", 400, []byte(body))
				if failed.Class != class || failed.Code != code || failed.Hint == "" || strings.HasSuffix(failed.Hint, ".") || strings.Contains(failed.Error(), "canary") {
					t.Errorf("%s: %+v, want %v", code, failed, class)
				}
				for _, status := range []int{429, 500, 503} {
					if failed := c.classify("UnwrapKey", status, []byte(body)); failed.Class != hsm.Unavailable {
						t.Errorf("%s with %d: %v", code, status, failed)
					}
				}
			}
		}
	}
	if seen != len(verdicts) {
		t.Errorf("%d rows are tested, the table has %d", seen, len(verdicts))
	}
	for code := range logins400 {
		failed := c.classifyLogin("GetToken", 400, []byte(`{"error":"`+code+`","error_description":"canary"}`))
		if failed.Class != logins400[code] || failed.Code != code || failed.Hint == "" || strings.Contains(failed.Error(), "canary") {
			t.Errorf("%s: %v", code, failed)
		}
	}
	if len(logins400) != len(oauthVerdicts) {
		t.Errorf("%d login codes are tested, the table has %d", len(logins400), len(oauthVerdicts))
	}
}

// logins400 never denies: the login service is not the KMS.
var logins400 = map[string]hsm.Class{
	"invalid_client": hsm.Unclear, "invalid_grant": hsm.Unclear, "unauthorized_client": hsm.Unclear, "access_denied": hsm.Unclear, "interaction_required": hsm.Unclear,
	"consent_required": hsm.Unclear, "invalid_request": hsm.Unclear, "invalid_scope": hsm.Unclear, "invalid_resource": hsm.Unclear, "invalid_instance": hsm.Unclear,
	"unsupported_grant_type": hsm.Unclear, "not_found": hsm.Unclear, "server_error": hsm.Unavailable, "temporarily_unavailable": hsm.Unavailable,
}

// TestVerdictsElsewhere: what is in no table, and who typed it.
func TestVerdictsElsewhere(t *testing.T) {
	c := &client{keyID: "contoso.vault.azure.net/keys/customers"}
	for _, tt := range []struct {
		operation string
		status    int
		body      string
		class     hsm.Class
	}{
		{"UnwrapKey", 400, vaultError(t, "BadParameter", "", "The parameter is incorrect."), hsm.Corrupt},
		{"UnwrapKey", 403, vaultError(t, "Forbidden", "KeyDisabled", ""), hsm.Denied},
		{"UnwrapKey", 403, vaultError(t, "Forbidden", "", ""), hsm.Denied},
		{"UnwrapKey", 403, vaultError(t, "Forbidden", "SomethingNew", ""), hsm.Unclear},
		{"UnwrapKey", 403, vaultError(t, "SomethingNew", "", ""), hsm.Unclear},
		{"UnwrapKey", 409, vaultError(t, "Conflict", "ObjectIsDeletedButRecoverable", ""), hsm.Denied},
		{"UnwrapKey", 418, vaultError(t, "Teapot", "", ""), hsm.Unclear},
		{"UnwrapKey", 429, "", hsm.Unavailable},
		{"UnwrapKey", 503, "<html>", hsm.Unavailable},
		{"UnwrapKey", 401, "", hsm.Unavailable},
		{"UnwrapKey", 403, "", hsm.Unavailable},
		{"UnwrapKey", 403, "{}", hsm.Unavailable},
		{"UnwrapKey", 403, "<html>blocked by the proxy</html>", hsm.Unavailable},
		{"UnwrapKey", 404, "<html>no such page</html>", hsm.Unavailable},
		{"UnwrapKey", 407, "", hsm.Unavailable},
		{"UnwrapKey", 302, "", hsm.Unavailable},
	} {
		if failed := c.classify(tt.operation, tt.status, []byte(tt.body)); failed.Class != tt.class || failed.Hint == "" {
			t.Errorf("%d %s: %v, want %v", tt.status, tt.body, failed, tt.class)
		}
	}
}

// TestSilentErrors: a server that repeats what it was sent or knows, in any
// answer, finds no way into an error.
func TestSilentErrors(t *testing.T) {
	s := startFake(t)
	p := mustOpen(t, uri(s, "customers"))
	wrapped := hsmtest.Wrap(t, p)
	synctest.Test(t, func(t *testing.T) {
		p := inProcess(s, p)
		for _, status := range []int{200, 302, 400, 401, 403, 404, 409, 429, 500, 503} {
			for _, body := range []string{"", vaultError(t, "canary", "canary", "canary"), vaultError(t, "Forbidden", "canary", "canary"), `{"value":"canary"}`} {
				f := azurefake.Fault{Status: status, Body: body, Echo: body == "", Header: map[string]string{"X-Ms-Request-Id": "canary"}}
				s.Fail(f, f, f)
				err := hsmtest.Unwrap(t, p, wrapped)
				if err == nil {
					t.Fatalf("status %d: no error", status)
				}
				for _, canary := range []string{"canary", "eyJ", "RSA-OAEP"} {
					if strings.Contains(err.Error(), canary) {
						t.Errorf("status %d: %q holds %q", status, err, canary)
					}
				}
				s.Requests()
			}
		}
	})
}

// TestRetryBudget: three tries, little waiting, and none after an answer that
// another try cannot mend; and the caller's deadline before all.
func TestRetryBudget(t *testing.T) {
	busy := azurefake.Fault{Status: 503}
	throttled := func(after string) azurefake.Fault {
		return azurefake.Fault{Status: 429, Body: vaultError(t, "Throttled", "", ""), Header: map[string]string{"Retry-After": after}}
	}
	for name, tt := range map[string]struct {
		fault    azurefake.Fault
		deadline time.Duration
		tries    int
		within   time.Duration
		class    hsm.Class
	}{
		"busy":               {busy, time.Minute, 3, 400 * time.Millisecond, hsm.Unavailable},
		"throttled":          {throttled("1"), time.Minute, 3, 2*time.Second + time.Millisecond, hsm.Unavailable},
		"throttled for long": {throttled("60"), time.Minute, 1, time.Millisecond, hsm.Unavailable},
		"forbidden":          {azurefake.Fault{Status: 403, Body: vaultError(t, "Forbidden", "", "")}, time.Minute, 1, time.Millisecond, hsm.Denied},
		"deadline":           {throttled("1"), 700 * time.Millisecond, 1, 700 * time.Millisecond, hsm.Unavailable},
	} {
		t.Run(name, func(t *testing.T) {
			s := startFake(t)
			p := mustOpen(t, uri(s, "customers"))
			synctest.Test(t, func(t *testing.T) {
				p := inProcess(s, p)
				s.Requests()
				s.Fail(tt.fault, tt.fault, tt.fault)
				calls, start := 0, time.Now()
				ctx, cancel := context.WithTimeout(hsm.WithObserver(t.Context(), func(hsm.Call) { calls++ }), tt.deadline)
				defer cancel()
				_, _, err := p.GenerateDataKey(ctx, hsm.EncryptionContext{})
				hsmtest.WantError(t, err, tt.class)
				if took, n := time.Since(start), len(s.Requests()); n != tt.tries || calls != tt.tries || took > tt.within {
					t.Errorf("%d tries, %d calls in %v; want %d within %v", n, calls, took, tt.tries, tt.within)
				}
				if name == "deadline" && !errors.Is(err, context.DeadlineExceeded) {
					t.Errorf("%v", err)
				}
			})
		})
	}
}

// TestAnswers: what a vault must not answer.
func TestAnswers(t *testing.T) {
	s := startFake(t)
	p := mustOpen(t, uri(s, "customers"))
	key := func(change func(map[string]any)) func(map[string]any) {
		return func(out map[string]any) { change(out["key"].(map[string]any)) }
	}
	for name, tamper := range map[string]func(map[string]any){
		"another key": key(func(k map[string]any) {
			k["kid"] = "https://contoso.vault.azure.net/keys/other/" + strings.Repeat("0", 32)
		}),
		"another vault": key(func(k map[string]any) {
			k["kid"] = "https://evil.vault.azure.net/keys/customers/" + strings.Repeat("0", 32)
		}),
		"no version": key(func(k map[string]any) { k["kid"] = "https://contoso.vault.azure.net/keys/customers" }),
		"upper case": key(func(k map[string]any) {
			k["kid"] = "https://contoso.vault.azure.net/keys/customers/" + strings.Repeat("A", 32)
		}),
		"no modulus":    key(func(k map[string]any) { delete(k, "n") }),
		"exponent 1":    key(func(k map[string]any) { k["e"] = "AQ" }),
		"exponent long": key(func(k map[string]any) { k["e"] = "AQAAAAAB" }),
	} {
		s.Fail(azurefake.Fault{Tamper: tamper})
		if _, _, err := p.GenerateDataKey(t.Context(), hsm.EncryptionContext{}); err == nil || hsm.ClassOf(err) == hsm.Unavailable {
			t.Errorf("%s: %v", name, err)
		}
	}
	s.Fail(azurefake.Fault{Tamper: func(out map[string]any) { delete(out, "attributes") }})
	_, _, err := p.GenerateDataKey(t.Context(), hsm.EncryptionContext{})
	hsmtest.WantError(t, err, hsm.Unavailable, "names no key")
	wrapped := hsmtest.Wrap(t, p)
	odd := azurefake.Fault{Tamper: func(out map[string]any) { out["value"] = "*canary" }}
	s.Fail(odd, odd, odd)
	if e := hsmtest.WantError(t, hsmtest.Unwrap(t, p, wrapped), hsm.Unavailable, "not one of Azure's"); strings.Contains(e.Error(), "canary") {
		t.Errorf("%q shows the answer", e)
	}
	long := azurefake.Fault{Status: 200, Body: `{"value":"` + strings.Repeat("A", guard.MaxAnswer) + `"}`}
	s.Fail(long, long, long)
	hsmtest.WantError(t, hsmtest.Unwrap(t, p, wrapped), hsm.Unavailable, "longer")
	for _, value := range []string{"", "AAAA", strings.Repeat("A", 86)} {
		s.Fail(azurefake.Fault{Tamper: func(out map[string]any) { out["value"] = value }})
		hsmtest.WantError(t, hsmtest.Unwrap(t, p, wrapped), hsm.Corrupt, "key context")
	}
}

// TestTLS: a vault whose certificate is not trusted gets no token.
func TestTLS(t *testing.T) {
	s := startFake(t)
	asked := 0
	untrusted := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { asked++ }))
	untrusted.Config.ErrorLog = log.New(io.Discard, "", 0)
	untrusted.StartTLS()
	t.Cleanup(untrusted.Close)
	_, err := Open(t.Context(), uri(s, "customers", "endpoint", untrusted.URL))
	hsmtest.WantError(t, err, hsm.Unavailable, "certificate")
	if asked != 0 {
		t.Errorf("an untrusted vault was asked %d times", asked)
	}
}
