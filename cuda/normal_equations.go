package cuda

import (
	"github.com/halfstep-ml/halfstep/cuda/internal/driver"
	"github.com/halfstep-ml/halfstep/kernels"
)

func (s *stream) NormalEquations(a kernels.Batch, b kernels.Matrix, p *kernels.Problem) error {
	w := workspace{unknowns: p.X.Cols}
	return s.overRows(p, &w, func(h *rowKernels, list rowList) error {
		return h.launch("normal_equations", list.count,
			address(a.Buf), a.Stride, a.Step, address(b.Buf), b.Stride,
			list.rows, list.count, list.parts, list.firstPart)
	})
}

// rowList is a list of rows in device memory. Of giants, the sums over the ratings of
// their parts are there already.
type rowList struct {
	rows             driver.Ptr
	count            int
	parts, firstPart driver.Ptr // 0 for other rows; part 0 of the matrix is at parts
}

// rowKernels launches the kernels that go over the rows of a problem, whose parameters
// begin with the problem and the workspace.
type rowKernels struct {
	stream    *stream
	workspace *workspace
	problem   []any
}

// launch launches a kernel for so many rows or parts.
func (h *rowKernels) launch(kernel string, count int, args ...any) error {
	w := h.workspace
	all := append(h.problem[:len(h.problem):len(h.problem)],
		w.memory, w.step(), flag(w.placed != noneShared), int32(w.rows), int32(w.vectors))
	return h.stream.launch(kernel, line(min(count, w.blocks)), line(w.threads()), w.shared(), append(all, args...)...)
}

// overRows has a kernel run over the rows of a problem: over all but the giants, and
// then over the giants in batches, for which the parts are summed before.
func (s *stream) overRows(p *kernels.Problem, w *workspace, run func(h *rowKernels, list rowList) error) error {
	m, err := p.R.(*csr).planned(cut{whole: partLength, length: partLength})
	if err != nil {
		return err
	}
	partBytes := 4 * triangleWords(w.unknowns)
	parts := m.schedule.mostPartsAtOnce(partBytes)
	w.place(max(len(m.schedule.rows), parts), s.dev.context.Multiprocessors())
	memory, err := s.scratch(w.extra + 4*w.step()*w.blocks + partBytes*parts)
	if err != nil {
		return err
	}
	w.extraMemory = memory
	memory = memory.Add(w.extra)
	sums := memory.Add(4 * w.step() * w.blocks)
	if w.placed != allShared {
		w.memory = memory
	}

	h := &rowKernels{stream: s, workspace: w, problem: problemArguments(p)}
	if n := len(m.schedule.rows); n > 0 {
		if err := run(h, rowList{rows: m.rowList, count: n}); err != nil {
			return err
		}
	}
	for first, end := range m.schedule.batches(partBytes) {
		g := m.giantsOf(first, end)
		if err := h.launch("normal_equations_parts", g.parts, sums, g.bounds, g.parts); err != nil {
			return err
		}
		list := rowList{rows: g.rows, count: g.count, parts: sums.Add(-g.skipped * partBytes), firstPart: g.firstPart}
		if err := run(h, list); err != nil {
			return err
		}
	}
	return nil
}
