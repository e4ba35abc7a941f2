package envelope_test

import (
	"bytes"
	"fmt"
	"reflect"
	"testing"

	"github.com/sealmesh/sealmesh/codec/envelope"
)

func wraps(n, size int) []envelope.Wrap {
	var all []envelope.Wrap
	for i := range n {
		all = append(all, envelope.Wrap{ProviderID: 1, KEK: [4]byte{byte(i)}, Wrapped: bytes.Repeat([]byte{byte(i)}, size)})
	}
	return all
}

func TestRecord(t *testing.T) {
	for _, n := range []int{1, 2, envelope.MaxWraps} {
		for _, size := range []int{1, 60, envelope.MaxWrapped} {
			r := envelope.Record{Commitment: envelope.Commitment(testKey), Wraps: wraps(n, size)}
			if err := r.Check(); err != nil {
				t.Fatal(err)
			}
			bin := envelope.AppendRecord([]byte("dst"), r)[3:]
			if got, err := envelope.ParseRecord(bin); err != nil || !reflect.DeepEqual(got, r) {
				t.Errorf("%d wraps of %d: %v", n, size, err)
			}
			text := envelope.AppendRecordText([]byte("dst"), r)[3:]
			if got, err := envelope.ParseRecordText(text); err != nil || !reflect.DeepEqual(got, r) {
				t.Errorf("text, %d wraps of %d: %v", n, size, err)
			}
			if len(bin) > envelope.MaxInline {
				t.Errorf("a record of %d bytes does not fit an envelope", len(bin))
			}
			for i := range min(len(bin), 500) {
				if _, err := envelope.ParseRecord(bin[:i]); err == nil {
					t.Errorf("parses when cut to %d bytes", i)
				}
			}
			if _, err := envelope.ParseRecord(append(bin, 0)); err == nil {
				t.Error("parses with a byte behind")
			}
		}
	}
}

func TestRecordCheck(t *testing.T) {
	twice := wraps(2, 1)
	twice[1].KEK = twice[0].KEK
	for name, all := range map[string][]envelope.Wrap{
		"no wrap":         nil,
		"too many":        wraps(envelope.MaxWraps+1, 1),
		"empty":           wraps(1, 0),
		"too long":        wraps(1, envelope.MaxWrapped+1),
		"one KEK twice":   twice,
		"second is empty": append(wraps(1, 1), envelope.Wrap{ProviderID: 9}),
	} {
		r := envelope.Record{Wraps: all}
		if r.Check() == nil {
			t.Errorf("%s: passes", name)
		}
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s: was written", name)
				}
			}()
			envelope.AppendRecord(nil, r)
		}()
	}
	twice[1].ProviderID = 2 // short references of two kinds of provider are not compared
	if err := (envelope.Record{Wraps: twice}).Check(); err != nil {
		t.Error(err)
	}
}

func TestParseRecordErrors(t *testing.T) {
	bin := envelope.AppendRecord(nil, envelope.Record{Wraps: wraps(2, 3)}) // 34 + 2 × (1 + 4 + 2 + 3)
	set := func(i int, b byte) []byte {
		c := bytes.Clone(bin)
		c[i] = b
		return c
	}
	for name, tt := range map[string]struct {
		bin  []byte
		want error
	}{
		"empty":           {nil, envelope.ErrMalformed},
		"version 0":       {set(0, 0), envelope.ErrMalformed},
		"version 2":       {set(0, 2), envelope.ErrFutureVersion},
		"version 2 alone": {[]byte{2}, envelope.ErrFutureVersion},
		"count 0":         {set(33, 0), envelope.ErrMalformed},
		"count 1":         {set(33, 1), envelope.ErrMalformed},
		"count 3":         {set(33, 3), envelope.ErrMalformed},
		"count 9":         {set(33, 9), envelope.ErrMalformed},
		"count 255":       {set(33, 255), envelope.ErrMalformed},
		"length 0":        {set(40, 0), envelope.ErrMalformed},
		"length 2":        {set(40, 2), envelope.ErrMalformed},
		"length 255":      {set(39, 255), envelope.ErrMalformed},
		"one KEK twice":   {set(45, 0), envelope.ErrMalformed},
	} {
		if _, err := envelope.ParseRecord(tt.bin); err != tt.want {
			t.Errorf("%s: %v, want %v", name, err, tt.want)
		}
	}
}

func TestParseRecordTextErrors(t *testing.T) {
	text := string(envelope.AppendRecordText(nil, envelope.Record{Wraps: wraps(1, 1)})) // 42 bytes: none to spare
	for name, tt := range map[string]struct {
		text string
		want error
	}{
		"empty":         {"", envelope.ErrNotEnvelope},
		"an envelope":   {"sm1." + text[5:], envelope.ErrNotEnvelope},
		"version 2":     {"smk2." + text[5:], envelope.ErrFutureVersion},
		"prefix alone":  {"smk1.", envelope.ErrMalformed},
		"line end":      {text + "\n", envelope.ErrMalformed},
		"padding":       {text + "==", envelope.ErrMalformed},
		"a byte behind": {text + "AA", envelope.ErrMalformed},
	} {
		if _, err := envelope.ParseRecordText([]byte(tt.text)); err != tt.want {
			t.Errorf("%s: %v, want %v", name, err, tt.want)
		}
	}
}

// A goldenStored is one stored key that parses for ever.
type goldenStored struct {
	Commitment hexBytes     `json:"commitment"`
	Wraps      []goldenWrap `json:"wraps"`
	Text       string       `json:"text"`
}

type goldenWrap struct {
	Kind    uint8    `json:"kind"`
	KEK     hexBytes `json:"kek"`
	Wrapped hexBytes `json:"wrapped"`
}

func TestGoldenRecord(t *testing.T) {
	const path = "testdata/v1/records.json"
	if *update {
		writeMissing(t, path, makeStored())
	}
	var all []goldenStored
	readJSON(t, path, &all)
	if len(all) == 0 {
		t.Fatal("none")
	}
	for _, g := range all {
		r, err := envelope.ParseRecordText([]byte(g.Text))
		if err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(stored(r), g) {
			t.Errorf("%s parsed as %+v", g.Text, r)
		}
	}
}

func makeStored() []goldenStored {
	var all []goldenStored
	for n := range 3 {
		r := goldenRecord(fmt.Appendf(nil, "golden stored key %012d", n))
		r.Wraps = r.Wraps[n%2:]
		all = append(all, stored(r))
	}
	return all
}

func stored(r envelope.Record) goldenStored {
	g := goldenStored{Commitment: r.Commitment[:], Text: string(envelope.AppendRecordText(nil, r))}
	for _, w := range r.Wraps {
		g.Wraps = append(g.Wraps, goldenWrap{w.ProviderID, w.KEK[:], w.Wrapped})
	}
	return g
}

func TestAppendPanicsRatherThanLose(t *testing.T) {
	for name, f := range map[string]func(){
		"unknown suite":     func() { envelope.Append(nil, envelope.Header{}, make([]byte, 40)) },
		"payload too short": func() { envelope.Append(nil, envelope.Header{Suite: 1}, make([]byte, 39)) },
	} {
		var err any
		func() {
			defer func() { err = recover() }()
			f()
		}()
		if err == nil {
			t.Errorf("%s: was written", name)
		}
	}
}
