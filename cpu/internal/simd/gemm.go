package simd

import (
	"gonum.org/v1/gonum/blas"
	"gonum.org/v1/gonum/blas/gonum"
)

// portableBlock is the block of gonum's Sgemm: a call on one block of C starts no
// goroutines.
const portableBlock = 64

// ProductColumns is the most columns of C that Product takes.
func ProductColumns() int {
	switch active {
	case avx512:
		return 32
	case avx2:
		return 16
	default:
		return portableBlock
	}
}

// ProductTransposed reports whether Product takes Bᵀ, as the portable path does: of
// gonum's four combinations a dot product for each element is the fastest by two.
// That path wants A with stepA 1 besides, and the rows of both whole vectors apart
// in memory of their own, because its order of summation depends on the alignment.
func ProductTransposed() bool { return active == portable }

// Product computes C = alpha·A·B + beta·C for C of m rows and n ≤ ProductColumns()
// columns, ldc apart, and sums of k ≥ 1 products. Element (i, p) of A is
// a[i·rowA+p·stepA], so that A may lie either way round; element (p, j) of B is
// b[p·ldb+j], or b[j·ldb+p] if ProductTransposed(). Where beta is 0, C is not read.
//
// The bits of an element of C depend on its operands only, not on m, n or its place:
// the products are added in the order of p, multiplied by alpha, and then added to
// beta·C.
//
// next is fetched into the second level of the cache meanwhile, for the call after this
// one. It may be nil.
//
// The floor is a multiply-add for each vector of C and product. With B in the first
// level of the cache and A in the second, 168 rows and 256 products run at 0.98 of
// the peak on AVX-512 and at 0.92 on AVX2.
func Product(m, n, k int, alpha float32, a []float32, rowA, stepA int, b []float32, ldb int, next []float32, beta float32, c []float32, ldc int) {
	if m == 0 || n == 0 {
		return
	}
	_, _ = a[(m-1)*rowA+(k-1)*stepA], c[(m-1)*ldc+n-1]
	if active == portable {
		for i := 0; i < m; i += portableBlock {
			gonum.Implementation{}.Sgemm(blas.NoTrans, blas.Trans, min(portableBlock, m-i), n, k,
				alpha, a[i*rowA:], max(rowA, k), b, max(ldb, k), beta, c[i*ldc:], max(ldc, n))
		}
		return
	}
	_ = b[(k-1)*ldb+n-1]
	most := 14
	if active == avx2 {
		most = 6
	}
	// The rows are shared out evenly: the last tiles have a row less.
	tiles := (m + most - 1) / most
	height := (m + tiles - 1) / tiles
	higher := m - tiles*(height-1)
	fetched, advance := &b[0], 0
	if len(next) > 0 {
		fetched, advance = &next[0], 8*len(next)/(tiles*k)
	}
	productTiles(height, higher, n, a, rowA, stepA, b, ldb, fetched, advance, c, ldc, k, alpha, beta)
	if higher < tiles {
		row := higher * height
		if advance > 0 {
			fetched = &next[len(next)/tiles*higher]
		}
		productTiles(height-1, tiles-higher, n, a[row*rowA:], rowA, stepA, b, ldb, fetched, advance, c[row*ldc:], ldc, k, alpha, beta)
	}
}

// CopyPanel copies src, m rows lds apart of n ≤ ProductColumns() columns, to dst, whose
// rows are ldd apart.
func CopyPanel(dst []float32, ldd int, src []float32, lds, m, n int) {
	if m == 0 || n == 0 {
		return
	}
	_, _ = dst[(m-1)*ldd+n-1], src[(m-1)*lds+n-1]
	if active != portable {
		copyPanel(dst, ldd, src, lds, n, m)
		return
	}
	for i := range m {
		copy(dst[i*ldd:i*ldd+n], src[i*lds:])
	}
}

// PackTransposed writes the transpose of src, m rows lds apart of n columns, to dst,
// n rows ldd apart of m columns. Nothing between the rows of dst is written.
func PackTransposed(dst []float32, ldd int, src []float32, lds, m, n int) {
	i := 0
	if lanes := ProductColumns() / 2; active != portable && n >= 4 {
		whole := n / 4 * 4
		for ; i+lanes <= m; i += lanes {
			packTransposed(dst[i:], ldd, src[i*lds:], lds, n/4)
			if whole < n {
				transposeGo(dst[whole*ldd+i:], ldd, src[i*lds+whole:], lds, lanes, n-whole)
			}
		}
	}
	if i < m {
		transposeGo(dst[i:], ldd, src[i*lds:], lds, m-i, n)
	}
}

func transposeGo(dst []float32, ldd int, src []float32, lds, m, n int) {
	for j := range n {
		column := dst[j*ldd : j*ldd+m]
		for i := range column {
			column[i] = src[i*lds+j]
		}
	}
}
