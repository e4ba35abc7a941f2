package kmsfake

import (
	"encoding/xml"
	"io"
	"net/http"
	"net/url"
	"time"
)

// webIdentity is the one operation of STS that the fake knows. It is not
// signed.
const webIdentity = "AssumeRoleWithWebIdentity"

// serveSTS answers a request of STS's query protocol. Its Region is "" in
// [Fault] and [Call]: a server of STS has one Region, and requests do not name
// it.
func (s *Server) serveSTS(w http.ResponseWriter, r *http.Request, id string) {
	w.Header().Set("Content-Type", "text/xml")
	text, _ := io.ReadAll(io.LimitReader(r.Body, maxRequest)) // a client that has gone reads no answer
	form, _ := url.ParseQuery(string(text))
	req := request{s: s, operation: form.Get("Action")}
	call := Call{Operation: req.operation, RequestID: id}
	refuse := func(w http.ResponseWriter, failed *Exception) { refuseSTS(w, failed, id) }
	if fault := s.take(req); fault != nil && fault.play(w, r, s, call, refuse) {
		return
	}
	if req.operation != webIdentity || form.Get("WebIdentityToken") == "" {
		call.Code = "InvalidIdentityToken"
		refuse(w, exception(call.Code, "no token was passed"))
	} else {
		_ = xml.NewEncoder(w).Encode(newSession(s.lease))
	}
	s.log(call)
}

// Lease sets how long the credentials last that are given from now on; at first
// that is an hour. Call it before the first request.
func (s *Server) Lease(d time.Duration) { s.lease = d }

// A session is STS's answer: credentials, which the fake's KMS takes as it
// takes any.
type session struct {
	XMLName     xml.Name `xml:"https://sts.amazonaws.com/doc/2011-06-15/ AssumeRoleWithWebIdentityResponse"`
	AccessKeyID string   `xml:"AssumeRoleWithWebIdentityResult>Credentials>AccessKeyId"`
	Secret      string   `xml:"AssumeRoleWithWebIdentityResult>Credentials>SecretAccessKey"`
	Token       string   `xml:"AssumeRoleWithWebIdentityResult>Credentials>SessionToken"`
	Expires     string   `xml:"AssumeRoleWithWebIdentityResult>Credentials>Expiration"`
}

func newSession(lease time.Duration) session {
	return session{
		AccessKeyID: "ASIAEXAMPLE", Secret: "an example of a secret access key", Token: "a session of the fake",
		Expires: time.Now().Add(lease).UTC().Format(time.RFC3339),
	}
}

func refuseSTS(w http.ResponseWriter, failed *Exception, id string) {
	type fault struct{ Type, Code, Message string }
	w.WriteHeader(failed.status())
	_ = xml.NewEncoder(w).Encode(struct {
		XMLName   xml.Name `xml:"https://sts.amazonaws.com/doc/2011-06-15/ ErrorResponse"`
		Error     fault
		RequestID string `xml:"RequestId"`
	}{Error: fault{"Sender", failed.Code, failed.Message}, RequestID: id})
}
