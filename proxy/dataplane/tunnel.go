package dataplane

import (
	"errors"
	"fmt"
	"io"
	"net/http"

	"github.com/sealmesh/sealmesh/proxy/wire"
)

var errUpgradeMode = errors.New("dataplane: an upgrade with a body mode other than NONE is not implemented")

// tunnel answers an upgrade with 101 and joins the two connections. Their bytes
// have no end that ext_proc would see. Here they bypass the processor, whose
// body modes must be NONE, by configuration or mode_override. (A BUFFERED
// request or response hangs, as in Envoy [47081].)
func (x *exchange) tunnel(headers fields) error {
	if x.request.mode != wire.ModeNone || x.response.mode != wire.ModeNone {
		return errUpgradeMode
	}
	conn, buffered, err := http.NewResponseController(x.writer).Hijack()
	if err != nil {
		return err
	}
	defer conn.Close()
	defer x.upgraded.Close()
	fmt.Fprintf(buffered, "HTTP/1.1 101 Switching Protocols\r\n")
	if err := headers.header().Write(buffered); err != nil {
		return err
	}
	fmt.Fprintf(buffered, "\r\n")
	if err := buffered.Flush(); err != nil {
		return err
	}
	done := make(chan error, 2)
	go func() { _, err := io.Copy(x.upgraded, buffered); done <- err }()
	go func() { _, err := io.Copy(conn, x.upgraded); done <- err }()
	select {
	case <-done: // either end closes both
	case <-x.ctx.Done():
	}
	return nil
}
