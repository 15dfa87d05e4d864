package cpu

const (
	// lineElements is the number of elements of a line of the cache.
	lineElements = 16

	// lineUses is how often the rows of a matrix must be read, on average, for a copy
	// of them to pay.
	lineUses = 32
)

// lines is a matrix that is read by scattered rows. If its rows are short, some of them
// are in two lines of the cache where one would do; reading them from a copy whose rows
// are a power of 2 apart is faster by a tenth then.
type lines struct {
	matrix
	copied bool
}

// linesFor is y as the entries of r read it.
func linesFor(y matrix, r *csr) lines {
	short := y.cols < lineElements && y.stride != strideInLines(y.cols)
	return lines{y, short && r.Entries() >= lineUses*int64(y.rows)}
}

// strideInLines is the least power of 2 that is not below the number of columns.
func strideInLines(cols int) int {
	stride := 1
	for stride < cols {
		stride *= 2
	}
	return stride
}

// place returns the matrix, or a copy in the arena, which may be an empty one.
func (l lines) place(a *arena) matrix {
	if !l.copied {
		return l.matrix
	}
	m := l.matrix
	m.stride = strideInLines(m.cols)
	m.data = carve[float32](a, m.rows*m.stride)
	if m.data == nil {
		return m
	}
	for i := range m.rows {
		copy(m.row(i), l.row(i))
	}
	return m
}
