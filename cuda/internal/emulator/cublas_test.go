package emulator_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/halfstep-ml/halfstep/cuda/internal/driver"
	"github.com/halfstep-ml/halfstep/cuda/internal/emulator"
)

// blas opens a handle on the stream of the GPU.
func (g *gpu) blas() *driver.BLAS {
	g.t.Helper()
	b, err := g.context.NewBLAS()
	require.NoError(g.t, err)
	require.NoError(g.t, b.SetStream(g.stream))
	g.t.Cleanup(func() { require.NoError(g.t, b.Destroy()) })
	return b
}

// TestSgemm compares with plain loops, in every combination of transpositions, with
// leading dimensions of their own, and beta 0 over NaN.
func TestSgemm(t *testing.T) {
	g := open(t, emulator.Config{})
	b := g.blas()
	const seed = 5
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, seed))
	whole := func(n int) []float32 {
		v := make([]float32, n)
		for i := range v {
			v[i] = float32(rng.IntN(19) - 9)
		}
		return v
	}
	const m, n, k, batch = 5, 4, 7, 3
	const lda, ldb, ldc = 9, 10, 6
	const stepA, stepB, stepC = 70, 75, 30
	for _, transA := range []bool{false, true} {
		for _, transB := range []bool{false, true} {
			for _, beta := range []float32{0, 2} {
				t.Run(fmt.Sprint(transA, transB, beta), func(t *testing.T) {
					a, bm, c := whole(batch*stepA), whole(batch*stepB), whole(batch*stepC)
					if beta == 0 {
						for i := range c {
							c[i] = float32(math.NaN())
						}
					}
					want := append([]float32(nil), c...)
					for l := range batch {
						for j := range n {
							for i := range m {
								var sum float32
								for x := range k {
									ai, bi := i+x*lda, x+j*ldb
									if transA {
										ai = x + i*lda
									}
									if transB {
										bi = j + x*ldb
									}
									sum += a[l*stepA+ai] * bm[l*stepB+bi]
								}
								at := l*stepC + i + j*ldc
								if beta == 0 {
									want[at] = 3 * sum
								} else {
									want[at] = 3*sum + beta*want[at]
								}
							}
						}
					}
					pa, pb, pc := g.alloc(4*len(a)), g.alloc(4*len(bm)), g.alloc(4*len(c))
					upload(g, pa, a)
					upload(g, pb, bm)
					upload(g, pc, c)
					require.NoError(t, b.SgemmStridedBatched(driver.Gemm{
						TransA: transA, TransB: transB, M: m, N: n, K: k, Alpha: 3, Beta: beta, A: pa, B: pb, C: pc,
						LDA: lda, LDB: ldb, LDC: ldc, StrideA: stepA, StrideB: stepB, StrideC: stepC, Batch: batch,
					}))
					for i, v := range download[float32](g, pc, len(c)) {
						require.True(t, v == want[i] || v != v && want[i] != want[i], "element %d: %v, want %v", i, v, want[i])
					}
				})
			}
		}
	}
}

// TestSgemmArguments: what cuBLAS refuses, and an address that no GPU has.
func TestSgemmArguments(t *testing.T) {
	g := open(t, emulator.Config{})
	b := g.blas()
	p := g.alloc(4096)
	sound := driver.Gemm{M: 4, N: 3, K: 2, Alpha: 1, A: p, B: p, C: p.Add(1024), LDA: 4, LDB: 2, LDC: 4}
	require.NoError(t, b.Sgemm(sound))
	for name, change := range map[string]func(g *driver.Gemm){
		"negative rows":             func(g *driver.Gemm) { g.M = -1 },
		"leading dimension of A":    func(g *driver.Gemm) { g.LDA = 3 },
		"of A, which is transposed": func(g *driver.Gemm) { g.TransA, g.LDA = true, 1 },
		"leading dimension of B":    func(g *driver.Gemm) { g.LDB = 1 },
		"leading dimension of C":    func(g *driver.Gemm) { g.LDC = 3 },
		"no C":                      func(g *driver.Gemm) { g.C = 0 },
	} {
		wrong := sound
		change(&wrong)
		require.ErrorContains(t, b.Sgemm(wrong), "CUBLAS_STATUS_INVALID_VALUE", name)
	}
	nothing := sound
	nothing.M, nothing.C = 0, 0
	require.NoError(t, b.Sgemm(nothing))
	require.ErrorContains(t, b.SetWorkspace(p.Add(4), 1024), "CUBLAS_STATUS_INVALID_VALUE")
	require.NoError(t, b.SetWorkspace(p, 1024))

	far := sound
	far.C = p.Add(4096 - 4)
	require.NoError(t, b.Sgemm(far))
	g.lost(g.stream.Sync(), 700)
	require.Contains(t, g.report(), "cublasSgemm")

	g.FailCall("cublasSgemm", 1, 13)
	require.ErrorContains(t, b.Sgemm(sound), "CUBLAS_STATUS_EXECUTION_FAILED")
}
