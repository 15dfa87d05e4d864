package als

import (
	"errors"

	"github.com/halfstep-ml/halfstep/kernels"
)

// session is a stream of a Recommender with buffers that grow to what its calls
// need.
type session struct {
	stream   kernels.Stream
	x        kernels.Buffer[float32] // the rows that ask
	ids      kernels.Buffer[int32]
	scores   kernels.Buffer[float32]
	gathered kernels.Buffer[float32]
	allow    kernels.Buffer[uint32]

	// The same on the host.
	hostX      []float32
	hostIDs    []int32
	hostScores []float32
}

// setRows brings rows of a side to the device, cols columns each: the factors and,
// if there is a column more, a 1.
func (s *session) setRows(f *factors, rows []int32, cols int) (kernels.Matrix, error) {
	s.hostX = resize(s.hostX, len(rows)*cols)
	for j, row := range rows {
		s.setRow(j, f.vector(int(row)), cols)
	}
	return s.uploadRows(len(rows), cols)
}

// setVector is setRows for factors that are no row.
func (s *session) setVector(factors []float32, cols int) (kernels.Matrix, error) {
	s.hostX = resize(s.hostX, cols)
	s.setRow(0, factors, cols)
	return s.uploadRows(1, cols)
}

func (s *session) setRow(j int, factors []float32, cols int) {
	row := s.hostX[j*cols:][:cols]
	if copy(row, factors) < cols {
		row[len(factors)] = 1
	}
}

func (s *session) uploadRows(rows, cols int) (kernels.Matrix, error) {
	if err := grow(s.stream, &s.x, len(s.hostX)); err != nil {
		return kernels.Matrix{}, err
	}
	x := kernels.Matrix{Buf: s.x.Slice(0, len(s.hostX)), Rows: rows, Cols: cols, Stride: cols}
	return x, kernels.Upload(s.stream, x.Buf, s.hostX)
}

// answers are the best choices of some rows, n for each row, in buffers of a
// session that its next call overwrites.
type answers struct {
	n      int
	ids    []int32
	scores []float32
}

// row returns the answers of row j. There may be fewer than n.
func (a answers) row(j int) (ids []int32, scores []float32) {
	ids, scores = a.ids[j*a.n:][:a.n], a.scores[j*a.n:][:a.n]
	for k, id := range ids {
		if id < 0 {
			return ids[:k], scores[:k]
		}
	}
	return ids, scores
}

// best finds the n rows of y with the highest products with each row of x, out of
// those that allow has and without what the pattern seen, if not nil, has.
func (s *session) best(x, y kernels.Matrix, n int, seen kernels.CSR, allow []uint32) (answers, error) {
	size := x.Rows * n
	if err := grow(s.stream, &s.ids, size); err != nil {
		return answers{}, err
	}
	if err := grow(s.stream, &s.scores, size); err != nil {
		return answers{}, err
	}
	if err := grow(s.stream, &s.allow, len(allow)); err != nil {
		return answers{}, err
	}
	bitmap := s.allow.Slice(0, len(allow))
	if err := kernels.Upload(s.stream, bitmap, allow); err != nil {
		return answers{}, err
	}
	ids := s.ids.Slice(0, size)
	top := kernels.Matrix{Buf: s.scores.Slice(0, size), Rows: x.Rows, Cols: n, Stride: n}
	if err := s.stream.ScoreTopK(ids, top, x, y, seen, bitmap); err != nil {
		return answers{}, err
	}
	s.hostIDs, s.hostScores = resize(s.hostIDs, size), resize(s.hostScores, size)
	if err := kernels.Download(s.stream, s.hostIDs, ids); err != nil {
		return answers{}, err
	}
	if err := kernels.Download(s.stream, s.hostScores, top.Buf); err != nil {
		return answers{}, err
	}
	return answers{n: n, ids: s.hostIDs, scores: s.hostScores}, nil
}

// free gives the buffers back. The stream stays open, and later calls grow new
// ones.
func (s *session) free() error {
	err := errors.Join(s.x.Free(), s.ids.Free(), s.scores.Free(), s.gathered.Free(), s.allow.Free())
	*s = session{stream: s.stream}
	return err
}

// grow makes the buffer at least n elements long; its content is lost if it was
// shorter.
func grow[E kernels.Element](s kernels.Stream, b *kernels.Buffer[E], n int) error {
	if b.N >= n {
		return nil
	}
	old := *b
	*b = kernels.Buffer[E]{}
	if err := old.Free(); err != nil {
		return err
	}
	larger, err := kernels.AllocBuffer[E](s, n)
	if err != nil {
		return err
	}
	*b = larger
	return nil
}

// resize returns a slice of n elements of unspecified content, in s if it is large
// enough.
func resize[E any](s []E, n int) []E {
	if cap(s) < n {
		return make([]E, n)
	}
	return s[:n]
}
