package awskms

import (
	"net/http"

	"github.com/sealmesh/sealmesh/hsm"
)

// A verdict says what one error code means.
type verdict struct {
	class hsm.Class
	hint  string // what an operator does next
}

const (
	hintPermission = "allow the operation for this principal in the key policy, an IAM policy or a grant, with this encryption context; CloudTrail has the request id"
	hintRetry      = "retries may succeed; otherwise see the AWS Health Dashboard of the Region"
	hintThrottled  = "the account's request quota in this Region is used up; raise it, or the keys' soft TTLs (cache.soft)"
	hintDisabled   = "enable the key, unless it was disabled to revoke it"
	hintUsage      = "use a key whose KeyUsage is ENCRYPT_DECRYPT"
	hintState      = "see the key's state with `aws kms describe-key`; where that is Enabled, see its custom key store and the external key manager behind the store's proxy"
	hintStore      = "connect the custom key store again, unless it was disconnected to stop its use: `aws kms describe-custom-key-stores` shows its state"
	hintIdentity   = "check the role's trust policy, and the identity provider that it trusts"
	hintCreds      = "renew the process's AWS credentials"
	hintLogin      = "log in to IAM Identity Center again"
	hintSignature  = "check the secret access key, and this machine's clock"
	hintRequest    = "KMS refused the request itself: check the key's URI and its encryption context"
	hintNotOurs    = "sealmesh makes no request that gives this error; check endpoint="
	hintUnlisted   = "look the code up in the AWS KMS API reference, and CloudTrail by the request id"
	hintBetween    = "an intermediary answered in place of AWS; check endpoint= and the proxy settings"
	hintAnswer     = "check endpoint= and any proxy in between"
	hintImport     = "fetch new import parameters and import the material again"
)

// verdicts holds every error code that the KMS API reference documents for the
// operations that sealmesh calls, or for all operations ("Common Errors").
// Codes of other operations are not here: such an answer is unclear, like an
// unknown one.
//
// A code is Denied only if it means that the KEK, or this principal's use of
// the KEK, is refused. A code that may also be an accident (a wrong clock,
// credentials that were not renewed) is unclear.
var verdicts = map[string]verdict{
	"AccessDeniedException": {hsm.Denied, hintPermission},
	"NotAuthorized":         {hsm.Denied, hintPermission},
	"OptInRequired":         {hsm.Denied, "enable the Region for the account"},
	"DisabledException":     {hsm.Denied, hintDisabled},
	"NotFoundException":     {hsm.Denied, "check the ARN's account, Region and id; a key whose deletion was completed is lost"},

	"KMSInvalidStateException":       {hsm.Unclear, hintState}, // the key's state decides: see explain
	"UnrecognizedClientException":    {hsm.Unclear, "the access key is unknown, deactivated or too new; " + hintCreds},
	"InvalidClientTokenId":           {hsm.Unclear, "the access key is unknown, deactivated or too new; " + hintCreds},
	"ExpiredTokenException":          {hsm.Unclear, hintCreds},
	"InvalidSignatureException":      {hsm.Unclear, hintSignature},
	"IncompleteSignature":            {hsm.Unclear, hintSignature},
	"RequestExpired":                 {hsm.Unclear, "check this machine's clock"},
	"InvalidGrantTokenException":     {hsm.Unclear, "remove grant_tokens= from the key's URI: a grant token works for minutes, the grant for good"},
	"ValidationError":                {hsm.Unclear, hintRequest},
	"ValidationException":            {hsm.Unclear, hintRequest},
	"SerializationException":         {hsm.Unclear, hintRequest},
	"MalformedHttpRequestException":  {hsm.Unclear, hintRequest},
	"RequestEntityTooLargeException": {hsm.Unclear, hintRequest},
	"UnknownOperationException":      {hsm.Unclear, hintNotOurs},
	"DryRunOperationException":       {hsm.Unclear, hintNotOurs},

	"KMSInternalException":       {hsm.Unavailable, hintRetry},
	"InternalFailure":            {hsm.Unavailable, hintRetry},
	"ServiceUnavailable":         {hsm.Unavailable, hintRetry},
	"DependencyTimeoutException": {hsm.Unavailable, hintRetry},
	"KeyUnavailableException":    {hsm.Unavailable, hintRetry},
	"RequestAbortedException":    {hsm.Unavailable, hintRetry},
	"RequestTimeoutException":    {hsm.Unavailable, hintRetry},
	"ThrottlingException":        {hsm.Unavailable, hintThrottled},

	"InvalidCiphertextException": {hsm.Corrupt, hsm.HintCorrupt},
	"IncorrectKeyException":      {hsm.Corrupt, hsm.HintCorrupt},

	"UnsupportedOperationException": {hsm.Unsupported, "use a symmetric (SYMMETRIC_DEFAULT) or RSA encryption key"},
	"InvalidKeyUsageException":      {hsm.Misconfigured, hintUsage},
	"InvalidArnException":           {hsm.Misconfigured, "write the key's full ARN"},

	"ExpiredImportTokenException":   {hsm.Misconfigured, hintImport},
	"InvalidImportTokenException":   {hsm.Misconfigured, hintImport},
	"IncorrectKeyMaterialException": {hsm.Misconfigured, "import the very material that the key had before"},
}

// An answer is the SDK's view of a response that is not a success.
type answer struct {
	code        string // "" where the response named none
	status      int    // HTTP, 0 where unknown
	requestID   string // "" where the response bore none
	credentials bool   // it came from a service that gives credentials, and KMS was not asked
}

// verdict classifies a. An answer without a code is from an intermediary,
// unless it has a request id of AWS.
func (a answer) verdict() verdict {
	table, unlisted := verdicts, hintUnlisted
	if a.credentials {
		table, unlisted = credentialVerdicts, hintCreds
	}
	v, listed := table[a.code]
	switch {
	case listed:
		return v
	case a.code == "" && a.requestID == "":
		return verdict{hsm.Unavailable, hintBetween}
	case a.status == http.StatusTooManyRequests || a.status >= http.StatusInternalServerError:
		return verdict{hsm.Unavailable, hintRetry}
	}
	return verdict{hsm.Unclear, unlisted}
}
