package als

import (
	"errors"
	"math"
	"sync"

	"github.com/halfstep-ml/halfstep/kernels"
)

// choices is one side of a model as what answers are chosen from. What is needed
// of it on the device is brought there when it is first asked for, and stays.
type choices struct {
	model  *Model
	side   Side
	rows   *factors        // what is chosen from
	asking *factors        // the other side
	seen   kernels.HostCSR // asking×rows, without values; no rows if nothing is left out
	known  []uint32        // bitmap of the rows that had ratings in training
	dev    kernels.Device  // for sparse matrices

	mu     sync.Mutex
	scored kernels.Matrix // rows×width: factors and, with biases, the bias
	unit   kernels.Matrix // rows×rank: factors divided by their length, zeros if it is 0
	long   []uint32       // bitmap of the known rows whose length is not 0, made with unit
	held   kernels.CSR    // seen on the device, nil if there it was not asked for
}

func newChoices(dev kernels.Device, m *Model, side Side, seen *Ratings) *choices {
	c := &choices{model: m, side: side, rows: &m.items, asking: &m.users, dev: dev}
	if side == Users {
		c.rows, c.asking = &m.users, &m.items
	}
	if seen != nil {
		c.seen = seen.byUser
		if side == Users {
			c.seen = seen.byItem
		}
		c.seen.Values = nil
	}
	c.known = c.rows.known()
	return c
}

// known is the bitmap of the rows that had ratings in training. The others have
// no score and are never an answer.
func (f *factors) known() []uint32 {
	known := make([]uint32, (f.rows+31)/32)
	for i, n := range f.counts {
		if n > 0 {
			setBit(known, i)
		}
	}
	return known
}

func trainedItems(m *Model) []uint32 { return m.items.known() }

func setBit(bitmap []uint32, i int)   { bitmap[i/32] |= 1 << (i % 32) }
func clearBit(bitmap []uint32, i int) { bitmap[i/32] &^= 1 << (i % 32) }

// forScores returns the matrix whose product with a row of the other side, with a
// 1 appended if there are biases, is the score without the mean and the bias of
// that row. Once it is there every stream may use it.
func (c *choices) forScores(s kernels.Stream) (kernels.Matrix, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.scored.Buf.Mem != nil {
		return c.scored, nil
	}
	m, err := uploadMatrix(s, c.rows.rows, c.model.config.width(), c.rows.packed())
	if err != nil {
		return kernels.Matrix{}, err
	}
	c.scored = m
	return m, nil
}

// forCosines returns the factors divided by their lengths, whose product with a
// row of length 1 is the cosine of the angle between them, and the bitmap of the
// rows that have a direction. Once it is there every stream may use it.
func (c *choices) forCosines(s kernels.Stream) (unit kernels.Matrix, long []uint32, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.unit.Buf.Mem != nil {
		return c.unit, c.long, nil
	}
	factors, err := uploadMatrix(s, c.rows.rows, c.rows.rank, c.rows.vectors)
	if err != nil {
		return kernels.Matrix{}, nil, err
	}
	unit, long, err = c.normalize(s, factors)
	if err = errors.Join(err, factors.Free()); err != nil {
		return kernels.Matrix{}, nil, errors.Join(err, unit.Free())
	}
	c.unit, c.long = unit, long
	return unit, long, nil
}

// normalize divides each row by its length, as the product with the diagonal
// matrix of their inverses.
func (c *choices) normalize(s kernels.Stream, m kernels.Matrix) (unit kernels.Matrix, long []uint32, err error) {
	norms, err := rowNorms(s, m)
	if err != nil {
		return kernels.Matrix{}, nil, err
	}
	long = make([]uint32, len(c.known))
	inverse := emptyCSR(m.Rows, m.Rows)
	for i, norm := range norms {
		// A length below the normal numbers has no inverse in float32 and too few
		// digits for a direction.
		if norm >= smallestNormal && c.rows.counts[i] > 0 {
			inverse.Columns = append(inverse.Columns, int32(i))
			inverse.Values = append(inverse.Values, 1/norm)
			setBit(long, i)
		}
		inverse.Offsets[i+1] = int64(len(inverse.Columns))
	}
	diagonal, err := c.dev.NewCSR(inverse)
	if err != nil {
		return kernels.Matrix{}, nil, err
	}
	unit, err = kernels.AllocMatrix(s, m.Rows, m.Cols)
	if err == nil {
		err = s.SpMM(1, diagonal, m, 0, unit)
	}
	if err == nil {
		err = s.Sync()
	}
	return unit, long, errors.Join(err, diagonal.Free())
}

