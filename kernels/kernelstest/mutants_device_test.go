package kernelstest

import (
	"errors"
	"math"
	"sync/atomic"

	"github.com/halfstep-ml/halfstep/kernels"
)

// loss makes a mutant whose sums are those of another problem.
func loss(name string, change func(p *Problem)) mutant {
	return instead("Loss", name, func(k *call) {
		p := loadProblem(k.p)
		change(p)
		sums := Loss(p)
		copy(view(k.sums), sums[:])
	})
}

// topKOf makes a mutant that scores other operands.
func topKOf(name string, change func(k *call, y *Dense, seen **kernels.HostCSR, allow *[]uint32)) mutant {
	return instead("ScoreTopK", name, func(k *call) {
		y, allow := load(k.b), view(k.allow)
		var seen *kernels.HostCSR
		if k.r != nil {
			h := hostOf(k.r)
			seen = &h
		}
		change(k, &y, &seen, &allow)
		ids, top := ScoreTopK(k.c.Cols, load(k.a), y, seen, allow)
		copy(view(k.ids), ids)
		store(k.c, top)
	})
}

var scoreMutants = []mutant{
	before("Loss", "leaves out half of the entries", func(k *call) {
		k.p.R = shortened(k.p.R, func(_ int, n int64) int64 { return (n + 1) / 2 })
	}),
	before("Loss", "loses an entry of a giant row", func(k *call) {
		k.p.R = shortened(k.p.R, func(_ int, n int64) int64 {
			if n > 50_000 {
				return n - 1
			}
			return n
		})
	}),
	before("Loss", "takes every convention for Explicit", func(k *call) { k.p.Objective.Convention = kernels.Explicit }),
	before("Loss", "ignores the offset", func(k *call) { k.p.Offset = kernels.Buffer[float32]{} }),
	loss("drops the bias", func(p *Problem) {
		for i := range p.X.Rows {
			if p.Objective.Bias {
				p.X.Set(i, p.X.Cols-1, 0)
			}
		}
	}),
	loss("takes negative ratings for positive", func(p *Problem) {
		p.R = values(p.R, func(r float32) float32 { return max(r, -r) })
	}),
	after("Loss", "sums in float32", func(k *call) {
		for i, v := range view(k.sums) {
			view(k.sums)[i] = float64(float32(v))
		}
	}).in("Loss", "float64"),
	after("Loss", "writes one sum twice", func(k *call) { view(k.sums)[1] = view(k.sums)[0] }),

	instead("ScoreTopK", "puts the higher id first", func(k *call) {
		y := load(k.b)
		turned := NewDense(y.Rows, y.Cols)
		for i := range y.Rows {
			copy(turned.Row(i), y.Row(y.Rows-1-i))
		}
		ids, top := ScoreTopK(k.c.Cols, load(k.a), turned, nil, nil)
		for i := range ids {
			if ids[i] >= 0 {
				ids[i] = int32(y.Rows) - 1 - ids[i]
			}
		}
		copy(view(k.ids), ids)
		store(k.c, top)
	}).in("ScoreTopK", "equal_scores"),
	before("ScoreTopK", "ignores seen", func(k *call) { k.r = nil }),
	before("ScoreTopK", "ignores allow", func(k *call) { k.allow = kernels.Buffer[uint32]{} }),
	topKOf("reads the bits of allow from the other end", func(_ *call, _ *Dense, _ **kernels.HostCSR, allow *[]uint32) {
		turned := make([]uint32, len(*allow))
		for i, w := range *allow {
			for b := range 32 {
				turned[i] |= w >> b & 1 << (31 - b)
			}
		}
		*allow = turned
	}),
	topKOf("chooses NaN", func(_ *call, y *Dense, _ **kernels.HostCSR, _ *[]uint32) {
		for i, v := range y.Data {
			if math.IsNaN(v) {
				y.Data[i] = 1e9
			}
		}
	}),
	topKOf("looks at the first entry of seen alone", func(_ *call, _ *Dense, seen **kernels.HostCSR, _ *[]uint32) {
		if *seen != nil {
			h := hostOf(shortened(&referenceCSR{nil, **seen}, func(_ int, n int64) int64 { return min(n, 1) }))
			*seen = &h
		}
	}),
	after("ScoreTopK", "fills up with id 0", func(k *call) {
		for i, id := range view(k.ids) {
			view(k.ids)[i] = max(id, 0)
		}
	}),
	after("ScoreTopK", "keeps 16 bits of an id", func(k *call) {
		for i, id := range view(k.ids) {
			if id > 0 {
				view(k.ids)[i] = id & 0xFFFF
			}
		}
	}),
	after("ScoreTopK", "finds no more than 1024", func(k *call) {
		for i := range view(k.ids) {
			if i%k.c.Cols >= 1024 {
				view(k.ids)[i] = -1
			}
		}
	}),
	instead("Predict", "takes the scores of another row", func(k *call) {
		x := load(k.a)
		copy(x.Data, x.Data[min(k.a.Cols, len(x.Data)):])
		storeRow(k.out, Predict(hostOf(k.r), x, load(k.b)))
	}),
}

