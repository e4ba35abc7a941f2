package transport

import "google.golang.org/grpc"

// A method is one RPC of a service.
type method func(*stream) error

// RegisterService takes a service as a *grpc.Server does (grpc.ServiceRegistrar). It must
// not be called once Serve has been.
func (s *Server) RegisterService(desc *grpc.ServiceDesc, impl any) {
	for _, m := range desc.Methods {
		s.methods["/"+desc.ServiceName+"/"+m.MethodName] = unary(m, impl)
	}
	for _, m := range desc.Streams {
		s.methods["/"+desc.ServiceName+"/"+m.StreamName] = func(st *stream) error { return m.Handler(impl, st) }
	}
}

// unary reads one message and answers it with one.
func unary(m grpc.MethodDesc, impl any) method {
	return func(st *stream) error {
		reply, err := m.Handler(impl, st.Context(), st.RecvMsg, nil)
		if err != nil {
			return err
		}
		return st.SendMsg(reply)
	}
}
