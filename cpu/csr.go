package cpu

import (
	"iter"

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

// ratings are the values of the ratings from lo up to hi of a row.
func (m *csr) ratings(row, lo, hi int) []float32 {
	at := m.offsets[row]
	return m.values[at+int64(lo) : at+int64(hi)]
}

// pieces yields the rows of a task, numbered as schedule.count counts them, and the
// range of ratings of each that belongs to the task.
func (m *csr) pieces(i int) iter.Seq2[int, span] {
	s := &m.schedule
	return func(yield func(row int, ratings span) bool) {
		if i < len(s.parts) {
			p := s.parts[i]
			lo, hi := partRange(m.length(p.row), p.index)
			yield(p.row, span{lo, hi})
			return
		}
		g := s.groups[i-len(s.parts)]
		for row := g.lo; row < g.hi; row++ {
			if !yield(row, span{0, m.length(row)}) {
				return
			}
		}
	}
}
