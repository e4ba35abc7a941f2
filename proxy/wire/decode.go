package wire

import "google.golang.org/protobuf/encoding/protowire"

// phaseOf maps the field numbers of ProcessingRequest.request.
var phaseOf = [...]Phase{
	2: RequestHeaders, 3: ResponseHeaders,
	4: RequestBody, 5: ResponseBody,
	6: RequestTrailers, 7: ResponseTrailers,
}

// decode reads a ProcessingRequest. metadata_context (field 8) is passed over unread.
func (r *Request) decode(c cursor) error {
	for c.left > 0 {
		number, typ, err := c.tag()
		if err != nil {
			return err
		}
		switch {
		case typ == protowire.BytesType && number >= 2 && number <= 7:
			err = r.decodePhase(&c, phaseOf[number])
		case typ == protowire.BytesType && number >= 9 && number <= 13:
			err = r.decodeSmall(&c, number)
		case typ == protowire.VarintType && number == 10:
			var v uint64
			v, err = c.varint()
			r.Observability = v != 0
		default:
			err = c.pass(typ)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// decodePhase reads the `request` of the message. A second one would replace or be
// merged into the first.
func (r *Request) decodePhase(c *cursor, phase Phase) error {
	if r.Phase != None {
		return errUnusual
	}
	r.Phase = phase
	n, err := c.length()
	if err != nil {
		return err
	}
	switch phase {
	case RequestBody, ResponseBody:
		err = r.decodeBody(c.within(n))
		c.skip(n)
	case RequestTrailers, ResponseTrailers:
		err = r.decodeTrailers(c.take(n))
	default:
		err = r.decodeHeaders(c.take(n))
	}
	return err
}

// decodeSmall reads the fields that belong to the message and not to its phase.
func (r *Request) decodeSmall(c *cursor, number protowire.Number) error {
	n, err := c.length()
	if err != nil {
		return err
	}
	b := c.take(n)
	switch number {
	case 9: // map<string, Struct> attributes
		r.attributes, err = appendNamespace(r.attributes, b)
	case 11: // protocol_config
		r.Protocol = &r.protocol
		err = r.protocol.decode(b)
	case 12: // flow_control_init
		r.FlowControl = true
		err = wellFormed(b)
	case 13: // client_window_update
		err = wellFormed(b)
	}
	return err
}

// decode reads a ProtocolConfiguration; fields that are absent stay as they are, which
// is what merging means.
func (p *Protocol) decode(b []byte) error {
	var f field
	for len(b) > 0 {
		var err error
		if b, err = f.next(b); err != nil {
			return err
		}
		switch {
		case f.is(1, protowire.VarintType):
			p.Request = BodyMode(f.varint)
		case f.is(2, protowire.VarintType):
			p.Response = BodyMode(f.varint)
		}
	}
	return nil
}

// decodeBody reads an HttpBody.
func (r *Request) decodeBody(c cursor) error {
	for c.left > 0 {
		number, typ, err := c.tag()
		if err != nil {
			return err
		}
		switch {
		case number == 1 && typ == protowire.BytesType:
			var n int
			if n, err = c.length(); err == nil {
				clear(r.body) // of an earlier body, which this one replaces
				r.body = c.pieces(r.body[:0], n)
			}
		case number >= 2 && number <= 4 && typ == protowire.VarintType:
			var v uint64
			v, err = c.varint()
			*[...]*bool{2: &r.EndOfStream, 3: &r.NoMessage, 4: &r.Compressed}[number] = v != 0
		default:
			err = c.pass(typ)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// decodeHeaders reads an HttpHeaders.
func (r *Request) decodeHeaders(b []byte) error {
	var f field
	for seen := false; len(b) > 0; {
		var err error
		if b, err = f.next(b); err != nil {
			return err
		}
		switch {
		case f.is(1, protowire.BytesType):
			if seen {
				return errUnusual
			}
			seen = true
			err = r.decodeMap(f.bytes)
		case f.is(2, protowire.BytesType):
			r.deprecated, err = appendNamespace(r.deprecated, f.bytes)
		case f.is(3, protowire.VarintType):
			r.EndOfStream = f.varint != 0
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// decodeTrailers reads an HttpTrailers.
func (r *Request) decodeTrailers(b []byte) error {
	var f field
	for seen := false; len(b) > 0; {
		var err error
		if b, err = f.next(b); err != nil {
			return err
		}
		if !f.is(1, protowire.BytesType) {
			continue
		}
		if seen {
			return errUnusual
		}
		seen = true
		if err = r.decodeMap(f.bytes); err != nil {
			return err
		}
	}
	return nil
}

// decodeMap reads a HeaderMap.
func (r *Request) decodeMap(b []byte) error {
	var f field
	for len(b) > 0 {
		var err error
		if b, err = f.next(b); err != nil {
			return err
		}
		if !f.is(1, protowire.BytesType) {
			continue
		}
		h, err := decodeHeader(f.bytes)
		if err != nil {
			return err
		}
		r.headers = append(r.headers, h)
	}
	return nil
}

// decodeHeader reads a HeaderValue.
func decodeHeader(b []byte) (h header, err error) {
	var (
		f   field
		raw []byte
	)
	for len(b) > 0 {
		if b, err = f.next(b); err != nil {
			return h, err
		}
		switch {
		case f.is(1, protowire.BytesType):
			h.name, err = f.text()
		case f.is(2, protowire.BytesType):
			h.value, err = f.text()
		case f.is(3, protowire.BytesType):
			raw = f.bytes
		}
		if err != nil {
			return h, err
		}
	}
	if len(raw) > 0 {
		h.value = raw
	}
	return h, nil
}
