package policy

import (
	"math"
	"testing"
	"time"
)

func TestParseSize(t *testing.T) {
	for _, c := range []struct {
		in   string
		want uint64
		ok   bool
	}{
		{"0", 0, true},
		{"4096", 4096, true},
		{"7B", 7, true},
		{"64KiB", 64 << 10, true},
		{"1 MiB", 1 << 20, true},
		{"2GiB", 2 << 30, true},
		{"3TiB", 3 << 40, true},
		{"9223372036854775807", math.MaxInt64, true},
		{"9223372036854775808", 0, false},
		{"8388607TiB", 8388607 << 40, true},
		{"8388608TiB", 0, false},
		{"", 0, false},
		{"KiB", 0, false},
		{"-1", 0, false},
		{"1.5MiB", 0, false},
		{"1MB", 0, false},
		{"1kib", 0, false},
		{"1MiBKiB", 0, false},
	} {
		if got, ok := parseSize(c.in); ok != c.ok || ok && got != c.want {
			t.Errorf("%q: %d, %v", c.in, got, ok)
		}
	}
}

func TestParseDuration(t *testing.T) {
	for _, c := range []struct {
		in   string
		want time.Duration
		ok   bool
	}{
		{"30s", 30 * time.Second, true},
		{"1h30m", 90 * time.Minute, true},
		{"30d", 720 * time.Hour, true},
		{"1d12h", 36 * time.Hour, true},
		{"0d1s", time.Second, true},
		{"65535d", 65535 * 24 * time.Hour, true},
		{"65536d", 0, false},
		{"1d24h", 0, false},
		{"1d-1h", 0, false},
		{"-1d", 0, false},
		{"1.5d", 0, false},
		{"d", 0, false},
		{"", 0, false},
		{"5", 0, false},
		{"5 m", 0, false},
	} {
		if got, ok := parseDuration(c.in); ok != c.ok || ok && got != c.want {
			t.Errorf("%q: %v, %v", c.in, got, ok)
		}
	}
}

func TestExpand(t *testing.T) {
	p, err := load(t, goldenSource(t, "literal-dollar"))
	if err != nil {
		t.Fatal(err)
	}
	same(t, "context", p.Keys[0].Context.Map(), map[string]string{"a": "${PIN}", "b": "$5", "c": "a$"})
	p, err = load(t, goldenSource(t, "default-of-empty"))
	if err != nil {
		t.Fatal(err)
	}
	same(t, "admin", p.Admin, "127.0.0.1:1")
}

func TestDidYouMean(t *testing.T) {
	for _, c := range []struct {
		word string
		from []string
		want string
	}{
		{"tag", []string{"tags", "keys"}, `did you mean "tags"?`},
		{"tasg", []string{"tags", "keys"}, `did you mean "tags"?`},
		{"TAGS", []string{"tags", "keys"}, `did you mean "tags"?`},
		{"customre", []string{"customer", "consumer"}, `did you mean "customer"?`},
		{"zzz", []string{"tags", "keys"}, "known: keys, tags"},
		{"zzz", nil, ""},
		{"zzz", make([]string, 13), ""},
	} {
		if got := didYouMean(c.word, c.from); got != c.want {
			t.Errorf("%q: %s, want %s", c.word, got, c.want)
		}
	}
}
