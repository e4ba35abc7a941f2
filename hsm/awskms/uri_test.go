package awskms

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sealmesh/sealmesh/hsm"
)

const (
	plainARN = "arn:aws:kms:eu-west-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab"
	multiARN = "arn:aws:kms:eu-west-1:111122223333:key/mrk-1234abcd12ab34cd56ef1234567890ab"
	aliasARN = "arn:aws-us-gov:kms:us-gov-west-1:111122223333:alias/app/customers"
)

func TestParseURI(t *testing.T) {
	s, err := parseURI("awskms:///" + multiARN + "?regions=eu-central-1,eu-west-1&endpoint=https://vpce-1.kms.{region}.vpce.amazonaws.com&profile=p&grant_tokens=a,b&timeout=300ms")
	if err != nil {
		t.Fatal(err)
	}
	if s.key.String() != multiARN || !slices.Equal(s.regions, []string{"eu-central-1", "eu-west-1"}) ||
		s.profile != "p" || !slices.Equal(s.grantTokens, []string{"a", "b"}) || s.timeout != 300*time.Millisecond || s.fips {
		t.Errorf("parsed %+v", s)
	}
	if got := s.key.identity(); got != "arn:aws:kms::111122223333:key/mrk-1234abcd12ab34cd56ef1234567890ab" {
		t.Errorf("identity %s", got)
	}
	for _, good := range []string{plainARN, aliasARN, plainARN + "?fips=true", plainARN + "?endpoint=http://localhost:8080", plainARN + "?endpoint=http://[::1]:8080"} {
		if _, err := parseURI("awskms:///" + good); err != nil {
			t.Errorf("%s: %v", good, err)
		}
	}
}

func TestParseURIRefuses(t *testing.T) {
	tests := []struct{ uri, want string }{
		{"", "awskms:///"},
		{"kms:///" + plainARN, "awskms:///"},
		{"awskms:" + plainARN, "awskms:///"},
		{"awskms://host/" + plainARN, "awskms:///"},
		{"awskms:///" + plainARN + "#x", "awskms:///"},
		{"awskms:///1234abcd-12ab-34cd-56ef-1234567890ab", "want arn:"},
		{"awskms:///alias/customers", "want arn:"},
		{"awskms:///arn:aws:s3:eu-west-1:111122223333:key/x", "want arn:"},
		{"awskms:///arn:aws:kms:eu-west-1:1111:key/x", "account"},
		{"awskms:///arn:aws:kms::111122223333:key/x", "Region"},
		{"awskms:///arn:azure:kms:eu-west-1:111122223333:key/x", "partition"},
		{"awskms:///arn:aws:kms:eu-west-1:111122223333:grant/x", "neither a key nor an alias"},
		{"awskms:///arn:aws:kms:eu-west-1:111122223333:key/a/b", "neither a key nor an alias"},
		{"awskms:///arn:aws:kms:eu-west-1:111122223333:alias/aws/s3", "AWS-managed"},
		{"awskms:///" + plainARN + "?region=eu-west-1", `unknown option "region"`},
		{"awskms:///" + plainARN + "?fips=true&fips=true", "given twice"},
		{"awskms:///" + plainARN + "?fips=perhaps", "not understood"},
		{"awskms:///" + plainARN + "?profile=", "empty"},
		{"awskms:///" + plainARN + "?timeout=1h", "not between"},
		{"awskms:///" + plainARN + "?timeout=1ms", "not between"},
		{"awskms:///" + plainARN + "?timeout=2", "not between"},
		{"awskms:///" + plainARN + "?regions=eu-west-1,eu-central-1", "not a multi-Region key"},
		{"awskms:///" + multiARN + "?regions=eu-west-1,eu-central-1&endpoint=https://vpce-1.kms.eu-west-1.vpce.amazonaws.com", "{region}"},
		{"awskms:///" + multiARN + "?regions=eu-central-1", "own Region"},
		{"awskms:///" + multiARN + "?regions=eu-west-1,eu-west-1", "given twice"},
		{"awskms:///" + multiARN + "?regions=eu-west-1,mars", "not a Region name"},
		{"awskms:///" + multiARN + "?regions=eu-west-1,a-b-1,a-b-2,a-b-3,a-b-4,a-b-5,a-b-6,a-b-7,a-b-8", "at most 8"},
		{"awskms:///" + plainARN + "?grant_tokens=1,2,3,4,5,6,7,8,9,10,11", "at most 10"},
		{"awskms:///" + plainARN + "?endpoint=http://kms.example.com", "use https"},
		{"awskms:///" + plainARN + "?endpoint=kms.example.com", "not the URL"},
		{"awskms:///" + plainARN + "?endpoint=https://u:p@kms.example.com", "not the URL"},
		{"awskms:///" + plainARN + "?endpoint=https://kms.example.com&fips=true", "exclude each other"},
		{"awskms:///" + plainARN + "?a=%zz", "name=value"},
	}
	for _, tt := range tests {
		_, err := parseURI(tt.uri)
		if err == nil || hsm.ClassOf(err) != hsm.Misconfigured || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v, want misconfigured with %q", tt.uri, err, tt.want)
		}
	}
}

func TestKeyARNSame(t *testing.T) {
	multi, _ := parseARN(multiARN)
	plain, _ := parseARN(plainARN)
	for arn, want := range map[string]bool{
		plainARN: true, strings.Replace(plainARN, "eu-west-1", "eu-west-2", 1): false,
		strings.Replace(plainARN, "1111", "9999", 1): false, "": false, multiARN: false,
	} {
		if plain.same(arn) != want {
			t.Errorf("%s is the same as %s: %v", plainARN, arn, !want)
		}
	}
	if !multi.same(strings.Replace(multiARN, "eu-west-1", "ap-southeast-2", 1)) {
		t.Error("a replica is another key")
	}
}
