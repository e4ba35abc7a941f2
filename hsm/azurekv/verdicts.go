package azurekv

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/sealmesh/sealmesh/hsm"
	"github.com/sealmesh/sealmesh/hsm/rest"
)

// A verdict is what one of Azure's codes means to sealmesh.
type verdict struct {
	class hsm.Class
	hint  string // what an operator does next
}

const (
	hintPermission  = "grant the principal Key Vault Crypto Service Encryption User on the key, or keys/get and keys/unwrapKey; the vault's audit log has the request id"
	hintNetwork     = "let this network through the vault's firewall, or reach it by its private endpoint"
	hintRetry       = "nothing to do if it passes; otherwise see Azure Service Health"
	hintThrottled   = "the vault's transaction limit is used up; spread keys over vaults, or raise the keys' soft bounds"
	hintBetween     = "something between here and Key Vault answered in its place; check the proxy settings"
	hintCredentials = "give the process an Azure identity: Workload Identity, a managed identity, or a service principal's tenant, client and secret"
	hintDeleted     = "recover the key or the vault, unless it was deleted to revoke it"
	hintDisabled    = "enable the key, unless it was disabled to revoke it"
)

// verdicts are Key Vault's error codes, the inner one first where there is one.
var verdicts = map[string]verdict{
	"Unauthorized": {hsm.Denied, "the token was not accepted: check tenant-id, and that the identity exists"},
	"Forbidden":    {hsm.Denied, hintPermission},

	"AccessDenied":                  {hsm.Denied, hintPermission},
	"ForbiddenByPolicy":             {hsm.Denied, hintPermission},
	"ForbiddenByRbac":               {hsm.Denied, hintPermission},
	"ForbiddenByConnection":         {hsm.Denied, hintNetwork},
	"ForbiddenByFirewall":           {hsm.Denied, hintNetwork},
	"ForbiddenByNsp":                {hsm.Denied, hintNetwork},
	"KeyDisabled":                   {hsm.Denied, hintDisabled},
	"KeyNotYetValid":                {hsm.Denied, "wait for the key's activation date, or change it"},
	"KeyExpired":                    {hsm.Denied, "rotate the key, or change its expiration date"},
	"KeyOperationForbidden":         {hsm.Misconfigured, "allow unwrapKey among the key's permitted operations"},
	"VaultDisabled":                 {hsm.Denied, hintDeleted},
	"SubscriptionDisabled":          {hsm.Denied, "the subscription was disabled"},
	"ObjectIsBeingDeleted":          {hsm.Denied, hintDeleted},
	"ObjectIsDeletedButRecoverable": {hsm.Denied, hintDeleted},
	"ObjectIsBeingRecovered":        {hsm.Unavailable, "the key is being recovered; it passes"},
	"Conflict":                      {hsm.Unavailable, hintRetry},

	// Of UnwrapKey it is Corrupt, unless the key itself is gone; see explain.
	"KeyNotFound":   {hsm.Misconfigured, "check the vault's and the key's name; a key that was purged is gone for ever"},
	"VaultNotFound": {hsm.Misconfigured, "check the vault's name"},
	"NotFound":      {hsm.Misconfigured, "check the vault's and the key's name"},

	// Of UnwrapKey it is Corrupt: the record is what is not valid.
	"BadParameter": {hsm.Misconfigured, "check the key's name and type"},
	"BadRequest":   {hsm.Misconfigured, "check the key's name and type"},

	"Throttled":            {hsm.Unavailable, hintThrottled},
	"TooManyRequests":      {hsm.Unavailable, hintThrottled},
	"InternalServerError":  {hsm.Unavailable, hintRetry},
	"InternalError":        {hsm.Unavailable, hintRetry},
	"ServiceUnavailable":   {hsm.Unavailable, hintRetry},
	"ServerBusy":           {hsm.Unavailable, hintRetry},
	"BadGateway":           {hsm.Unavailable, hintRetry},
	"GatewayTimeout":       {hsm.Unavailable, hintRetry},
	"RequestTimeout":       {hsm.Unavailable, hintRetry},
	"NotSupported":         {hsm.Unsupported, "use an RSA or RSA-HSM key"},
	"UnsupportedOperation": {hsm.Unsupported, "use an RSA or RSA-HSM key"},
}

