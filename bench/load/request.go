// Package load sends HTTP/1.1 requests, measures the latency of each, and
// answers them at the other end.
//
// Both ends share the machine with what is measured, so both do little work:
// requests are bytes made once, and only status and length of responses are
// read. The content of responses is checked before the measurement.
package load

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http/httputil"
	"strconv"
	"time"
)

// A Request is ready to be sent.
type Request struct {
	head []byte
	body []byte
	from func() io.Reader // makes the body while it is sent; nil: send body
}

// NewRequest makes a JSON request. A nil body sends none.
func NewRequest(method, path string, body []byte) *Request {
	return &Request{head: head(method, path, int64(len(body))), body: body}
}

// NewStream makes a POST whose body of size bytes is read from the result of
// from.
func NewStream(path string, size int64, from func() io.Reader) *Request {
	return &Request{head: head("POST", path, size), from: from}
}

func head(method, path string, size int64) []byte {
	b := fmt.Appendf(nil, "%s %s HTTP/1.1\r\nhost: bench.example\r\ncontent-type: application/json\r\n"+
		"user-agent: sealmesh-bench\r\naccept: application/json\r\nx-request-id: 5f0c31a7-8f0e-4b53-9f4b-0d6a1c6a7e11\r\n"+
		"traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01\r\n", method, path)
	if method != "GET" {
		b = fmt.Appendf(b, "content-length: %d\r\n", size)
	}
	return append(b, "\r\n"...)
}

var errStatus = errors.New("load: the status is not 200")

// A conn is one kept-alive connection.
type conn struct {
	net.Conn
	r *bufio.Reader
	b []byte // head and a short body in one write
}

func dial(addr string) (*conn, error) {
	c, err := net.DialTimeout("tcp", addr, 5*time.Second)
	if err != nil {
		return nil, err
	}
	return &conn{Conn: c, r: bufio.NewReaderSize(c, 32<<10)}, nil
}

// oneWrite is the size up to which a body is copied behind its head.
const oneWrite = 64 << 10

// send writes r.
func (c *conn) send(r *Request) error {
	c.b = append(c.b[:0], r.head...)
	if r.from != nil {
		if _, err := c.Write(c.b); err != nil {
			return err
		}
		_, err := io.Copy(c.Conn, r.from())
		return err
	}
	if len(r.body) <= oneWrite {
		_, err := c.Write(append(c.b, r.body...))
		return err
	}
	bufs := net.Buffers{c.b, r.body}
	_, err := bufs.WriteTo(c.Conn)
	return err
}

// do sends r and copies the body of the response to w, which may be io.Discard.
// It returns the length of the body.
func (c *conn) do(r *Request, w io.Writer) (int64, error) {
	if err := c.send(r); err != nil {
		return 0, err
	}
	return c.receive(w)
}

func (c *conn) receive(w io.Writer) (int64, error) {
	line, err := c.r.ReadSlice('\n')
	if err != nil {
		return 0, err
	}
	ok := len(line) > 12 && string(line[9:12]) == "200"
	if !ok {
		err = fmt.Errorf("%w: %s", errStatus, bytes.TrimSpace(line))
	}
	length, herr := readFields(c.r, nil)
	if herr != nil {
		return 0, herr
	}
	n, berr := copyBody(w, c.r, length)
	return n, errors.Join(err, berr)
}

// chunked is the length of a chunked body.
const chunked = -1

// readFields reads header fields up to the empty line and returns the length of
// the body that they announce. It passes each line to see, unless see is nil.
func readFields(r *bufio.Reader, see func(line []byte)) (length int64, err error) {
	for {
		line, err := r.ReadSlice('\n')
		if err != nil {
			return 0, err
		}
		line = bytes.TrimRight(line, "\r\n")
		if len(line) == 0 {
			return length, nil
		}
		if see != nil {
			see(line)
		}
		name, value, _ := bytes.Cut(line, []byte(":"))
		switch {
		case bytes.EqualFold(name, []byte("content-length")):
			if length, err = strconv.ParseInt(string(bytes.TrimSpace(value)), 10, 64); err != nil {
				return 0, err
			}
		case bytes.EqualFold(name, []byte("transfer-encoding")):
			length = chunked
		}
	}
}

func copyBody(w io.Writer, r *bufio.Reader, length int64) (int64, error) {
	if length == 0 {
		return 0, nil
	}
	if length != chunked {
		if w == io.Discard && length <= int64(r.Size()) {
			n, err := r.Discard(int(length))
			return int64(n), err
		}
		return io.CopyN(w, r, length)
	}
	n, err := io.Copy(w, httputil.NewChunkedReader(r))
	if err != nil {
		return n, err
	}
	_, err = readFields(r, nil) // trailers
	return n, err
}
