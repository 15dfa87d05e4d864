package als

import (
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"math"
	"slices"
	"strconv"
)

// Read reads a model file that WriteTo wrote. It fails with ErrFormat if the data
// is something else, damaged or cut off, with ErrVersion if it was written by a
// later version of this library, and with ErrChecksum if a bit of it changed. It
// reads no further than the end of the model.
func Read(r io.Reader) (*Model, error) {
	m, err := read(r)
	if err != nil {
		return nil, fmt.Errorf("als: read model: %w", err)
	}
	return m, nil
}

func read(r io.Reader) (*Model, error) {
	header, err := readHeader(r)
	if err != nil {
		return nil, err
	}
	f, err := parseHeader(header)
	if err != nil {
		return nil, err
	}
	unsigned, err := withChecksum(header, f.checksum, noChecksum)
	if err != nil {
		return nil, err
	}
	hash := sha256.New()
	hash.Write(unsigned)
	if err := f.readTensors(io.TeeReader(r, hash)); err != nil {
		return nil, err
	}
	if hex.EncodeToString(hash.Sum(nil)) != f.checksum {
		return nil, ErrChecksum
	}
	return f.model()
}

// readHeader returns the length and the JSON.
func readHeader(r io.Reader) ([]byte, error) {
	var length [8]byte
	if _, err := io.ReadFull(r, length[:]); err != nil {
		return nil, cutOff(err)
	}
	n := binary.LittleEndian.Uint64(length[:])
	if n > maxHeader {
		return nil, fmt.Errorf("%w: a header of %d bytes", ErrFormat, n)
	}
	header := make([]byte, 8+n)
	copy(header, length[:])
	if _, err := io.ReadFull(r, header[8:]); err != nil {
		return nil, cutOff(err)
	}
	return header, nil
}

// cutOff turns an early end into ErrFormat and leaves other errors of the reader
// what they are.
func cutOff(err error) error {
	if err == io.EOF || err == io.ErrUnexpectedEOF {
		return fmt.Errorf("%w: the data ends early", ErrFormat)
	}
	return err
}

// modelFile is a model file being read.
type modelFile struct {
	checksum string
	config   Config
	history  history
	mean     float32
	tensors  map[string]*tensor
}

func parseHeader(header []byte) (*modelFile, error) {
	var entries map[string]json.RawMessage
	if err := json.Unmarshal(header[8:], &entries); err != nil {
		return nil, fmt.Errorf("%w: header: %v", ErrFormat, err)
	}
	var metadata map[string]string
	if err := json.Unmarshal(entries["__metadata__"], &metadata); err != nil {
		return nil, fmt.Errorf("%w: metadata: %v", ErrFormat, err)
	}
	if metadata["format"] != modelFormat {
		return nil, fmt.Errorf("%w: the format is %q, want %q", ErrFormat, metadata["format"], modelFormat)
	}
	if metadata["version"] != modelVersion {
		return nil, fmt.Errorf("%w: version %q, want %q", ErrVersion, metadata["version"], modelVersion)
	}
	f := &modelFile{checksum: metadata["sha256"], tensors: make(map[string]*tensor)}
	if err := f.parseMetadata(metadata); err != nil {
		return nil, err
	}
	delete(entries, "__metadata__")
	for name, text := range entries {
		t := &tensor{name: name}
		if err := json.Unmarshal(text, t); err != nil {
			return nil, t.errorf("%v", err)
		}
		f.tensors[name] = t
	}
	return f, nil
}

func (f *modelFile) parseMetadata(metadata map[string]string) error {
	if err := json.Unmarshal([]byte(metadata["config"]), &f.config); err != nil {
		return fmt.Errorf("%w: config: %v", ErrFormat, err)
	}
	if err := f.config.Validate(); err != nil {
		return fmt.Errorf("%w: %w", ErrFormat, err)
	}
	if err := json.Unmarshal([]byte(metadata["history"]), &f.history); err != nil {
		return fmt.Errorf("%w: history: %v", ErrFormat, err)
	}
	if err := f.history.check(f.config); err != nil {
		return err
	}
	mean, err := strconv.ParseFloat(metadata["mean"], 32)
	if err != nil || math.IsNaN(mean) || math.IsInf(mean, 0) {
		return fmt.Errorf("%w: mean %q", ErrFormat, metadata["mean"])
	}
	f.mean = float32(mean)
	return nil
}

