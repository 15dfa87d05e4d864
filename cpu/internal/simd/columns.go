package simd

// columnElements is about how many elements AddColumns goes through in one go: they
// stay in the first level of the cache while the columns are taken some at a time.
const columnElements = 1 << 12

// AddColumns adds the sum of each column of x, m rows of len(dst) columns, ldx apart,
// to dst.
func AddColumns(dst []float64, x []float32, ldx, m int) {
	if len(dst) == 0 {
		return
	}
	step := max(columnElements/len(dst), 1)
	for ; m > 0; m -= step {
		rows := min(step, m)
		if active == portable {
			addColumnsGo(dst, x, ldx, rows)
		} else {
			_ = x[(rows-1)*ldx+len(dst)-1]
			addColumnsVector(dst, x, ldx, rows)
		}
		if m > step {
			x = x[step*ldx:]
		}
	}
}

func addColumnsGo(dst []float64, x []float32, ldx, m int) {
	for i := range m {
		row := x[i*ldx:][:len(dst)]
		for j, v := range row {
			dst[j] += float64(v)
		}
	}
}
