package cpu

import "github.com/halfstep-ml/halfstep/kernels"

// predict has a task for each part of a giant row and each group of the others.
type predict struct {
	noScratch
	r    *csr
	x, y matrix
	out  []float32
}

func (s *stream) Predict(out kernels.Buffer[float32], r kernels.CSR, x, y kernels.Matrix) error {
	op := &s.predict
	*op = predict{r: r.(*csr), x: view(x), y: view(y), out: slice(out)}
	defer func() { *op = predict{} }()

	lines := linesFor(op.y, op.r)
	var measure arena
	lines.place(&measure)
	if err := s.shared.reserve(&s.dev.ledger, measure.used); err != nil {
		return err
	}
	op.y = lines.place(&s.shared)
	return s.run(op, op.r.schedule.count(), 2*float64(out.N)*float64(x.Cols+1))
}

func (op *predict) task(_, i int) {
	row, entries := op.r.entries(i)
	if entries.lo == entries.hi {
		return
	}
	first := int(op.r.offsets[0])
	out := op.out[entries.lo-first : entries.hi-first]
	op.r.score(out, op.x, op.y, op.r.rowOf(row, entries.lo), entries.lo, out)
}