var runs atomic.Int64

var deviceMutants = []mutant{
	before("Zero", "clears a byte too many", func(k *call) { k.n = min(k.n+1, k.mem.Bytes()-k.off) }).in("Transfer", ""),
	before("Copy", "leaves out the last byte", func(k *call) { k.n-- }).in("Transfer", ""),
	before("Read", "ignores an odd offset", func(k *call) { k.off &^= 1 }).in("Transfer", ""),
	tooLate("Fill", "runs after Read", "Sync", "Close").in("Transfer", "Read_waits"),
	tooLate("Write", "keeps its source", "Read").in("Transfer", "source_may_be_reused"),
	{
		name: "Free before the uses", group: "Transfer", only: "Free_takes_effect",
		defect: defect{op: "ColumnSums", later: []string{"Read"}},
		device: func(d *referenceDevice) { d.poison = true },
	},
	tooLate("Fill", "is not waited for by Wait", "Read", "Sync", "Close").in("Streams", "Wait_orders"),
	tooLate("Fill", "is not waited for by Close", "Sync").in("Streams", "Close_waits"),
	{name: "an event never passes", group: "Streams", wrap: func(d kernels.Device) kernels.Device { return neverDone{d} }},

	after("Gemm", "depends on the number of threads", func(k *call) {
		if k.dev.opts.Threads == 7 {
			nudge(k.c)
		}
	}).in("Determinism", ""),
	after("HalfStep", "depends on the number of threads", func(k *call) {
		if k.dev.opts.Threads == 2 {
			nudge(k.p.X)
		}
	}).in("Determinism", ""),
	after("Loss", "depends on the run", func(k *call) {
		view(k.sums)[0] += 1e-9 * float64(runs.Add(1))
	}).in("Determinism", ""),
	after("ScoreTopK", "depends on what else runs", func(k *call) {
		if runs.Add(1) == 5 {
			nudge(k.c)
		}
	}).in("Streams", "goroutines_with"),

	{name: "MemoryLive is always 0", group: "Memory", wrap: func(d kernels.Device) kernels.Device { return noLive{d} }},
	{name: "MemoryLive does not fall", group: "Memory", device: func(d *referenceDevice) { d.live.Add(1) }, wrap: func(d kernels.Device) kernels.Device {
		return &risingLive{Device: d}
	}},
	{name: "MemoryLimit is ignored", group: "Memory", options: func(o *kernels.Options) { o.MemoryLimit = 0 }},
	{name: "Close reports no leak", group: "Memory", wrap: func(d kernels.Device) kernels.Device { return silentLeaks{d} }},
	{name: "wrong arguments are passed over", group: "Errors", wrap: func(d kernels.Device) kernels.Device { return lenient{d} }},
}

type noLive struct{ kernels.Device }

func (d noLive) Info() kernels.Info {
	info := d.Device.Info()
	info.MemoryLive = 0
	return info
}

// risingLive forgets to count what is freed.
type risingLive struct {
	kernels.Device
	most atomic.Int64
}

func (d *risingLive) Info() kernels.Info {
	info := d.Device.Info()
	d.most.Store(max(d.most.Load(), info.MemoryLive))
	info.MemoryLive = d.most.Load()
	return info
}

type silentLeaks struct{ kernels.Device }

func (d silentLeaks) Close() error {
	if err := d.Device.Close(); !errors.Is(err, kernels.ErrLeak) {
		return err
	}
	return nil
}

type neverDone struct{ kernels.Device }

func (d neverDone) NewStream() (kernels.Stream, error) {
	s, err := d.Device.NewStream()
	return neverDoneStream{s}, err
}

type neverDoneStream struct{ kernels.Stream }

func (s neverDoneStream) Record() (kernels.Event, error) {
	e, err := s.Stream.Record()
	return neverDoneEvent{e}, err
}

func (s neverDoneStream) Wait(e kernels.Event) error { return s.Stream.Wait(e.(neverDoneEvent).Event) }

type neverDoneEvent struct{ kernels.Event }

func (e neverDoneEvent) Done() (bool, error) { return false, nil }

// lenient answers no error where an argument of Gemm is wrong.
type lenient struct{ kernels.Device }

func (d lenient) NewStream() (kernels.Stream, error) {
	s, err := d.Device.NewStream()
	return lenientStream{s}, err
}

type lenientStream struct{ kernels.Stream }

func (s lenientStream) Gemm(tA, tB kernels.Trans, alpha float32, a, b kernels.Matrix, beta float32, c kernels.Matrix) error {
	err := s.Stream.Gemm(tA, tB, alpha, a, b, beta, c)
	if errors.Is(err, kernels.ErrArgument) {
		return nil
	}
	return err
}
