package transit

import (
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/openbao/openbao/api/v2"

	"github.com/sealmesh/sealmesh/hsm"
)

// A verdict says what one of Vault's answers means: that of a status whose
// messages contain phrase.
type verdict struct {
	status int
	phrase string
	class  hsm.Class
	hint   string // what an operator does next
}

const (
	invalidToken    = "invalid token" // what Vault says of a token that it does not know
	lockedNamespace = "API access to this namespace has been locked"

	hintPermission = "give the token a policy with update on this path, in this namespace; Vault's audit log has the request"
	hintToken      = "the token is unknown, expired or revoked: renew it, or log in by auth"
	hintRetry      = "retries may succeed; otherwise see the server's own log"
	hintVersion    = "records wrapped by that version must be wrapped again, or the key's min_decryption_version lowered"
	hintType       = "use a key of type aes256-gcm96 or chacha20-poly1305 that is not derived"
	hintLocked     = "unlock the namespace, unless it was locked to revoke it"
	hintUpgrade    = "use Vault 1.13 or later, or OpenBao"
	hintMount      = "check the mount, the namespace and the server's version"
	hintRequest    = "Vault refused the request itself: check the key's URI, and the server's version"
	hintNode       = "the node takes no requests: wait, or correct the address"
	hintBetween    = "an intermediary answered in place of Vault; check the address and the proxy settings"
)

// verdicts are looked up in order. An error shows only the phrase that was
// found, since a message might hold what was sent. The statuses are from
// Vault's API documentation, the phrases from Vault 1.21 and OpenBao 2
// (keysutil, transit, logical).
//
// A row is Denied only if its phrase is a refusal of this key or by this
// token's policies. A status without a row is unclear below 500, and an outage
// from 500 on.
var verdicts = []verdict{
	// About the wrap.
	{400, "message authentication failed", hsm.Corrupt, hsm.HintCorrupt},
	{400, "invalid ciphertext", hsm.Corrupt, hsm.HintCorrupt},
	{400, "disallowed by policy (too old)", hsm.Misconfigured, hintVersion},
	{400, "no such key version", hsm.Misconfigured, "the version was trimmed: what it wrapped is gone, unless the key is restored from a backup"},

	// About the key.
	{400, "encryption key not found", hsm.Denied, "the key was deleted: restore it from a backup, unless it was deleted to revoke it"},
	{400, "soft deleted", hsm.Denied, "the key was soft-deleted: restore it, unless it was deleted to revoke it"},
	{400, "not supported for key type", hsm.Unsupported, hintType},
	{400, "non-AEAD cipher suite", hsm.Unsupported, hintType},
	{400, "key derivation", hsm.Misconfigured, hintType},

	// About the token. The answer is the same for a token that was revoked and for
	// one that expired because nothing renewed it.
	{400, "missing client token", hsm.Unclear, hintToken},
	{401, "", hsm.Unclear, hintToken},
	{403, invalidToken, hsm.Unclear, hintToken},
	{403, "permission denied", hsm.Denied, hintPermission},
	{403, "", hsm.Unclear, hintPermission},

	// About the request and the server.
	{400, "", hsm.Unclear, hintRequest},
	{404, "no handler for route", hsm.Unclear, "no engine is mounted there; " + hintMount},
	{404, "", hsm.Unclear, hintMount},
	{405, "", hsm.Unclear, hintMount},
	{412, "", hsm.Unavailable, "the node has not caught up; wait"},
	{413, "", hsm.Unclear, "the key context is larger than the server's max_request_size"},
	{429, "lease count quota", hsm.Unavailable, "the server's lease count quota is used up"},
	{429, "", hsm.Unavailable, "the server's rate limit quota is used up; raise it, or the keys' soft TTLs (cache.soft)"},
	{472, "", hsm.Unavailable, hintNode}, // a secondary for disaster recovery
	{473, "", hsm.Unavailable, hintNode}, // a performance standby
	{500, "", hsm.Unavailable, hintRetry},
	{501, "", hsm.Unavailable, "initialise the server"},
	{502, "", hsm.Unavailable, "the service that Vault asked for this request failed; see the server's own log"},
	{503, lockedNamespace, hsm.Denied, hintLocked},
	{503, "sealed", hsm.Unavailable, "unseal the server"},
	{503, "", hsm.Unavailable, hintRetry},
}

// loginVerdicts take precedence over [verdicts] for a login. None is Denied:
// the answer is the same for a secret that was revoked and for one that nobody
// renewed, and says nothing about the key.
var loginVerdicts = []verdict{
	{400, "invalid role or secret ID", hsm.Unclear, "issue a new secret id for the role"},
	{400, "invalid secret id", hsm.Unclear, "issue a new secret id for the role"},
	{400, "invalid role ID", hsm.Unclear, "check role=, and that the AppRole exists"},
	{400, "invalid role name", hsm.Unclear, "check role=, and that the method knows it"},
	{400, "could not be found", hsm.Unclear, "check role=, and that the method knows it"},
	{400, "error validating token", hsm.Unclear, "see whether the token in jwt-file is renewed, and whom the method trusts"},
	{400, "client certificate", hsm.Unclear, "check cert-file, and which certificates the role trusts"},
	{403, "service account name not authorized", hsm.Unclear, "bind the service account to the role"},
	{403, "namespace not authorized", hsm.Unclear, "bind the service account's namespace to the role"},
	{400, "", hsm.Unclear, "check role= and the secret's file; Vault's audit log has the request"},
	{503, lockedNamespace, hsm.Unclear, hintLocked},
	{403, "", hsm.Unclear, "check role= and the secret's file; after failed logins Vault may lock the role for minutes"},
}

// classify classifies an answer that is not 200, without repeating its text. An
// answer without a list of errors is from an intermediary and says nothing
// about the key.
func (c *client) classify(operation string, refused *api.ResponseError) answer {
	if refused.RawError || refused.Errors == nil {
		return answer{failed: c.notVaults(operation, refused.StatusCode)}
	}
	v := verdictOn(operation, refused.StatusCode, strings.Join(refused.Errors, "\n"))
	failed := &hsm.Error{
		Class: v.class, Provider: Kind, Operation: operation, KeyID: c.keyID,
		Code: fmt.Sprintf("HTTP %d", refused.StatusCode), Hint: v.hint,
	}
	if v.phrase != "" {
		failed.Err = errors.New(v.phrase)
	}
	return answer{failed: failed, invalidToken: v.phrase == invalidToken}
}

func verdictOn(operation string, status int, messages string) verdict {
	tables := [][]verdict{verdicts}
	if operation == opLogin {
		tables = [][]verdict{loginVerdicts, verdicts}
	}
	for _, table := range tables {
		for _, v := range table {
			if v.status == status && strings.Contains(messages, v.phrase) {
				return v
			}
		}
	}
	if status >= http.StatusInternalServerError {
		return verdict{status, "", hsm.Unavailable, hintRetry}
	}
	return verdict{status, "", hsm.Unclear, "check the address: a Vault server does not answer so"}
}

// forbidden reports whether err is the refusal of a request by a policy, not by
// the key.
func forbidden(err error) bool {
	e, ok := errors.AsType[*hsm.Error](err)
	return ok && e.Class == hsm.Denied && e.Code == "HTTP 403"
}
