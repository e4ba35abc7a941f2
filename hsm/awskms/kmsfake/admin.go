package kmsfake

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

type createKeyIn struct {
	KeySpec     string
	KeyUsage    string
	Origin      string
	MultiRegion bool
}

func (r *request) createKey(in createKeyIn) (any, *Exception) {
	k, failed := r.s.create(Key{Region: r.region, Spec: in.KeySpec, Usage: in.KeyUsage, Origin: in.Origin, MultiRegion: in.MultiRegion})
	if failed != nil {
		return nil, failed
	}
	return map[string]any{"KeyMetadata": k.metadata()}, nil
}

func (r *request) describeKey(in keyIn) (any, *Exception) {
	k, failed := r.find(in.KeyId)
	if failed != nil {
		return nil, failed
	}
	if failed := r.authorise(k, nil); failed != nil {
		return nil, failed
	}
	return map[string]any{"KeyMetadata": k.metadata()}, nil
}

// metadata writes times as the protocol does: seconds since 1970, as a number.
func (k *key) metadata() map[string]any {
	m := map[string]any{
		"AWSAccountId": k.Account, "KeyId": k.id, "Arn": k.arn(), "CreationDate": k.created.Unix(),
		"Enabled": k.state == Enabled, "KeyState": k.state, "KeyUsage": k.Usage, "KeySpec": k.Spec,
		"CustomerMasterKeySpec": k.Spec, "KeyManager": k.Manager, "Origin": k.Origin, "MultiRegion": k.MultiRegion,
	}
	if !k.isRSA() {
		m["EncryptionAlgorithms"] = []string{symmetric}
	} else {
		m["EncryptionAlgorithms"] = []string{"RSAES_OAEP_SHA_1", oaep}
	}
	if k.Origin == "EXTERNAL" && k.state != PendingImport {
		m["ExpirationModel"] = "KEY_MATERIAL_DOES_NOT_EXPIRE"
		if !k.validTo.IsZero() {
			m["ExpirationModel"], m["ValidTo"] = "KEY_MATERIAL_EXPIRES", k.validTo.Unix()
		}
	}
	if k.Origin == "AWS_CLOUDHSM" || k.Origin == "EXTERNAL_KEY_STORE" {
		m["CustomKeyStoreId"] = "cks-1234567890abcdef0"
	}
	if k.state == PendingDeletion {
		m["DeletionDate"] = k.deletion.Unix()
	}
	if k.MultiRegion {
		m["MultiRegionConfiguration"] = k.multiRegion()
	}
	return m
}

func (k *key) multiRegion() map[string]any {
	named := func(region string) map[string]string {
		return map[string]string{"Arn": strings.Replace(k.arn(), ":"+k.Region+":", ":"+region+":", 1), "Region": region}
	}
	replicas := []map[string]string{}
	for _, region := range *k.replicas {
		replicas = append(replicas, named(region))
	}
	kind := "PRIMARY"
	if k.Region != k.primary {
		kind = "REPLICA"
	}
	return map[string]any{"MultiRegionKeyType": kind, "PrimaryKey": named(k.primary), "ReplicaKeys": replicas}
}

func (r *request) replicateKey(in struct{ KeyId, ReplicaRegion string }) (any, *Exception) {
	k, failed := r.find(in.KeyId)
	switch {
	case failed != nil:
		return nil, failed
	case !k.MultiRegion || k.Region != k.primary:
		return nil, exception("UnsupportedOperationException", "%s is not a multi-Region primary key.", k.arn())
	case r.s.region(in.ReplicaRegion).keys[k.id] != nil:
		return nil, exception("AlreadyExistsException", "%s exists in %s.", k.id, in.ReplicaRegion)
	}
	return map[string]any{"ReplicaKeyMetadata": k.replicate(r.s, in.ReplicaRegion).metadata()}, nil
}

func (r *request) createAlias(in struct{ AliasName, TargetKeyId string }) (any, *Exception) {
	k, failed := r.find(in.TargetKeyId)
	name := Account + ":" + in.AliasName
	switch {
	case failed != nil:
		return nil, failed
	case !strings.HasPrefix(in.AliasName, "alias/") || strings.HasPrefix(in.AliasName, "alias/aws/"):
		return nil, exception("InvalidAliasNameException", "")
	case r.aliases[name] != "":
		return nil, exception("AlreadyExistsException", "An alias with the name %s already exists", in.AliasName)
	}
	r.aliases[name] = k.id
	return nil, nil
}

