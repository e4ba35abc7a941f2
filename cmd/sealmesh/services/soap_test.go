package services

import (
	"strings"
	"testing"
)

// A SOAP service in spyne, called by zeep in SOAP 1.1 and 1.2: elements and an
// attribute are sealed for the service and opened for its client. A fault that
// quotes a sealed value shows its envelope.
func TestSOAP(t *testing.T) {
	s := newStack(t, "soap.yaml", "python", "soap.py")
	type person struct{ Card, Name, SSN, Note string }
	want := person{"4111 " + canary, "Ada", canary, "a < b & \"c\"\n" + canary + " é"}
	all := run(t, "python", "soap_client.py", s.envoy)
	if len(all) != 2 {
		t.Fatalf("%+v", all)
	}
	for i, got := range all {
		var body struct {
			Number         int
			Found          []person
			Fault, Address string
		}
		decode(t, string(got.Body), &body)
		if body.Number != i+1 || len(body.Found) != i+1 || body.Found[i] != want {
			t.Errorf("%s: %s", got.Client, got.Body)
		}
		if text, ok := strings.CutPrefix(body.Fault, "nobody has the number "); !ok || !sealed(text) {
			t.Errorf("%s: the fault is %q", got.Client, body.Fault)
		}
		if !strings.HasPrefix(body.Address, s.envoy) {
			t.Errorf("the description of the service leads past Envoy, to %s", body.Address)
		}
	}
	s.neverSaw(t)
	var kept []person
	read(t, s.service+"/stored", &kept)
	for _, p := range kept {
		if p.Name != "Ada" || !sealed(p.Card, p.SSN, p.Note) {
			t.Errorf("the service has kept %+v", p)
		}
	}
}
