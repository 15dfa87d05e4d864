package cpu

import (
	"github.com/halfstep-ml/halfstep/cpu/internal/simd"
	"github.com/halfstep-ml/halfstep/kernels"
)

// halfStep goes over the rows of a problem. It has a task for each group of rows;
// giant rows come first, one after another, with their parts as the tasks.
type halfStep struct {
	problem
	stream       *stream
	participants int

	// row does what is wanted for a row with ratings, or keeps it until there are enough.
	// Then rest does it for those that wait, and for what is left at the end: of each task
	// where the rows that wait are read again, as they then are in the cache. There may be
	// no rest.
	row     func(h *halfStep, w *rowScratch, q *query)
	rest    func(h *halfStep, w *rowScratch)
	rereads bool

	equations equations // the results of NormalEquations
	needs     scratchNeeds
	normal    simd.Normal  // of systems of needs.order unknowns
	packed    []float32    // the fixed side as normal wants it; nil where it serves as it is, or blocks are packed
	common    []float32    // what the sums of a row begin with; nil for zeros
	batched   int          // ratings of a batch of rows that are summed together; 0 for row by row
	length    int          // of a block of ratings
	work      []rowScratch // of each participant
	giant     *query       // whose parts the workers sum together
	dual      dual
}

// scratchNeeds are the sizes of the scratch memory of a participant.
type scratchNeeds struct {
	order    int  // of the systems that are solved; 0 for none
	ld       int  // row length of systems and panels
	systems  int  // of ld×ld
	lanes    int  // elements for simd.SolveLanes, which solves the systems together; 0 if it does not
	summed   bool // rows are solved from their sums
	vector   bool // of the length of the unknowns
	descents bool // rows are solved by conjugate gradients
	scores   bool
	weighted bool
}

// rowScratch is the scratch memory of a participant.
type rowScratch struct {
	query query // the row in hand

	// For the sums over the ratings of a row.
	panels      []float32 // of simd.Normal
	weight      []float32 // of the ratings of a block or a batch: a(r)
	residual    []float32 // and t(r) - a(r)·o
	panel       []float32 // their factors, where h.packed has not those of all columns
	consecutive []int32   // 0, 1, 2, ..., the ids of a panel or of the Gram matrix
	block       []float32 // the sum over a block
	part        []float32 // the sum over a part, where some row has several
	sums        []float32 // of normal, over a row or those of a batch
	summed      span      // the rows of the batch
	solver      sumSolver
	shared      sharedTerms
	dual        dualScratch

	// For solving.
	system, spare []float32 // ld×ld
	batch         batch
	vector        []float32
	descents      descents
	scores        []float32 // of all ratings of a row
	index         []int32   // of unknowns
	passive       []uint8   // flags of unknowns
	marked        []uint8
	gradient      []float32
}

func (s *stream) HalfStep(p *kernels.Problem) error {
	h := &s.halfStep
	h.problem = newProblem(p)
	k := h.unknowns
	switch p.Solver.Method {
	case kernels.CG:
		h.row, h.rest, h.rereads, h.needs = conjugateGradients, descend, true, scratchNeeds{descents: true}
	case kernels.Subspace:
		h.row, h.needs = subspace, scratchNeeds{order: p.Solver.Block, systems: 1, vector: true, scores: true}
	case kernels.NonNegative:
		h.row, h.needs = nonNegative, scratchNeeds{order: k, systems: 2, vector: true}
	default:
		switch solvingOf(k) {
		case fromSums:
			h.row, h.rest, h.needs = solveFromSums, solveSums, scratchNeeds{order: k, summed: true}
		case together:
			h.row, h.rest, h.needs = choleskyTogether, solveBatch, scratchNeeds{order: k, systems: simd.Lanes(k), lanes: simd.LanesScratch(k)}
		default:
			h.row, h.needs = cholesky, scratchNeeds{order: k, systems: 1}
		}
		h.setDual()
	}
	return s.overRows(h)
}

// overRows runs h over the rows of its problem, then forgets its operands.
func (s *stream) overRows(h *halfStep) error {
	h.stream = s
	defer h.forget()
	h.needs.weighted = h.weighted()
	h.length = blockLength(h.unknowns)
	h.planDual()

	plan := &h.r.schedule
	n, k := float64(h.r.Entries()), float64(h.unknowns)
	h.participants = s.participants(len(plan.groups)+len(plan.parts)+h.dual.batches, n*k*k+float64(h.r.Rows())*k*k*k/3)
	h.work = grown(h.work, h.participants)
	if h.needs.order > 0 {
		h.needs.ld = simd.PanelStride(h.needs.order + 1)
		h.normal = simd.NewNormal(h.needs.order)
		if h.normal.Batched() && !h.needs.scores {
			h.batched = max(int(min(batchRatings, h.r.Entries())), h.length)
		}
		s.packFactors(h)
	}
	if err := s.prepare(h, h.participants); err != nil {
		return err
	}
	h.prepareShared()
	if h.needs.summed {
		h.prepareSolver()
	}
	h.prepareDual()
	if len(plan.giants) > 0 {
		if err := s.prepareSum(partCount(plan.longestGiant), h.participants, h.largestSum()); err != nil {
			return err
		}
		for _, row := range plan.giants {
			q := &h.work[0].query
			*q = query{row: row, length: h.r.length(row), shared: true}
			h.row(h, &h.work[0], q)
			h.doRest(&h.work[0])
		}
	}
	s.dev.pool.run(&s.job, h, len(plan.groups)+h.dual.batches, h.participants)
	if h.rest != nil && !h.rereads {
		s.dev.pool.run(&s.job, (*lastRows)(h), h.participants, h.participants)
	}
	return nil
}

