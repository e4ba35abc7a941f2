package services

import (
	"bytes"
	"encoding/json"
	"io"
	"mime/multipart"
	"net/http"
	"strings"
	"testing"
)

// An upload is what uploads.js keeps of one.
type upload struct {
	Fields struct {
		SSN, Note string
		User      struct{ SSN string }
	}
	Files []struct {
		Name, File, Type, Text string
		Bytes                  int
	}
}

// Uploads to Express, read by multer and busboy, from fetch, axios and
// form-data: fields and files are sealed, and documents in them by rules.
func TestUploads(t *testing.T) {
	s := newStack(t, "uploads.yaml", "node", "uploads.js")
	t.Run("clients", func(t *testing.T) {
		for _, got := range run(t, "node", "client.js", s.envoy) {
			if got.Status/100 != 2 || strings.Contains(string(got.Body), "sm1.") || !strings.Contains(string(got.Body), canary) {
				t.Errorf("%s: status %d: %s", got.Client, got.Status, got.Body)
			}
		}
	})
	s.neverSaw(t)
	var kept []upload
	read(t, s.service+"/uploads", &kept)
	for _, u := range kept {
		if !sealed(u.Fields.SSN) || u.Fields.User.SSN != "" && !sealed(u.Fields.User.SSN) || u.Fields.Note != "" && u.Fields.Note != "a & b\r\né" && u.Fields.Note != "a & b\né" {
			t.Errorf("the service has kept %+v", u.Fields)
		}
		for _, f := range u.Files {
			switch f.Name {
			case "scan":
				if !sealed(f.Text) || f.File != "scan.txt" || f.Type != "text/plain" {
					t.Errorf("a file was not sealed whole: %+v", f)
				}
			case "photo":
				if f.Bytes != 93 || f.Type != "image/png" {
					t.Errorf("a file without a rule has changed: %+v", f)
				}
			case "order":
				if !strings.HasPrefix(f.Text, `{"ssn":"sm1.`) {
					t.Errorf("the order is %s", f.Text)
				}
			case "rows":
				if !strings.HasPrefix(f.Text, "id,ssn\n1,sm1.") {
					t.Errorf("the rows are %s", f.Text)
				}
			}
		}
	}
	if len(kept) == 0 || len(kept[0].Files) != 4 {
		t.Fatalf("the service has kept %+v", kept)
	}
	t.Run("opened", func(t *testing.T) { s.opens(t, kept[0]) })
	t.Run("5 MiB", s.long)
}

// opens sends what is sealed in u to a route that opens it for the service.
func (s *stack) opens(t *testing.T, u upload) {
	scan := ""
	for _, f := range u.Files {
		if f.Name == "scan" {
			scan = f.Text
		}
	}
	status, reply := s.send(t, "/clear/uploads", u.Fields.SSN, scan)
	var got struct {
		ID     int
		Fields struct{ SSN string }
	}
	decode(t, reply, &got)
	if status != http.StatusCreated || !sealed(got.Fields.SSN) {
		t.Errorf("status %d: %s", status, reply)
	}
	var kept []upload
	read(t, s.service+"/uploads", &kept)
	last := kept[len(kept)-1]
	if last.Fields.SSN != canary || len(last.Files) != 1 || last.Files[0].Text != "scan of "+canary {
		t.Errorf("the service got %+v", last)
	}
}

// long sends a file that is longer than limits.buffered_bytes: it passes and is
// sealed where the body is streamed, and is refused where it is buffered.
func (s *stack) long(t *testing.T) {
	file := strings.Repeat(canary+"\r\n", 5<<20/len(canary+"\r\n"))
	s.tap.taken()
	status, reply := s.send(t, "/uploads", canary, file)
	if status != http.StatusCreated {
		t.Fatalf("status %d: %s", status, reply)
	}
	s.neverSaw(t)
	status, reply = s.send(t, "/parts", canary, file)
	var problem struct{ Code, Detail string }
	decode(t, reply, &problem)
	if status != http.StatusRequestEntityTooLarge || problem.Code != "body_too_large" || !strings.Contains(problem.Detail, "limits.buffered_bytes") {
		t.Errorf("status %d: %s", status, reply)
	}
}

// send sends a form with a field and a file, as curl -F does.
func (s *stack) send(t *testing.T, path, ssn, scan string) (status int, reply string) {
	t.Helper()
	var body bytes.Buffer
	w := multipart.NewWriter(&body)
	must(t, w.WriteField("ssn", ssn))
	part, err := w.CreateFormFile("scan", "scan.txt")
	must(t, err)
	_, err = io.WriteString(part, scan)
	must(t, err)
	must(t, w.Close())
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.envoy+path, &body)
	must(t, err)
	req.Header.Set("Content-Type", w.FormDataContentType())
	req.Header.Set("Expect", "100-continue")
	resp, err := http.DefaultTransport.RoundTrip(req)
	must(t, err)
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	must(t, err)
	if !json.Valid(text) {
		t.Fatalf("%s: status %d: %.300s", path, resp.StatusCode, text)
	}
	return resp.StatusCode, string(text)
}
