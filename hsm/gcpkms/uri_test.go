package gcpkms

import (
	"strings"
	"testing"

	"github.com/sealmesh/sealmesh/hsm"
	"github.com/sealmesh/sealmesh/hsm/hsmtest"
)

const testKey = "projects/p-1/locations/europe-west4/keyRings/r/cryptoKeys/customers"

func TestURI(t *testing.T) {
	for _, tt := range []struct{ uri, key, location string }{
		{"gcpkms:///" + testKey, testKey, "europe-west4"},
		{"gcpkms:///projects/123456789012/locations/global/keyRings/R_1/cryptoKeys/K-2", "projects/123456789012/locations/global/keyRings/R_1/cryptoKeys/K-2", "global"},
		{"gcpkms:///projects/example.com:p/locations/eu/keyRings/r/cryptoKeys/k?timeout=500ms&endpoint=https://cloudkms.eu.rep.googleapis.com/&quota-project=q&credentials-file=/run/c.json", "projects/example.com:p/locations/eu/keyRings/r/cryptoKeys/k", "eu"},
	} {
		s, err := parseURI(tt.uri)
		if err != nil || s.key != tt.key || s.location != tt.location || s.endpoint == nil {
			t.Errorf("%s: %+v, %v", tt.uri, s, err)
		}
	}
}

func TestURIRefuses(t *testing.T) {
	const base = "gcpkms:///" + testKey
	for _, tt := range []struct{ uri, text string }{
		{"", "begins with gcpkms"},
		{"gcp-kms://" + testKey, "begins with gcpkms"},
		{"gcpkms://" + testKey, "begins with gcpkms"},
		{"gcpkms:" + testKey, "begins with gcpkms"},
		{"gcpkms://user:canary@/" + testKey, "URI"},
		{base + "#x", "begins with gcpkms"},
		{base + "/cryptoKeyVersions/3", "name the key"},
		{base + "/", "not the name"},
		{base + "%2fx", "begins with gcpkms"},
		{"gcpkms:////" + testKey, "not the name"},
		{"gcpkms:///projects/../locations/l/keyRings/r/cryptoKeys/k", "not the name"},
		{"gcpkms:///projects/P/locations/l/keyRings/r/cryptoKeys/k", "not the name"},
		{"gcpkms:///projects/p/locations/l/keyRings/r/cryptoKeys/k:decrypt", "not the name"},
		{base + "?endpoint=http://kms.example", "https"},
		{base + "?endpoint=ftp://127.0.0.1", "https"},
		{base + "?endpoint=https://kms.example/path", "endpoint"},
		{base + "?endpoint=https://user:canary@kms.example", "endpoint"},
		{base + "?timeout=0", "timeout"},
		{base + "?timeout=1s&timeout=1s", "twice"},
		{base + "?credentials-file=relative.json", "absolute"},
		{base + "?credentials=canary", "unknown option"},
		{base + "?quota-project=%20", "project"},
		{base + "?a;b", "name=value"},
	} {
		_, err := parseURI(tt.uri)
		if e := hsmtest.WantError(t, err, hsm.Misconfigured, tt.text); strings.Contains(e.Error(), "canary") {
			t.Errorf("%s: %q repeats a secret", tt.uri, e)
		}
	}
}

// FuzzURI: whatever parses names a key by its own text, without a way to
// another path.
func FuzzURI(f *testing.F) {
	f.Add("gcpkms:///" + testKey)
	f.Add("gcpkms:///" + testKey + "?endpoint=http://[::1]:8080&timeout=1s")
	f.Add("gcpkms:///projects/a/../locations/l/keyRings/r/cryptoKeys/k")
	f.Fuzz(func(t *testing.T, uri string) {
		s, err := parseURI(uri)
		if err != nil {
			if hsm.ClassOf(err) != hsm.Misconfigured {
				t.Fatal(err)
			}
			return
		}
		if !strings.HasPrefix(uri, "gcpkms:///projects/") || strings.Contains(s.key, "..") || strings.Count(s.key, "/") != 7 {
			t.Fatalf("%q names %q", uri, s.key)
		}
	})
}