// forget drops what a call was about, so that freed memory can go.
func (h *halfStep) forget() {
	for i := range h.work {
		h.work[i].query = query{}
	}
	*h = halfStep{work: h.work, dual: dual{orders: h.dual.orders}}
}

// largestSum is the size of the largest sum over the ratings of a row.
func (h *halfStep) largestSum() int { return max(h.normal.Size(), 2*h.unknowns) }

func (h *halfStep) layout(who int, a *arena) {
	n, plan := h.needs, &h.r.schedule
	length := max(h.length, h.batched, h.dual.most)
	w := rowScratch{
		weight:   carve[float32](a, length),
		residual: carve[float32](a, length),
		block:    carve[float32](a, max(2*h.unknowns, h.length)),
	}
	consecutive := h.unknowns
	if n.order > 0 {
		w.panels = carve[float32](a, h.normal.Scratch(h.length, n.weighted))
		rows := 1
		if h.batched > 0 || n.summed {
			rows = batchRows
		}
		w.sums = carve[float32](a, rows*h.normal.Size())
		if h.packed == nil {
			w.panel = carve[float32](a, length*h.normal.Stride())
			consecutive = max(consecutive, length)
		}
	}
	if who == 0 && n.order > 0 {
		w.shared = h.layoutShared(a)
	}
	if plan.longest > partLength {
		w.part = carve[float32](a, h.largestSum())
	}
	if h.dual.batches > 0 {
		w.dual = h.layoutDual(who, a)
	}
	switch {
	case n.summed:
		w.solver = h.layoutSolver(a)
	case n.lanes > 0:
		w.batch.systems = carve[float32](a, n.systems*n.ld*n.ld)
		w.batch.scratch = carve[float32](a, n.lanes)
	case n.systems > 0 && !h.systemsInSums(h.unknowns):
		w.system = carve[float32](a, n.ld*n.ld)
	}
	if n.lanes == 0 && n.systems > 1 {
		w.spare = carve[float32](a, n.ld*n.ld)
		w.index = carve[int32](a, h.unknowns)
		w.passive = carve[uint8](a, h.unknowns)
		w.marked = carve[uint8](a, h.unknowns)
		w.gradient = carve[float32](a, gradientSize(h.unknowns))
	}
	if n.vector {
		w.vector = carve[float32](a, h.unknowns)
	}
	if n.descents {
		w.descents = h.layoutDescents(a)
	}
	w.consecutive = carve[int32](a, consecutive)
	for i := range w.consecutive {
		w.consecutive[i] = int32(i)
	}
	if n.scores {
		longest := plan.longest
		if who == 0 {
			// Participant 0 owns the giants.
			longest = max(longest, plan.longestGiant)
		}
		w.scores = carve[float32](a, longest)
	}
	if !n.weighted {
		simd.Fill(w.weight, 1)
	}
	h.work[who] = w
}

func (h *halfStep) task(who, i int) {
	w, plan := &h.work[who], &h.r.schedule
	if i >= len(plan.groups) {
		h.solveDual(w, i-len(plan.groups))
		return
	}
	g := plan.groups[i]
	if h.needs.summed && h.batched > 0 {
		for g.lo < g.hi {
			g.lo = h.solveRows(w, g)
		}
		return
	}
	for row := g.lo; row < g.hi; row++ {
		if h.batched > 0 && row >= w.summed.hi {
			h.sumRows(w, span{row, g.hi}, w.sums)
		}
		w.query = query{row: row, length: h.r.length(row)}
		if w.query.length == 0 {
			h.empty(row)
			continue
		}
		if h.dual.has(w.query.length) {
			continue
		}
		h.row(h, w, &w.query)
	}
	if h.rereads {
		h.doRest(w)
	}
	w.summed = span{}
}

// lastRows has a task for what is left of each participant.
type lastRows halfStep

func (l *lastRows) task(_, i int) {
	h := (*halfStep)(l)
	h.doRest(&h.work[i])
}

func (h *halfStep) doRest(w *rowScratch) {
	if h.rest != nil {
		h.rest(h, w)
	}
}

// empty gives a row without ratings its result.
func (h *halfStep) empty(row int) {
	if h.equations.batch.Count > 0 {
		h.equations.writeUnit(row)
		return
	}
	clear(h.x.row(row))
	h.info[row] = 0
}

// finish notes how the solution of a row went. A solution that is not finite
// counts as a failure at the place given; a row that failed is set to zeros.
func (h *halfStep) finish(row int, info, last int) {
	x := h.x.row(row)
	if info == 0 && !simd.Finite(x) {
		info = last
	}
	if info != 0 {
		clear(x)
	}
	h.info[row] = int32(info)
}
