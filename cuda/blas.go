package cuda

import (
	"errors"
	"fmt"
	"strings"
	"sync"

	"github.com/halfstep-ml/halfstep/cuda/internal/driver"
)

// workspaceBytes is the memory that each handle works in. With memory of its own its
// results do not depend on other streams; 4 MiB is what cuBLAS takes by itself on GPUs
// before Hopper.
const workspaceBytes = 4 << 20

// blasLimit is the least device memory with which cuBLAS is used: a device that is
// held to less has better uses for a workspace.
const blasLimit = 16 * workspaceBytes

// blasPool keeps the handles of cuBLAS that no stream uses now. To make one takes as
// long as many products.
type blasPool struct {
	context *driver.Context
	present bool
	version string // or why there is none

	mu   sync.Mutex
	idle []*driver.BLAS
}

// open finds out whether there is a cuBLAS. To do without it is no error.
func (p *blasPool) open(context *driver.Context, memory int64) error {
	p.context = context
	if memory < blasLimit {
		p.version = fmt.Sprintf("none: needs %d bytes of device memory", int64(blasLimit))
		return nil
	}
	b, err := context.NewBLAS()
	if errors.Is(err, driver.ErrNoBLAS) {
		p.version = "none: " + strings.ReplaceAll(err.Error(), "\n", "; ")
		return nil
	}
	if err != nil {
		return err
	}
	if p.version, err = b.Version(); err != nil {
		return errors.Join(err, b.Destroy())
	}
	p.present = true
	p.give(b)
	return nil
}

// path says in Info().Path what computes products.
func (p *blasPool) path() string {
	if p.present {
		return "cuBLAS " + p.version
	}
	return "no cuBLAS"
}

func (p *blasPool) take() (*driver.BLAS, error) {
	p.mu.Lock()
	if n := len(p.idle); n > 0 {
		b := p.idle[n-1]
		p.idle = p.idle[:n-1]
		p.mu.Unlock()
		return b, nil
	}
	p.mu.Unlock()
	return p.context.NewBLAS()
}

func (p *blasPool) give(b *driver.BLAS) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.idle = append(p.idle, b)
}

func (p *blasPool) close() error {
	var errs []error
	for _, b := range p.idle {
		errs = append(errs, b.Destroy())
	}
	return errors.Join(errs...)
}

// handle is the cuBLAS of a stream, made when it is used first.
type handle struct {
	raw       *driver.BLAS
	workspace *block
}

// gemm enqueues a product, or a batch of products if g.Batch is not 0, on cuBLAS,
// which must be there. Matrices are column-major.
func (s *stream) gemm(g *driver.Gemm) error {
	if s.blas.raw == nil {
		if err := s.blas.open(s); err != nil {
			return s.fault(err)
		}
	}
	if g.Batch > 1 {
		return s.enqueued("cublasSgemmStridedBatched", s.blas.raw.SgemmStridedBatched(*g))
	}
	return s.enqueued("cublasSgemm", s.blas.raw.Sgemm(*g))
}

func (h *handle) open(s *stream) error {
	a := &s.dev.memory
	workspace, err := a.alloc(s, workspaceBytes)
	if err != nil {
		return err
	}
	raw, err := s.dev.blas.take()
	if err != nil {
		return errors.Join(err, a.free(workspace))
	}
	// SetStream takes the workspace away, so it comes first.
	err = raw.SetStream(s.raw)
	if err == nil {
		err = raw.SetWorkspace(workspace.ptr, workspaceBytes)
	}
	if err != nil {
		return errors.Join(err, raw.Destroy(), a.free(workspace))
	}
	a.count(&a.scratch, workspace.size)
	h.raw, h.workspace = raw, workspace
	return nil
}

// close gives the handle of a stream whose work is done to the next.
func (h *handle) close(d *device) error {
	if h.raw == nil {
		return nil
	}
	d.blas.give(h.raw)
	d.memory.count(&d.memory.scratch, -h.workspace.size)
	return d.memory.free(h.workspace)
}
