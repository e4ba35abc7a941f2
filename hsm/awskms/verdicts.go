package awskms

import "github.com/sealmesh/sealmesh/hsm"

// A verdict is what one of KMS's error codes means to sealmesh.
type verdict struct {
	class hsm.Class
	hint  string // what an operator does next
}

const (
	hintPermission = "allow the operation for this principal in the key policy, an IAM policy or a grant, with this encryption context; CloudTrail has the request id"
	hintRetry      = "nothing to do if it passes; otherwise see the AWS Health Dashboard of the Region"
	hintThrottled  = "the account's request quota in this Region is used up; raise it, or the keys' soft bounds"
	hintState      = "see the key's state in the KMS console or with `aws kms describe-key`"
	hintStore      = "see the custom key store with `aws kms describe-custom-key-stores`"
	hintXKS        = "see the external key store and its proxy with `aws kms describe-custom-key-stores`"
	hintIdentity   = "check the role's trust policy, and the identity provider that it trusts"
	hintCreds      = "renew the process's AWS credentials"
	hintRequest    = "KMS refused the request itself: check the key's URI and its encryption context"
	hintNotOurs    = "sealmesh does not make the request this error belongs to; check endpoint="
)

// verdicts is every error code that KMS's model and AWS's common errors define, and
// those of STS that calls meet when credentials are renewed.
// KMSInvalidStateException is the one whose meaning lies elsewhere, in the
// key's state: see stateVerdict.
var verdicts = map[string]verdict{
	// Revocations, and what was never allowed.
	"AccessDeniedException":       {hsm.Denied, hintPermission},
	"AccessDenied":                {hsm.Denied, hintPermission},
	"NotAuthorized":               {hsm.Denied, hintPermission},
	"OptInRequired":               {hsm.Denied, "enable the Region for the account"},
	"DisabledException":           {hsm.Denied, "enable the key, unless it was disabled to revoke it"},
	"KMSInvalidStateException":    {hsm.Denied, hintState},
	"UnrecognizedClientException": {hsm.Denied, "the access key is unknown or was deactivated; " + hintCreds},
	"InvalidClientTokenId":        {hsm.Denied, "the access key is unknown or was deactivated; " + hintCreds},

	// Outages. Expired credentials are one: they renew themselves, or fail
	// to because the service that renews them is out.
	"KMSInternalException":                {hsm.Unavailable, hintRetry},
	"InternalFailure":                     {hsm.Unavailable, hintRetry},
	"InternalServerError":                 {hsm.Unavailable, hintRetry},
	"ServiceUnavailable":                  {hsm.Unavailable, hintRetry},
	"ServiceUnavailableException":         {hsm.Unavailable, hintRetry},
	"DependencyTimeoutException":          {hsm.Unavailable, hintRetry},
	"KeyUnavailableException":             {hsm.Unavailable, hintRetry},
	"RequestTimeout":                      {hsm.Unavailable, hintRetry},
	"RequestTimeoutException":             {hsm.Unavailable, hintRetry},
	"ThrottlingException":                 {hsm.Unavailable, hintThrottled},
	"Throttling":                          {hsm.Unavailable, hintThrottled},
	"TooManyRequestsException":            {hsm.Unavailable, hintThrottled},
	"LimitExceededException":              {hsm.Unavailable, hintThrottled},
	"ExpiredTokenException":               {hsm.Unavailable, hintCreds},
	"ExpiredToken":                        {hsm.Unavailable, hintCreds},
	"ConflictException":                   {hsm.Unavailable, "another change to the key is under way; it passes"},
	"CustomKeyStoreInvalidStateException": {hsm.Unavailable, "connect the custom key store; " + hintStore},
	"CloudHsmClusterNotActiveException":   {hsm.Unavailable, "bring the CloudHSM cluster back to at least two active HSMs; " + hintStore},
	"XksProxyUriUnreachableException":     {hsm.Unavailable, "restore the path to the external key store proxy; " + hintXKS},
	"XksProxyInvalidResponseException":    {hsm.Unavailable, "see the external key store proxy's own log; " + hintXKS},

	// What does not open, and must not.
	"InvalidCiphertextException": {hsm.Corrupt, hsm.HintCorrupt},
	"IncorrectKeyException":      {hsm.Corrupt, hsm.HintCorrupt},

	// What the key or the back end cannot do.
	"UnsupportedOperationException": {hsm.Unsupported, "use a symmetric (SYMMETRIC_DEFAULT) or RSA encryption key"},
	"InvalidKeyUsageException":      {hsm.Misconfigured, "use a key whose KeyUsage is ENCRYPT_DECRYPT"},
	"DryRunOperationException":      {hsm.Unsupported, hintNotOurs},

	// What only a change of configuration mends.
	"NotFoundException":                {hsm.Misconfigured, "check the ARN's account, Region and id; a key whose deletion was completed is gone for ever"},
	"InvalidArnException":              {hsm.Misconfigured, "write the key's full ARN"},
	"InvalidAliasNameException":        {hsm.Misconfigured, "write the alias's full ARN"},
	"InvalidGrantTokenException":       {hsm.Misconfigured, "remove grant_tokens= from the key's URI: a grant token works for minutes, the grant for good"},
	"InvalidGrantIdException":          {hsm.Misconfigured, hintNotOurs},
	"InvalidMarkerException":           {hsm.Misconfigured, hintNotOurs},
	"ValidationException":              {hsm.Misconfigured, hintRequest},
	"ValidationError":                  {hsm.Misconfigured, hintRequest},
	"SerializationException":           {hsm.Misconfigured, hintRequest},
	"MissingAuthenticationToken":       {hsm.Misconfigured, hintCreds},
	"IncompleteSignature":              {hsm.Misconfigured, hintCreds},
	"InvalidSignatureException":        {hsm.Misconfigured, "check the secret access key, and this machine's clock"},
	"SignatureDoesNotMatch":            {hsm.Misconfigured, "check the secret access key, and this machine's clock"},
	"UnknownOperationException":        {hsm.Misconfigured, hintNotOurs},
	"AlreadyExistsException":           {hsm.Misconfigured, hintNotOurs},
	"TagException":                     {hsm.Misconfigured, hintNotOurs},
	"KMSInvalidMacException":           {hsm.Misconfigured, hintNotOurs},
	"KMSInvalidSignatureException":     {hsm.Misconfigured, hintNotOurs},
	"MalformedPolicyDocumentException": {hsm.Misconfigured, hintNotOurs},

	// STS, which gives the credentials of assumed roles.
	"IDPCommunicationError":   {hsm.Unavailable, "STS could not reach the identity provider; it passes"},
	"IDPRejectedClaim":        {hsm.Denied, hintIdentity},
	"InvalidIdentityToken":    {hsm.Denied, hintIdentity},
	"RegionDisabledException": {hsm.Denied, "activate STS in the Region for the account"},

	// Imported key material.
	"ExpiredImportTokenException":   {hsm.Misconfigured, "fetch new import parameters and import the material again"},
	"InvalidImportTokenException":   {hsm.Misconfigured, "fetch new import parameters and import the material again"},
	"IncorrectKeyMaterialException": {hsm.Misconfigured, "import the very material that the key had before"},

	// Custom key stores: CloudHSM.
	"CloudHsmClusterInvalidConfigurationException": {hsm.Misconfigured, "give the CloudHSM cluster two active HSMs in different zones and its security group back; " + hintStore},
	"CloudHsmClusterInUseException":                {hsm.Misconfigured, hintStore},
	"CloudHsmClusterNotFoundException":             {hsm.Misconfigured, hintStore},
	"CloudHsmClusterNotRelatedException":           {hsm.Misconfigured, hintStore},
	"CustomKeyStoreHasCMKsException":               {hsm.Misconfigured, hintStore},
	"CustomKeyStoreNameInUseException":             {hsm.Misconfigured, hintStore},
	"CustomKeyStoreNotFoundException":              {hsm.Misconfigured, hintStore},
	"IncorrectTrustAnchorException":                {hsm.Misconfigured, "use the trust anchor certificate that the cluster was initialised with"},

	// Custom key stores: external (XKS).
	"XksKeyAlreadyInUseException":                             {hsm.Misconfigured, hintXKS},
	"XksKeyInvalidConfigurationException":                     {hsm.Misconfigured, "the external key must be an enabled AES-256 key for encrypt and decrypt; " + hintXKS},
	"XksKeyNotFoundException":                                 {hsm.Misconfigured, "restore the external key; " + hintXKS},
	"XksProxyIncorrectAuthenticationCredentialException":      {hsm.Misconfigured, "give the key store the proxy's current credential; " + hintXKS},
	"XksProxyInvalidConfigurationException":                   {hsm.Misconfigured, hintXKS},
	"XksProxyUriEndpointInUseException":                       {hsm.Misconfigured, hintXKS},
	"XksProxyUriInUseException":                               {hsm.Misconfigured, hintXKS},
	"XksProxyVpcEndpointServiceInUseException":                {hsm.Misconfigured, hintXKS},
	"XksProxyVpcEndpointServiceInvalidConfigurationException": {hsm.Misconfigured, hintXKS},
	"XksProxyVpcEndpointServiceNotFoundException":             {hsm.Misconfigured, hintXKS},
}
