// Package store is where wrapped-key records live when they are not in the
// envelopes themselves. A fleet that shares a store shares data keys, one for each
// key and day, and its envelopes only name them: 58 bytes more than the value.
package store
