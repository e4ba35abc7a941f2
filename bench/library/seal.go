package library

import (
	"bytes"
	"context"
	"crypto/aes"
	"crypto/cipher"
	"encoding/base64"
	"encoding/json"
	"errors"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/tink-crypto/tink-go/v2/aead"
	"github.com/tink-crypto/tink-go/v2/keyset"
	"github.com/tink-crypto/tink-go/v2/tink"

	"github.com/sealmesh/sealmesh/bench/load"
	"github.com/sealmesh/sealmesh/codec"
	"github.com/sealmesh/sealmesh/codec/formats"
	"github.com/sealmesh/sealmesh/codec/suite"
	"github.com/sealmesh/sealmesh/hsm"
	"github.com/sealmesh/sealmesh/keycache"
	"github.com/sealmesh/sealmesh/keycache/keyuse"
)

// Names that figures refer to.
const (
	Work       = "sealmesh: body work"
	Bare       = "bare AES-GCM and base64, values only"
	Scan       = "sealmesh: validating scan"
	JSONText   = "jsontext, looking for the field"
	JSONValid  = "json.Valid, which only validates"
	JSONParser = "jsonparser, which does not validate"
)

// BodyWork is what sealmesh does to a request body, from its bytes to the
// segments that leave.
func BodyWork(ctx context.Context, ring *hsm.Keyring, recorder *keyuse.Recorder, body []byte) (Contestant, func(), error) {
	cache, err := keycache.New(ring, keycache.Options{Recorder: recorder})
	if err != nil {
		return Contestant{}, nil, err
	}
	tag, err := cache.Tag("card", "bench", suite.XAES256GCM, nil)
	if err != nil {
		return Contestant{}, nil, err
	}
	sel, err := codec.NewSelector([]codec.Rule{{Path: load.Field}})
	if err != nil {
		return Contestant{}, nil, err
	}
	var out codec.Output
	var session *keycache.Session
	transform := func(dst []byte, batch []codec.Field) ([]byte, codec.Kind, error) {
		dst, err := session.Seal(dst, tag, batch[0].Kind, batch[0].Value)
		return dst, codec.Text, err
	}
	format, doc, err := jsonBody(sel, transform)
	if err != nil {
		return Contestant{}, nil, err
	}
	run := func() error {
		session = cache.Session(ctx, keyuse.Exchange{Route: "bench", Direction: "request"})
		w, err := format.New(doc)
		if err != nil {
			return err
		}
		err = errors.Join(w.Write(&out, body), w.Close(&out))
		w.Free()
		out.Reset()
		return errors.Join(err, session.Close(err))
	}
	return Contestant{Name: Work, Run: run}, func() { _ = cache.Close() }, nil
}

// jsonBody is what a Writer for a whole JSON document is made of.
func jsonBody(sel *codec.Selector, transform codec.Transform) (*codec.Format, codec.Body, error) {
	f := formats.Table().Detect("application/json").Format
	checked, err := f.Check(sel, codec.Options{})
	return f, codec.Body{At: sel.Root(), Checked: checked, Transform: transform}, err
}

// Seal returns ways to seal the fields of body without sealmesh. stop ends what
// they need.
func Seal(body []byte) (list []Contestant, stop func()) {
	values := valuesOf(body)
	block, err := aes.NewCipher(bytes.Repeat([]byte{7}, 32))
	must(err)
	gcm, err := cipher.NewGCMWithRandomNonce(block)
	must(err)
	handle, err := keyset.NewHandle(aead.AES256GCMKeyTemplate())
	must(err)
	primitive, err := aead.New(handle)
	must(err)
	envelope := aead.NewKMSEnvelopeAEAD2(aead.AES256GCMKeyTemplate(), primitive)
	sealed, text, aad := make([]byte, 0, 128), make([]byte, 0, 256), []byte("card")
	remote, stop := Transit(body, primitive)
	list = []Contestant{
		{Name: Bare, Run: func() error {
			for _, v := range values {
				sealed = gcm.Seal(sealed[:0], nil, v, aad)
				text = base64.RawURLEncoding.AppendEncode(text[:0], sealed)
			}
			return nil
		}},
		{Name: "Tink AEAD and base64, values only", Run: tinkValues(primitive, values, aad)},
		{Name: "Tink envelope AEAD, in-process remote, values only", Run: tinkValues(envelope, values, aad)},
		{Name: "encoding/json map and Tink AEAD", Run: func() error { return throughMap(body, primitive, aad) }},
		{Name: "gjson, sjson and Tink AEAD", Run: func() error { return withSJSON(body, primitive, aad) }},
		{Name: "sonic map and Tink AEAD", Run: func() error { return withSonic(body, primitive, aad) }},
		remote,
	}
	if run := withSIMD(body, primitive, aad); run != nil {
		list = append(list, Contestant{Name: "simdjson-go and Tink AEAD", Run: run, Waits: true})
	}
	return list, stop
}

func tinkValues(a tink.AEAD, values [][]byte, aad []byte) func() error {
	return func() error {
		for _, v := range values {
			b, err := a.Encrypt(v, aad)
			if err != nil {
				return err
			}
			_ = base64.RawURLEncoding.EncodeToString(b)
		}
		return nil
	}
}

func throughMap(body []byte, a tink.AEAD, aad []byte) error {
	var doc map[string]any
	if err := json.Unmarshal(body, &doc); err != nil {
		return err
	}
	if err := sealRecords(doc, a, aad); err != nil {
		return err
	}
	_, err := json.Marshal(doc)
	return err
}

func valuesOf(body []byte) (out [][]byte) {
	for part := range strings.SplitSeq(string(body), `"`+load.Member+`":"`) {
		if v, _, ok := strings.Cut(part, `"`); ok && len(v) == 16 {
			out = append(out, []byte(v))
		}
	}
	return out
}

// Validate returns ways to check that body is JSON and holds no value to
// protect.
func Validate(body []byte) []Contestant {
	sel, err := codec.NewSelector([]codec.Rule{{Path: load.Field}})
	must(err)
	format, doc, err := jsonBody(sel, nil)
	must(err)
	var out codec.Output
	return []Contestant{
		{Name: Scan, Run: func() error {
			w, err := format.New(doc)
			if err != nil {
				return err
			}
			err = errors.Join(w.Write(&out, body), w.Close(&out))
			w.Free()
			out.Reset()
			return err
		}},
		{Name: JSONText, Run: func() error { return decoderLooks(body) }},
		{Name: "jsontext, which only validates", Run: func() error {
			if !jsontext.Value(body).IsValid(jsontext.AllowDuplicateNames(true)) {
				return errors.New("not valid")
			}
			return nil
		}},
		{Name: JSONValid, Run: func() error {
			if !json.Valid(body) {
				return errors.New("not valid")
			}
			return nil
		}},
		{Name: JSONParser, Run: func() error { return parserLooks(body) }},
	}
}

func must(err error) {
	if err != nil {
		panic(err) // constants of this file
	}
}
