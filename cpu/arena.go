package cpu

import (
	"unsafe"

	"github.com/halfstep-ml/halfstep/kernels"
)

// arena is scratch memory that calls carve slices from. It grows to the largest
// call and stays.
type arena struct {
	data []byte
	used int
}

// carve takes n elements, aligned, of unspecified content. From an arena that is
// too small it returns nil and goes on counting, so that the same code that carves
// also measures.
func carve[E kernels.Element](a *arena, n int) []E {
	lo := a.used
	hi := lo + n*int(unsafe.Sizeof(*new(E)))
	a.used = (hi + alignment - 1) / alignment * alignment
	if a.used > len(a.data) {
		return nil
	}
	return elements[E](a.data[lo:hi:hi])
}

// reserve empties the arena and makes it hold at least the given bytes. Where
// there is no room for the growth it answers a *MemoryError.
func (a *arena) reserve(l *ledger, bytes int) error {
	a.used = 0
	growth := bytes - len(a.data)
	if growth <= 0 {
		return nil
	}
	if err := l.take(&l.scratch, growth); err != nil {
		return err
	}
	a.data = nil // let the old block go before the new one is made
	a.data = alignedBytes(bytes)
	return nil
}

// release gives the memory back.
func (a *arena) release(l *ledger) {
	l.give(&l.scratch, len(a.data))
	*a = arena{}
}
