package awskms

import (
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kms"

	"github.com/sealmesh/sealmesh/hsm"
	"github.com/sealmesh/sealmesh/hsm/awskms/kmsfake"
	"github.com/sealmesh/sealmesh/hsm/hsmtest"
)

// What an alias's former target wrapped opens while that key is enabled; it
// wraps nothing.
func TestFormerTarget(t *testing.T) {
	for name, spec := range map[string]string{"symmetric": "SYMMETRIC_DEFAULT", "RSA": "RSA_2048"} {
		t.Run(name, func(t *testing.T) {
			isolate(t)
			s := startFake(t)
			first, second := s.CreateKey(kmsfake.Key{Spec: spec}), s.CreateKey(kmsfake.Key{})
			alias := s.CreateAlias("alias/customers", first)
			ec := hsmtest.Context(t, "service", "customers")
			_, wrapped, err := mustOpen(t, uri(s, alias)).GenerateDataKey(t.Context(), ec)
			if err != nil {
				t.Fatal(err)
			}
			s.CreateAlias("alias/customers", second)
			p := mustOpen(t, uri(s, alias, "former", first))
			former := p.Former()
			if p.Identity() != second || len(former) != 1 || former[0].Identity != first || former[0].URI != "awskms:///"+first {
				t.Fatalf("identity %s, former %+v", p.Identity(), former)
			}
			f := former[0].Provider
			for range 2 {
				secret, err := f.UnwrapDataKey(t.Context(), wrapped, ec)
				if err != nil {
					t.Fatal(err)
				}
				secret.Destroy()
			}
			if d, err := f.(hsm.Describer).Describe(t.Context()); err != nil || d.KeyID != first || d.State != "Enabled" {
				t.Errorf("%+v, %v", d, err)
			}
			if _, _, err := f.GenerateDataKey(t.Context(), ec); hsm.ClassOf(err) != hsm.Unsupported {
				t.Errorf("generates: %v", err)
			}
			if _, err := f.WrapDataKey(t.Context(), nil, ec); hsm.ClassOf(err) != hsm.Unsupported {
				t.Errorf("wraps: %v", err)
			}

			if _, err := admin(t, s, west).DisableKey(t.Context(), &kms.DisableKeyInput{KeyId: aws.String(first)}); err != nil {
				t.Fatal(err)
			}
			if _, err := f.UnwrapDataKey(t.Context(), wrapped, ec); err == nil || hsm.ClassOf(err) != hsm.Denied {
				t.Errorf("once disabled: %v", err)
			}
			again := mustOpen(t, uri(s, alias, "former", first)) // which it keeps from nothing
			if _, err := again.Former()[0].Provider.UnwrapDataKey(t.Context(), wrapped, ec); err == nil || hsm.ClassOf(err) != hsm.Denied {
				t.Errorf("opened once disabled: %v", err)
			}
		})
	}
}

// A multi-Region former target is asked in every Region of the URI, another one
// in the alias's own.
func TestFormerTargetsRegions(t *testing.T) {
	s, err := parse("awskms:///" + "arn:aws:kms:" + west + ":111122223333:alias/x?regions=" + west + "," + central +
		"&former=arn:aws:kms:" + west + ":111122223333:key/mrk-1,arn:aws:kms:" + west + ":111122223333:key/2")
	if err != nil {
		t.Fatal(err)
	}
	if m, p := s.asFormer(0), s.asFormer(1); len(m.regions) != 2 || len(p.regions) != 1 || p.regions[0] != west {
		t.Errorf("Regions %v and %v", m.regions, p.regions)
	}
}

func TestFormerIsRefused(t *testing.T) {
	const here = "arn:aws:kms:eu-west-1:111122223333:"
	for name, c := range map[string]struct{ of, former, want string }{
		"of a key":        {here + "key/1", here + "key/2", "list several KEKs"},
		"an alias":        {here + "alias/x", here + "alias/y", "no key of the alias's own"},
		"another Region":  {here + "alias/x", "arn:aws:kms:eu-west-2:111122223333:key/1", "no key of the alias's own"},
		"another account": {here + "alias/x", "arn:aws:kms:eu-west-1:111122224444:key/1", "no key of the alias's own"},
		"twice":           {here + "alias/x", here + "key/1," + here + "key/1", "twice"},
		"no ARN":          {here + "alias/x", "1234", "want arn:"},
		"too many":        {here + "alias/x", strings.Repeat(here+"key/1,", maxFormer) + here + "key/2", "at most 16"},
	} {
		_, err := parseURI("awskms:///" + c.of + "?former=" + c.former)
		if hsm.ClassOf(err) != hsm.Misconfigured || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
}
