package kernelstest

import (
	"math"
	"testing"

	"github.com/halfstep-ml/halfstep/kernels"
)

// mutant is a device that is wrong in one way.
type mutant struct {
	name   string
	group  string // of the suite, which must reject it
	only   string // the case that is there for it, where others would hide that
	defect defect

	// Wrong in other ways than in a method of a stream.
	device  func(d *referenceDevice)
	wrap    func(d kernels.Device) kernels.Device
	options func(o *kernels.Options)
}

// filter is the part of a -test.run expression that selects the group.
func (m mutant) filter() string {
	filter := "^" + m.group + "$"
	if m.only != "" {
		filter += "/" + m.only
	}
	return filter
}

func (m mutant) open(t *testing.T, opts kernels.Options) kernels.Device {
	if m.options != nil {
		m.options(&opts)
	}
	d := &brokenDevice{openReference(t, opts), m.defect}
	if m.device != nil {
		m.device(d.referenceDevice)
	}
	checked := kernels.Checked(d)
	if m.wrap != nil {
		return m.wrap(checked)
	}
	return checked
}

type brokenDevice struct {
	*referenceDevice
	defect defect
}

func (d *brokenDevice) NewStream() (kernels.Stream, error) {
	return &brokenStream{referenceStream: &referenceStream{dev: d.referenceDevice}, defect: d.defect}, nil
}

// before, after and instead make the mutants of a method.
func before(op, name string, change func(k *call)) mutant {
	return mutant{name: op + " " + name, group: op, defect: defect{op: op, before: change}}
}

func after(op, name string, change func(k *call)) mutant {
	return mutant{name: op + " " + name, group: op, defect: defect{op: op, after: change}}
}

func instead(op, name string, run func(k *call)) mutant {
	return mutant{name: op + " " + name, group: op, defect: defect{op: op, instead: run}}
}

// in has another group reject the mutant, or one case of it.
func (m mutant) in(group, only string) mutant {
	m.group, m.only = group, only
	return m
}

// tooLate is a mutant whose method runs too late, perhaps after its memory was
// freed.
func tooLate(op, name string, until ...string) mutant {
	return mutant{
		name: op + " " + name, group: op, defect: defect{op: op, later: until},
		device: func(d *referenceDevice) { d.poison = true },
	}
}

// nudge changes an element by one unit in the last place.
func nudge(m kernels.Matrix) {
	e := view(m.Buf)
	e[0] = math.Nextafter32(e[0], float32(math.Inf(1)))
}

var mutants = concat(denseMutants, sparseMutants, problemMutants, scoreMutants, deviceMutants)

func concat(lists ...[]mutant) []mutant {
	var all []mutant
	for _, l := range lists {
		all = append(all, l...)
	}
	return all
}