// classify reads an answer that is not 200. Of its text it repeats only codes
// from the table: a message might hold what was sent.
func (c *client) classify(operation string, status int, text []byte) *hsm.Error {
	var body struct {
		Error struct {
			Code  string `json:"code"`
			Inner struct {
				Code string `json:"code"`
			} `json:"innererror"`
		} `json:"error"`
	}
	_ = json.Unmarshal(text, &body)
	code := body.Error.Inner.Code
	if _, ok := verdicts[code]; !ok {
		code = body.Error.Code
	}
	v, known := verdicts[code]
	switch {
	case !known && status >= 500, !known && status == 429:
		v, code = verdict{hsm.Unavailable, hintRetry}, fmt.Sprintf("HTTP %d", status)
	case !known && body.Error.Code == "":
		// Not Azure's: it says nothing of the key, not even a 403.
		v, code = verdict{hsm.Unavailable, hintBetween}, fmt.Sprintf("HTTP %d", status)
	case !known && (status == 401 || status == 403):
		v, code = verdict{hsm.Denied, hintPermission}, fmt.Sprintf("HTTP %d", status)
	case !known:
		v, code = verdict{hsm.Misconfigured, "look the answer up in the vault's audit log"}, fmt.Sprintf("HTTP %d", status)
	}
	failed := c.fail(v.class, operation, nil, v.hint)
	failed.Code = code
	if operation == "UnwrapKey" && (code == "BadParameter" || code == "KeyNotFound" || code == "BadRequest") {
		failed.Class, failed.Hint = hsm.Corrupt, hsm.HintCorrupt
	}
	return failed
}

// logins are OAuth's codes (RFC 6749 §5.2) and the metadata service's that say no.
var logins = map[string]verdict{
	"invalid_client":      {hsm.Denied, "the secret is wrong or has expired, or the federated credential does not fit this service account"},
	"invalid_grant":       {hsm.Denied, "the federated token was not accepted"},
	"unauthorized_client": {hsm.Denied, "the application is not known to the tenant: check client-id and tenant-id"},
	"access_denied":       {hsm.Denied, "the application was denied by the tenant's policies"},
	"invalid_request":     {hsm.Misconfigured, "check tenant-id and client-id, and that a managed identity is assigned to this machine"},
	"invalid_scope":       {hsm.Misconfigured, "check that the vault is of the cloud that AZURE_AUTHORITY_HOST logs in to"},
	"invalid_resource":    {hsm.Misconfigured, "check that the vault is of the cloud that AZURE_AUTHORITY_HOST logs in to"},
}

func (c *client) classifyLogin(status int, text []byte) *hsm.Error {
	var body struct {
		Error string `json:"error"`
	}
	_ = json.Unmarshal(text, &body)
	failed := c.fail(hsm.Unavailable, "GetToken", nil, hintCredentials)
	failed.Code = fmt.Sprintf("HTTP %d", status)
	if v, ok := logins[body.Error]; ok && status < 500 && status != 429 {
		failed.Class, failed.Code, failed.Hint = v.class, body.Error, v.hint
	}
	return failed
}

// classifyTransport is for what never became an answer. Its texts name hosts, and
// nothing that was sent.
func (c *client) classifyTransport(ctx context.Context, operation string, err error) *hsm.Error {
	cause, hint := rest.Unanswered(ctx, err,
		"see whether the vault is reachable from here, or raise timeout=",
		"check the network path to the vault: DNS, firewall, private endpoint, proxy settings")
	return c.fail(hsm.Unavailable, operation, cause, hint)
}
