package kernels

import "fmt"

// Foreign is implemented by streams of devices whose memory has addresses that other
// libraries of the same device understand.
type Foreign interface {
	// Address is where a block of the stream's device is in device memory.
	Address(m Mem) uintptr

	// Import makes a block of memory that somebody else has allocated.
	Import(address uintptr, bytes int) (Mem, error)
}

// Address is where a block is in the memory of the stream's device, for a library that
// shares the device: on a GPU a pointer of CUDA. What that library does there is in no
// order with the stream; call Sync in between. A device without such addresses answers
// ErrUnavailable.
func Address(s Stream, m Mem) (uintptr, error) {
	own, foreign, err := foreignStream(s, "Address")
	if err != nil {
		return 0, err
	}
	k := own.check()
	block := k.mem("m", m)
	if k.err != nil {
		return 0, own.fail("Address", k.err, nil)
	}
	return foreign.Address(block.inner), nil
}

// Import makes a block of device memory that another library has allocated, at least
// so many bytes at the address, a multiple of 64. It must stay until the block is freed
// and all streams that have used it are done. Free leaves it as it is. A device without such addresses answers
// ErrUnavailable.
func Import(s Stream, address uintptr, bytes int) (Mem, error) {
	dims := func() string { return fmt.Sprintf("%d bytes at %#x", bytes, address) }
	own, foreign, err := foreignStream(s, "Import")
	if err != nil {
		return nil, err
	}
	k := own.check()
	if bytes < 0 {
		k.failf("bytes", "%d", bytes)
	}
	if address%64 != 0 || address == 0 && bytes > 0 {
		k.failf("address", "%#x, want a multiple of 64", address)
	}
	if k.err != nil {
		return nil, own.fail("Import", k.err, dims)
	}
	inner, err := foreign.Import(address, bytes)
	if err != nil {
		return nil, own.fail("Import", err, dims)
	}
	m := &checkedMem{dev: own.dev, inner: inner, bytes: bytes}
	own.dev.track(m)
	return m, nil
}

// foreignStream returns the stream behind the checks.
func foreignStream(s Stream, op string) (*checkedStream, Foreign, error) {
	own, ok := s.(*checkedStream)
	if !ok {
		return nil, nil, argumentf("s", "a stream without checks")
	}
	foreign, ok := own.inner.(Foreign)
	if !ok {
		return nil, nil, own.fail(op, fmt.Errorf("%w: its memory has no addresses for others", ErrUnavailable), nil)
	}
	return own, foreign, nil
}
