package kmsfake

import "encoding/json"

// An operation runs with the server's lock held. A nil answer is an empty body.
type operation func(*request) (any, *Exception)

// operations is the part of the KMS API that the fake knows.
var operations = map[string]operation{
	"CancelKeyDeletion":               on((*request).cancelKeyDeletion),
	"CreateAlias":                     on((*request).createAlias),
	"CreateGrant":                     on((*request).createGrant),
	"CreateKey":                       on((*request).createKey),
	"Decrypt":                         on((*request).decrypt),
	"DeleteImportedKeyMaterial":       on((*request).deleteImportedKeyMaterial),
	"DescribeKey":                     on((*request).describeKey),
	"DisableKey":                      on((*request).disableKey),
	"EnableKey":                       on((*request).enableKey),
	"EnableKeyRotation":               on((*request).enableKeyRotation),
	"Encrypt":                         on((*request).encrypt),
	"GenerateDataKey":                 on((*request).generateDataKey),
	"GenerateDataKeyWithoutPlaintext": on((*request).generateDataKeyWithoutPlaintext),
	"GetKeyRotationStatus":            on((*request).getKeyRotationStatus),
	"GetParametersForImport":          on((*request).getParametersForImport),
	"GetPublicKey":                    on((*request).getPublicKey),
	"ImportKeyMaterial":               on((*request).importKeyMaterial),
	"ListAliases":                     on((*request).listAliases),
	"ReEncrypt":                       on((*request).reEncrypt),
	"ReplicateKey":                    on((*request).replicateKey),
	"RevokeGrant":                     on((*request).revokeGrant),
	"ScheduleKeyDeletion":             on((*request).scheduleKeyDeletion),
	"UpdateAlias":                     on((*request).updateAlias),
}

// on decodes a request's body. Members that the fake does not know are ignored,
// as KMS ignores them.
func on[In any](run func(*request, In) (any, *Exception)) operation {
	return func(r *request) (any, *Exception) {
		var in In
		if err := json.Unmarshal(r.body, &in); err != nil {
			return nil, exception("SerializationException", "%v", err)
		}
		return run(r, in)
	}
}

// keyIn is the request of every operation that takes a key and nothing else.
type keyIn struct{ KeyId string }
