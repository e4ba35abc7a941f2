package library

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"

	"github.com/bytedance/sonic"
	"github.com/minio/simdjson-go"
	"github.com/tidwall/gjson"
	"github.com/tidwall/sjson"
	"github.com/tink-crypto/tink-go/v2/tink"

	"github.com/sealmesh/sealmesh/bench/load"
)

// JSON libraries that replace the fields of body by values sealed with Tink.

func withSJSON(body []byte, a tink.AEAD, aad []byte) error {
	out, i, failed := body, 0, error(nil)
	gjson.GetBytes(body, "records").ForEach(func(_, record gjson.Result) bool {
		if v := record.Get(load.Member); v.Type == gjson.String {
			text, err := tinkText(a, v.Str, aad)
			if err == nil {
				out, err = sjson.SetBytes(out, "records."+strconv.Itoa(i)+"."+load.Member, text)
			}
			failed = err
		}
		i++
		return failed == nil
	})
	return failed
}

func withSonic(body []byte, a tink.AEAD, aad []byte) error {
	var doc map[string]any
	if err := sonic.Unmarshal(body, &doc); err != nil {
		return err
	}
	if err := sealRecords(doc, a, aad); err != nil {
		return err
	}
	_, err := sonic.Marshal(doc)
	return err
}

// withSIMD returns nil if the CPU lacks what simdjson-go needs.
func withSIMD(body []byte, a tink.AEAD, aad []byte) func() error {
	if !simdjson.SupportedCPU() {
		return nil
	}
	var parsed *simdjson.ParsedJson
	var out []byte
	return func() (err error) {
		if parsed, err = simdjson.Parse(body, parsed); err != nil {
			return err
		}
		it := parsed.Iter()
		it.Advance()
		array, err := it.FindElement(nil, "records")
		if err != nil {
			return err
		}
		records, err := array.Iter.Array(nil)
		if err != nil {
			return err
		}
		var failed error
		records.ForEach(func(i simdjson.Iter) {
			object, err := i.Object(nil)
			if err != nil {
				failed = err
				return
			}
			if e := object.FindKey(load.Member, nil); e != nil {
				v, err := e.Iter.String()
				if err == nil {
					v, err = tinkText(a, v, aad)
				}
				if err == nil {
					err = e.Iter.SetString(v)
				}
				failed = err
			}
		})
		if failed != nil {
			return failed
		}
		it = parsed.Iter()
		out, err = it.MarshalJSONBuffer(out[:0])
		return err
	}
}

func tinkText(a tink.AEAD, v string, aad []byte) (string, error) {
	b, err := a.Encrypt([]byte(v), aad)
	return base64.RawURLEncoding.EncodeToString(b), err
}

func sealRecords(doc map[string]any, a tink.AEAD, aad []byte) error {
	for _, r := range doc["records"].([]any) {
		m := r.(map[string]any)
		if v, ok := m[load.Member].(string); ok {
			text, err := tinkText(a, v, aad)
			if err != nil {
				return err
			}
			m[load.Member] = text
		}
	}
	return nil
}

// Transit is a remote encryption service that takes one value per call, and its
// client: a POST of JSON for each field over a kept connection. The service
// runs in this process, on loopback, and does as little as possible.
func Transit(body []byte, a tink.AEAD) (Contestant, func()) {
	type request struct {
		Plaintext []byte `json:"plaintext"`
	}
	type response struct {
		Data struct {
			Ciphertext string `json:"ciphertext"`
		} `json:"data"`
	}
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var in request
		var out response
		err := json.NewDecoder(r.Body).Decode(&in)
		if err == nil {
			out.Data.Ciphertext, err = tinkText(a, string(in.Plaintext), nil)
		}
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		_ = json.NewEncoder(w).Encode(out)
	}))
	values := valuesOf(body)
	return Contestant{Name: "one call of a remote service per value, values only", Waits: true, Run: func() error {
		for _, v := range values {
			b, err := json.Marshal(request{v})
			if err != nil {
				return err
			}
			resp, err := srv.Client().Post(srv.URL+"/v1/transit/encrypt/card", "application/json", bytes.NewReader(b))
			if err != nil {
				return err
			}
			var out response
			err = json.NewDecoder(resp.Body).Decode(&out)
			_, _ = io.Copy(io.Discard, resp.Body)
			_ = resp.Body.Close()
			if err != nil || out.Data.Ciphertext == "" {
				return fmt.Errorf("transit: %w", err)
			}
		}
		return nil
	}}, srv.Close
}
