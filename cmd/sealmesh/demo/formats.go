package demo

import (
	"bytes"
	"context"
	"fmt"
	"mime/multipart"
	"net/http"
	"strings"
)

// call is what a SOAP client sends.
const call = `<?xml version="1.0" encoding="UTF-8"?>
<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body>
  <c:CreateCustomer xmlns:c="urn:customers"><c:name>Grace Hopper</c:name><c:ssn>545-32-1100</c:ssn><c:income>91000.00</c:income></c:CreateCustomer>
</s:Body></s:Envelope>`

// A message is a body in another format than JSON.
type message struct {
	what, path, contentType, body string
	secrets                       []string // that must come back, and not be stored
}

// formats sends the same kinds of values as SOAP and as a multipart upload.
func (t *tour) formats(ctx context.Context) error {
	t.act("The same values in other formats: a SOAP call, and an upload that is answered in JSON")
	upload, uploadType, err := newUpload()
	if err != nil {
		return err
	}
	for _, m := range []message{
		{"SOAP", "/soap", "text/xml; charset=utf-8", call, []string{"545-32-1100", "91000.00"}},
		{"multipart/form-data", "/customers", uploadType, upload, []string{"321-54-9876", "64000"}},
	} {
		status, body, err := t.send(ctx, http.MethodPost, m.path, m.contentType, strings.NewReader(m.body))
		if err != nil {
			return err
		}
		if status >= 300 {
			return fmt.Errorf("%s: %d %s", m.what, status, body)
		}
		if t.stored, err = t.rows(ctx); err != nil {
			return err
		}
		if err := t.cameBack(&m, body); err != nil {
			return err
		}
	}
	t.verified("no tagged value of them is in the database in clear, and each came back in the format of the answer")
	return nil
}

// cameBack checks and shows what became of m, which body answers.
func (t *tour) cameBack(m *message, body []byte) error {
	if bytes.Contains(body, []byte("sm1.")) {
		return fmt.Errorf("%s: a client got an envelope: %s", m.what, body)
	}
	for _, s := range m.secrets {
		switch {
		case !strings.Contains(m.body, s) || !bytes.Contains(body, []byte(s)):
			return fmt.Errorf("%s: %q did not come back: %s", m.what, s, body)
		case bytes.Contains(t.stored, []byte(s)):
			return fmt.Errorf("%s: the database holds %q in clear", m.what, s)
		}
	}
	rows := bytes.Split(bytes.TrimSpace(t.stored), []byte("\n"))
	stored, err := cells(rows[len(rows)-1])
	if err != nil {
		return err
	}
	t.line(fmt.Sprintf("%-20s ssn %-13s", m.what, m.secrets[0]) + " database holds " + t.paint("36", shorten(stored[2].text)))
	return nil
}

// newUpload returns a form with fields and a file.
func newUpload() (body, contentType string, err error) {
	var b strings.Builder
	w := multipart.NewWriter(&b)
	for _, field := range [][2]string{{"name", "Emmy Noether"}, {"ssn", "321-54-9876"}, {"income", "64000"}} {
		if err := w.WriteField(field[0], field[1]); err != nil {
			return "", "", err
		}
	}
	file, err := w.CreateFormFile("contract", "contract.pdf")
	if err != nil {
		return "", "", err
	}
	if _, err := file.Write([]byte("%PDF-1.7 \x00\x01 a file passes as it is")); err != nil {
		return "", "", err
	}
	if err := w.Close(); err != nil {
		return "", "", err
	}
	return b.String(), w.FormDataContentType(), nil
}
