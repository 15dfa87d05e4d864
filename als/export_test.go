package als

import "github.com/halfstep-ml/halfstep/kernels"

// Start is the item factors and the mean that training begins with, width
// unknowns a row.
func (c Config) Start(r *Ratings) (factors []float32, mean float64) {
	return c.start(r.byItem), c.mean(r)
}

// Width is the number of unknowns of a row.
func (c Config) Width() int { return c.width() }

// Objective is what the configuration asks of the device.
func (c Config) Objective(side Side) kernels.Objective { return c.objective(side) }

// KernelSolver is what the configuration asks of the device.
func (c Config) KernelSolver() kernels.Solver { return c.solver() }

// WithChunkOps sets the size of the first chunk of a half-step.
func WithChunkOps(ops float64) TrainOption {
	return func(o *trainOptions) { o.chunkOps = ops }
}
