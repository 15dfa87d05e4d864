package als

// TrainOption changes how Train runs. WithStart, WithResume and WithValidation
// also change what comes out.
type TrainOption func(*trainOptions)

type trainOptions struct {
	progress   func(Progress)
	loss       bool
	start      *Model
	resume     *Model
	validation *Ratings
	patience   int
	checkpoint string
	every      int
	chunkOps   float64 // of the first chunk; tests set it
}

// WithProgress has f called after every iteration, from the goroutine of Train.
func WithProgress(f func(Progress)) TrainOption {
	return func(o *trainOptions) { o.progress = f }
}

// WithLoss has the objective computed after every iteration, reported in Progress
// and kept in Model.Losses. It costs one more pass over the ratings.
func WithLoss() TrainOption {
	return func(o *trainOptions) { o.loss = true }
}

// WithStart begins with the factors of a model in the place of random ones: a warm
// start. The model has the rank and the biases of the configuration and rows for
// the first users and items of the ratings, or for all; the rows after them start
// as they would without a model.
func WithStart(m *Model) TrainOption {
	return func(o *trainOptions) { o.start = m }
}

// WithValidation computes the RMSE over held-out ratings after every iteration and
// stops when it has not fallen below its lowest value for patience iterations, at
// least 1. Train then returns the model of the iteration with the lowest value,
// which Model.Iterations tells. The ratings have the rows of those to train on.
func WithValidation(r *Ratings, patience int) TrainOption {
	return func(o *trainOptions) { o.validation, o.patience = r, patience }
}

// WithCheckpoint writes the state of training to a file after every n-th
// iteration, as WriteFile does. The file is a model file; ReadFile and WithResume
// go on from it.
func WithCheckpoint(path string, n int) TrainOption {
	return func(o *trainOptions) { o.checkpoint, o.every = path, n }
}

// WithResume goes on from a checkpoint of the same configuration, ratings and
// options, to the same bits as if training had never stopped. Only
// Config.Iterations may differ, to train further.
func WithResume(m *Model) TrainOption {
	return func(o *trainOptions) { o.resume = m }
}

// check returns an ErrConfig that names the first option that makes no sense.
func (o trainOptions) check(cfg Config, ratings *Ratings) error {
	if m := o.start; m != nil {
		if o.resume != nil {
			return configf("WithStart", "and WithResume exclude each other")
		}
		if m.Rank() != cfg.Rank || m.config.Biases != cfg.Biases {
			return configf("WithStart", "has rank %d, biases %v, want %d and %v", m.Rank(), m.config.Biases, cfg.Rank, cfg.Biases)
		}
		if m.Users() > ratings.Users() || m.Items() > ratings.Items() {
			return configf("WithStart", "has %d users and %d items, more than the ratings' %d and %d",
				m.Users(), m.Items(), ratings.Users(), ratings.Items())
		}
	}
	if m := o.resume; m != nil {
		same := m.config
		same.Iterations = cfg.Iterations
		if same != cfg {
			return configf("WithResume", "was trained with %+v, want %+v", m.config, cfg)
		}
		if m.Users() != ratings.Users() || m.Items() != ratings.Items() {
			return configf("WithResume", "has %d users and %d items, the ratings have %d and %d",
				m.Users(), m.Items(), ratings.Users(), ratings.Items())
		}
		if m.iterations > cfg.Iterations {
			return configf("Iterations", "is %d, and WithResume has done %d", cfg.Iterations, m.iterations)
		}
		if o.validation != nil && len(m.validation) != m.iterations || o.loss && len(m.losses) != m.iterations {
			return configf("WithResume", "was trained without WithValidation or WithLoss")
		}
	}
	if r := o.validation; r != nil {
		if r.Users() != ratings.Users() || r.Items() != ratings.Items() {
			return configf("WithValidation", "has %d users and %d items, the ratings have %d and %d",
				r.Users(), r.Items(), ratings.Users(), ratings.Items())
		}
		if o.patience < 1 {
			return configf("WithValidation", "has a patience of %d, want at least 1", o.patience)
		}
	}
	if o.checkpoint != "" && o.every < 1 {
		return configf("WithCheckpoint", "is every %d iterations, want at least 1", o.every)
	}
	return nil
}
