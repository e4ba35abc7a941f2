package suite

import (
	"bytes"
	"compress/gzip"
	"crypto/aes"
	"encoding/hex"
	"encoding/json"
	"os"
	"testing"
)

type hexBytes []byte

func (b *hexBytes) UnmarshalText(text []byte) (err error) {
	*b, err = hex.DecodeString(string(text))
	return err
}

type wycheproof struct {
	ID                         int `json:"tcId"`
	Comment, Result            string
	Key, IV, AAD, Msg, Ct, Tag hexBytes
}

// vectors calls f with each vector of a file; f reports whether it was
// accepted.
func vectors(t *testing.T, name string, want int, f func(v wycheproof) bool) {
	t.Helper()
	file, err := os.Open("testdata/wycheproof/" + name + ".json.gz")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	z, err := gzip.NewReader(file)
	if err != nil {
		t.Fatal(err)
	}
	var all struct {
		TestGroups []struct{ Tests []wycheproof }
	}
	if err := json.NewDecoder(z).Decode(&all); err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, g := range all.TestGroups {
		for _, v := range g.Tests {
			n++
			if v.Result != "valid" && v.Result != "invalid" {
				t.Fatalf("%d: result %q", v.ID, v.Result)
			}
			if got := f(v); got != (v.Result == "valid") {
				t.Errorf("%d (%s): accepted %t, is %s", v.ID, v.Comment, got, v.Result)
			}
		}
	}
	if n != want {
		t.Errorf("%d vectors ran, not %d", n, want)
	}
}

func TestWycheproofSIV(t *testing.T) {
	vectors(t, "aes_siv_cmac", 147, func(v wycheproof) bool {
		c, err := newSIV(v.Key)
		if err != nil {
			t.Fatal(err)
		}
		sealed, err := c.Seal(nil, v.Msg, v.AAD)
		if err != nil || bytes.Equal(sealed, v.Ct) != (v.Result == "valid") {
			t.Errorf("%d: sealed %x, %v", v.ID, sealed, err)
		}
		opened, err := c.Open(nil, v.Ct, v.AAD)
		return err == nil && bytes.Equal(opened, v.Msg)
	})
}

func TestWycheproofCMAC(t *testing.T) {
	vectors(t, "aes_cmac", 102, func(v wycheproof) bool {
		c, err := aes.NewCipher(v.Key)
		if err != nil {
			t.Fatal(err)
		}
		m := newCMAC(c)
		var tag block
		m.sum(&tag, v.Msg)
		return bytes.Equal(tag[:], v.Tag)
	})
}

// The vectors' keys stand in for derived ones: what is tested is the layout and
// that Open takes what it should and nothing else.
func TestWycheproofGCM(t *testing.T) {
	vectors(t, "aes_gcm", 66, func(v wycheproof) bool {
		c := &prefixed{derive: func(*prefix) ([]byte, error) { return bytes.Clone(v.Key), nil }}
		payload := append([]byte("some  prefix"), v.IV...)
		payload = append(append(payload, v.Ct...), v.Tag...)
		opened, err := c.Open(nil, payload, v.AAD)
		return err == nil && bytes.Equal(opened, v.Msg)
	})
}
