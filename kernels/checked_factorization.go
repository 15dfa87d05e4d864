package kernels

import "fmt"

func (s *checkedStream) HalfStep(p *Problem) error {
	dims := func() string { return problemDims(p) }
	k := s.check()
	own := s.own(&k, p)
	if k.err == nil {
		k.err = p.Solver.check(p.X.Cols)
	}
	if k.err == nil {
		checkTerms(&k, p, own)
		own.Info = checkBuffer(&k, "p.Info", p.Info)
		k.length("p.Info", p.Info.N, p.X.Rows)
		checkUnknowns(&k, own, "p.X", matrixExtent(own.X))
		checkUnknowns(&k, own, "p.Info", bufferExtent(own.Info))
		k.disjoint("p.Info", bufferExtent(own.Info), "p.X", matrixExtent(own.X))
	}
	if k.err != nil || p.X.Rows == 0 {
		return s.fail("HalfStep", k.err, dims)
	}
	return s.finish("HalfStep", s.inner.HalfStep(own), dims)
}

func (s *checkedStream) NormalEquations(a Batch, b Matrix, p *Problem) error {
	dims := func() string { return problemDims(p) }
	k := s.check()
	own := s.own(&k, p)
	ownA, ownB := k.batch("a", a), k.matrix("b", b)
	if k.err == nil {
		own.Info = Buffer[int32]{}
		checkTerms(&k, p, own)
		if a.Count != p.X.Rows || a.N != p.X.Cols {
			k.failf("a", "%v, want %d×(%d×%d)", a, p.X.Rows, p.X.Cols, p.X.Cols)
		}
		k.shape("b", b, p.X.Rows, p.X.Cols)
		checkUnknowns(&k, own, "a", batchExtent(ownA))
		checkUnknowns(&k, own, "b", matrixExtent(ownB))
		k.disjoint("a", batchExtent(ownA), "b", matrixExtent(ownB))
	}
	if k.err != nil || b.Empty() {
		return s.fail("NormalEquations", k.err, dims)
	}
	return s.finish("NormalEquations", s.inner.NormalEquations(ownA, ownB, own), dims)
}

func (s *checkedStream) SolveSPD(a Batch, b Matrix, info Buffer[int32]) error {
	dims := func() string { return a.String() }
	k := s.check()
	ownA, ownB, ownInfo := k.batch("a", a), k.matrix("b", b), checkBuffer(&k, "info", info)
	k.shape("b", b, a.Count, a.N)
	k.length("info", info.N, a.Count)
	k.disjoint("a", batchExtent(ownA), "b", matrixExtent(ownB))
	k.disjoint("info", bufferExtent(ownInfo), "a", batchExtent(ownA))
	k.disjoint("info", bufferExtent(ownInfo), "b", matrixExtent(ownB))
	if k.err != nil || a.Count == 0 {
		return s.fail("SolveSPD", k.err, dims)
	}
	return s.finish("SolveSPD", s.inner.SolveSPD(ownA, ownB, ownInfo), dims)
}

func (s *checkedStream) Loss(out Buffer[float64], p *Problem) error {
	dims := func() string { return problemDims(p) }
	k := s.check()
	own := s.own(&k, p)
	ownOut := checkBuffer(&k, "out", out)
	k.length("out", out.N, 2)
	if k.err == nil {
		own.Gram, own.OffsetGram, own.Info = Matrix{}, Buffer[float32]{}, Buffer[int32]{}
		checkUnknowns(&k, own, "out", bufferExtent(ownOut))
		k.disjoint("out", bufferExtent(ownOut), "p.X", matrixExtent(own.X))
	}
	if k.err != nil {
		return s.fail("Loss", k.err, dims)
	}
	return s.finish("Loss", s.inner.Loss(ownOut, own), dims)
}

func (s *checkedStream) Predict(out Buffer[float32], r CSR, x, y Matrix) error {
	dims := func() string { return fmt.Sprintf("r %s, x %v, y %v", csrDims(r), x, y) }
	k := s.check()
	ownOut, ownR, ownX, ownY := checkBuffer(&k, "out", out), k.csr("r", r), k.matrix("x", x), k.matrix("y", y)
	if k.err == nil {
		if x.Cols != y.Cols {
			k.failf("y", "%v, want %d columns as in x", y, x.Cols)
		}
		k.shape("x", x, r.Rows(), x.Cols)
		k.shape("y", y, r.Cols(), y.Cols)
		k.length("out", out.N, int(r.Entries()))
	}
	k.disjoint("out", bufferExtent(ownOut), "x", matrixExtent(ownX))
	k.disjoint("out", bufferExtent(ownOut), "y", matrixExtent(ownY))
	if k.err != nil || out.N == 0 {
		return s.fail("Predict", k.err, dims)
	}
	return s.finish("Predict", s.inner.Predict(ownOut, ownR, ownX, ownY), dims)
}

