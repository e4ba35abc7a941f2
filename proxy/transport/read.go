package transport

import (
	"errors"
	"io"
	"time"

	"golang.org/x/net/http2"
)

// read takes frames until the connection ends. It returns a http2.ConnectionError when the
// peer broke the protocol, and nil when the peer has left.
func (c *conn) read() error {
	if err := c.greeting(); err != nil {
		return err
	}
	for {
		fh, err := c.framer.ReadFrameHeader()
		if err != nil {
			if over := c.over(); over != nil {
				return over
			}
			return err
		}
		if fh.Type == http2.FrameData {
			err = c.data(fh)
		} else {
			err = c.frame(fh)
		}
		if bad, ok := errors.AsType[http2.StreamError](err); ok {
			err = c.reset(bad.StreamID, bad.Code)
		}
		if err != nil {
			return err
		}
	}
}

// greeting takes the peer's first frame, which is its settings (RFC 9113 3.4).
func (c *conn) greeting() error {
	f, err := c.framer.ReadFrame()
	if err != nil {
		return err
	}
	s, ok := f.(*http2.SettingsFrame)
	if !ok || s.IsAck() {
		return http2.ConnectionError(http2.ErrCodeProtocol)
	}
	_ = c.nc.SetDeadline(time.Time{})
	return c.settings(s)
}

// frame takes any frame but DATA.
func (c *conn) frame(fh http2.FrameHeader) error {
	read := c.framer.ReadFrameForHeader
	if fh.Type == http2.FrameHeaders {
		read = c.headersFrame
	}
	f, err := read(fh)
	if err != nil {
		if bad, ok := errors.AsType[http2.StreamError](err); ok && fh.Type == http2.FrameHeaders {
			return c.badHeaders(bad)
		}
		return err
	}
	switch f := f.(type) {
	case *http2.MetaHeadersFrame:
		return c.headers(f)
	case *http2.SettingsFrame:
		return c.settings(f)
	case *http2.WindowUpdateFrame:
		return c.grow(f)
	case *http2.PingFrame:
		return c.ping(f)
	case *http2.RSTStreamFrame:
		return c.resetByPeer(f)
	case *http2.PriorityFrame:
		return selfDependent(f.StreamID, f.PriorityParam)
	case *http2.PushPromiseFrame:
		return http2.ConnectionError(http2.ErrCodeProtocol)
	}
	return nil // GOAWAY: the peer opens no more streams; and what RFC 9113 4.1 says to ignore
}

// badHeaders takes HEADERS that the framer refuses. Without a cause they were not decoded,
// for the length of their padding, and HPACK's state is lost.
func (c *conn) badHeaders(err http2.StreamError) error {
	if err.Cause == nil || err.StreamID%2 == 0 {
		return http2.ConnectionError(http2.ErrCodeProtocol)
	}
	c.lastID = max(c.lastID, err.StreamID)
	return err
}

func selfDependent(id uint32, p http2.PriorityParam) error {
	if p.StreamDep == id {
		return http2.StreamError{StreamID: id, Code: http2.ErrCodeProtocol}
	}
	return nil
}

// maxSettings is how many settings a frame may have: each may move the windows of all streams.
const maxSettings = 100

// settings takes the peer's settings and acknowledges them.
func (c *conn) settings(f *http2.SettingsFrame) error {
	if f.IsAck() {
		return nil
	}
	if f.NumSettings() > maxSettings {
		return http2.ConnectionError(http2.ErrCodeEnhanceYourCalm)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	err := f.ForeachSetting(func(s http2.Setting) error {
		if err := s.Valid(); err != nil {
			return err
		}
		switch s.ID {
		case http2.SettingInitialWindowSize:
			return c.initial(int64(s.Val))
		case http2.SettingMaxFrameSize:
			c.out.maxFrame = int(s.Val)
		case http2.SettingHeaderTableSize:
			c.out.hpack.SetMaxDynamicTableSizeLimit(min(s.Val, 4096))
		}
		return nil
	})
	if err != nil {
		return err
	}
	c.out.settingsAck()
	return c.control()
}

// initial moves the windows of all streams to a new initial size (RFC 9113 6.9.2).
func (c *conn) initial(size int64) error {
	delta := size - c.out.initial
	c.out.initial = size
	for _, st := range c.streams {
		if st.window += delta; st.window > maxWindow {
			return http2.ConnectionError(http2.ErrCodeFlowControl)
		}
	}
	c.room.Broadcast()
	return nil
}

const maxWindow = 1<<31 - 1

// grow takes a WINDOW_UPDATE. An increment of zero has been refused by the framer.
func (c *conn) grow(f *http2.WindowUpdateFrame) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	defer c.room.Broadcast()
	if f.StreamID == 0 {
		if c.out.window += int64(f.Increment); c.out.window > maxWindow {
			return http2.ConnectionError(http2.ErrCodeFlowControl)
		}
		return nil
	}
	st := c.streams[f.StreamID]
	if st == nil {
		return c.known(f.StreamID)
	}
	if st.window += int64(f.Increment); st.window > maxWindow {
		return http2.StreamError{StreamID: f.StreamID, Code: http2.ErrCodeFlowControl}
	}
	return nil
}

// known refuses a frame of a stream that was never opened.
func (c *conn) known(id uint32) error {
	if id > c.lastID || id%2 == 0 {
		return http2.ConnectionError(http2.ErrCodeProtocol)
	}
	return nil
}

func (c *conn) ping(f *http2.PingFrame) error {
	if f.IsAck() {
		if f.Data == drainPing {
			c.heard()
			return c.over()
		}
		return nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.out.ping(true, f.Data)
	return c.control()
}

// over ends the loop of a connection that has nothing more to do.
func (c *conn) over() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.finished() {
		return io.EOF
	}
	return nil
}

// maxControl is how many frames that only answer the peer's may wait to be written. A peer
// that asks on without reading wants our memory.
const maxControl = 1000

// control has a frame written that answers one of the peer's. The caller holds mu.
func (c *conn) control() error {
	if c.out.control > maxControl {
		return http2.ConnectionError(http2.ErrCodeEnhanceYourCalm)
	}
	c.wakeWriter()
	return nil
}

// resetByPeer ends a stream that the peer wants no more of: the usual end with Envoy.
func (c *conn) resetByPeer(f *http2.RSTStreamFrame) error {
	c.mu.Lock()
	st := c.streams[f.StreamID]
	delete(c.streams, f.StreamID)
	c.mu.Unlock()
	if st == nil {
		return c.known(f.StreamID)
	}
	st.fail(errReset)
	return c.over()
}

// reset ends a stream by which the peer broke the protocol.
func (c *conn) reset(id uint32, code http2.ErrCode) error {
	c.mu.Lock()
	st := c.streams[id]
	delete(c.streams, id)
	if st != nil {
		st.lose(errReset) // first: nothing may follow what ends the stream
	}
	c.out.control++
	c.out.reset(id, code)
	err := c.control()
	c.mu.Unlock()
	if st != nil {
		st.fail(errReset)
	}
	if err != nil {
		return err
	}
	return c.over()
}
