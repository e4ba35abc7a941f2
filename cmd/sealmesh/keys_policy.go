package main

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/url"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/sealmesh/sealmesh/proxy/policy"
)

// roles are the ARNs of who may do what.
type roles struct{ admin, seal, open, both []string }

func newKeysPolicy() *cobra.Command {
	var config, key string
	var who roles
	c := &cobra.Command{
		Use:   "policy --config FILE [--admin ARN] [--seal ARN] [--open ARN] [--both ARN]",
		Short: "Print the AWS key policy, IAM statements and grants that fit a policy",
		Long: `Print, for each AWS KMS key that the policy names, a key policy, the same as IAM
statements, and the same as grants: choose one way. Administrators may not use the
key; those who seal may not open, and the other way round; all use is bound to the
key's encryption context.

  sealmesh keys policy -c policy.yaml --admin arn:…:role/keys --seal arn:…:role/edge --open arn:…:role/backend`,
		Args: noArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			p, err := readPolicy(config)
			if err != nil {
				return err
			}
			return printKeyPolicies(p, key, who, c.OutOrStdout(), c.ErrOrStderr())
		},
	}
	configFlag(c, &config)
	f := c.Flags()
	f.StringVar(&key, "key", "", "only this key of the policy")
	f.StringArrayVar(&who.admin, "admin", nil, "ARN of who administers the key")
	f.StringArrayVar(&who.seal, "seal", nil, "ARN of who only seals (use: seal)")
	f.StringArrayVar(&who.open, "open", nil, "ARN of who only opens (use: open)")
	f.StringArrayVar(&who.both, "both", nil, "ARN of who does both")
	return c
}

// An accessDocument is what one KEK needs, in three ways.
type accessDocument struct {
	Key       string                  `json:"key"`
	KEK       string                  `json:"kek"`
	KeyPolicy iamDocument             `json:"key_policy"`
	IAM       map[string]*iamDocument `json:"iam"`
	Grants    []grantRequest          `json:"grants"`
}

// An iamDocument is an IAM policy document.
type iamDocument struct {
	Version   string
	Statement []statement
}

type statement struct {
	Sid       string
	Effect    string
	Principal *principal `json:",omitempty"`
	Action    []string
	Resource  string
	Condition map[string]map[string]any `json:",omitempty"`
}

type principal struct{ AWS []string }

// A grantRequest is the input of kms:CreateGrant.
type grantRequest struct {
	Name             string
	KeyID            string `json:"KeyId"`
	GranteePrincipal string
	Operations       []string
	Constraints      *grantConstraints `json:",omitempty"`
}

type grantConstraints struct{ EncryptionContextEquals map[string]string }

// What each role calls; see the package documentation of hsm/awskms.
var (
	adminActions = []string{
		"kms:DescribeKey", "kms:GetKeyPolicy", "kms:PutKeyPolicy", "kms:GetKeyRotationStatus", "kms:EnableKeyRotation",
		"kms:DisableKeyRotation", "kms:RotateKeyOnDemand", "kms:EnableKey", "kms:DisableKey", "kms:ScheduleKeyDeletion",
		"kms:CancelKeyDeletion", "kms:ListGrants", "kms:CreateGrant", "kms:RevokeGrant", "kms:TagResource", "kms:UntagResource",
		"kms:UpdateKeyDescription", "kms:CreateAlias", "kms:UpdateAlias", "kms:DeleteAlias", "kms:ReplicateKey", "kms:UpdatePrimaryRegion",
		"kms:GetParametersForImport", "kms:ImportKeyMaterial", "kms:DeleteImportedKeyMaterial", "kms:GetPublicKey", // keys import
	}
	lookActions = []string{"kms:DescribeKey", "kms:GetKeyRotationStatus"}
)

// uses are the actions of those who seal and of those who open, and their condition.
type uses struct {
	seal, open []string
	condition  map[string]map[string]any
	context    map[string]string // that grants are bound to
}

// usesOf: the first KEK of a key makes its data keys, the others wrap them. What
// an RSA key wraps is wrapped here, by its public key, and KMS takes no context with it.
func usesOf(k policy.Key, first bool) uses {
	if rsaKEK(k) {
		return uses{
			seal: []string{"kms:GetPublicKey"}, open: []string{"kms:GetPublicKey", "kms:Decrypt"},
		}
	}
	u := uses{[]string{"kms:GenerateDataKey"}, []string{"kms:Decrypt"}, contextCondition(k.Context.Map()), k.Context.Map()}
	switch several := len(k.KEKs) > 1; {
	case several && first:
		u.seal = []string{"kms:GenerateDataKey", "kms:Encrypt"}
	case several: // it makes them when the first is away
		u.seal = []string{"kms:Encrypt", "kms:GenerateDataKey"}
	}
	return u
}

// rsaKEK: only what the policy requires tells, without a call of KMS.
func rsaKEK(k policy.Key) bool { return k.Require != nil && strings.HasPrefix(k.Require.Spec, "RSA_") }