func (s *checkedStream) ScoreTopK(ids Buffer[int32], top Matrix, x, y Matrix, seen CSR, allow Buffer[uint32]) error {
	dims := func() string { return fmt.Sprintf("top %v, x %v, y %v", top, x, y) }
	k := s.check()
	ownIDs, ownTop := checkBuffer(&k, "ids", ids), k.matrix("top", top)
	ownX, ownY := k.matrix("x", x), k.matrix("y", y)
	ownAllow := checkBuffer(&k, "allow", allow)
	if k.err == nil && x.Cols != y.Cols {
		k.failf("y", "%v, want %d columns as in x", y, x.Cols)
	}
	k.shape("top", top, x.Rows, top.Cols)
	k.length("ids", ids.N, top.Rows*top.Cols)
	if allow.N != 0 {
		k.length("allow", allow.N, (y.Rows+31)/32)
	}
	var ownSeen CSR
	if seen != nil {
		ownSeen = k.csr("seen", seen)
		if k.err == nil && (seen.Rows() != x.Rows || seen.Cols() != y.Rows) {
			k.failf("seen", "%d×%d, want %d×%d", seen.Rows(), seen.Cols(), x.Rows, y.Rows)
		}
	}
	for _, in := range []struct {
		name string
		at   extent
	}{{"x", matrixExtent(ownX)}, {"y", matrixExtent(ownY)}, {"allow", bufferExtent(ownAllow)}} {
		k.disjoint("ids", bufferExtent(ownIDs), in.name, in.at)
		k.disjoint("top", matrixExtent(ownTop), in.name, in.at)
	}
	k.disjoint("ids", bufferExtent(ownIDs), "top", matrixExtent(ownTop))
	if k.err != nil || top.Empty() {
		return s.fail("ScoreTopK", k.err, dims)
	}
	return s.finish("ScoreTopK", s.inner.ScoreTopK(ownIDs, ownTop, ownX, ownY, ownSeen, ownAllow), dims)
}

// own checks what every use of a problem needs and returns a copy of it with the
// wrapped device's own memory and matrices. The copy lives until the next call.
func (s *checkedStream) own(k *checker, p *Problem) *Problem {
	if k.err == nil && p == nil {
		k.failf("p", "no problem")
	}
	if k.err != nil {
		return nil
	}
	s.problem = *p
	own := &s.problem
	own.X, own.Y = k.matrix("p.X", p.X), k.matrix("p.Y", p.Y)
	own.R = k.csr("p.R", p.R)
	k.values("p.R", own.R)
	if k.err == nil {
		k.err = p.Objective.check()
	}
	own.Offset = checkBuffer(k, "p.Offset", p.Offset)
	if k.err != nil {
		return own
	}
	fixed := p.X.Cols
	if p.Objective.Bias {
		fixed--
	}
	if fixed < 0 || p.X.Cols < 1 {
		k.failf("p.X", "%v has no room for unknowns", p.X)
	}
	k.shape("p.X", p.X, p.R.Rows(), p.X.Cols)
	k.shape("p.Y", p.Y, p.R.Cols(), fixed)
	if p.Offset.N != 0 {
		k.length("p.Offset", p.Offset.N, p.Y.Rows)
	}
	return own
}

// checkTerms checks the terms over all pairs.
func checkTerms(k *checker, p, own *Problem) {
	own.Gram = k.matrix("p.Gram", p.Gram)
	own.OffsetGram = checkBuffer(k, "p.OffsetGram", p.OffsetGram)
	n := 0
	if p.Objective.Convention.AllPairs() {
		n = p.X.Cols
	}
	k.shape("p.Gram", p.Gram, n, n)
	if p.Offset.N == 0 {
		n = 0
	}
	k.length("p.OffsetGram", p.OffsetGram.N, n)
}

// checkUnknowns checks that a destination is apart from the inputs of a problem.
func checkUnknowns(k *checker, own *Problem, name string, dst extent) {
	k.disjoint(name, dst, "p.Y", matrixExtent(own.Y))
	k.disjoint(name, dst, "p.Gram", matrixExtent(own.Gram))
	k.disjoint(name, dst, "p.Offset", bufferExtent(own.Offset))
	k.disjoint(name, dst, "p.OffsetGram", bufferExtent(own.OffsetGram))
}

func problemDims(p *Problem) string {
	if p == nil {
		return "no problem"
	}
	return p.String()
}
