package awskms

import (
	"testing"

	"github.com/sealmesh/sealmesh/hsm"
)

// FuzzParseURI: whatever parses names one key, safely; whatever does not is
// refused as misconfigured.
func FuzzParseURI(f *testing.F) {
	for _, seed := range []string{
		"awskms:///" + plainARN, "awskms:///" + multiARN + "?regions=eu-west-1,eu-central-1", "awskms:///" + aliasARN + "?fips=true",
		"awskms:///" + plainARN + "?endpoint=https://kms.{region}.example.com&timeout=1s", "awskms:///" + plainARN + "?endpoint=http://0x7f.1", "awskms:", "",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, uri string) {
		s, err := parseURI(uri)
		if err != nil {
			if hsm.ClassOf(err) != hsm.Misconfigured {
				t.Errorf("class %v", hsm.ClassOf(err))
			}
			return
		}
		again, err := parseARN(s.key.String())
		if err != nil || again != s.key {
			t.Errorf("%v does not parse again: %v", s.key, err)
		}
		if len(s.regions) == 0 || s.timeout < hsm.MinTimeout || s.key.isAWSManaged() {
			t.Errorf("let through %+v", s)
		}
		if s.endpoint != "" && checkEndpoint(s.endpoint) != nil {
			t.Errorf("let through endpoint %q", s.endpoint)
		}
	})
}
