package transit

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/sealmesh/sealmesh/hsm"
	"github.com/sealmesh/sealmesh/hsm/rest"
)

// A verdict is what one of Vault's answers means to sealmesh: that of a status
// whose messages hold phrase.
type verdict struct {
	status int
	phrase string
	class  hsm.Class
	hint   string // what an operator does next
}

const (
	hintPermission = "give the token a policy with update on this path, in this namespace; Vault's audit log has the request"
	hintToken      = "the token is unknown, expired or revoked: renew it, or log in by auth"
	hintRetry      = "nothing to do if it passes; otherwise see the server's own log"
	hintVersion    = "records wrapped by that version must be wrapped again, or the key's min_decryption_version lowered"
	hintType       = "use a key of type aes256-gcm96 or chacha20-poly1305 that is not derived"
	hintMount      = "check the mount, the namespace and the server's version"
)

// verdicts are looked up in order; what Vault says is repeated only as the
// phrase that was recognised, since a message might hold what was sent. The
// phrases are those of Vault 1.21 and of OpenBao 2 (keysutil, transit, logical).
var verdicts = []verdict{
	// Of the wrap.
	{400, "message authentication failed", hsm.Corrupt, hsm.HintCorrupt},
	{400, "invalid ciphertext", hsm.Corrupt, hsm.HintCorrupt},
	{400, "disallowed by policy (too old)", hsm.Misconfigured, hintVersion},
	{400, "no such key version", hsm.Misconfigured, "the version was trimmed: what it wrapped is gone, unless the key is restored from a backup"},

	// Of the key.
	{400, "encryption key not found", hsm.Denied, "the key was deleted: restore it from a backup, unless it was deleted to revoke it"},
	{400, "soft deleted", hsm.Denied, "the key was soft-deleted: restore it, unless it was deleted to revoke it"},
	{400, "not supported for key type", hsm.Unsupported, hintType},
	{400, "non-AEAD cipher suite", hsm.Unsupported, hintType},
	{400, "key derivation", hsm.Misconfigured, hintType},

	// Of logins.
	{400, "invalid role or secret ID", hsm.Denied, "issue a new secret id for the role"},
	{400, "invalid role ID", hsm.Denied, "check role=, and that the AppRole exists"},
	{400, "invalid secret id", hsm.Denied, "issue a new secret id for the role"},
	{400, "invalid role name", hsm.Misconfigured, "check role=, and that the method knows it"},
	{400, "missing client token", hsm.Denied, hintToken},

	// Of the request and the server.
	{400, "", hsm.Misconfigured, "Vault refused the request itself: check the key's URI, and the server's version"},
	{401, "", hsm.Denied, hintToken},
	{403, "invalid token", hsm.Denied, hintToken},
	{403, "permission denied", hsm.Denied, hintPermission},
	{403, "service account name not authorized", hsm.Denied, "bind the service account to the role"},
	{403, "namespace not authorized", hsm.Denied, "bind the service account's namespace to the role"},
	{403, "", hsm.Denied, hintPermission},
	{404, "no handler for route", hsm.Misconfigured, "no engine is mounted there; " + hintMount},
	{404, "", hsm.Misconfigured, hintMount},
	{405, "", hsm.Misconfigured, hintMount},
	{412, "", hsm.Unavailable, "the node has not caught up; it passes"},
	{413, "", hsm.Misconfigured, "the key context is larger than the server's max_request_size"},
	{429, "lease count quota", hsm.Unavailable, "the server's lease count quota is used up"},
	{429, "", hsm.Unavailable, "the server's rate limit quota is used up; raise it, or the keys' soft bounds"},
	{503, "sealed", hsm.Unavailable, "unseal the server"},
	{503, "API access to this namespace has been locked", hsm.Denied, "unlock the namespace, unless it was locked to revoke it"},
}

// classify reads an answer that is not 200. It never repeats its text.
func (c *client) classify(operation string, status int, text []byte) *hsm.Error {
	var body struct {
		Errors []string `json:"errors"`
	}
	readable := json.Unmarshal(text, &body) == nil
	v := verdictOn(status, strings.Join(body.Errors, "\n"))
	failed := &hsm.Error{Class: v.class, Provider: Kind, Operation: operation, KeyID: c.keyID, Code: fmt.Sprintf("HTTP %d", status), Hint: v.hint}
	switch {
	case v.phrase != "":
		failed.Err = errors.New(v.phrase)
	case !readable:
		failed.Err = errors.New("the answer is not one of Vault's")
	}
	// Somebody else's 4xx, such as a proxy's, says nothing of the key.
	if !readable && status < 500 && failed.Class != hsm.Unavailable {
		failed.Class, failed.Hint = hsm.Unavailable, "something between here and Vault answered in its place; check the address and the proxy settings"
	}
	return failed
}

func verdictOn(status int, messages string) verdict {
	for _, v := range verdicts {
		if v.status == status && strings.Contains(messages, v.phrase) {
			return v
		}
	}
	if status >= 500 {
		return verdict{status, "", hsm.Unavailable, hintRetry}
	}
	return verdict{status, "", hsm.Misconfigured, "check the address: a Vault server does not answer so"}
}

// classifyTransport is for what never became an answer. Its texts name hosts and
// files, and nothing that was sent.
func (c *client) classifyTransport(ctx context.Context, operation string, err error) *hsm.Error {
	cause, hint := rest.Unanswered(ctx, err,
		"see whether the server is overloaded, or raise timeout=",
		"check the network path to Vault: address, DNS, firewall, CA (ca-file), client certificate")
	return &hsm.Error{Class: hsm.Unavailable, Provider: Kind, Operation: operation, KeyID: c.keyID, Err: cause, Hint: hint}
}

// denied reports whether err says so.
func denied(err error) bool {
	return err != nil && hsm.ClassOf(err) == hsm.Denied
}
