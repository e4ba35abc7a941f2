package azurekv

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/sealmesh/sealmesh/hsm"
	"github.com/sealmesh/sealmesh/hsm/guard"
)

// A verdict says what one of Azure's codes means.
type verdict struct {
	class hsm.Class
	hint  string // what an operator does next
}

const (
	hintPermission  = "grant the principal Key Vault Crypto Service Encryption User on the key, or keys/get and keys/unwrapKey; the vault's audit log has the request id"
	hintNetwork     = "let this network through the vault's firewall, or reach it by its private endpoint"
	hintRetry       = "retries may succeed; otherwise see Azure Service Health"
	hintThrottled   = "the vault's transaction limit is used up; spread keys over vaults, or raise the keys' soft TTLs (cache.soft)"
	hintBetween     = "an intermediary answered in place of Key Vault; check the proxy settings"
	hintCredentials = "give the process an Azure identity: Workload Identity, a managed identity, or a service principal's tenant, client and secret or certificate"
	hintDeleted     = "recover the key or the vault, unless it was deleted to revoke it"
	hintDisabled    = "enable the key, unless it was disabled to revoke it"
	hintName        = "check the vault's and the key's name; a key that was purged is lost"
	hintUnknown     = "look the request id up in the vault's audit log"
	hintNotOurs     = "sealmesh makes no request that gives this error; " + hintUnknown
)

// verdicts holds every error code that Key Vault documents for its keys, and
// codes that its data plane and Managed HSM were seen to give. An inner code
// takes precedence. A code that is not here is unclear.
//
// A code that reads like a refusal but may be an outage is unclear: the
// firewall's codes come if the name of a private endpoint fails, and
// Unauthorized if Entra's signing keys or this machine's clock are wrong.
var verdicts = map[string]verdict{
	"Forbidden":         {hsm.Denied, hintPermission},
	"AccessDenied":      {hsm.Denied, hintPermission},
	"ForbiddenByPolicy": {hsm.Denied, hintPermission},
	"ForbiddenByRbac":   {hsm.Denied, hintPermission},

	"KeyDisabled":                   {hsm.Denied, hintDisabled},
	"KeyNotYetValid":                {hsm.Denied, "wait for the key's activation date, or change it"},
	"KeyExpired":                    {hsm.Denied, "rotate the key, or change its expiration date"},
	"KeyOperationForbidden":         {hsm.Denied, "allow unwrapKey among the key's permitted operations"},
	"KeyNotFound":                   {hsm.Denied, hintDeleted}, // of one version it may be a forgery; see explain
	"VaultNotFound":                 {hsm.Denied, hintDeleted},
	"VaultDisabled":                 {hsm.Denied, hintDeleted},
	"ObjectIsBeingDeleted":          {hsm.Denied, hintDeleted},
	"ObjectIsDeletedButRecoverable": {hsm.Denied, hintDeleted},

	"Unauthorized":          {hsm.Unclear, "the token was not accepted: check tenant-id, that the identity exists, and this machine's clock"},
	"ForbiddenByConnection": {hsm.Unclear, hintNetwork},
	"ForbiddenByFirewall":   {hsm.Unclear, hintNetwork},
	"ForbiddenByNsp":        {hsm.Unclear, hintNetwork},
	"SubscriptionDisabled":  {hsm.Unclear, "the subscription was disabled"},
	"NotFound":              {hsm.Unclear, hintName},
	"ResourceNotFound":      {hsm.Unclear, hintName},
	"ResourceGroupNotFound": {hsm.Unclear, hintName},
	"VaultAlreadyExists":    {hsm.Unclear, hintNotOurs},
	"VaultNameNotValid":     {hsm.Unclear, hintNotOurs},
	"RegionNotSupported":    {hsm.Unclear, hintNotOurs},
	"SkuNotSupported":       {hsm.Unclear, hintNotOurs},

	// From UnwrapKey they are Corrupt: then the record is invalid.
	"BadParameter": {hsm.Misconfigured, "check the key's name and type"},
	"BadRequest":   {hsm.Misconfigured, "check the key's name and type"},

	"NotSupported":         {hsm.Unsupported, "use an RSA or RSA-HSM key"},
	"UnsupportedOperation": {hsm.Unsupported, "use an RSA or RSA-HSM key"},

	"ObjectIsBeingRecovered": {hsm.Unavailable, "the key is being recovered; wait"},
	"Conflict":               {hsm.Unavailable, hintRetry},
	"ConflictError":          {hsm.Unavailable, hintRetry},
	"Throttled":              {hsm.Unavailable, hintThrottled},
	"TooManyRequests":        {hsm.Unavailable, hintThrottled},
	"InternalServerError":    {hsm.Unavailable, hintRetry},
	"InternalError":          {hsm.Unavailable, hintRetry},
	"ServiceUnavailable":     {hsm.Unavailable, hintRetry},
	"ServerBusy":             {hsm.Unavailable, hintRetry},
	"BadGateway":             {hsm.Unavailable, hintRetry},
	"GatewayTimeout":         {hsm.Unavailable, hintRetry},
	"RequestTimeout":         {hsm.Unavailable, hintRetry},
}

