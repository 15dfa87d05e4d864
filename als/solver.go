package als

import (
	"fmt"

	"github.com/halfstep-ml/halfstep/kernels"
)

// Solver is the method for the systems of a half-step.
type Solver uint8

const (
	Cholesky    Solver = iota // exact
	CG                        // conjugate gradients from the factors of the iteration before
	Subspace                  // block coordinate descent from them (iALS++)
	NonNegative               // exact, over factors that are not negative
	Auto                      // Cholesky up to rank 128, CG above
)

// autoRank is the largest rank for which Auto takes Cholesky. A row of n ratings
// costs n·K² + K³/3 operations exactly and some 16·n·K by three steps of CG; above
// this rank the second term alone outweighs the ratings of a usual row, and what
// CG leaves of a row's error no longer matters for the number of iterations.
const autoRank = 128

var solverNames = [...]string{"cholesky", "cg", "subspace", "nonnegative", "auto"}

func (s Solver) String() string {
	if int(s) >= len(solverNames) {
		return fmt.Sprintf("Solver(%d)", s)
	}
	return solverNames[s]
}

// MarshalText gives the name that UnmarshalText and the command line take.
func (s Solver) MarshalText() ([]byte, error) {
	if int(s) >= len(solverNames) {
		return nil, fmt.Errorf("als: there is no solver %d", s)
	}
	return []byte(s.String()), nil
}

// UnmarshalText reads cholesky, cg, subspace, nonnegative or auto.
func (s *Solver) UnmarshalText(text []byte) error {
	for i, name := range solverNames {
		if string(text) == name {
			*s = Solver(i)
			return nil
		}
	}
	return fmt.Errorf("als: there is no solver %q; there are %q", text, solverNames)
}

// Resolved is the configuration with Auto replaced by what it stands for.
func (c Config) Resolved() Config {
	if c.Solver == Auto {
		c.Solver = Cholesky
		if c.Rank > autoRank {
			c.Solver = CG
		}
	}
	return c
}

// solver is the method and its parameters as devices take them.
func (c Config) solver() kernels.Solver {
	s := kernels.Solver{Steps: c.Steps, Block: min(c.Block, c.width())}
	switch c.Resolved().Solver {
	case CG:
		s.Method = kernels.CG
		if s.Steps == 0 {
			s.Steps = 3 // as implicit does; the factors of the iteration before are a good start
		}
	case Subspace:
		s.Method = kernels.Subspace
		if s.Steps == 0 {
			s.Steps = 1
		}
		if s.Block == 0 {
			s.Block = min(32, c.width())
		}
	case NonNegative:
		s.Method = kernels.NonNegative
	default:
		s.Method = kernels.Cholesky
	}
	return s
}
