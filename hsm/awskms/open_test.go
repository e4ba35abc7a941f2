package awskms

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sealmesh/sealmesh/hsm"
	"github.com/sealmesh/sealmesh/hsm/awskms/kmsfake"
	"github.com/sealmesh/sealmesh/hsm/hsmtest"
)

// TestAliasPinned: what an alias meant at the start is what it means.
func TestAliasPinned(t *testing.T) {
	isolate(t)
	s := startFake(t)
	first, second := s.CreateKey(kmsfake.Key{}), s.CreateKey(kmsfake.Key{})
	alias := s.CreateAlias("alias/customers", first)
	p := mustOpen(t, uri(s, alias))
	_, wrapped, err := p.GenerateDataKey(t.Context(), hsm.EncryptionContext{})
	if err != nil {
		t.Fatal(err)
	}
	s.CreateAlias("alias/customers", second)
	s.Forget()
	if _, err := p.UnwrapDataKey(t.Context(), wrapped, hsm.EncryptionContext{}); err != nil {
		t.Errorf("after the alias moved: %v", err)
	}
	if p.Identity() != first {
		t.Errorf("identity %s, want the key's ARN %s", p.Identity(), first)
	}
	for _, c := range s.Calls() {
		if c.KeyID != first {
			t.Errorf("%s asked for %s", c.Operation, c.KeyID)
		}
	}
	if again := mustOpen(t, uri(s, alias)); again.Identity() != second {
		t.Error("opened anew, the alias still means the old key")
	}
}

// TestAliasOfMultiRegionKey: the Regions apply to what the alias stands for.
func TestAliasOfMultiRegionKey(t *testing.T) {
	isolate(t)
	s := startFake(t)
	multi := s.CreateKey(kmsfake.Key{MultiRegion: true})
	s.Replicate(multi, central)
	plain := s.CreateAlias("alias/plain", s.CreateKey(kmsfake.Key{}))
	s.Inject(kmsfake.Fault{Region: west, Operation: "GenerateDataKey", Code: "KMSInternalException"})
	p := mustOpen(t, uri(s, s.CreateAlias("alias/multi", multi), "regions", west+","+central))
	if _, _, err := p.GenerateDataKey(t.Context(), hsm.EncryptionContext{}); err != nil {
		t.Error(err)
	}
	_, err := Open(t.Context(), uri(s, plain, "regions", west+","+central))
	if err == nil || hsm.ClassOf(err) != hsm.Misconfigured || !strings.Contains(err.Error(), "not a multi-Region key") {
		t.Errorf("an alias of a single-Region key with two Regions: %v", err)
	}
}

// TestOpenDuringOutage: one Region suffices to start.
func TestOpenDuringOutage(t *testing.T) {
	isolate(t)
	s := startFake(t)
	multi := s.CreateKey(kmsfake.Key{MultiRegion: true})
	s.Replicate(multi, central)
	s.Inject(kmsfake.Fault{Region: west, Code: "ServiceUnavailableException"})
	p := mustOpen(t, uri(s, multi, "regions", west+","+central))
	if _, _, err := p.GenerateDataKey(t.Context(), hsm.EncryptionContext{}); err != nil {
		t.Error(err)
	}
}

// TestMissingReplica is found at the start and not in the outage it is for.
func TestMissingReplica(t *testing.T) {
	isolate(t)
	s := startFake(t)
	multi := s.CreateKey(kmsfake.Key{MultiRegion: true})
	s.Replicate(multi, "us-east-1")
	_, err := Open(t.Context(), uri(s, multi, "regions", west+","+central))
	if err == nil || hsm.ClassOf(err) != hsm.Misconfigured || !strings.Contains(err.Error(), "no replica of the key in "+central) {
		t.Errorf("got %v", err)
	}
}

