package cpu

import (
	"github.com/halfstep-ml/halfstep/cpu/internal/simd"
	"github.com/halfstep-ml/halfstep/kernels"
)

// csr is a sparse matrix, or a range of rows of one, over the host's slices.
type csr struct {
	offsets  []int64 // rows+1, the first not always 0
	columns  []int32
	values   []float32 // nil for a pattern
	cols     int
	schedule schedule
}

func newCSR(host kernels.HostCSR) *csr {
	return &csr{
		offsets:  host.Offsets,
		columns:  host.Columns,
		values:   host.Values,
		cols:     host.Cols,
		schedule: newSchedule(host.Offsets),
	}
}

func (m *csr) Rows() int       { return len(m.offsets) - 1 }
func (m *csr) Cols() int       { return m.cols }
func (m *csr) Entries() int64  { return m.offsets[m.Rows()] - m.offsets[0] }
func (m *csr) HasValues() bool { return m.values != nil }

// Slice costs a schedule of its rows.
func (m *csr) Slice(s kernels.Span) (kernels.CSR, error) {
	offsets := m.offsets[s.Lo : s.Hi+1]
	return &csr{
		offsets:  offsets,
		columns:  m.columns,
		values:   m.values,
		cols:     m.cols,
		schedule: newSchedule(offsets),
	}, nil
}

func (m *csr) Free() error {
	*m = csr{offsets: []int64{0}}
	return nil
}

// length is the number of ratings of a row.
func (m *csr) length(row int) int { return int(m.offsets[row+1] - m.offsets[row]) }

// ids are the columns of the ratings from lo up to hi of a row.
func (m *csr) ids(row, lo, hi int) []int32 {
	at := m.offsets[row]
	return m.columns[at+int64(lo) : at+int64(hi)]
}

// idsFrom are the columns of the ratings from lo on, of a row and of those after it.
func (m *csr) idsFrom(row, lo int) []int32 { return m.columns[m.offsets[row]+int64(lo):] }

// ratings are the values of the ratings from lo up to hi of a row.
func (m *csr) ratings(row, lo, hi int) []float32 {
	at := m.offsets[row]
	return m.values[at+int64(lo) : at+int64(hi)]
}

// entries are the entries of a task, numbered as schedule.count counts them, and the
// first row that they may be of.
func (m *csr) entries(i int) (row int, entries span) {
	s := &m.schedule
	if i < len(s.parts) {
		p := s.parts[i]
		lo, hi := partRange(m.length(p.row), p.index)
		at := int(m.offsets[p.row])
		return p.row, span{at + lo, at + hi}
	}
	g := s.groups[i-len(s.parts)]
	return g.lo, span{int(m.offsets[g.lo]), int(m.offsets[g.hi])}
}

// rowOf is the row of an entry, which is the given row or a later one.
func (m *csr) rowOf(row, entry int) int {
	for int(m.offsets[row+1]) <= entry {
		row++
	}
	return row
}

// score computes the scores of the entries from at on, one or more, the first of
// which is of the given row: dst[j] = x·y for the rows of the operands that entry at+j
// has. What is beside the entries is read soon.
func (m *csr) score(dst []float32, x, y matrix, row, at int, beside []float32) {
	// Y may have a column less than X.
	simd.DotEntries(dst, x.data[row*x.stride:], x.stride, y.cols, y.data, y.stride, m.columns[at:at+len(dst)], beside, m.offsets[row+1:], int64(at))
}