func (r *request) updateAlias(in struct{ AliasName, TargetKeyId string }) (any, *Exception) {
	k, failed := r.find(in.TargetKeyId)
	if failed != nil {
		return nil, failed
	}
	if r.aliases[Account+":"+in.AliasName] == "" {
		return nil, exception("NotFoundException", "Alias %s is not found.", in.AliasName)
	}
	r.aliases[Account+":"+in.AliasName] = k.id
	return nil, nil
}

func (r *request) listAliases(in keyIn) (any, *Exception) {
	aliases := []map[string]string{}
	for name, id := range r.aliases {
		if in.KeyId != "" && !strings.HasSuffix(in.KeyId, id) {
			continue
		}
		account, alias, _ := strings.Cut(name, ":")
		aliases = append(aliases, map[string]string{
			"AliasName": alias, "AliasArn": fmt.Sprintf("arn:aws:kms:%s:%s", r.region, account+":"+alias), "TargetKeyId": id,
		})
	}
	slices.SortFunc(aliases, func(a, b map[string]string) int { return strings.Compare(a["AliasArn"], b["AliasArn"]) })
	return map[string]any{"Aliases": aliases, "Truncated": false}, nil
}

func (r *request) enableKey(in keyIn) (any, *Exception)  { return r.turn(in, Enabled) }
func (r *request) disableKey(in keyIn) (any, *Exception) { return r.turn(in, Disabled) }

func (r *request) turn(in keyIn, state string) (any, *Exception) {
	k, failed := r.find(in.KeyId)
	if failed != nil {
		return nil, failed
	}
	if k.state != Enabled && k.state != Disabled {
		return nil, k.usable()
	}
	k.state = state
	return nil, nil
}

type deletionIn struct {
	KeyId               string
	PendingWindowInDays int
}

func (r *request) scheduleKeyDeletion(in deletionIn) (any, *Exception) {
	k, failed := r.find(in.KeyId)
	if failed != nil {
		return nil, failed
	}
	if in.PendingWindowInDays == 0 {
		in.PendingWindowInDays = 30
	}
	if in.PendingWindowInDays < 7 || in.PendingWindowInDays > 30 {
		return nil, exception("ValidationException", "PendingWindowInDays is between 7 and 30")
	}
	if k.state == PendingDeletion {
		return nil, k.usable()
	}
	k.state, k.deletion = PendingDeletion, time.Now().AddDate(0, 0, in.PendingWindowInDays)
	return map[string]any{"KeyId": k.arn(), "KeyState": k.state, "DeletionDate": k.deletion.Unix(), "PendingWindowInDays": in.PendingWindowInDays}, nil
}

// cancelKeyDeletion leaves the key disabled, as KMS does.
func (r *request) cancelKeyDeletion(in keyIn) (any, *Exception) {
	k, failed := r.find(in.KeyId)
	if failed != nil {
		return nil, failed
	}
	if k.state != PendingDeletion {
		return nil, exception("KMSInvalidStateException", "%s is not pending deletion.", k.arn())
	}
	k.state = Disabled
	return map[string]any{"KeyId": k.arn()}, nil
}

type rotationIn struct {
	KeyId                string
	RotationPeriodInDays int
}

func (r *request) enableKeyRotation(in rotationIn) (any, *Exception) {
	k, failed := r.rotatable(in.KeyId)
	if failed != nil {
		return nil, failed
	}
	if in.RotationPeriodInDays != 0 {
		k.rotateDays = in.RotationPeriodInDays
	}
	k.rotation = true
	return nil, nil
}

func (r *request) getKeyRotationStatus(in keyIn) (any, *Exception) {
	k, failed := r.rotatable(in.KeyId)
	if failed != nil {
		return nil, failed
	}
	out := map[string]any{"KeyId": k.arn(), "KeyRotationEnabled": k.rotation}
	if k.rotation {
		out["RotationPeriodInDays"] = k.rotateDays
	}
	return out, nil
}

func (r *request) rotatable(id string) (*key, *Exception) {
	k, failed := r.find(id)
	if failed != nil {
		return nil, failed
	}
	if failed := r.authorise(k, nil); failed != nil {
		return nil, failed
	}
	if k.isRSA() || k.Origin != "AWS_KMS" {
		return nil, exception("UnsupportedOperationException", "")
	}
	return k, nil
}
