package policy

import (
	"errors"
	"io/fs"
	"testing"
)

const designExample = `version: 1
listen: unix:///run/sealmesh/ext_proc.sock
keys:
  customer:
    kek: awskms:///arn:aws:kms:eu-west-1:111122223333:key/mrk-1234      # or pkcs11:token=…;object=…  or local:path
    context: {service: customers}
    rotate: {age: 24h, uses: 2147483648}                              # new data key for sealing
    cache:  {soft: 5m, hard: 1h}                                      # revocation bound, outage bound
  customer-lookup:
    kek: local:kek.key
    record: ${file:/etc/sealmesh/lookup.record}
tags:
  pii:       {key: customer}
  pii.email: {key: customer-lookup, suite: deterministic}
routes:
  - name: customers
    match: {methods: [POST, PUT], path: /customers/**}
    request:  {seal: {$.ssn: pii, "$.contacts[*].email": pii.email}}
    response: {open: {$..ssn: pii, $..email: pii.email}}
`

func noEnv(string) (string, bool) { return "", false }

// files is a file system of what ${file:…} may read.
func files(m map[string]string) func(string) ([]byte, error) {
	return func(path string) ([]byte, error) {
		if s, ok := m[path]; ok {
			return []byte(s), nil
		}
		return nil, &fs.PathError{Op: "open", Path: path, Err: fs.ErrNotExist}
	}
}

func TestDesignExample(t *testing.T) {
	p, err := Load("policy.yaml", []byte(designExample), noEnv, files(map[string]string{"/etc/sealmesh/lookup.record": "smk1.x\n"}))
	if err != nil {
		t.Fatalf("load:\n%v", err)
	}
	if len(p.Warnings) != 0 {
		t.Errorf("warnings:\n%v", errors.Join(Problems(p.Warnings)))
	}
	r, err := p.Match("POST", "api.example.com:443", "/customers/7?x=1")
	if err != nil || r == nil || r.Name != "customers" {
		t.Fatalf("Match = %v, %v", r, err)
	}
	if got := r.Request.Rules[1]; p.Tags[got.Tag].Name != "pii.email" || got.Open || !r.Response.Rules[0].Open {
		t.Errorf("rules %+v %+v", r.Request.Rules, r.Response.Rules)
	}
	if string(p.Keys[1].Record) != "smk1.x" || p.Keys[0].Context.Map()["service"] != "customers" || p.Keys[0].Quorum != 1 {
		t.Errorf("keys %+v", p.Keys)
	}
}