// TestCrossAccount: the ARN names the owner, and nothing else does.
func TestCrossAccount(t *testing.T) {
	isolate(t)
	s := startFake(t)
	arn := s.CreateKey(kmsfake.Key{Account: "999988887777"})
	for _, name := range []string{arn, s.CreateAlias("alias/theirs", arn)} {
		if p := mustOpen(t, uri(s, name)); p.Identity() != arn {
			t.Errorf("%s: identity %s", name, p.Identity())
		}
	}
}

func TestOpenRefusesKeys(t *testing.T) {
	isolate(t)
	s := startFake(t)
	in := func(state string) string {
		arn := s.CreateKey(kmsfake.Key{})
		s.SetState(arn, state)
		return arn
	}
	tests := []struct {
		name, arn string
		class     hsm.Class
		hint      string
	}{
		{"absent", plainARN, hsm.Denied, "check the ARN"},
		{"managed by AWS", s.CreateKey(kmsfake.Key{Manager: "AWS"}), hsm.Misconfigured, "customer-managed"},
		{"for signing", s.CreateKey(kmsfake.Key{Spec: "RSA_2048", Usage: "SIGN_VERIFY"}), hsm.Misconfigured, "ENCRYPT_DECRYPT"},
		{"HMAC", s.CreateKey(kmsfake.Key{Spec: "HMAC_256", Usage: "GENERATE_VERIFY_MAC"}), hsm.Misconfigured, "ENCRYPT_DECRYPT"},
		{"disabled", in(kmsfake.Disabled), hsm.Denied, "enable the key"},
		{"pending deletion", in(kmsfake.PendingDeletion), hsm.Denied, "cancel the deletion"},
		{"without material", s.CreateKey(kmsfake.Key{Origin: "EXTERNAL"}), hsm.Denied, "import the same material"},
		{"store disconnected", in(kmsfake.Unavailable), hsm.Unclear, "connect the custom key store"},
		{"being made", in(kmsfake.Creating), hsm.Unavailable, "wait"},
	}
	for _, tt := range tests {
		_, err := Open(t.Context(), uri(s, tt.arn))
		if err == nil || hsm.ClassOf(err) != tt.class || !strings.Contains(err.Error(), tt.hint) {
			t.Errorf("%s: %v, want class %v with %q", tt.name, err, tt.class, tt.hint)
		}
	}
	mustOpen(t, uri(s, in(kmsfake.Updating)))
}

// TestKeyStates: one exception for revocations and outages alike, told apart by
// the key's state.
func TestKeyStates(t *testing.T) {
	isolate(t)
	s := kmsfake.New()
	arn := s.CreateKey(kmsfake.Key{Origin: "AWS_CLOUDHSM"})
	p := openDirect(t, s, arn, "")
	for state, want := range map[string]hsm.Class{
		kmsfake.Disabled: hsm.Denied, kmsfake.PendingDeletion: hsm.Denied, kmsfake.PendingReplicaDeletion: hsm.Denied,
		kmsfake.PendingImport: hsm.Denied, kmsfake.Unavailable: hsm.Unclear, kmsfake.Creating: hsm.Unavailable,
	} {
		s.SetState(arn, state)
		_, _, err := p.GenerateDataKey(t.Context(), hsm.EncryptionContext{})
		if err == nil || hsm.ClassOf(err) != want {
			t.Errorf("%s: %v, want class %v", state, err, want)
		}
		if state != kmsfake.Disabled && !strings.Contains(err.Error(), state) {
			t.Errorf("%q does not name the state %s", err, state)
		}
	}
	s.SetState(arn, kmsfake.Unavailable)
	s.Inject(kmsfake.Fault{Operation: "DescribeKey", Code: "AccessDeniedException"})
	if _, _, err := p.GenerateDataKey(t.Context(), hsm.EncryptionContext{}); err == nil || hsm.ClassOf(err) != hsm.Unclear {
		t.Errorf("a state that cannot be had: %v, want it unclear", err)
	}
}