// check holds the numbers of a history to each other.
func (h history) check(cfg Config) error {
	n := h.Iterations
	ok := n >= 0 && h.SecondTries >= 0 && h.BestSecondTries >= 0 && len(h.Losses) <= n && (len(h.Validation) == 0 || len(h.Validation) == n)
	if h.BestIteration != 0 {
		ok = ok && h.BestIteration > 0 && h.BestIteration < n && len(h.Validation) == n
	}
	if !ok || n > cfg.Iterations {
		return fmt.Errorf("%w: history %+v", ErrFormat, h)
	}
	return nil
}

// readTensors reads the data of the tensors, which must follow one another
// without gaps.
func (f *modelFile) readTensors(r io.Reader) error {
	inOrder := slices.SortedFunc(maps.Values(f.tensors), func(a, b *tensor) int {
		return cmp.Or(cmp.Compare(a.Offsets[0], b.Offsets[0]), cmp.Compare(a.Offsets[1], b.Offsets[1]))
	})
	at := int64(0)
	for _, t := range inOrder {
		n := elements(t.Shape)
		size := elementSize[t.DType]
		if size == 0 {
			return t.errorf("type %q", t.DType)
		}
		if n < 0 || n > math.MaxInt64/8-at || t.Offsets != [2]int64{at, at + n*size} {
			return t.errorf("shape %v at bytes %v", t.Shape, t.Offsets)
		}
		at += n * size
		if err := t.read(r, n); err != nil {
			return err
		}
	}
	return nil
}

func (t *tensor) read(r io.Reader, n int64) (err error) {
	switch t.DType {
	case "F32":
		t.data, err = readSlice[float32](r, n)
	case "I32":
		t.data, err = readSlice[int32](r, n)
	case "I64":
		t.data, err = readSlice[int64](r, n)
	case "U64":
		t.data, err = readSlice[uint64](r, n)
	case "U8":
		t.data, err = readSlice[byte](r, n)
	}
	return err
}

// readSlice reads n elements. Its memory grows with what is really there, so that
// a header that lies about sizes costs nothing.
func readSlice[T float32 | int32 | int64 | uint64 | byte](r io.Reader, n int64) ([]T, error) {
	size := int64(binary.Size(*new(T)))
	s := make([]T, 0, min(n, sliceBlock))
	buffer := make([]byte, min(n, sliceBlock)*size)
	for int64(len(s)) < n {
		count := min(n-int64(len(s)), sliceBlock)
		block := buffer[:count*size]
		if _, err := io.ReadFull(r, block); err != nil {
			return nil, cutOff(err)
		}
		s = slices.Grow(s, int(count))
		if _, err := binary.Decode(block, binary.LittleEndian, s[len(s):len(s)+int(count)]); err != nil {
			return nil, err
		}
		s = s[:len(s)+int(count)]
	}
	return s, nil
}

// elements is the number of elements of a shape, -1 if it is none or overflows.
func elements(shape []int64) int64 {
	n := int64(1)
	for _, d := range shape {
		if d < 0 || (d > 0 && n > math.MaxInt64/d) {
			return -1
		}
		n *= d
	}
	return n
}

// model makes the model from what was read, and checks that its parts agree.
func (f *modelFile) model() (*Model, error) {
	m := &Model{
		config: f.config, mean: f.mean, losses: f.history.Losses,
		iterations: f.history.Iterations, validation: f.history.Validation, secondTries: f.history.SecondTries,
	}
	if err := f.side(&m.users, "user"); err != nil {
		return nil, err
	}
	if err := f.side(&m.items, "item"); err != nil {
		return nil, err
	}
	if f.history.BestIteration != 0 {
		if err := f.best(m); err != nil {
			return nil, err
		}
	}
	for name := range f.tensors {
		return nil, fmt.Errorf("%w: tensor %s is unknown", ErrFormat, name)
	}
	return m, nil
}

// side reads all that belongs to one side.
func (f *modelFile) side(to *factors, side string) error {
	if err := f.factors(to, side); err != nil {
		return err
	}
	rows := int64(to.rows)
	var err error
	if to.counts, err = take[int32](f, side+"_ratings", rows); err != nil {
		return err
	}
	for row, n := range to.counts {
		if n < 0 {
			return fmt.Errorf("%w: tensor %s_ratings: element %d is %d", ErrFormat, side, row, n)
		}
	}
	if ids, ok := f.tensors[side+"_ids"]; ok {
		to.ids, err = f.ids(ids, side, rows)
	}
	return err
}

