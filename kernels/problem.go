package kernels

import (
	"fmt"
	"math"
)

// Convention says how ratings become a least-squares problem. For every stored
// rating r it fixes a target t and a weight a, and for all pairs, stored or not,
// a weight g; see Problem for how they enter.
//
//	convention   g    a(r)     t(r)                 source
//	Explicit     0    1        r                    Zhou et al. 2008 (ALS-WR); Spark MLlib, cmfrec
//	Implicit     1    α·|r|    1+α·r if r>0 or 0    Hu, Koren, Volinsky 2008; Spark MLlib implicitPrefs
//	Confidence   1    |r|-1    r if r>0 or 0        the same, the rating being the confidence itself; implicit
//	IALS         w₀   1        r                    Rendle et al. 2021, where r is 1
//
// In Implicit and Confidence a positive rating means preference 1 and any other
// preference 0, held with confidence 1+α·|r| or |r|; a pair without a rating is
// preference 0 with confidence 1. In IALS every stored pair fits its rating with
// weight 1 and every pair is drawn to 0 with weight w₀.
type Convention uint8

const (
	Explicit Convention = iota
	Implicit
	Confidence
	IALS
)

var conventionNames = [...]string{"explicit", "implicit", "confidence", "ials"}

func (c Convention) String() string { return nameOf(conventionNames[:], int(c), "Convention") }

// MarshalText gives the name that UnmarshalText and the command line take.
func (c Convention) MarshalText() ([]byte, error) {
	return marshalName(conventionNames[:], int(c), "convention")
}

// UnmarshalText reads explicit, implicit, confidence or ials.
func (c *Convention) UnmarshalText(text []byte) error {
	i, err := parseName(conventionNames[:], string(text), "convention")
	if err == nil {
		*c = Convention(i)
	}
	return err
}

// AllPairs reports whether the convention has a term over all pairs, stored or
// not, so that Problem needs a Gram matrix.
func (c Convention) AllPairs() bool { return c != Explicit }

// Method is an algorithm for the systems of one half-step.
type Method uint8

const (
	// Cholesky solves each system exactly.
	Cholesky Method = iota

	// CG runs Solver.Steps steps of conjugate gradients from the present row of
	// X, without building the matrix (Takács et al. 2011). A row whose residual
	// falls to 2⁻²³ of its right-hand side stops sooner. A row whose right-hand side
	// is zero gets zeros.
	CG

	// Subspace runs Solver.Steps sweeps of block coordinate descent from the
	// present row of X: the unknowns are taken Solver.Block at a time, first to
	// last, and each block is solved exactly with the others held (iALS++,
	// Rendle et al. 2021).
	Subspace

	// NonNegative finds the exact minimum over factors that are not negative, by
	// block principal pivoting (Kim and Park 2011). A bias stays free of sign.
	NonNegative
)

var methodNames = [...]string{"cholesky", "cg", "subspace", "nonnegative"}

func (m Method) String() string { return nameOf(methodNames[:], int(m), "Method") }

// MarshalText gives the name that UnmarshalText and the command line take.
func (m Method) MarshalText() ([]byte, error) {
	return marshalName(methodNames[:], int(m), "solver")
}

// UnmarshalText reads cholesky, cg, subspace or nonnegative.
func (m *Method) UnmarshalText(text []byte) error {
	i, err := parseName(methodNames[:], string(text), "solver")
	if err == nil {
		*m = Method(i)
	}
	return err
}

// Solver is a method with its parameters.
type Solver struct {
	Method Method
	Steps  int // CG: steps; Subspace: sweeps; not used by the others
	Block  int // Subspace: unknowns solved at a time; not used by the others
}

// Objective is what a half-step minimizes.
type Objective struct {
	Convention Convention

	Alpha float32 // α of Implicit, above 0
	W0    float32 // w₀ of IALS, at least 0

	// Lambda and Exponent give a row with n ratings the regularization
	//
	//	λ·(n + w₀·N)^ν‖x‖²
	//
	// with ν = Exponent and N the number of columns of R. The w₀ term is there
	// in IALS alone. n counts the row's ratings; in Implicit and Confidence only
	// the positive ones, as Spark does. ν = 0 is plain λ, ν = 1 is λ·n
	// ("weighted λ").
	Lambda   float32
	Exponent float32

	// Bias adds one unknown to every row, the row's bias: X has one column more
	// than Y, the last one, and Y counts as having a last column of ones that
	// is not stored. BiasLambda takes the place of Lambda for it.
	Bias       bool
	BiasLambda float32
}

