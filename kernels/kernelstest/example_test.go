package kernelstest_test

import (
	"fmt"

	"github.com/halfstep-ml/halfstep/kernels"
	"github.com/halfstep-ml/halfstep/kernels/kernelstest"
)

// The reference solves one half-step in float64: one user, who rated two of three
// items.
func ExampleHalfStep() {
	p := &kernelstest.Problem{
		X: kernelstest.NewDense(1, 1),
		Y: kernelstest.DenseOf(3, 1, []float32{1, 2, 5}),
		R: kernels.HostCSR{
			Rows: 1, Cols: 3, Offsets: []int64{0, 2}, Columns: []int32{0, 1}, Values: []float32{4, 3},
		},
		Objective: kernels.Objective{Lambda: 2.5, Exponent: 1},
	}
	info := kernelstest.HalfStep(p)
	// (1·4 + 2·3) / (1·1 + 2·2 + 2.5·2)
	fmt.Printf("%.6f %v\n", p.X.At(0, 0), info)
	// Output: 1.000000 [0]
}
