package als

// keep looks at the validation part and writes a checkpoint, where the options ask
// for it.
func (t *trainer) keep() error {
	o := t.options
	checkpoint := o.checkpoint != "" && t.iteration%o.every == 0
	if o.validation == nil && !checkpoint {
		return nil
	}
	m, err := t.model()
	if err != nil {
		return err
	}
	if o.validation != nil {
		errs, err := Evaluate(t.ctx, t.dev, m, o.validation)
		if err != nil {
			return err
		}
		t.validation = append(t.validation, errs.RMSE)
		m.validation = append(m.validation, errs.RMSE)
		if t.best == nil || errs.RMSE < t.best.lowest() {
			t.best = m
		}
	}
	if !checkpoint {
		return nil
	}
	state := *m
	if t.best != nil && t.best != m {
		state.best = t.best
	}
	return WriteFile(o.checkpoint, &state)
}

// stopped reports whether the validation part says that training is over.
func (t *trainer) stopped() bool {
	return t.best != nil && t.iteration-t.best.iterations >= t.options.patience
}

// lowest is the RMSE over the validation part of the model's own iteration.
func (m *Model) lowest() float64 { return m.validation[m.iterations-1] }

// resume sets the state of training to that of a checkpoint.
func (t *trainer) resume(m *Model) {
	t.iteration = m.iterations
	t.secondTries = m.secondTries
	if t.options.loss {
		t.losses = append(t.losses, m.losses...)
	}
	if t.options.validation == nil {
		return
	}
	t.validation = append(t.validation, m.validation...)
	t.best = m
	if m.best != nil {
		t.best = m.best
	}
}
