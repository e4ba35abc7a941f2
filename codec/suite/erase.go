package suite

// Keys in memory. A key schedule holds its key, and Go gives no way to clear
// one: what is left behind when a Cipher is dropped stays until the memory is
// used again. A build with GOEXPERIMENT=runtimesecret has the garbage collector
// clear it, and clears stacks and registers at once.

// erased returns make, run so that what it allocates is cleared once nobody
// refers to it, where the build can do that.
func erased(make func(key []byte) (Cipher, error)) func([]byte) (Cipher, error) {
	return func(key []byte) (c Cipher, err error) {
		erase(func() { c, err = make(key) })
		return c, err
	}
}