func (f *modelFile) factors(to *factors, side string) error {
	to.rank = f.config.Rank
	vectors, ok := f.tensors[side+"_factors"]
	if !ok || len(vectors.Shape) != 2 || vectors.Shape[0] > math.MaxInt32 {
		return fmt.Errorf("%w: no matrix %s_factors", ErrFormat, side)
	}
	rows := vectors.Shape[0]
	to.rows = int(rows)
	var err error
	if to.vectors, err = take[float32](f, side+"_factors", rows, int64(to.rank)); err != nil {
		return err
	}
	if f.config.Biases {
		to.biases, err = take[float32](f, side+"_biases", rows)
	}
	return err
}

// best reads the best model so far of a checkpoint.
func (f *modelFile) best(m *Model) error {
	n := f.history.BestIteration
	best := &Model{
		config: m.config, mean: m.mean, losses: m.losses[:min(n, len(m.losses))],
		iterations: n, validation: m.validation[:n], secondTries: f.history.BestSecondTries,
	}
	if err := f.factors(&best.users, "best_user"); err != nil {
		return err
	}
	if err := f.factors(&best.items, "best_item"); err != nil {
		return err
	}
	if best.users.rows != m.users.rows || best.items.rows != m.items.rows {
		return fmt.Errorf("%w: the best model has %d users and %d items, want %d and %d",
			ErrFormat, best.users.rows, best.items.rows, m.users.rows, m.items.rows)
	}
	best.users.counts, best.users.ids = m.users.counts, m.users.ids
	best.items.counts, best.items.ids = m.items.counts, m.items.ids
	m.best = best
	return nil
}

// take returns the data of a tensor of the given shape and removes it from those
// that are left.
func take[T float32 | int32 | int64 | uint64 | byte](f *modelFile, name string, shape ...int64) ([]T, error) {
	t, ok := f.tensors[name]
	if !ok {
		return nil, fmt.Errorf("%w: no tensor %s", ErrFormat, name)
	}
	delete(f.tensors, name)
	data, ok := t.data.([]T)
	if !ok || !slices.Equal(t.Shape, shape) {
		return nil, t.errorf("%s %v, want %T %v", t.DType, t.Shape, data, shape)
	}
	for i, v := range data {
		if v != v || v-v != 0 {
			return nil, t.errorf("element %d is %v", i, v)
		}
	}
	return data, nil
}

func (f *modelFile) ids(t *tensor, side string, rows int64) (IDs, error) {
	switch t.DType {
	case "I32":
		return takeIndex[int32](f, t.name, rows)
	case "I64":
		return takeIndex[int64](f, t.name, rows)
	case "U64":
		return takeIndex[uint64](f, t.name, rows)
	case "U8":
		text, err := take[byte](f, t.name, elements(t.Shape))
		if err != nil {
			return nil, err
		}
		offsets, err := take[int64](f, side+"_id_offsets", rows+1)
		if err != nil {
			return nil, err
		}
		keys, err := splitStrings(text, offsets)
		if err != nil {
			return nil, t.errorf("%v", err)
		}
		return newIDs(t, keys)
	}
	return nil, t.errorf("type %q is none of a key", t.DType)
}

func takeIndex[K int32 | int64 | uint64](f *modelFile, name string, rows int64) (IDs, error) {
	t := f.tensors[name]
	keys, err := take[K](f, name, rows)
	if err != nil {
		return nil, err
	}
	return newIDs(t, keys)
}

func newIDs[K Key](t *tensor, keys []K) (IDs, error) {
	x, err := NewIndex(keys...)
	if err != nil {
		return nil, t.errorf("%v", err)
	}
	return x, nil
}

func splitStrings(text []byte, offsets []int64) ([]string, error) {
	keys := make([]string, len(offsets)-1)
	if offsets[0] != 0 || offsets[len(keys)] != int64(len(text)) {
		return nil, fmt.Errorf("offsets from %d to %d of %d bytes", offsets[0], offsets[len(keys)], len(text))
	}
	for i := range keys {
		lo, hi := offsets[i], offsets[i+1]
		if lo > hi || hi > int64(len(text)) {
			return nil, fmt.Errorf("offset %d is %d after %d", i+1, hi, lo)
		}
		keys[i] = string(text[lo:hi])
	}
	return keys, nil
}
