package main

import (
	"fmt"
	"io"
	"path/filepath"
	"strings"
	"text/tabwriter"
)

// kernelsResult is the outcome of the experiment kernels, and its JSON.
type kernelsResult struct {
	Experiment string      `json:"experiment"`
	Machine    machine     `json:"machine"`
	Peak       peakResult  `json:"peak"`
	Skipped    []skip      `json:"skipped"`
	Runs       []kernelRun `json:"runs"`

	arithmetic, copying       []float64
	gpuArithmetic, gpuCopying []float64
}

// peakResult is the medians of the peaks on the CPU with one thread and on the GPU, 0
// where none was measured.
type peakResult struct {
	GFLOPSPerCore      float64 `json:"gflops_per_core"`
	CopyGBPerSecond    float64 `json:"copy_gb_per_second"`
	GPUGFLOPS          float64 `json:"gpu_gflops"`
	GPUCopyGBPerSecond float64 `json:"gpu_copy_gb_per_second"`
}

// kernelRun is one row of the table.
type kernelRun struct {
	Kernel           string  `json:"kernel"`
	Shape            string  `json:"shape"`
	Backend          string  `json:"backend"`
	Threads          int     `json:"threads"`
	Seconds          spread  `json:"seconds"` // of a round
	GFLOPS           float64 `json:"gflops"`
	GBPerSecond      float64 `json:"gb_per_second"`
	RatingsPerSecond float64 `json:"ratings_per_second"` // 0 where there are none
	MemoryBound      bool    `json:"memory_bound"`
	FractionOfPeak   float64 `json:"fraction_of_peak"` // 0 where the peak is not known
}

type spread struct {
	Median float64 `json:"median"`
	Min    float64 `json:"min"`
	Max    float64 `json:"max"`
}

// addPeak notes a measurement of a peak. Peaks with several threads are not noted.
func (r *kernelsResult) addPeak(p peaks, perSecond float64) {
	if p.threads > 1 || perSecond == 0 {
		return
	}
	arithmetic, copying := &r.arithmetic, &r.copying
	if p.threads == 0 {
		arithmetic, copying = &r.gpuArithmetic, &r.gpuCopying
	}
	if p.copying != nil {
		*copying = append(*copying, perSecond/giga)
	} else {
		*arithmetic = append(*arithmetic, perSecond/giga)
	}
}

func (r *kernelsResult) summarizePeaks() {
	for _, peak := range []struct {
		to       *float64
		measured []float64
	}{
		{&r.Peak.GFLOPSPerCore, r.arithmetic}, {&r.Peak.CopyGBPerSecond, r.copying},
		{&r.Peak.GPUGFLOPS, r.gpuArithmetic}, {&r.Peak.GPUCopyGBPerSecond, r.gpuCopying},
	} {
		if len(peak.measured) > 0 {
			*peak.to = median(peak.measured)
		}
	}
}

// publish prints the table and writes what --json and --report ask for.
func (j *kernelsJob) publish(r *kernelsResult) error {
	if err := j.show(r); err != nil || j.report == "" {
		return err
	}
	if err := writeFile(filepath.Join(j.report, "kernels.md"), r.writeMarkdown); err != nil {
		return fmt.Errorf("--report: %w", err)
	}
	return nil
}

// kernelColumns are the heads of the table, of text and of numbers.
var kernelColumns = []string{"kernel", "shape", "backend", "threads", "ms", "range", "GFLOP/s", "GB/s", "M ratings/s", "of peak"}

func (r kernelRun) columns() []string {
	fraction := "-"
	if r.FractionOfPeak > 0 {
		fraction = fmt.Sprintf("%.0f%%", 100*r.FractionOfPeak)
		if r.MemoryBound {
			fraction += " m"
		}
	}
	const milli = 1e3
	return []string{
		r.Kernel, r.Shape, r.Backend, orDash(r.Threads > 0, fmt.Sprint(r.Threads)),
		fmt.Sprintf("%.3f", milli*r.Seconds.Median),
		fmt.Sprintf("%.3f-%.3f", milli*r.Seconds.Min, milli*r.Seconds.Max),
		orDash(r.GFLOPS > 0, fmt.Sprintf("%.1f", r.GFLOPS)), fmt.Sprintf("%.1f", r.GBPerSecond),
		orDash(r.RatingsPerSecond > 0, fmt.Sprintf("%.1f", r.RatingsPerSecond/1e6)), fraction,
	}
}

func (r *kernelsResult) describePeak() string {
	var parts []string
	for _, peak := range []struct {
		format string
		value  float64
	}{
		{"%.0f GFLOP/s a core", r.Peak.GFLOPSPerCore}, {"copying %.1f GB/s with one thread", r.Peak.CopyGBPerSecond},
		{"%.0f GFLOP/s on the GPU", r.Peak.GPUGFLOPS}, {"copying %.0f GB/s there", r.Peak.GPUCopyGBPerSecond},
	} {
		if peak.value > 0 {
			parts = append(parts, fmt.Sprintf(peak.format, peak.value))
		}
	}
	return orDash(len(parts) > 0, strings.Join(parts, ", "))
}

// writeTable prints the result for a person.
func (r *kernelsResult) writeTable(w io.Writer) error {
	var b strings.Builder
	fmt.Fprintf(&b, "machine: %s\npeak: %s\n\n", r.Machine, r.describePeak())
	t := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, strings.Join(kernelColumns, "\t"))
	for _, run := range r.Runs {
		fmt.Fprintln(t, strings.Join(run.columns(), "\t"))
	}
	if err := t.Flush(); err != nil {
		return err
	}
	b.WriteByte('\n')
	for _, s := range r.Skipped {
		fmt.Fprintf(&b, "%s: skipped: %s\n", s.Backend, s.Reason)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func (r *kernelsResult) writeMarkdown(w io.Writer) error {
	var b strings.Builder
	fmt.Fprintf(&b, "# Kernels\n\n- machine: %s\n- peak: %s\n", r.Machine, r.describePeak())
	for _, s := range r.Skipped {
		fmt.Fprintf(&b, "- %s was skipped: %s\n", s.Backend, s.Reason)
	}
	fmt.Fprintf(&b, "\n| %s |\n|%s\n", strings.Join(kernelColumns, " | "), strings.Repeat("---|", len(kernelColumns)))
	for _, run := range r.Runs {
		fmt.Fprintf(&b, "| %s |\n", strings.Join(run.columns(), " | "))
	}
	_, err := io.WriteString(w, b.String())
	return err
}
