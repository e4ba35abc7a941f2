module github.com/sealmesh/sealmesh/codec/canary/readers/go

go 1.26.0

require github.com/tmaxmax/go-sse v0.12.0
