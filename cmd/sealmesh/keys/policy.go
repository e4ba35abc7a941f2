package keys

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/url"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/sealmesh/sealmesh/cmd/sealmesh/cli"
	"github.com/sealmesh/sealmesh/cmd/sealmesh/keyset"
	"github.com/sealmesh/sealmesh/proxy/policy"
)

// roles holds the ARNs of principals by what they may do.
type roles struct{ admin, seal, open, both []string }

func policyCommand() *cobra.Command {
	var config, key string
	var who roles
	c := &cobra.Command{
		Use:   "policy --config FILE [--admin ARN] [--seal ARN] [--open ARN] [--both ARN]",
		Short: "Print the AWS key policy, IAM statements and grants for a policy",
		Long: `For each AWS KMS key that the policy names, print a key policy, equivalent IAM
statements and equivalent grants. Use one of the three. Administrators may not use
the key; principals that seal may not open, and principals that open may not seal.
All use is bound to the key's encryption context.

  sealmesh keys policy -c policy.yaml --admin arn:…:role/keys --seal arn:…:role/edge --open arn:…:role/backend`,
		Args: cli.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			p, err := cli.ReadPolicy(config)
			if err != nil {
				return err
			}
			return printKeyPolicies(p, key, who, c.OutOrStdout(), c.ErrOrStderr())
		},
	}
	cli.ConfigFlag(c, &config)
	f := c.Flags()
	f.StringVar(&key, "key", "", "print only this `KEY` of the policy")
	f.StringArrayVar(&who.admin, "admin", nil, "`ARN` of a principal that administers the key")
	f.StringArrayVar(&who.seal, "seal", nil, "`ARN` of a principal that only seals (use: seal)")
	f.StringArrayVar(&who.open, "open", nil, "`ARN` of a principal that only opens (use: open)")
	f.StringArrayVar(&who.both, "both", nil, "`ARN` of a principal that seals and opens")
	return c
}

// An accessDocument grants access to one KEK in three equivalent ways.
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

// The KMS operations of each role; see the package comment of hsm/awskms.
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

// uses holds the actions of principals that seal and that open a key, and the
// condition of both.
type uses struct {
	seal, open []string
	condition  map[string]map[string]any
	context    map[string]string // grants are bound to it
}

// usesOf returns the uses of one KEK of k. The first KEK of a key generates its
// data keys and the others wrap them. For an RSA key sealmesh wraps locally
// with the public key, and KMS knows no encryption context.
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
	case several: // it generates data keys while the first KEK is unavailable
		u.seal = []string{"kms:Encrypt", "kms:GenerateDataKey"}
	}
	return u
}

// rsaKEK reports whether the KEKs of k are RSA keys. Without a call to KMS only
// `require:` can tell.
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
			former, err := keyset.FormerTargets(uri)
			if err != nil {
				return fmt.Errorf("key %s: %w", k.Name, err)
			}
			for _, kek := range former { // former targets unwrap and wrap nothing
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
		fmt.Fprintln(warn, "warning: no --admin: KMS refuses a key policy that nobody may change: add these statements to a policy that has an administrator")
	}
	if len(who.seal) > 0 && slices.ContainsFunc(p.Keys, func(k policy.Key) bool { return (only == "" || k.Name == only) && !rsaKEK(k) }) {
		fmt.Fprintln(warn, "note: a principal that seals under a symmetric KEK holds the data keys that it seals with, and could open values sealed under them.\n"+
			"      With `use: seal` it does not need kms:Decrypt. Under an RSA KEK (RSAES_OAEP_SHA_256) it needs kms:GetPublicKey in place of\n"+
			"      kms:GenerateDataKey, and sealmesh checks encryption contexts, which KMS does not support for RSA keys. For a policy of that\n"+
			"      form write require: {spec: RSA_4096}.")
	}
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	e.SetEscapeHTML(false)
	return e.Encode(out)
}

// replicated returns the URI of a former target. For a multi-Region key it adds
// the options of the alias, which list the Regions of its replicas.
func replicated(former, alias string) string {
	_, options, _ := strings.Cut(alias, "?")
	if !strings.Contains(former, ":key/mrk-") {
		return former
	}
	return former + "?" + options
}

// kmsARNs returns the ARNs of the keys of an awskms URI: one for each Region,
// because each replica of a multi-Region key has its own policy. It returns nil
// for a URI of another provider.
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

// access returns what the principals in who need to use the key at arn.
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

// contextCondition allows use only with exactly the key's encryption context:
// all of its pairs and no others.
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
