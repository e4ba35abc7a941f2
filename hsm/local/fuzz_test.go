package local

import (
	"bytes"
	"encoding/base64"
	"testing"
)

// FuzzParse: a key file has one spelling, with or without the last line's end,
// and no error repeats what was read.
func FuzzParse(f *testing.F) {
	f.Add([]byte("sealmesh-local-kek-v1 AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=\n"))
	f.Add([]byte("sealmesh-local-kek-v1 AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="))
	f.Add([]byte("sealmesh-local-kek-v1 AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh9="))
	f.Add([]byte("sealmesh-local-kek-v1 AAECAwQFBgcICQoLDA0O\nDxAREhMUFRYXGBkaGxwdHh8="))
	f.Add([]byte("sealmesh-local-kek-v1 "))
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, text []byte) {
		key, err := parse(text)
		if err != nil {
			if key != nil {
				t.Error("a key and an error")
			}
			return
		}
		again := base64.StdEncoding.AppendEncode([]byte(fileHeader), key)
		if !bytes.Equal(again, bytes.TrimSuffix(text, []byte("\n"))) {
			t.Errorf("two spellings of one key")
		}
	})
}
