package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/halfstep-ml/halfstep/als"
	"github.com/halfstep-ml/halfstep/bench/dataset"
)

// alsResult is the outcome of the experiment als, and its JSON.
type alsResult struct {
	Experiment string     `json:"experiment"`
	Machine    machine    `json:"machine"`
	Data       dataInfo   `json:"data"`
	Config     als.Config `json:"config"`
	Skipped    []skip     `json:"skipped"`
	Runs       []alsRun   `json:"runs"`
	Breakdown  *breakdown `json:"breakdown,omitempty"`
}

type dataInfo struct {
	Name         string  `json:"name"`
	Users        int     `json:"users"`
	Items        int     `json:"items"`
	Ratings      int64   `json:"ratings"`
	TestRatings  int64   `json:"test_ratings"`
	Dropped      int64   `json:"dropped"`
	SkippedLines int64   `json:"skipped_lines"`
	Holdout      float64 `json:"holdout"`
}

// alsRun is one row of the table.
type alsRun struct {
	Backend          string  `json:"backend"`
	Device           string  `json:"device"`
	Path             string  `json:"path"`
	Threads          int     `json:"threads"`
	Speedup          float64 `json:"speedup"` // 0 where there is no run on the CPU with one thread
	Seconds          seconds `json:"seconds"`
	TrainMSE         float64 `json:"train_mse"`
	TrainRMSE        float64 `json:"train_rmse"`
	TestRMSE         float64 `json:"test_rmse"` // 0 without a held-out part
	RatingsPerSecond float64 `json:"ratings_per_second"`
	PeakRSSBytes     int64   `json:"peak_rss_bytes"` // 0 where it is not known

	dropped int64
}

type seconds struct {
	Load     float64 `json:"load"`
	Prepare  float64 `json:"prepare"`
	Train    float64 `json:"train"`
	Evaluate float64 `json:"evaluate"`
	Total    float64 `json:"total"`
}

func (j *alsJob) newResult(d *dataset.Data, skipped []skip) *alsResult {
	info := dataInfo{
		Name:         d.Name,
		Users:        d.Train.Users(),
		Items:        d.Train.Items(),
		Ratings:      d.Train.Len(),
		SkippedLines: d.Skipped,
		Holdout:      j.holdout,
	}
	if d.Test != nil {
		info.TestRatings = d.Test.Len()
		info.Ratings += d.Test.Len()
	}
	return &alsResult{
		Experiment: "als",
		Machine:    thisMachine(),
		Data:       info,
		Config:     j.config.Resolved(),
		Skipped:    append([]skip{}, skipped...),
	}
}

func (r *alsResult) add(run alsRun) {
	r.Data.Dropped = run.dropped
	r.Runs = append(r.Runs, run)
	if base := r.baseline(); base > 0 {
		for i := range r.Runs {
			r.Runs[i].Speedup = base / r.Runs[i].Seconds.Train
		}
	}
}

// baseline is the training time on the CPU with one thread, 0 if it was not run.
func (r *alsResult) baseline() float64 {
	for _, run := range r.Runs {
		if run.Backend == "cpu" && run.Threads == 1 {
			return run.Seconds.Train
		}
	}
	return 0
}

// publish prints the table and writes what --json and --report ask for.
func (j *alsJob) publish(r *alsResult) error {
	if err := j.show(r); err != nil || j.report == "" {
		return err
	}
	return r.writeReport(j.report)
}

// tables is where tables go: to stderr with --json -, so that stdout is JSON alone.
func (c *common) tables() io.Writer {
	if c.json == "-" {
		return c.stderr
	}
	return c.stdout
}

// show prints a result as a table and writes it where --json says.
func (c *common) show(result interface{ writeTable(io.Writer) error }) error {
	if err := result.writeTable(c.tables()); err != nil {
		return err
	}
	return c.writeJSON(result)
}

func (c *common) writeJSON(result any) error {
	if c.json == "" {
		return nil
	}
	text, err := json.MarshalIndent(result, "", "  ")
	if err != nil {
		return fmt.Errorf("--json: %w", err)
	}
	text = append(text, '\n')
	if c.json == "-" {
		_, err = c.stdout.Write(text)
		return err
	}
	return writeFile(c.json, func(w io.Writer) error {
		_, err := w.Write(text)
		return err
	})
}

// writeFile creates a file, its folder included, and closes it whatever happens.
func writeFile(path string, write func(io.Writer) error) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	return errors.Join(write(f), f.Close())
}