// classify classifies an answer that is not 200. It repeats only codes of the
// table: other text might hold what was sent.
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
	code, named := body.Error.Inner.Code, body.Error.Code != ""
	if code == "" {
		code = body.Error.Code
	}
	v, known := verdicts[code]
	switch {
	case status >= 500 || status == 429:
		if v.class != hsm.Unavailable {
			v, known = verdict{hsm.Unavailable, hintRetry}, false
		}
	case !named:
		// Not from Azure: it says nothing about the key, not even a 403.
		v, known = verdict{hsm.Unavailable, hintBetween}, false
	case !known:
		v = verdict{hsm.Unclear, hintUnknown}
	}
	if !known {
		code = fmt.Sprintf("HTTP %d", status)
	}
	failed := c.fail(v.class, operation, nil, v.hint)
	failed.Code = code
	if operation == "UnwrapKey" && (code == "BadParameter" || code == "BadRequest") {
		failed.Class, failed.Hint = hsm.Corrupt, hsm.HintCorrupt
	}
	return failed
}

const hintCloud = "check that the identity and the vault are of one cloud"

// oauthVerdicts are the codes of OAuth (RFC 6749 §4.1.2.1 and §5.2), of Entra,
// and of the metadata services. None comes from Key Vault: after a refusal the
// KEK may still be usable, and evicting data keys would turn a fault of the
// login service into a full outage. So they are unclear at most.
var oauthVerdicts = map[string]verdict{
	"invalid_client":          {hsm.Unclear, "the secret or certificate is wrong or has expired, or the federated credential does not fit this service account"},
	"invalid_grant":           {hsm.Unclear, "the federated token was not accepted"},
	"unauthorized_client":     {hsm.Unclear, "the application is not known to the tenant: check client-id and tenant-id"},
	"access_denied":           {hsm.Unclear, "the application was denied by the tenant's policies"},
	"interaction_required":    {hsm.Unclear, "a policy of the tenant asks for a person; exempt the application"},
	"consent_required":        {hsm.Unclear, "consent to the application's use of Key Vault"},
	"invalid_request":         {hsm.Unclear, "check tenant-id and client-id, and that a managed identity is assigned to this machine"},
	"invalid_scope":           {hsm.Unclear, hintCloud},
	"invalid_resource":        {hsm.Unclear, hintCloud},
	"invalid_instance":        {hsm.Unclear, hintCloud},
	"unsupported_grant_type":  {hsm.Unclear, hintCloud},
	"not_found":               {hsm.Unclear, hintCredentials},
	"server_error":            {hsm.Unavailable, hintRetry},
	"temporarily_unavailable": {hsm.Unavailable, hintRetry},
}

func (c *client) classifyLogin(operation string, status int, text []byte) *hsm.Error {
	var body struct {
		Error string `json:"error"`
	}
	_ = json.Unmarshal(text, &body)
	failed := c.fail(hsm.Unavailable, operation, nil, hintCredentials)
	failed.Code = fmt.Sprintf("HTTP %d", status)
	v, known := oauthVerdicts[body.Error]
	switch {
	case status >= 500 || status == 429 || body.Error == "":
	case !known:
		failed.Class = hsm.Unclear
	default:
		failed.Class, failed.Code, failed.Hint = v.class, body.Error, v.hint
	}
	return failed
}

// classifyTransport classifies a request that got no answer.
func (c *client) classifyTransport(ctx context.Context, operation string, err error) *hsm.Error {
	slow, path := "see whether the vault is reachable from here, or raise timeout=", "check the network path to the vault: DNS, firewall, private endpoint, proxy settings"
	if operation == "GetToken" {
		slow, path = "see whether the login or metadata service is reachable from here, or raise timeout=", "check the network path to the login or metadata service; "+hintCredentials
	}
	cause, hint := guard.Unanswered(ctx, err, slow, path)
	return c.fail(hsm.Unavailable, operation, cause, hint)
}