func TestNoCredentials(t *testing.T) {
	isolate(t)
	t.Setenv("AWS_ACCESS_KEY_ID", "")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "")
	s := startFake(t)
	start := time.Now()
	_, err := Open(t.Context(), uri(s, s.CreateKey(kmsfake.Key{})))
	if err == nil || hsm.ClassOf(err) != hsm.Misconfigured || !strings.Contains(err.Error(), "give the process AWS credentials") {
		t.Errorf("got %v", err)
	}
	if took := time.Since(start); took > 2*time.Second {
		t.Errorf("took %v to say so", took)
	}
	if len(s.Calls()) != 0 {
		t.Error("asked KMS without credentials")
	}
}

// TestInsecureEndpointFromEnvironment: what the option may not say, the
// environment may not either.
func TestInsecureEndpointFromEnvironment(t *testing.T) {
	isolate(t)
	t.Setenv("AWS_ENDPOINT_URL_KMS", "http://kms.example.com")
	_, err := Open(t.Context(), "awskms:///"+plainARN)
	if err == nil || hsm.ClassOf(err) != hsm.Misconfigured || !strings.Contains(err.Error(), "use https") {
		t.Errorf("got %v", err)
	}
}

// TestEndpointFromEnvironment: one endpoint for several Regions is no failover,
// and one that is not the FIPS endpoint is not FIPS.
func TestEndpointFromEnvironment(t *testing.T) {
	isolate(t)
	t.Setenv("AWS_ENDPOINT_URL_KMS", "https://kms.example.com")
	for uri, want := range map[string]string{
		"awskms:///" + multiARN + "?regions=eu-west-1,eu-central-1": "one for several Regions",
		"awskms:///" + plainARN + "?fips=true":                      "exclude each other",
	} {
		if _, err := Open(t.Context(), uri); err == nil || hsm.ClassOf(err) != hsm.Misconfigured || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want misconfigured with %q", uri, err, want)
		}
	}
}

// sts gives credentials in the Regions that are not out, and passes on what is
// not for it.
type sts struct {
	direct
	out   map[string]bool
	asked []string
}

func (c *sts) Do(r *http.Request) (*http.Response, error) {
	region, ok := strings.CutPrefix(r.URL.Host, "sts.")
	if !ok {
		return c.direct.Do(r)
	}
	region = strings.TrimSuffix(region, ".amazonaws.com")
	c.asked = append(c.asked, region)
	if c.out[region] {
		return nil, errors.New("no route to host")
	}
	return c.direct.Do(r)
}

// TestRegionalCredentials: where a Region is out, its STS is too. The others
// have credentials of their own; and with none at all that is an outage, no
// mistake.
func TestRegionalCredentials(t *testing.T) {
	isolate(t)
	webIdentity(t)
	s := kmsfake.New()
	primary := s.CreateKey(kmsfake.Key{Region: west, MultiRegion: true})
	s.Replicate(primary, central)
	set, err := parseURI("awskms:///" + primary + "?endpoint=http://127.0.0.1:1&regions=" + west + "," + central)
	if err != nil {
		t.Fatal(err)
	}
	over := &sts{direct: direct{s}, out: map[string]bool{west: true}}
	p, err := open(t.Context(), set, over)
	if err != nil {
		t.Fatalf("one Region's STS is out: %v", err)
	}
	if _, _, err := p.GenerateDataKey(t.Context(), hsm.EncryptionContext{}); err != nil {
		t.Error(err)
	}
	if n := count(s.Calls(), "GenerateDataKey", central); n != 1 || !slices.Contains(over.asked, west) {
		t.Errorf("%d calls in %s; STS was asked in %q", n, central, over.asked)
	}
	over.out[central] = true
	if _, err := open(t.Context(), set, over); err == nil || hsm.ClassOf(err) != hsm.Unavailable || !strings.Contains(err.Error(), "STS") {
		t.Errorf("no STS at all: %v, want it unavailable", err)
	}
}

