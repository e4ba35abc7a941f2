package coding

import (
	"io"
	"math/rand/v2"
	"sync"

	"github.com/klauspost/compress/gzip"
)

// maxSpare is the longest body, in bytes, whose encoder is used again. An
// encoder keeps what it encoded, and no method clears it. So that is
// overwritten, which costs little for a short body.
const maxSpare = 32 << 10

// gzipWriters are encoders of gzip, which take 0.8 MB each.
var gzipWriters sync.Pool

// newGzip returns an encoder of gzip that writes to w.
func newGzip(w io.Writer) (*gzip.Writer, error) {
	if spare, ok := gzipWriters.Get().(*gzip.Writer); ok {
		spare.Reset(w)
		return spare, nil
	}
	return gzip.NewWriterLevel(w, gzip.BestSpeed)
}

// putGzip keeps an encoder of gzip that has encoded n bytes for the next body.
func putGzip(w *gzip.Writer, n int64) {
	if n > maxSpare || overwrite(w, int(n)) != nil {
		return
	}
	gzipWriters.Put(w)
}

// overwrite encodes noise that is longer than n bytes, so that w has nothing
// else in its window, in its tokens and in what it wrote.
func overwrite(w *gzip.Writer, n int) error {
	w.Reset(io.Discard)
	if _, err := w.Write(noise()[:n+n/2+1024]); err != nil {
		return err
	}
	return w.Close()
}

// noise returns text in which nearly every byte takes a code and a token of its
// own. Without a repetition here and there the encoder makes no tokens at all.
var noise = sync.OnceValue(func() []byte {
	r := rand.New(rand.NewPCG(1, 2))
	text := make([]byte, 2*maxSpare)
	for i := range text {
		if text[i] = '@'; i%256 > 24 {
			text[i] += byte(r.IntN(64))
		}
	}
	return text
})
