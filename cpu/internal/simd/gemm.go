package simd

// ProductColumns is the most columns of C that Product takes.
func ProductColumns() int {
	switch active {
	case avx512:
		return 32
	case avx2:
		return 16
	default:
		return portableColumns
	}
}

// portableColumns is as many as a tile of vectors has.
const portableColumns = 16

// ProductByColumns reports whether Product wants rowA = 1, as the portable path does:
// other products are three times as slow there.
func ProductByColumns() bool { return active == portable }

// Product computes C = alpha·A·B + beta·C for C of m rows and n ≤ ProductColumns()
// columns, ldc apart, and sums of k ≥ 1 products. Element (i, p) of A is
// a[i·rowA+p·stepA], so that A may lie either way round; element (p, j) of B is
// b[p·ldb+j]. Where beta is 0, C is not read.
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
	_, _, _ = a[(m-1)*rowA+(k-1)*stepA], b[(k-1)*ldb+n-1], c[(m-1)*ldc+n-1]
	if active == portable {
		productGo(m, n, k, alpha, a, rowA, stepA, b, ldb, beta, c, ldc)
		return
	}
	// The rows are shared out evenly: the last tiles have a row less.
	tiles := (m + 13) / 14
	if active == avx2 {
		tiles = (m + 5) / 6
	}
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

// productGo makes tiles of four rows and two columns, whose eight sums are what fits
// the registers, where A lies by columns.
func productGo(m, n, k int, alpha float32, a []float32, rowA, stepA int, b []float32, ldb int, beta float32, c []float32, ldc int) {
	const height, width = 4, 2
	for i := 0; i < m; i += height {
		for j := 0; j < n; j += width {
			rows, columns := min(height, m-i), min(width, n-j)
			var tile [height * width]float32
			if rows == height && columns == width && rowA == 1 {
				tile = productTileGo(k, a[i:], stepA, b[j:], ldb)
			} else {
				for p := range k {
					for r := range rows {
						v := a[(i+r)*rowA+p*stepA]
						for q, w := range b[p*ldb+j : p*ldb+j+columns] {
							tile[r*width+q] += v * w
						}
					}
				}
			}
			for r := range rows {
				row := c[(i+r)*ldc+j:][:columns]
				for q, s := range tile[r*width:][:columns] {
					if beta == 0 {
						row[q] = alpha * s
					} else {
						row[q] = alpha*s + beta*row[q]
					}
				}
			}
		}
	}
}

func productTileGo(k int, a []float32, stepA int, b []float32, ldb int) [8]float32 {
	var s00, s01, s10, s11, s20, s21, s30, s31 float32
	for p, i, j := 0, 0, 0; p < k; p, i, j = p+1, i+stepA, j+ldb {
		x, y := a[i:i+4:i+4], b[j:j+2:j+2]
		y0, y1 := y[0], y[1]
		x0 := x[0]
		s00 += x0 * y0
		s01 += x0 * y1
		x0 = x[1]
		s10 += x0 * y0
		s11 += x0 * y1
		x0 = x[2]
		s20 += x0 * y0
		s21 += x0 * y1
		x0 = x[3]
		s30 += x0 * y0
		s31 += x0 * y1
	}
	return [...]float32{s00, s01, s10, s11, s20, s21, s30, s31}
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
