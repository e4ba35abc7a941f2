package kmsfake

import (
	"net"
	"net/http"
	"slices"
	"time"
)

// A Fault is one way in which requests go wrong. The first one injected that
// fits a request is played.
type Fault struct {
	Region    string // "" is every Region
	Operation string // "" is every operation
	Principal string // "" is every access key
	Times     int    // how many requests it meets; 0 is until it is removed

	Latency time.Duration // passes first; alone, the request then succeeds
	Code    string        // the exception to answer with
	Message string        // its text
	Status  int           // its HTTP status; 0 is the API's own for Code
	Body    string        // without Code: an intermediary's answer, with Status and without a request id
	Untyped bool          // KMS's own answer with Status and a request id, which names no exception
	Reset   bool          // break the connection with a TCP reset
	Hang    bool          // never answer
}

// Inject adds f and returns what removes it.
func (s *Server) Inject(f Fault) (remove func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if f.Times == 0 {
		f.Times = -1
	}
	fault := &f
	s.faults = append(s.faults, fault)
	return func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.faults = slices.DeleteFunc(s.faults, func(o *Fault) bool { return o == fault })
	}
}

// take finds the fault for req and counts it.
func (s *Server) take(req request) *Fault {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, f := range s.faults {
		if f.Times != 0 && fits(f.Region, req.region) && fits(f.Operation, req.operation) && fits(f.Principal, req.principal) {
			f.Times--
			copied := *f
			return &copied
		}
	}
	return nil
}

func fits(pattern, s string) bool { return pattern == "" || pattern == s }

// play reports whether the request has been dealt with. It logs it if so.
// refuse writes an exception in the API's protocol.
func (f *Fault) play(w http.ResponseWriter, r *http.Request, s *Server, call Call, refuse func(http.ResponseWriter, *Exception)) bool {
	if f.Latency > 0 {
		timer := time.NewTimer(f.Latency)
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-r.Context().Done():
		}
	}
	call.Code = f.Code
	switch {
	case f.Hang:
		s.log(call)
		<-r.Context().Done()
	case f.Reset:
		s.log(call)
		reset(w)
	case f.Code != "":
		s.log(call)
		refuse(w, &Exception{Code: f.Code, Message: f.Message, Status: f.Status})
	case f.Status != 0:
		s.log(call)
		f.answerUntyped(w)
	default:
		return false
	}
	return true
}

func (f *Fault) answerUntyped(w http.ResponseWriter) {
	body := "{}"
	if !f.Untyped {
		w.Header().Del("X-Amzn-RequestId")
		w.Header().Del("Content-Type")
		body = f.Body
	}
	w.WriteHeader(f.Status)
	_, _ = w.Write([]byte(body))
}

// reset makes the kernel answer with RST rather than FIN.
func reset(w http.ResponseWriter) {
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		panic(http.ErrAbortHandler) // the nearest thing
	}
	if tcp, ok := conn.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0)
	}
	_ = conn.Close()
}
