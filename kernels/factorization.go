package kernels

// Factorization holds the operations of ALS and of serving its models.
type Factorization interface {
	// HalfStep solves the problem: it overwrites X and Info. For the method
	// Cholesky it equals SolveSPD after NormalEquations; a device fuses them,
	// because at rank 64 and more writing A out costs as much as the arithmetic.
	// It costs about n·K² + K³/3 operations a row of n ratings.
	HalfStep(p *Problem) error

	// NormalEquations writes A, both triangles, and b of each row of the problem:
	// a has a matrix of order K for each row of X and b is of the shape of X. X
	// is not touched, and Solver and Info are not used. A row without ratings
	// gets the unit matrix and zeros.
	NormalEquations(a Batch, b Matrix, p *Problem) error

	// SolveSPD solves A·x = b for each matrix of the batch and the row of b with
	// its number. Only lower triangles are read. b is overwritten with the
	// solutions, a with unspecified values, info as Problem.Info is; a row that
	// failed is set to zeros.
	SolveSPD(a Batch, b Matrix, info Buffer[int32]) error

	// Loss writes two sums over the stored pairs of the problem, where s is the
	// score x·y plus the row's bias and the column's Offset:
	//
	//	out[0] = Σ (v - s)²
	//	out[1] = Σ (v - s)²             Explicit, IALS
	//	         Σ (c·(v - s)² - s²)    Implicit, Confidence
	//
	// v is what the convention fits: the rating in Explicit and IALS, the
	// preference 1 or 0 in the others; c is the confidence 1+α·|r| or |r|. Then
	// out[1] + g·Σ_all s² is the objective without its regularization. The sums
	// are in float64. X is read; Solver, Gram, OffsetGram and Info are not used
	// and may be empty.
	Loss(out Buffer[float64], p *Problem) error

	// Predict writes the score x·y of each stored pair of r, in the order of the
	// entries, for x of rows×K and y of columns×K. Values of r are not used.
	Predict(out Buffer[float32], r CSR, x, y Matrix) error

	// ScoreTopK finds, for each row of x (rows×K), the k rows of y (columns×K)
	// with the highest scores x·y, where k is the number of columns of top. It
	// writes their ids to ids, k for each row, and their scores to top, highest
	// first; of equal scores the lower id comes first. seen, if not nil, is a
	// rows×columns pattern of pairs to leave out. allow, if not empty, is a
	// bitmap of (columns+31)/32 words: column i may be chosen if bit i%32 of
	// word i/32 is set. A score that is NaN is never chosen. Where fewer than k
	// columns are left, the rest are id -1 with score -Inf.
	ScoreTopK(ids Buffer[int32], top Matrix, x, y Matrix, seen CSR, allow Buffer[uint32]) error
}
