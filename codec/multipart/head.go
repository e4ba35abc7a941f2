package multipart

import (
	"bytes"
	"unicode/utf8"

	"github.com/sealmesh/sealmesh/codec"
)

// maxHead is the length of the headers of one part, in bytes.
const maxHead = 16 << 10

// maxMedia is the length of a media type without parameters, in bytes.
const maxMedia = 127

// A head is what the headers of a part say.
type head struct {
	start int64      // offset of the first line
	line  codec.Held // what earlier pieces have of a line

	disposed bool // there is a Content-Disposition
	file     bool // with a filename
	typed    bool // there is a Content-Type
	plain    bool // it is text/plain
	ascii    bool // it has the charset US-ASCII or ISO-8859-1
	measured bool // there is a Content-Length
	length   int64
	lengthAt int64 // offset of its digits
	digits   int
	encoded  bool // there is a Content-Transfer-Encoding

	resembles bool // the type is that of a document
	mediaBuf  [maxMedia]byte
	mediaLen  int
}

// beginHead is called where the headers of a part begin, at piece[i].
func (s *scanner) beginHead(i int) error {
	at := s.base + int64(i)
	if s.parts == maxParts {
		return s.reader.refuse(codec.FieldLimit, at, "the body has more than 100000 parts")
	}
	s.parts++
	s.head = head{start: at, line: s.head.line}
	s.reader.part = part{rule: -1}
	s.state = atHead
	return nil
}

// headLine reads a line of the headers, or the part of it that the piece has.
func (s *scanner) headLine(i int) (int, error) {
	line := s.piece[i:]
	k := bytes.IndexByte(line, '\n')
	if k >= 0 {
		line = line[:k+1]
	}
	end := i + len(line)
	if s.base+int64(end)-s.head.start > maxHead {
		return 0, s.reader.refuse(codec.NameLimit, s.head.start+maxHead, "the headers of a part are longer than 16 KiB")
	}
	if k < 0 {
		s.head.line.Add(line)
		return end, nil
	}
	at := s.base + int64(i-s.head.line.Len())
	if s.head.line.Len() > 0 {
		s.head.line.Add(line)
		line = s.head.line.Bytes()
	}
	err := s.readLine(line, at)
	s.head.line.Drop()
	return end, err
}

// readLine reads a whole line of the headers, which begins at an offset.
func (s *scanner) readLine(line []byte, at int64) error {
	line, ok := bytes.CutSuffix(line, []byte("\r\n"))
	if !ok {
		return s.reader.refuse(codec.Malformed, at, "a line of the headers ends without CR")
	}
	if len(line) == 0 {
		s.state = inPart
		return s.reader.beginPart(&s.head, at+int64(len("\r\n")))
	}
	if fault := lineFault(line, s.search.delimiter.dashed()); fault != "" {
		return s.reader.refuse(codec.Malformed, at, fault)
	}
	if isHead := s.reader.guard.Envelope; isHead != nil && codec.HoldsEnvelope(line, isHead) {
		return s.reader.refuse(codec.EnvelopeFound, at, "the headers of a part hold an envelope")
	}
	name, value, _ := bytes.Cut(line, []byte{':'})
	value = bytes.TrimPrefix(value, []byte{' '})
	if len(value) == 0 || value[0] == ' ' || value[len(value)-1] == ' ' {
		return s.reader.refuse(codec.Malformed, at, "a header has no value, or blanks around it")
	}
	return s.header(name, value, at, at+int64(len(line)-len(value)))
}

// lineFault says what is wrong with a line, whatever header it is.
func lineFault(line, dashed []byte) (fault string) {
	switch {
	case line[0] == ' ' || line[0] == '\t':
		return "a header continues on a second line"
	case bytes.IndexByte(line, ':') < 0:
		return "a line of the headers has no colon"
	case bytes.Contains(line, dashed):
		return "the boundary in the headers of a part"
	case !utf8.Valid(line):
		return "the headers of a part are not UTF-8"
	}
	for _, c := range line {
		if c < ' ' || c == 0x7f {
			return "a control character in the headers of a part"
		}
	}
	return ""
}

// header reads one header. Only those that form data has may be there: some
// readers find a name in any line of the headers. at and valueAt are offsets of
// the header and of its value.
func (s *scanner) header(name, value []byte, at, valueAt int64) error {
	fault := "a header that form data does not have"
	switch {
	case is(name, "content-disposition"):
		var of []byte
		if of, fault = s.head.disposition(value); fault == "" {
			return s.reader.named(of, at)
		}
	case is(name, "content-type"):
		fault = s.head.contentType(value, s.reader.plan.inner)
	case is(name, "content-length"):
		fault = s.head.contentLength(value, valueAt)
	case is(name, "content-transfer-encoding"):
		fault = s.head.transferEncoding(value)
	}
	if fault != "" {
		return s.reader.refuse(codec.Malformed, at, fault)
	}
	return nil
}

func (h *head) contentType(value []byte, inner table) (fault string) {
	if h.typed {
		return "a part has two types"
	}
	h.typed = true
	media, ascii, fault := mediaType(value)
	switch {
	case fault != "":
		return fault
	case len(media) > maxMedia:
		return "a type that is longer than 127 bytes"
	case is(media[:min(len(media), len("multipart/"))], "multipart/"):
		return "a part that has parts of its own"
	case is(media, "application/x-www-form-urlencoded"):
		return "a part that is a form of its own"
	}
	h.plain, h.ascii = is(media, "text/plain"), ascii
	h.mediaLen = copy(h.mediaBuf[:], media)
	h.resembles = inner.resembles(media)
	return ""
}

// transferEncoding takes the encodings that are none: Retrofit, Dart and
// Apache's client name them. Any other is a second spelling of every value, for
// the readers that decode it.
func (h *head) transferEncoding(value []byte) (fault string) {
	switch string(value) {
	case "binary", "8bit", "7bit":
	default:
		return "a transfer encoding other than binary, 8bit and 7bit"
	}
	if h.encoded {
		return "a part has two transfer encodings"
	}
	h.encoded = true
	return ""
}

// media is the type of the part, without parameters.
func (h *head) media() []byte { return h.mediaBuf[:h.mediaLen] }

func (h *head) contentLength(value []byte, at int64) (fault string) {
	if h.measured {
		return "a part has two lengths"
	}
	if len(value) > len("999999999999999999") {
		return "a length that is not a number"
	}
	for _, c := range value {
		if c < '0' || c > '9' {
			return "a length that is not a number"
		}
		h.length = 10*h.length + int64(c-'0')
	}
	h.measured, h.lengthAt, h.digits = true, at, len(value)
	return ""
}

// is reports whether name is want, which is in lower case, in any case.
func is(name []byte, want string) bool {
	if len(name) != len(want) {
		return false
	}
	for i, c := range name {
		if c-'A' < 26 {
			c |= 0x20
		}
		if c != want[i] {
			return false
		}
	}
	return true
}