var denseMutants = []mutant{
	before("Gemm", "drops alpha", func(k *call) { k.alpha = 1 }),
	before("Gemm", "drops beta", func(k *call) { k.beta = 0 }),
	before("Gemm", "reads C where beta is 0", func(k *call) {
		if k.beta == 0 {
			k.beta = 1e-30
		}
	}),
	before("Gemm", "ignores the stride of C", func(k *call) { k.c.Stride = k.c.Cols }),
	before("Gemm", "ignores the stride of A", func(k *call) { k.a.Stride = k.a.Cols }),
	before("Gemm", "ignores the offset of B", func(k *call) { k.b.Buf.Off = 0 }),
	before("Gemm", "does not transpose a square A", func(k *call) { k.tA = k.tA && k.a.Rows != k.a.Cols }),
	before("Gemm", "does not transpose a square B", func(k *call) { k.tB = k.tB && k.b.Rows != k.b.Cols }),
	after("Gemm", "writes a column too far", func(k *call) { beyond(k.c)[k.c.Cols] = 0 }),
	after("Gemm", "writes a row too far", func(k *call) { beyond(k.c)[(k.c.Rows-1)*k.c.Stride+k.c.Cols] = 0 }),
	after("Gemm", "writes before C", func(k *call) {
		if k.c.Buf.Off > 0 {
			k.c.Buf.Off--
			view(k.c.Buf)[0] = 0
		}
	}),
	after("Gemm", "changes A", func(k *call) {
		if !k.a.Empty() {
			nudge(k.a)
		}
	}),
	before("Gemm", "leaves out the last term of long sums", func(k *call) {
		if k.tA == kernels.NoTrans && k.tB == kernels.NoTrans && k.a.Cols > 1000 {
			k.a, k.b = k.a.ColumnRange(0, k.a.Cols-1), k.b.RowRange(0, k.b.Rows-1)
		}
	}),
	after("Gram", "fills one triangle", func(k *call) {
		view(k.c.Buf)[(k.c.Rows-1)*k.c.Stride] = 0
	}).in("Gram", "×33"),
	after("Gram", "is not symmetric", func(k *call) {
		if e := view(k.c.Buf); k.c.Cols > 1 {
			e[1] *= 1.001
		}
	}),
	before("Gram", "drops the last row", func(k *call) {
		if k.a.Rows > 0 {
			k.a = k.a.RowRange(0, k.a.Rows-1)
		}
	}).in("Gram", "exact"),
	before("GatherRows", "is off by one", func(k *call) {
		ids := view(k.ids)
		for i := range ids {
			ids[i] = max(ids[i]-1, 0)
		}
	}),
	before("GatherRows", "clamps ids", func(k *call) {
		for i, id := range view(k.ids) {
			view(k.ids)[i] = min(max(id, 0), int32(k.a.Rows)-1)
		}
	}).in("GatherRows", "outside"),
	instead("ScatterAddRows", "overwrites", func(k *call) {
		dst, src := load(k.c), load(k.a)
		for i, id := range view(k.ids) {
			if id >= 0 && int(id) < k.c.Rows {
				copy(dst.Row(int(id)), src.Row(i))
			}
		}
		store(k.c, dst)
	}),
	instead("ScatterAddRows", "adds equal ids once", func(k *call) {
		dst, src, done := load(k.c), load(k.a), map[int32]bool{}
		for i, id := range view(k.ids) {
			if id >= 0 && int(id) < k.c.Rows && !done[id] {
				done[id] = true
				axpy(1, src.Row(i), dst.Row(int(id)))
			}
		}
		store(k.c, dst)
	}),
	instead("ScatterAddRows", "adds in another order", func(k *call) {
		dst := load(k.c)
		ScatterAddRows(dst, load(k.a), view(k.ids))
		store(k.c, dst)
	}),
	before("Axpy", "drops alpha", func(k *call) { k.alpha = 1 }),
	before("Axpy", "overwrites Y", func(k *call) { store(k.c, NewDense(k.c.Rows, k.c.Cols)) }),
	instead("Scale", "multiplies NaN by 0", func(k *call) {
		x := load(k.c)
		for i := range x.Data {
			x.Data[i] *= float64(k.alpha)
		}
		store(k.c, x)
	}),
	before("Scale", "leaves out the last row", func(k *call) { k.c = k.c.RowRange(0, k.c.Rows-1) }),
	instead("Mul", "adds", func(k *call) {
		c := load(k.a)
		Axpy(1, load(k.b), c)
		store(k.c, c)
	}),
	before("Mul", "takes A for B", func(k *call) { k.b = k.a }),
	before("Fill", "fills the padding", func(k *call) {
		if k.c.Rows > 1 {
			k.c.Rows, k.c.Cols = k.c.Rows-1, k.c.Stride
		}
	}),
	before("Fill", "fills NaN with zeros", func(k *call) {
		if k.alpha != k.alpha {
			k.alpha = 0
		}
	}),
	before("CopyMatrix", "gives dst the stride of src", func(k *call) { k.c.Stride = min(k.a.Stride, k.c.Stride) }),
	before("ColumnSums", "drops the last row", func(k *call) {
		if k.a.Rows > 1 {
			k.a = k.a.RowRange(0, k.a.Rows-1)
		}
	}),
	before("ColumnSums", "drops the last of many rows", func(k *call) {
		if k.a.Rows > 1000 {
			k.a = k.a.RowRange(0, k.a.Rows-1)
		}
	}),
	after("RowNorms", "are squared", func(k *call) {
		for i, v := range view(k.out) {
			view(k.out)[i] = v * v
		}
	}),
}