func printKeyPolicies(p *policy.Policy, only string, who roles, w, warn io.Writer) error {
	var out []accessDocument
	for _, k := range p.Keys {
		if only != "" && k.Name != only {
			continue
		}
		for i, uri := range k.KEKs {
			for _, arn := range kmsARNs(uri) {
				if strings.Contains(arn, ":alias/") {
					fmt.Fprintf(warn, "warning: key %s: IAM statements need the key's ARN in place of %s; 'sealmesh keys verify' shows it\n", k.Name, arn)
				}
				out = append(out, access(k, arn, who, usesOf(k, i == 0)))
			}
			former, err := formerTargets(uri)
			if err != nil {
				return fmt.Errorf("key %s: %w", k.Name, err)
			}
			for _, kek := range former { // they unwrap, and wrap nothing
				openers := roles{admin: who.admin, open: slices.Concat(who.open, who.both)}
				for _, arn := range kmsARNs(replicated(kek.URI, uri)) {
					out = append(out, access(k, arn, openers, usesOf(k, false)))
				}
			}
		}
	}
	if len(out) == 0 {
		return fmt.Errorf("keys policy: the policy names no AWS KMS key%s", map[bool]string{true: " of that name"}[only != ""])
	}
	if len(who.admin) == 0 {
		fmt.Fprintln(warn, "warning: no --admin: KMS refuses a key policy that lets nobody change it; these key policies are to be added to one that does")
	}
	if len(who.seal) > 0 && slices.ContainsFunc(p.Keys, func(k policy.Key) bool { return (only == "" || k.Name == only) && !rsaKEK(k) }) {
		fmt.Fprintln(warn, "note: who seals under a symmetric KEK sees the data keys that it seals with, and could open what was sealed under those.\n"+
			"      With `use: seal` it needs no kms:Decrypt; under an RSA KEK (RSAES_OAEP_SHA_256) it needs kms:GetPublicKey in place of kms:GenerateDataKey,\n"+
			"      and encryption contexts, which KMS does not know for RSA keys, are checked by sealmesh: write require: {spec: RSA_4096} for a policy of that form.")
	}
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	e.SetEscapeHTML(false)
	return e.Encode(out)
}

// replicated returns the URI of a former target with the options of its alias, where they
// say in which Regions it has replicas.
func replicated(former, alias string) string {
	_, options, _ := strings.Cut(alias, "?")
	if !strings.Contains(former, ":key/mrk-") {
		return former
	}
	return former + "?" + options
}

// kmsARNs returns the keys of an awskms URI: one for each Region, since each replica
// of a multi-Region key has a policy of its own. It is nil for another provider's.
func kmsARNs(uri string) []string {
	rest, ok := strings.CutPrefix(uri, "awskms:///")
	if !ok {
		return nil
	}
	arn, options, _ := strings.Cut(rest, "?")
	values, err := url.ParseQuery(options)
	part := strings.Split(arn, ":")
	if err != nil || !values.Has("regions") || len(part) < 6 {
		return []string{arn}
	}
	var arns []string
	for _, region := range strings.Split(values.Get("regions"), ",") {
		part[3] = region
		arns = append(arns, strings.Join(part, ":"))
	}
	return arns
}

func access(k policy.Key, arn string, who roles, u uses) accessDocument {
	users := slices.Concat(who.seal, who.open, who.both)
	d := accessDocument{Key: k.Name, KEK: arn, KeyPolicy: iamDocument{Version: "2012-10-17"}, IAM: map[string]*iamDocument{}, Grants: []grantRequest{}}
	allow := func(sid string, to []string, actions []string, c map[string]map[string]any) {
		if len(to) > 0 {
			d.KeyPolicy.Statement = append(d.KeyPolicy.Statement, statement{sid, "Allow", &principal{to}, actions, "*", c})
		}
	}
	allow("Administer", who.admin, adminActions, nil)
	allow("Look", users, lookActions, nil)
	allow("Seal", slices.Concat(who.seal, who.both), u.seal, u.condition)
	allow("Open", slices.Concat(who.open, who.both), u.open, u.condition)
	both := slices.Clone(u.seal)
	for _, a := range u.open {
		if !slices.Contains(both, a) {
			both = append(both, a)
		}
	}
	for _, r := range []struct {
		name    string
		to      []string
		actions []string
	}{{"seal", who.seal, u.seal}, {"open", who.open, u.open}, {"both", who.both, both}} {
		if len(r.to) == 0 {
			continue
		}
		d.IAM[r.name] = &iamDocument{"2012-10-17", []statement{
			{Sid: "Look", Effect: "Allow", Action: lookActions, Resource: arn},
			{Sid: "Use", Effect: "Allow", Action: r.actions, Resource: arn, Condition: u.condition},
		}}
		for i, to := range r.to {
			d.Grants = append(d.Grants, grantOf(u.context, arn, fmt.Sprintf("sealmesh-%s-%s-%d", k.Name, r.name, i+1), to, r.actions))
		}
	}
	return d
}

// contextCondition allows use under just the key's encryption context: every pair
// of it, and no other name.
func contextCondition(pairs map[string]string) map[string]map[string]any {
	if len(pairs) == 0 {
		return map[string]map[string]any{"Null": {"kms:EncryptionContextKeys": "true"}}
	}
	equals := map[string]any{}
	for name, value := range pairs {
		equals["kms:EncryptionContext:"+name] = value
	}
	return map[string]map[string]any{
		"StringEquals":              equals,
		"ForAllValues:StringEquals": {"kms:EncryptionContextKeys": slices.Sorted(maps.Keys(pairs))},
	}
}

func grantOf(pairs map[string]string, arn, name, to string, actions []string) grantRequest {
	g := grantRequest{Name: name, KeyID: arn, GranteePrincipal: to, Operations: []string{"DescribeKey"}}
	for _, a := range actions {
		g.Operations = append(g.Operations, strings.TrimPrefix(a, "kms:"))
	}
	if len(pairs) > 0 {
		g.Constraints = &grantConstraints{pairs}
	}
	return g
}
