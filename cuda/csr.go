package cuda

import (
	"errors"
	"sync"
	"unsafe"

	"github.com/halfstep-ml/halfstep/cuda/internal/driver"
	"github.com/halfstep-ml/halfstep/kernels"
)

// csr is a sparse matrix or a range of rows of one. The matrix is the host's slices;
// on the device is a copy, made when it is used first.
type csr struct {
	dev  *device
	host kernels.HostCSR // Offsets[0] need not be 0

	// inChunks is set for the rows of a matrix that does not fit the device as a whole:
	// a half-step brings them through the ring of its stream.
	inChunks bool

	mu     sync.Mutex
	memory *shared       // nil where the entries are not on the device
	plans  map[cut]*plan // that kernels have wanted

	// What kernels take, once resident has returned without an error. The entries of
	// row i are those from offsets[i] up to offsets[i+1] of columns and values;
	// offsets[0] need not be 0.
	offsets driver.Ptr // int64, one more than rows
	columns driver.Ptr // int32
	values  driver.Ptr // float32; 0 for a pattern
}

// shared is a block on the device that a matrix and its slices use.
type shared struct {
	memory *block
	users  int // guarded by device.uploading
}

// NewCSR copies nothing to the device yet: which of the matrices of a model fit shows
// when all else is allocated.
func (d *device) NewCSR(host kernels.HostCSR) (kernels.CSR, error) { return d.newCSR(host), nil }

func (d *device) newCSR(host kernels.HostCSR) *csr {
	return &csr{dev: d, host: host}
}

func (m *csr) Rows() int       { return m.host.Rows }
func (m *csr) Cols() int       { return m.host.Cols }
func (m *csr) Entries() int64  { return m.host.Entries() }
func (m *csr) HasValues() bool { return m.host.Values != nil }

// residentShare is the part of the device's memory, one over this number, that a
// matrix must leave free to be kept whole for its slices: calls need scratch memory,
// and a matrix can be had in slices, which their memory cannot.
const residentShare = 4

// Slice is a view of the matrix on the device if it fits there as a whole. Else the
// rows are brought there when they are used.
func (m *csr) Slice(s kernels.Span) (kernels.CSR, error) {
	part := m.rows(s)
	m.mu.Lock()
	defer m.mu.Unlock()
	err := m.place(m.dev.memory.total / residentShare)
	switch {
	case err == nil:
		part.view(m, s.Lo)
	case errors.Is(err, kernels.ErrMemory):
		part.inChunks = true
	default:
		return nil, err
	}
	return part, nil
}

// rows are some rows of the matrix, with nothing of them on the device.
func (m *csr) rows(s kernels.Span) *csr {
	host := m.host
	host.Rows = s.Hi - s.Lo
	host.Offsets = m.host.Offsets[s.Lo : s.Hi+1]
	return m.dev.newCSR(host)
}

// view makes m the rows from number lo on of a matrix on the device.
func (m *csr) view(whole *csr, lo int) {
	m.dev.uploading.Lock()
	defer m.dev.uploading.Unlock()
	whole.memory.users++
	m.memory = whole.memory
	m.offsets = whole.offsets.Add(8 * lo)
	m.columns, m.values = whole.columns, whole.values
}

// whole brings the entries to the device, if the matrix is not one that goes there in
// chunks, and reports whether they are there.
func (m *csr) whole() (bool, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.inChunks && m.memory == nil {
		return false, nil
	}
	err := m.place(0)
	if errors.Is(err, kernels.ErrMemory) {
		return false, nil
	}
	return err == nil, err
}

// resident brings the matrix to the device unless it is there. Where there is no room
// the error is a *kernels.MemoryError.
func (m *csr) resident() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.place(0)
}

// planned brings the matrix and its plan for rows that are cut in some way to the device
// unless they are there.
func (m *csr) planned(c cut) (*plan, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := m.place(0); err != nil {
		return nil, err
	}
	if p := m.plans[c]; p != nil {
		return p, nil
	}
	u := upload{}
	p := m.dev.newPlan(&u, m.host.Offsets, c)
	var err error
	if p.memory, err = m.dev.upload(&u, 0); err != nil {
		return nil, err
	}
	m.addPlan(c, p)
	return p, nil
}

