package cpu

import (
	"unsafe"

	"github.com/halfstep-ml/halfstep/kernels"
)

// arena is scratch memory that calls carve slices from. It grows to the largest
// call and stays.
type arena struct {
	block
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
	// Let the old block go before the new one is made.
	err := a.free()
	if err == nil {
		a.block, err = newBlock(bytes)
	}
	if err != nil {
		l.give(&l.scratch, bytes)
	}
	return err
}

// close gives the memory back.
func (a *arena) close(l *ledger) error {
	l.give(&l.scratch, len(a.data))
	a.used = 0
	return a.free()
}