// Problem is one half-step of ALS: each row of X is found from the ratings of
// that row and the fixed side Y.
//
// Write y for a row of Y (with a 1 appended if Objective.Bias), o for the Offset
// of its column (0 if there is none) and K for the number of columns of X. Row x
// of X, with ratings r over its stored columns, minimizes
//
//	g·Σ_all (x·y + o)² + Σ_stored (a(r)·(x·y + o)² - 2·t(r)·(x·y + o)) + D(x)
//
// which is, up to a constant, the weighted squared error of the Convention plus
// the regularization D. Its normal equations are A·x = b with
//
//	A = g·Gram + Σ_stored a(r)·y·yᵀ + diag(λ(n + w₀N)^ν, …)
//	b = Σ_stored (t(r) - a(r)·o)·y - g·OffsetGram
//
// A row without ratings gets zeros, whatever the convention.
type Problem struct {
	X Matrix // rows×K: the unknowns; the start of CG and Subspace; overwritten
	Y Matrix // columns×K, or columns×(K-1) with Bias: the fixed side
	R CSR    // rows×columns: the ratings

	// Gram is the K×K matrix Σ_all y·yᵀ, the column of ones of a Bias included.
	// Conventions with a term over all pairs need it; Explicit wants it empty.
	Gram Matrix

	Objective Objective
	Solver    Solver

	// Offset has an element per column: the fixed side's bias plus the mean. It
	// is empty where there are no biases.
	Offset Buffer[float32]

	// OffsetGram is Σ_all o·y, K elements: needed by conventions with a term
	// over all pairs if there is an Offset, else empty.
	OffsetGram Buffer[float32]

	// Info gets an element per row. 0: solved. p > 0: the pivot of unknown p of the
	// row, counted from 1, was not positive in a Cholesky factorization, or step p
	// of CG met a direction without curvature. -1: NonNegative did not settle. A row that
	// failed is set to zeros. A pivot counts as positive above K·2⁻²³ times the
	// diagonal element it comes from.
	Info Buffer[int32]
}

// String gives what error messages say of a problem: "6040×10 from 3706 columns,
// 1000209 entries, explicit cholesky".
func (p *Problem) String() string {
	s := p.X.String()
	if p.R != nil {
		s += fmt.Sprintf(" from %d columns, %d entries", p.R.Cols(), p.R.Entries())
	}
	s += fmt.Sprintf(", %v %v", p.Objective.Convention, p.Solver.Method)
	if p.Objective.Bias {
		s += " with bias"
	}
	return s
}

func (o Objective) check() error {
	switch {
	case int(o.Convention) >= len(conventionNames):
		return argumentf("p.Objective.Convention", "there is no convention %d", o.Convention)
	case o.Convention == Implicit && !(o.Alpha > 0 && finite(o.Alpha)):
		return argumentf("p.Objective.Alpha", "%v, want a number above 0", o.Alpha)
	case o.Convention == IALS && !notNegative(o.W0):
		return argumentf("p.Objective.W0", "%v, want a number of at least 0", o.W0)
	case !notNegative(o.Lambda):
		return argumentf("p.Objective.Lambda", "%v, want a number of at least 0", o.Lambda)
	case !notNegative(o.Exponent):
		return argumentf("p.Objective.Exponent", "%v, want a number of at least 0", o.Exponent)
	case o.Bias && !notNegative(o.BiasLambda):
		return argumentf("p.Objective.BiasLambda", "%v, want a number of at least 0", o.BiasLambda)
	}
	return nil
}

func (s Solver) check(unknowns int) error {
	switch s.Method {
	case Cholesky, NonNegative:
	case CG:
		if s.Steps < 1 {
			return argumentf("p.Solver.Steps", "%d, want at least 1", s.Steps)
		}
	case Subspace:
		if s.Steps < 1 {
			return argumentf("p.Solver.Steps", "%d, want at least 1", s.Steps)
		}
		if s.Block < 1 || s.Block > max(unknowns, 1) {
			return argumentf("p.Solver.Block", "%d, want 1 to %d, the columns of X", s.Block, unknowns)
		}
	default:
		return argumentf("p.Solver.Method", "there is no method %d", s.Method)
	}
	return nil
}

func finite(v float32) bool { return !math.IsNaN(float64(v)) && !math.IsInf(float64(v), 0) }

func notNegative(v float32) bool { return v >= 0 && finite(v) }

func nameOf(names []string, i int, kind string) string {
	if i >= len(names) {
		return fmt.Sprintf("%s(%d)", kind, i)
	}
	return names[i]
}

func marshalName(names []string, i int, kind string) ([]byte, error) {
	if i >= len(names) {
		return nil, fmt.Errorf("kernels: there is no %s %d", kind, i)
	}
	return []byte(names[i]), nil
}

func parseName(names []string, s, kind string) (int, error) {
	for i, name := range names {
		if s == name {
			return i, nil
		}
	}
	return 0, fmt.Errorf("kernels: there is no %s %q; there are %q", kind, s, names)
}