func (m *csr) addPlan(c cut, p *plan) {
	if m.plans == nil {
		m.plans = map[cut]*plan{}
	}
	m.plans[c] = p
}

// place brings the entries to the device unless they are there, if that leaves so many
// bytes free.
func (m *csr) place(leave int64) error {
	if m.memory != nil {
		return nil
	}
	u := upload{}
	m.addEntries(&u)
	memory, err := m.dev.upload(&u, leave)
	if err != nil {
		return err
	}
	m.memory = &shared{memory: memory, users: 1}
	return nil
}

// addEntries has the entries uploaded, with offsets that count from 0.
func (m *csr) addEntries(u *upload) {
	first, n := m.host.Offsets[0], m.host.Entries()
	offsets := m.host.Offsets
	if first != 0 {
		offsets = make([]int64, len(m.host.Offsets))
		for i, o := range m.host.Offsets {
			offsets[i] = o - first
		}
	}
	u.add(&m.offsets, bytesOf(offsets))
	u.add(&m.columns, bytesOf(m.host.Columns[first:first+n]))
	if m.HasValues() {
		u.add(&m.values, bytesOf(m.host.Values[first:first+n]))
	}
}

// Free gives the device's copy back once the last of the matrix and its slices is
// freed.
func (m *csr) Free() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	d := m.dev
	var errs []error
	for _, p := range m.plans {
		if p.memory != nil {
			errs = append(errs, d.freeUpload(p.memory))
		}
	}
	m.plans = nil
	if m.memory != nil {
		d.uploading.Lock()
		m.memory.users--
		last := m.memory.users == 0
		d.uploading.Unlock()
		if last {
			errs = append(errs, d.freeUpload(m.memory.memory))
		}
		m.memory = nil
	}
	return d.fault(errors.Join(errs...))
}

// upload is what goes to the device in one block.
type upload struct {
	parts []uploadPart
	bytes int
}

type uploadPart struct {
	to   *driver.Ptr // where to note the address
	data []byte
	at   int
}

func (u *upload) add(to *driver.Ptr, data []byte) {
	u.parts = append(u.parts, uploadPart{to, data, u.bytes})
	u.bytes += roundUp(len(data), granule)
}

// writeTo enqueues the copies on a stream, into memory that is large enough.
func (u *upload) writeTo(s *stream, memory driver.Ptr) error {
	for _, part := range u.parts {
		*part.to = memory.Add(part.at)
		if err := s.write(*part.to, part.data); err != nil {
			return err
		}
	}
	return nil
}

// upload brings host memory to the device and returns when it is there, for every
// stream. Where that would leave less than so many bytes free, the error is a
// *kernels.MemoryError.
func (d *device) upload(u *upload, leave int64) (*block, error) {
	d.uploading.Lock()
	defer d.uploading.Unlock()
	if free := d.memory.room(); leave > 0 && int64(u.bytes) > free-leave {
		return nil, &kernels.MemoryError{Wanted: int64(u.bytes), Free: max(free-leave, 0)}
	}
	if d.uploads == nil {
		s, err := d.newStream()
		if err != nil {
			return nil, err
		}
		d.uploads = s
	}
	s := d.uploads
	b, err := d.memory.alloc(s, max(u.bytes, 1))
	if err != nil {
		return nil, s.fault(err)
	}
	if err = u.writeTo(s, b.ptr); err == nil {
		err = s.Sync()
	}
	if err != nil {
		return nil, errors.Join(err, s.fault(d.memory.free(b)))
	}
	d.memory.count(&d.memory.scratch, b.size)
	return b, nil
}

func (d *device) freeUpload(b *block) error {
	d.memory.count(&d.memory.scratch, -b.size)
	return d.memory.free(b)
}

// bytesOf views elements as bytes.
func bytesOf[E kernels.Element](s []E) []byte {
	return unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(s))), len(s)*elementBytes[E]())
}
