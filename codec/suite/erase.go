package suite

// Keys in memory. A key schedule holds its key, and Go has no way to clear it:
// after a Cipher is dropped, the key stays in memory until the memory is used
// again. In a build with GOEXPERIMENT=runtimesecret the garbage collector
// clears key schedules, and stacks and registers are cleared at once.

// erased returns a function that runs make so that what make allocates is
// cleared when it is garbage collected, where the build supports that.
func erased(make func(key []byte) (Cipher, error)) func([]byte) (Cipher, error) {
	return func(key []byte) (c Cipher, err error) {
		erase(func() { c, err = make(key) })
		return c, err
	}
}
