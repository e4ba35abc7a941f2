package kmsfake

import (
	"fmt"
	"net/http"
)

// An Exception is an error of the KMS API.
type Exception struct {
	Code    string
	Message string
	Status  int // HTTP; 0 is the API's own for Code
}

func exception(code, format string, args ...any) *Exception {
	return &Exception{Code: code, Message: fmt.Sprintf(format, args...)}
}

// statuses holds the codes whose HTTP status is not 400, by the KMS API
// reference.
var statuses = map[string]int{
	"KMSInternalException":        http.StatusInternalServerError,
	"InternalFailure":             http.StatusInternalServerError,
	"KeyUnavailableException":     http.StatusInternalServerError,
	"DependencyTimeoutException":  http.StatusServiceUnavailable,
	"ServiceUnavailable":          http.StatusServiceUnavailable,
	"ServiceUnavailableException": http.StatusServiceUnavailable,
	"AccessDenied":                http.StatusForbidden,
	"OptInRequired":               http.StatusForbidden,
	"MissingAuthenticationToken":  http.StatusForbidden,
	"InvalidClientTokenId":        http.StatusForbidden,
	"ExpiredToken":                http.StatusForbidden,
	"SignatureDoesNotMatch":       http.StatusForbidden,
}

func (e *Exception) status() int {
	if e.Status != 0 {
		return e.Status
	}
	if s, ok := statuses[e.Code]; ok {
		return s
	}
	return http.StatusBadRequest
}