// TestNetworkFaults: over a real connection.
func TestNetworkFaults(t *testing.T) {
	isolate(t)
	s := startFake(t)
	p := mustOpen(t, uri(s, s.CreateKey(kmsfake.Key{}), "timeout", "100ms"))
	for name, fault := range map[string]kmsfake.Fault{
		"reset": {Reset: true}, "hang": {Hang: true}, "late": {Latency: time.Minute},
	} {
		s.Forget()
		remove := s.Inject(fault)
		start := time.Now()
		_, _, err := p.GenerateDataKey(t.Context(), hsm.EncryptionContext{})
		if err == nil || hsm.ClassOf(err) != hsm.Unavailable {
			t.Errorf("%s: %v, want it unavailable", name, err)
		}
		if took := time.Since(start); took > 10*time.Second {
			t.Errorf("%s: took %v", name, took)
		}
		remove()
	}
	fault := kmsfake.Fault{Reset: true, Times: 1}
	s.Inject(fault)
	if _, _, err := p.GenerateDataKey(t.Context(), hsm.EncryptionContext{}); err != nil {
		t.Errorf("one reset was not survived: %v", err)
	}
	_ = s.Close()
	if _, _, err := p.GenerateDataKey(t.Context(), hsm.EncryptionContext{}); err == nil || hsm.ClassOf(err) != hsm.Unavailable {
		t.Errorf("nobody listens: %v", err)
	}
}

// TestSealOnly: two roles, held apart by grants.
func TestSealOnly(t *testing.T) {
	isolate(t)
	s := startFake(t)
	arn := s.CreateKey(kmsfake.Key{})
	s.Restrict("AKIDSEALER")
	s.Restrict("AKIDOPENER")
	grant(t, s, arn, "AKIDSEALER", nil, "DescribeKey", "GenerateDataKey", "Encrypt")
	grant(t, s, arn, "AKIDOPENER", nil, "DescribeKey", "Decrypt")
	hsmtest.Run(t, hsmtest.Harness{
		Open:      opener(uri(s, arn, "profile", "sealer")),
		Unwrapper: opener(uri(s, arn, "profile", "opener")),
		Sample:    8,
	})
}

// TestGrantConstraint: the encryption context is what a grant can hold a role
// to.
func TestGrantConstraint(t *testing.T) {
	isolate(t)
	s := startFake(t)
	arn := s.CreateKey(kmsfake.Key{})
	s.Restrict("AKIDSEALER")
	grant(t, s, arn, "AKIDSEALER", nil, "DescribeKey")
	grant(t, s, arn, "AKIDSEALER", map[string]string{"tenant": "north"}, "GenerateDataKey")
	p := mustOpen(t, uri(s, arn, "profile", "sealer", "grant_tokens", "token"))
	s.Forget()
	if _, _, err := p.GenerateDataKey(t.Context(), hsmtest.Context(t, "tenant", "north", "zone", "a")); err != nil {
		t.Error(err)
	}
	if c := s.Calls()[0]; c.Principal != "AKIDSEALER" || len(c.GrantTokens) != 1 || c.EncryptionContext["tenant"] != "north" {
		t.Errorf("the call was %+v", c)
	}
	for _, ec := range []hsm.EncryptionContext{{}, hsmtest.Context(t, "tenant", "south")} {
		if _, _, err := p.GenerateDataKey(t.Context(), ec); err == nil || hsm.ClassOf(err) != hsm.Denied {
			t.Errorf("context %v: %v, want it denied", ec.Map(), err)
		}
	}
}

// TestCallerDeadline: the whole operation, retries and all, ends with it.
func TestCallerDeadline(t *testing.T) {
	isolate(t)
	s := startFake(t)
	p := mustOpen(t, uri(s, s.CreateKey(kmsfake.Key{})))
	s.Inject(kmsfake.Fault{Hang: true})
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	start := time.Now()
	_, _, err := p.GenerateDataKey(ctx, hsm.EncryptionContext{})
	if err == nil || hsm.ClassOf(err) != hsm.Unavailable || time.Since(start) > hsm.DefaultTimeout {
		t.Errorf("after %v: %v", time.Since(start), err)
	}
}