// smallestNormal is the smallest normal float32, 2⁻¹²⁶.
const smallestNormal = 0x1p-126

// rowNorms returns the lengths of the rows of a matrix.
func rowNorms(s kernels.Stream, m kernels.Matrix) ([]float32, error) {
	norms, err := kernels.AllocBuffer[float32](s, m.Rows)
	if err != nil {
		return nil, err
	}
	host := make([]float32, m.Rows)
	err = s.RowNorms(norms, m)
	if err == nil {
		err = kernels.Download(s, host, norms)
	}
	return host, errors.Join(err, norms.Free())
}

// hold keeps what was seen on the device, so that seenBy is a view of it.
func (c *choices) hold() (err error) {
	if c.seen.Offsets == nil {
		return nil
	}
	c.held, err = c.dev.NewCSR(c.seen)
	return err
}

// seenBy returns the pattern of what rows of the other side have seen, nil if
// nothing is left out. The caller frees it.
func (c *choices) seenBy(rows []int32) (kernels.CSR, error) {
	if c.seen.Offsets == nil {
		return nil, nil
	}
	first, last := int(rows[0]), int(rows[len(rows)-1])
	if c.held != nil && last-first == len(rows)-1 && ascending(rows) {
		return c.held.Slice(kernels.Span{Lo: first, Hi: last + 1})
	}
	part := emptyCSR(len(rows), c.rows.rows)
	for j, row := range rows {
		lo, hi := c.seen.Offsets[row], c.seen.Offsets[row+1]
		part.Columns = append(part.Columns, c.seen.Columns[lo:hi]...)
		part.Offsets[j+1] = int64(len(part.Columns))
	}
	return c.dev.NewCSR(part)
}

func ascending(rows []int32) bool {
	for j := 1; j < len(rows); j++ {
		if rows[j] != rows[j-1]+1 {
			return false
		}
	}
	return true
}

// seenCount is the number of rows that a row of the other side has seen.
func (c *choices) seenCount(row int) int {
	if c.seen.Offsets == nil {
		return 0
	}
	return int(c.seen.Offsets[row+1] - c.seen.Offsets[row])
}

// constant is the part of the scores of a row of the other side that is the same
// for all choices.
func (c *choices) constant(bias float32) float32 { return c.model.mean + bias }

func (c *choices) free() error {
	errs := []error{c.scored.Free(), c.unit.Free()}
	if c.held != nil {
		errs = append(errs, c.held.Free())
	}
	return errors.Join(errs...)
}

// uploadMatrix brings values to the device so that every stream may read them.
func uploadMatrix(s kernels.Stream, rows, cols int, values []float32) (kernels.Matrix, error) {
	m, err := kernels.AllocMatrix(s, rows, cols)
	if err != nil {
		return kernels.Matrix{}, err
	}
	err = kernels.Upload(s, m.Buf, values)
	if err == nil {
		err = s.Sync()
	}
	if err != nil {
		return kernels.Matrix{}, errors.Join(err, m.Free())
	}
	return m, nil
}

// Vector is the factors of a user or item and its bias, 0 without biases.
type Vector struct {
	Factors []float32
	Bias    float32
}

// check returns an ErrConfig unless the vector fits the model.
func (v Vector) check(m *Model) error {
	if len(v.Factors) != m.Rank() {
		return configf("v.Factors", "has %d elements, the model has %d factors", len(v.Factors), m.Rank())
	}
	for j, f := range v.Factors {
		if f-f != 0 {
			return configf("v.Factors", "has %v at %d", f, j)
		}
	}
	if v.Bias-v.Bias != 0 {
		return configf("v.Bias", "is %v", v.Bias)
	}
	return nil
}

// length is the Euclidean norm of the factors.
func (v Vector) length() float64 {
	sum := 0.0
	for _, f := range v.Factors {
		sum += float64(f) * float64(f)
	}
	return math.Sqrt(sum)
}
