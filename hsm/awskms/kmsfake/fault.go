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
	Body    string        // answer these bytes instead, with Status
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
func (f *Fault) play(w http.ResponseWriter, r *http.Request, s *Server, call Call) bool {
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
	case f.Body != "":
		s.log(call)
		w.WriteHeader(f.Status)
		_, _ = w.Write([]byte(f.Body))
	case f.Code != "":
		s.log(call)
		respond(w, nil, &Exception{Code: f.Code, Message: f.Message, Status: f.Status})
	default:
		return false
	}
	return true
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
