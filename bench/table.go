package main

import (
	"fmt"
	"io"
	"strconv"
	"strings"
	"text/tabwriter"

	"github.com/halfstep-ml/halfstep/als"
	"github.com/halfstep-ml/halfstep/kernels"
)

// writeTable prints the result for a person.
func (r *alsResult) writeTable(w io.Writer) error {
	var b strings.Builder
	fmt.Fprintf(&b, "ALS: %s\n", describeConfig(r.Config))
	fmt.Fprintf(&b, "data: %s\n", r.describeData())
	fmt.Fprintf(&b, "machine: %s\n\n", r.Machine)
	t := tabwriter.NewWriter(&b, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprint(t, "backend\tthreads\tload s\tprepare s\ttrain s\tevaluate s\ttotal s\tspeedup\ttrain RMSE\ttest RMSE\tM ratings/s\tpeak MB\t\n")
	for _, run := range r.Runs {
		fmt.Fprintf(t, "%s\t%s\t%.3f\t%.3f\t%.3f\t%.3f\t%.3f\t%s\t%.4f\t%s\t%.2f\t%s\t\n",
			run.Backend, orDash(run.Threads > 0, strconv.Itoa(run.Threads)),
			run.Seconds.Load, run.Seconds.Prepare, run.Seconds.Train, run.Seconds.Evaluate, run.Seconds.Total,
			orDash(run.Speedup > 0, fmt.Sprintf("%.2f", run.Speedup)),
			run.TrainRMSE, orDash(run.TestRMSE > 0, fmt.Sprintf("%.4f", run.TestRMSE)),
			run.RatingsPerSecond/1e6, orDash(run.PeakRSSBytes > 0, strconv.FormatInt(run.PeakRSSBytes>>20, 10)))
	}
	if err := t.Flush(); err != nil {
		return err
	}
	b.WriteByte('\n')
	for _, run := range r.Runs {
		if line := fmt.Sprintf("%s: %s, path %s\n", run.Backend, run.Device, run.Path); !strings.Contains(b.String(), line) {
			b.WriteString(line)
		}
	}
	for _, s := range r.Skipped {
		fmt.Fprintf(&b, "%s: skipped: %s\n", s.Backend, s.Reason)
	}
	if r.Breakdown != nil {
		if err := r.Breakdown.writeTable(&b); err != nil {
			return err
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func orDash(known bool, s string) string {
	if known {
		return s
	}
	return "-"
}

func describeConfig(c als.Config) string {
	s := fmt.Sprintf("%v, rank %d, %s, ", c.Convention, c.Rank, plural(c.Iterations, "iteration"))
	n := "n"
	if c.Convention == als.IALS {
		n = "(n + w₀·N)"
	}
	switch c.Regularization {
	case als.Count:
		s += fmt.Sprintf("λ = %g·%s", c.Lambda, n)
	case als.Plain:
		s += fmt.Sprintf("λ = %g", c.Lambda)
	default:
		s += fmt.Sprintf("λ = %g·%s^%g", c.Lambda, n, c.Nu)
	}
	switch c.Convention {
	case kernels.Implicit:
		s += fmt.Sprintf(", α = %g", c.Alpha)
	case kernels.IALS:
		s += fmt.Sprintf(", w₀ = %g", c.W0)
	}
	if c.Biases {
		s += ", biases"
	}
	return s + fmt.Sprintf(", %v, seed %d", c.Solver, c.Seed)
}

func (r *alsResult) describeData() string {
	d := r.Data
	s := fmt.Sprintf("%s: %s users, %s items, %s ratings", d.Name, thousands(int64(d.Users)), thousands(int64(d.Items)), thousands(d.Ratings))
	if d.TestRatings > 0 {
		s += fmt.Sprintf(", %s of them held out", thousands(d.TestRatings))
	}
	if d.Dropped > 0 {
		s += fmt.Sprintf(", %s of those dropped", thousands(d.Dropped))
	}
	if d.SkippedLines > 0 {
		s += fmt.Sprintf("; %s malformed lines skipped", thousands(d.SkippedLines))
	}
	return s
}

// thousands writes 1000209 as 1,000,209.
func thousands(n int64) string {
	s := strconv.FormatInt(n, 10)
	for i := len(s) - 3; i > 0 && s[i-1] != '-'; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}
