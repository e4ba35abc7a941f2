package form

import "testing"

// Eight bytes at once are read as each byte alone is.
func TestWords(t *testing.T) {
	for at := range 8 {
		for c := range 256 {
			word := []byte("aaaaaaaabbbbbbbb")
			word[at] = byte(c)
			wantName, wantValue := 16, 16
			if nameClass[c] != namePlain {
				wantName = at
			}
			if charClasses[c] > charPlus {
				wantValue = at
			}
			if got := nameRun(word, 0); got != wantName {
				t.Errorf("name %q: %d, want %d", word, got, wantName)
			}
			if got := plainRun(word, 0); got != wantValue {
				t.Errorf("value %q: %d, want %d", word, got, wantValue)
			}
		}
	}
}
