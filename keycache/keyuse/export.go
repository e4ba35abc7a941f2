package keyuse

import "context"

// An exporter is a way out. An error of export that is no *sendError is worth a
// second attempt.
type exporter struct {
	export func(context.Context, *request) (answer, error)
	close  func() error
}
