package serve

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/halfstep-ml/halfstep/als"
	"github.com/halfstep-ml/halfstep/kernels"
)

// keepModel finds the first model, then trains when it is asked to and when the
// model has reached its age, until ctx ends. It fails if there is no first model
// or the device was lost.
func (s *Server) keepModel(ctx context.Context) error {
	if err := s.firstModel(ctx); err != nil {
		if ctx.Err() != nil {
			return nil
		}
		return err
	}
	due := time.NewTimer(s.untilDue(s.current.Load().trained))
	defer due.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-s.wanted:
		case <-due.C:
		}
		err := s.train(ctx)
		switch {
		case err == nil:
		case ctx.Err() != nil:
			return nil
		case errors.Is(err, kernels.ErrDeviceLost):
			return err
		default:
			s.log.Error("training failed, the model before stays", "error", err)
		}
		due.Reset(s.untilDue(time.Now()))
	}
}

// never is a timer that does not come due while the process lives.
const never = 100 * 365 * 24 * time.Hour

// untilDue is how long a model that was trained at some time may still be asked.
func (s *Server) untilDue(trained time.Time) time.Duration {
	if s.config.Retrain == 0 {
		return never
	}
	return time.Until(trained.Add(s.config.Retrain))
}

// firstModel publishes the model that was saved, or trains one.
func (s *Server) firstModel(ctx context.Context) error {
	path := s.config.ModelPath
	if path == "" {
		return s.train(ctx)
	}
	if err := removeLeftovers(path); err != nil {
		return err
	}
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return s.train(ctx)
	}
	if err != nil {
		return err
	}
	model, err := als.ReadFile(path)
	if err != nil {
		return err
	}
	ratings, err := s.config.Load(ctx)
	if err != nil {
		return fmt.Errorf("load the ratings: %w", err)
	}
	g, err := newGeneration(s.config.Device, model, ratings, info.ModTime())
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	s.publish(g)
	s.log.Info("model loaded", "path", path, "trained", g.trained, "seed", model.Config().Seed)
	return nil
}

// removeLeftovers removes the temporary files of als.WriteFile whose writer was
// killed.
func removeLeftovers(path string) error {
	dir, base := filepath.Dir(path), filepath.Base(path)
	entries, err := os.ReadDir(dir)
	if err != nil {
		return fmt.Errorf("folder of the model: %w", err)
	}
	for _, e := range entries {
		if !strings.HasPrefix(e.Name(), "."+base+".") || !strings.HasSuffix(e.Name(), ".tmp") {
			continue
		}
		if err := os.Remove(filepath.Join(dir, e.Name())); err != nil {
			return fmt.Errorf("leftover of a model: %w", err)
		}
	}
	return nil
}

// train makes a model of the present ratings, saves it and publishes it.
func (s *Server) train(ctx context.Context) (err error) {
	start := time.Now()
	defer func() { s.metrics.trained(ctx, time.Since(start), err) }()
	s.log.Info("training")
	ratings, err := s.config.Load(ctx)
	if err != nil {
		return fmt.Errorf("load the ratings: %w", err)
	}
	model, err := als.Train(ctx, s.config.Device, ratings, s.config.Train)
	if err != nil {
		return err
	}
	g, err := newGeneration(s.config.Device, model, ratings, time.Now())
	if err != nil {
		return err
	}
	if err := s.save(model); err != nil {
		return errors.Join(err, g.recommender.Close())
	}
	s.publish(g)
	s.log.Info("model trained", "seconds", time.Since(start).Seconds(),
		"users", model.Users(), "items", model.Items(), "ratings", ratings.Len())
	return nil
}

// save writes the model to its file, to the end even if the service is stopping.
func (s *Server) save(model *als.Model) error {
	path := s.config.ModelPath
	if path == "" {
		return nil
	}
	s.log.Info("saving", "path", path)
	if err := als.WriteFile(path, model); err != nil {
		return err
	}
	s.log.Info("saved", "path", path)
	return nil
}
