package main

import (
	"fmt"
	"io"
	"path/filepath"
	"strings"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgsvg"
)

// writeReport writes als.md and its charts to a folder.
func (r *alsResult) writeReport(dir string) error {
	for _, c := range []struct {
		file, title string
		value       func(alsRun) float64
	}{
		{"als-train.svg", "Training, seconds", func(run alsRun) float64 { return run.Seconds.Train }},
		{"als-evaluate.svg", "Evaluation, seconds", func(run alsRun) float64 { return run.Seconds.Evaluate }},
	} {
		if err := r.writeChart(filepath.Join(dir, c.file), c.title, c.value); err != nil {
			return fmt.Errorf("--report: %w", err)
		}
	}
	err := writeFile(filepath.Join(dir, "als.md"), r.writeMarkdown)
	if err != nil {
		return fmt.Errorf("--report: %w", err)
	}
	return nil
}

func (r *alsResult) writeMarkdown(w io.Writer) error {
	var b strings.Builder
	fmt.Fprintf(&b, "# ALS on %s\n\n", r.Data.Name)
	fmt.Fprintf(&b, "- settings: %s\n", describeConfig(r.Config))
	fmt.Fprintf(&b, "- data: %s\n", r.describeData())
	fmt.Fprintf(&b, "- machine: %s\n", r.Machine)
	for _, s := range r.Skipped {
		fmt.Fprintf(&b, "- %s was skipped: %s\n", s.Backend, s.Reason)
	}
	b.WriteString("\n| backend | threads | load s | prepare s | train s | evaluate s | total s | speedup | train RMSE | test RMSE | M ratings/s |\n")
	b.WriteString("|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|\n")
	for _, run := range r.Runs {
		fmt.Fprintf(&b, "| %s | %s | %.3f | %.3f | %.3f | %.3f | %.3f | %s | %.4f | %s | %.2f |\n",
			run.Backend, orDash(run.Threads > 0, fmt.Sprint(run.Threads)),
			run.Seconds.Load, run.Seconds.Prepare, run.Seconds.Train, run.Seconds.Evaluate, run.Seconds.Total,
			orDash(run.Speedup > 0, fmt.Sprintf("%.2f", run.Speedup)),
			run.TrainRMSE, orDash(run.TestRMSE > 0, fmt.Sprintf("%.4f", run.TestRMSE)), run.RatingsPerSecond/1e6)
	}
	b.WriteString("\n![training](als-train.svg)\n\n![evaluation](als-evaluate.svg)\n")
	_, err := io.WriteString(w, b.String())
	return err
}

func (r *alsResult) writeChart(path, title string, value func(alsRun) float64) error {
	values := make(plotter.Values, len(r.Runs))
	names := make([]string, len(r.Runs))
	for i, run := range r.Runs {
		values[i] = value(run)
		names[i] = target{name: run.Backend, threads: run.Threads}.String()
	}
	p := plot.New()
	p.Title.Text = title
	p.Y.Min = 0
	bars, err := plotter.NewBarChart(values, vg.Points(30))
	if err != nil {
		return err
	}
	p.Add(bars)
	p.NominalX(names...)
	canvas := vgsvg.New(vg.Length(max(3, len(r.Runs)))*4*vg.Centimeter, 8*vg.Centimeter)
	p.Draw(draw.New(canvas))
	return writeFile(path, func(w io.Writer) error {
		_, err := canvas.WriteTo(w)
		return err
	})
}