// beyond returns the elements of a matrix and what follows it.
func beyond(m kernels.Matrix) []float32 {
	b := m.Buf
	b.N = len(b.Mem.(*referenceMem).data)/4 - b.Off
	return view(b)
}

var sparseMutants = []mutant{
	before("SpMM", "drops alpha", func(k *call) { k.alpha = 1 }),
	before("SpMM", "drops beta", func(k *call) { k.beta = 0 }),
	before("SpMM", "reads C where beta is 0", func(k *call) {
		if k.beta == 0 {
			k.beta = 1e-30
		}
	}),
	before("SpMM", "drops the last row with entries", func(k *call) {
		h := hostOf(k.r)
		last := h.Rows
		for last > 0 && h.Offsets[last] == h.Offsets[last-1] {
			last--
		}
		if last > 0 {
			k.r = shortened(k.r, func(i int, n int64) int64 {
				if i == last-1 {
					return 0
				}
				return n
			})
		}
	}),
	before("SpMM", "loses an entry of a giant row", func(k *call) {
		k.r = shortened(k.r, func(_ int, n int64) int64 {
			if n > 10_000 {
				return n - 1
			}
			return n
		})
	}),
	instead("Predict", "writes the scores of a row in reverse", func(k *call) {
		h := hostOf(k.r)
		scores := Predict(h, load(k.a), load(k.b))
		at := 0
		for i := range h.Rows {
			n := int(h.Offsets[i+1] - h.Offsets[i])
			for j := range n {
				view(k.out)[at+j] = float32(scores[at+n-1-j])
			}
			at += n
		}
	}),
	{name: "a slice begins at the first row", group: "CSR", device: func(d *referenceDevice) {
		d.slice = func(h kernels.HostCSR, s kernels.Span) kernels.HostCSR { return rowsOf(h, 0, s.Hi-s.Lo) }
	}},
	{name: "a slice of a slice counts from the whole", group: "CSR", only: "slice_of_a_slice", device: func(d *referenceDevice) {
		whole := kernels.HostCSR{}
		d.upload = func(h kernels.HostCSR) kernels.HostCSR { whole = h; return h }
		d.slice = func(_ kernels.HostCSR, s kernels.Span) kernels.HostCSR { return rowsOf(whole, s.Lo, s.Hi) }
	}},
	{name: "HalfStep of a slice takes the rows before it", group: "HalfStep", only: "slice_equals", device: func(d *referenceDevice) {
		d.slice = func(h kernels.HostCSR, s kernels.Span) kernels.HostCSR { return rowsOf(h, 0, s.Hi-s.Lo) }
	}},
	{name: "offsets are taken to begin at 0", group: "SpMM", only: "late", device: beginAtZero},
	{name: "offsets are taken to begin at 0 in HalfStep", group: "HalfStep", only: "late", device: beginAtZero},
}

// beginAtZero takes the entries from the beginning of the host's slices.
func beginAtZero(d *referenceDevice) {
	d.upload = func(h kernels.HostCSR) kernels.HostCSR {
		first := h.Offsets[0]
		moved := h
		moved.Offsets, moved.Columns = make([]int64, len(h.Offsets)), make([]int32, len(h.Columns))
		for i, o := range h.Offsets {
			moved.Offsets[i] = o - first
		}
		for i, c := range h.Columns {
			moved.Columns[i] = min(c, int32(h.Cols)-1)
		}
		return moved
	}
}

// shortened returns the matrix with rows of another length.
func shortened(r kernels.CSR, length func(row int, n int64) int64) kernels.CSR {
	h := hostOf(r)
	s := kernels.HostCSR{Rows: h.Rows, Cols: h.Cols, Offsets: []int64{0}, Values: []float32{}}
	for i := range h.Rows {
		n := length(i, h.Offsets[i+1]-h.Offsets[i])
		s.Columns = append(s.Columns, rowColumns(h, i)[:n]...)
		if h.Values != nil {
			s.Values = append(s.Values, rowValues(h, i)[:n]...)
		}
		s.Offsets = append(s.Offsets, int64(len(s.Columns)))
	}
	return &referenceCSR{r.(*referenceCSR).dev, s}
}
