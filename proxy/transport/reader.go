package transport

import (
	"errors"
	"time"

	"golang.org/x/net/http2"
)

// A reader reads the frames of a connection. One goroutine owns it.
type reader struct {
	*conn
	in     frameReader
	credit int    // what the peer may still send on the connection, in bytes
	lastID uint32 // highest stream that the peer has opened
}

func newReader(c *conn) *reader {
	return &reader{conn: c, in: newFrameReader(c.rw), credit: int(max(c.srv.opts.ConnWindow, initialWindow))}
}

// handshake reads the client's preface. newConn has set a deadline, which
// readFirstSettings lifts.
func (r *reader) handshake() error {
	if err := r.in.readPreface(); err != nil {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.ready = true
	r.signalWriter()
	return nil
}

// read reads frames until the connection ends. It returns an
// http2.ConnectionError when the peer broke the protocol, and io.EOF when the
// peer has left or the connection is drained.
func (r *reader) read() error {
	if err := r.readFirstSettings(); err != nil {
		return err
	}
	for {
		fh, err := r.in.header()
		if err != nil {
			if drained := r.checkDrained(); drained != nil {
				return drained
			}
			return err
		}
		if fh.Type == http2.FrameData {
			err = r.onData(fh)
		} else {
			err = r.onFrame(fh)
		}
		if bad, ok := errors.AsType[http2.StreamError](err); ok {
			err = r.resetStream(bad.StreamID, bad.Code)
		}
		if err != nil {
			return err
		}
	}
}

// readFirstSettings reads the peer's first frame, which must be SETTINGS (RFC
// 9113 section 3.4).
func (r *reader) readFirstSettings() error {
	f, err := r.in.framer.ReadFrame()
	if err != nil {
		return err
	}
	s, ok := f.(*http2.SettingsFrame)
	if !ok || s.IsAck() {
		return http2.ConnectionError(http2.ErrCodeProtocol)
	}
	_ = r.nc.SetDeadline(time.Time{})
	return r.onSettings(s)
}

// onFrame handles any frame but DATA.
func (r *reader) onFrame(fh http2.FrameHeader) error {
	f, err := r.in.payload(fh)
	if err != nil {
		if bad, ok := errors.AsType[http2.StreamError](err); ok && fh.Type == http2.FrameHeaders {
			return r.onBadHeaders(bad)
		}
		return err
	}
	switch f := f.(type) {
	case *http2.MetaHeadersFrame:
		return r.onHeaders(f)
	case *http2.SettingsFrame:
		return r.onSettings(f)
	case *http2.WindowUpdateFrame:
		return r.onWindowUpdate(f)
	case *http2.PingFrame:
		return r.onPing(f)
	case *http2.RSTStreamFrame:
		return r.onReset(f)
	case *http2.PriorityFrame:
		return checkPriority(f.StreamID, f.PriorityParam)
	case *http2.PushPromiseFrame:
		return http2.ConnectionError(http2.ErrCodeProtocol)
	}
	return nil // GOAWAY needs no answer; unknown types are ignored (RFC 9113 section 4.1)
}

// checkPriority refuses a stream that depends on itself (RFC 7540 section
// 5.3.1).
func checkPriority(id uint32, p http2.PriorityParam) error {
	if p.StreamDep == id {
		return http2.StreamError{StreamID: id, Code: http2.ErrCodeProtocol}
	}
	return nil
}

// maxSettings limits the settings in a frame: each may move the windows of all
// streams.
const maxSettings = 100

// onSettings applies the peer's settings and acknowledges them.
func (r *reader) onSettings(f *http2.SettingsFrame) error {
	if f.IsAck() {
		return nil
	}
	if f.NumSettings() > maxSettings {
		return http2.ConnectionError(http2.ErrCodeEnhanceYourCalm)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	err := f.ForeachSetting(func(s http2.Setting) error {
		if err := s.Valid(); err != nil {
			return err
		}
		switch s.ID {
		case http2.SettingInitialWindowSize:
			return r.setInitialWindow(int64(s.Val))
		case http2.SettingMaxFrameSize:
			r.out.maxFrame = int(s.Val)
		case http2.SettingHeaderTableSize:
			r.out.hpack.SetMaxDynamicTableSizeLimit(min(s.Val, hpackTable))
		}
		return nil
	})
	if err != nil {
		return err
	}
	r.out.settingsAck()
	return r.answerPeer()
}

// onWindowUpdate handles a WINDOW_UPDATE. The framer has refused an increment
// of zero.
func (r *reader) onWindowUpdate(f *http2.WindowUpdateFrame) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	defer r.progress.Broadcast()
	if f.StreamID == 0 {
		if r.out.window += int64(f.Increment); r.out.window > maxWindow {
			return http2.ConnectionError(http2.ErrCodeFlowControl)
		}
		return nil
	}
	st := r.streams[f.StreamID]
	if st == nil {
		return r.checkOpened(f.StreamID)
	}
	if st.window += int64(f.Increment); st.window > maxWindow {
		return http2.StreamError{StreamID: f.StreamID, Code: http2.ErrCodeFlowControl}
	}
	return nil
}

// checkOpened refuses a frame of a stream that the peer never opened.
func (r *reader) checkOpened(id uint32) error {
	if id > r.lastID || id%2 == 0 {
		return http2.ConnectionError(http2.ErrCodeProtocol)
	}
	return nil
}

func (r *reader) onPing(f *http2.PingFrame) error {
	if f.IsAck() {
		if f.Data == drainPing {
			r.onDrainAcked()
			return r.checkDrained()
		}
		return nil
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.out.ping(true, f.Data)
	return r.answerPeer()
}

// onDrainAcked sends the final GOAWAY: the peer has read the first one, so that
// it has opened all streams that it will open.
func (r *reader) onDrainAcked() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.draining || r.lastOpen != maxStreamID {
		return
	}
	r.lastOpen = r.lastID
	r.out.goAway(r.lastID, http2.ErrCodeNo)
	r.signalWriter()
}

// onReset ends a stream that the peer resets. Envoy usually ends streams so.
func (r *reader) onReset(f *http2.RSTStreamFrame) error {
	r.mu.Lock()
	st := r.streams[f.StreamID]
	delete(r.streams, f.StreamID)
	r.mu.Unlock()
	if st == nil {
		return r.checkOpened(f.StreamID)
	}
	st.fail(errReset)
	return r.checkDrained()
}

// resetStream ends a stream on which the peer broke the protocol.
func (r *reader) resetStream(id uint32, code http2.ErrCode) error {
	r.mu.Lock()
	st := r.streams[id]
	delete(r.streams, id)
	if st != nil {
		st.inbox.fail(errReset) // before RST_STREAM: no frame may follow it
	}
	r.out.control++
	r.out.reset(id, code)
	err := r.answerPeer()
	r.mu.Unlock()
	if st != nil {
		st.fail(errReset)
	}
	if err != nil {
		return err
	}
	return r.checkDrained()
}

// end fails all streams and lets the writer write what is queued. When err is
// the peer's fault, that includes a GOAWAY.
func (r *reader) end(err error) {
	r.mu.Lock()
	if code, ok := errors.AsType[http2.ConnectionError](err); ok {
		r.out.goAway(min(r.lastID, r.lastOpen), http2.ErrCode(code))
	} else if errors.Is(err, http2.ErrFrameTooLarge) {
		r.out.goAway(min(r.lastID, r.lastOpen), http2.ErrCodeFrameSize)
	}
	r.closed = true
	streams := r.streams
	r.streams = nil
	r.mu.Unlock()
	for _, st := range streams {
		st.fail(errBroken)
	}
	r.progress.Broadcast()
	_ = r.nc.SetWriteDeadline(time.Now().Add(closeTimeout))
	close(r.done)
}
