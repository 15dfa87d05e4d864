package kernels

import "fmt"

func (s *checkedStream) Gemm(tA, tB Trans, alpha float32, a, b Matrix, beta float32, c Matrix) error {
	dims := func() string { return fmt.Sprintf("%v%v a %v, b %v, c %v", tA, tB, a, b, c) }
	k := s.check()
	k.matrixInPlace("a", &a)
	k.matrixInPlace("b", &b)
	k.matrixInPlace("c", &c)
	m, inner := a.Rows, a.Cols
	if tA {
		m, inner = inner, m
	}
	innerB, n := b.Rows, b.Cols
	if tB {
		innerB, n = n, innerB
	}
	if k.err == nil && inner != innerB {
		k.failf("b", "op(b) has %d rows, want %d, the columns of op(a)", innerB, inner)
	}
	if c.Rows != m || c.Cols != n { // before the copy that shape takes
		k.shape("c", c, m, n)
	}
	k.disjointMatrices("c", &c, "a", &a)
	k.disjointMatrices("c", &c, "b", &b)
	if k.err != nil || c.Empty() {
		return s.fail("Gemm", k.err, dims)
	}
	return s.finish("Gemm", s.inner.Gemm(tA, tB, alpha, a, b, beta, c), dims)
}

func (s *checkedStream) Gram(g, y Matrix) error {
	dims := func() string { return fmt.Sprintf("y %v, g %v", y, g) }
	k := s.check()
	ownG, ownY := k.matrix("g", g), k.matrix("y", y)
	k.shape("g", g, y.Cols, y.Cols)
	k.disjoint("g", matrixExtent(ownG), "y", matrixExtent(ownY))
	if k.err != nil || g.Empty() {
		return s.fail("Gram", k.err, dims)
	}
	return s.finish("Gram", s.inner.Gram(ownG, ownY), dims)
}

func (s *checkedStream) SpMM(alpha float32, a CSR, b Matrix, beta float32, c Matrix) error {
	dims := func() string { return fmt.Sprintf("a %s, b %v, c %v", csrDims(a), b, c) }
	k := s.check()
	ownA, ownB, ownC := k.csr("a", a), k.matrix("b", b), k.matrix("c", c)
	k.values("a", ownA)
	if k.err == nil {
		k.shape("b", b, a.Cols(), c.Cols)
		k.shape("c", c, a.Rows(), b.Cols)
	}
	k.disjoint("c", matrixExtent(ownC), "b", matrixExtent(ownB))
	if k.err != nil || c.Empty() {
		return s.fail("SpMM", k.err, dims)
	}
	return s.finish("SpMM", s.inner.SpMM(alpha, ownA, ownB, beta, ownC), dims)
}

func (s *checkedStream) GatherRows(dst, src Matrix, idx Buffer[int32]) error {
	dims := func() string { return fmt.Sprintf("dst %v, src %v, %d ids", dst, src, idx.N) }
	k := s.check()
	ownDst, ownSrc, ownIdx := k.matrix("dst", dst), k.matrix("src", src), checkBuffer(&k, "idx", idx)
	k.shape("dst", dst, idx.N, src.Cols)
	k.disjoint("dst", matrixExtent(ownDst), "src", matrixExtent(ownSrc))
	k.disjoint("dst", matrixExtent(ownDst), "idx", bufferExtent(ownIdx))
	if k.err != nil || dst.Empty() {
		return s.fail("GatherRows", k.err, dims)
	}
	return s.finish("GatherRows", s.inner.GatherRows(ownDst, ownSrc, ownIdx), dims)
}

func (s *checkedStream) ScatterAddRows(dst, src Matrix, idx Buffer[int32]) error {
	dims := func() string { return fmt.Sprintf("dst %v, src %v, %d ids", dst, src, idx.N) }
	k := s.check()
	ownDst, ownSrc, ownIdx := k.matrix("dst", dst), k.matrix("src", src), checkBuffer(&k, "idx", idx)
	k.shape("src", src, idx.N, dst.Cols)
	k.disjoint("dst", matrixExtent(ownDst), "src", matrixExtent(ownSrc))
	k.disjoint("dst", matrixExtent(ownDst), "idx", bufferExtent(ownIdx))
	if k.err != nil || src.Empty() || dst.Empty() {
		return s.fail("ScatterAddRows", k.err, dims)
	}
	return s.finish("ScatterAddRows", s.inner.ScatterAddRows(ownDst, ownSrc, ownIdx), dims)
}

