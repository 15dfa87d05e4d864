// Package workload holds pieces of work that the kernels of a device are timed on:
// operands of a shape, the call, what it must do at least, and the comparison of
// its results with the float64 reference of kernelstest.
//
//	work, err := workload.Gemm(1024, 1024, 1024).Prepare(dev)
//	…
//	defer work.Close()
//	if err := work.Verify(); err != nil { … }
//	seconds, err := work.Time(100 * time.Millisecond)
//
// # Counts
//
// Operations and bytes are what no implementation can do without, so that a rate is
// a share of a floor: for C = A·B 2·M·N·K operations; for a Gram matrix or the
// matrices of normal equations the triangle with the diagonal alone, K·(K+1) a row or
// rating; for a Cholesky factorization and both solves K³/3 + 2·K². Right-hand sides
// are not counted. Bytes count every operand once, a gathered row once for each time
// it is gathered.
package workload
