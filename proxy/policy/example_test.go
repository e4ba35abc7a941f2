package policy_test

import (
	"fmt"
	"os"

	"github.com/sealmesh/sealmesh/proxy/policy"
)

// A policy file is loaded, and a request is matched against its routes. In
// sealmesh src is read from a file, and a relative path of ${file:…} starts
// from its folder.
func ExampleLoad() {
	src := `version: 1
keys: {customer: {kek: "local:kek.key"}}
tags: {pii.ssn: {key: customer}}
routes:
  - name: customers
    match: {methods: [POST, GET], path: "/customers/{id}"}
    request: {seal: {$.ssn: pii.ssn}}
    response: {open: {$.ssn: pii.ssn}}
  - {name: health, match: {path: /healthz}, skip: true}
`
	p, err := policy.Load("policy.yaml", []byte(src), os.LookupEnv, os.ReadFile)
	if err != nil {
		fmt.Println(err) // every problem of the file
		return
	}
	route, err := p.Match("POST", "api.example.com", "/customers/7?notify=true")
	if err != nil || route == nil {
		fmt.Println("refused:", err)
		return
	}
	for _, r := range route.Request.Rules {
		fmt.Println(route.Name, "seals", r.Path, "as", p.Tags[r.Tag].Name)
	}
	for _, r := range route.Response.Rules {
		fmt.Println(route.Name, "opens", r.Path, "as", p.Tags[r.Tag].Name)
	}
	_, err = p.Match("GET", "api.example.com", "/customers/7/../8")
	fmt.Println(err)
	// Output:
	// customers seals $.ssn as pii.ssn
	// customers opens $.ssn as pii.ssn
	// match: the path can be read in two ways
}