func (s *checkedStream) Axpy(alpha float32, x, y Matrix) error {
	dims := func() string { return fmt.Sprintf("x %v, y %v", x, y) }
	k := s.check()
	ownX, ownY := k.matrix("x", x), k.matrix("y", y)
	k.shape("y", y, x.Rows, x.Cols)
	if ownX != ownY {
		k.disjoint("y", matrixExtent(ownY), "x", matrixExtent(ownX))
	}
	if k.err != nil || y.Empty() {
		return s.fail("Axpy", k.err, dims)
	}
	return s.finish("Axpy", s.inner.Axpy(alpha, ownX, ownY), dims)
}

func (s *checkedStream) Scale(alpha float32, x Matrix) error {
	dims := func() string { return fmt.Sprintf("x %v", x) }
	k := s.check()
	ownX := k.matrix("x", x)
	if k.err != nil || x.Empty() {
		return s.fail("Scale", k.err, dims)
	}
	return s.finish("Scale", s.inner.Scale(alpha, ownX), dims)
}

func (s *checkedStream) Mul(c, a, b Matrix) error {
	dims := func() string { return fmt.Sprintf("c %v, a %v, b %v", c, a, b) }
	k := s.check()
	ownC, ownA, ownB := k.matrix("c", c), k.matrix("a", a), k.matrix("b", b)
	k.shape("b", b, a.Rows, a.Cols)
	k.shape("c", c, a.Rows, a.Cols)
	if ownC != ownA {
		k.disjoint("c", matrixExtent(ownC), "a", matrixExtent(ownA))
	}
	if ownC != ownB {
		k.disjoint("c", matrixExtent(ownC), "b", matrixExtent(ownB))
	}
	if k.err != nil || c.Empty() {
		return s.fail("Mul", k.err, dims)
	}
	return s.finish("Mul", s.inner.Mul(ownC, ownA, ownB), dims)
}

func (s *checkedStream) Fill(x Matrix, value float32) error {
	dims := func() string { return fmt.Sprintf("x %v", x) }
	k := s.check()
	ownX := k.matrix("x", x)
	if k.err != nil || x.Empty() {
		return s.fail("Fill", k.err, dims)
	}
	return s.finish("Fill", s.inner.Fill(ownX, value), dims)
}

func (s *checkedStream) CopyMatrix(dst, src Matrix) error {
	dims := func() string { return fmt.Sprintf("dst %v, src %v", dst, src) }
	k := s.check()
	ownDst, ownSrc := k.matrix("dst", dst), k.matrix("src", src)
	k.shape("dst", dst, src.Rows, src.Cols)
	k.disjoint("dst", matrixExtent(ownDst), "src", matrixExtent(ownSrc))
	if k.err != nil || dst.Empty() {
		return s.fail("CopyMatrix", k.err, dims)
	}
	return s.finish("CopyMatrix", s.inner.CopyMatrix(ownDst, ownSrc), dims)
}

func (s *checkedStream) ColumnSums(dst Buffer[float32], a Matrix) error {
	dims := func() string { return fmt.Sprintf("a %v", a) }
	k := s.check()
	ownDst, ownA := checkBuffer(&k, "dst", dst), k.matrix("a", a)
	k.length("dst", dst.N, a.Cols)
	k.disjoint("dst", bufferExtent(ownDst), "a", matrixExtent(ownA))
	if k.err != nil || dst.N == 0 {
		return s.fail("ColumnSums", k.err, dims)
	}
	return s.finish("ColumnSums", s.inner.ColumnSums(ownDst, ownA), dims)
}

func (s *checkedStream) RowNorms(dst Buffer[float32], a Matrix) error {
	dims := func() string { return fmt.Sprintf("a %v", a) }
	k := s.check()
	ownDst, ownA := checkBuffer(&k, "dst", dst), k.matrix("a", a)
	k.length("dst", dst.N, a.Rows)
	k.disjoint("dst", bufferExtent(ownDst), "a", matrixExtent(ownA))
	if k.err != nil || dst.N == 0 {
		return s.fail("RowNorms", k.err, dims)
	}
	return s.finish("RowNorms", s.inner.RowNorms(ownDst, ownA), dims)
}

func csrDims(m CSR) string {
	if m == nil {
		return "none"
	}
	return fmt.Sprintf("%d×%d", m.Rows(), m.Cols())
}
