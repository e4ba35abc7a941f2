package json

// methodName is the root member that Laravel takes for the method of a request,
// in JSON as in a form.
const methodName = "_method"

// methodDetail is the detail of codec.MethodFound.
const methodDetail = "_method, which some servers take for the method"

// isMethodName reports whether a member, which is in that number of open
// containers, may be taken for the method. Case does not count.
func (s *scanner) isMethodName(name []byte, depth int) bool {
	return s.method && depth == 1 && isName(name, methodName)
}
