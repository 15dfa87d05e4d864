package als

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"reflect"
	"slices"
	"strconv"
	"strings"
)

// A model file is a safetensors file: eight bytes of header length, little
// endian; a JSON header that says where each tensor is; the tensors. numpy and
// PyTorch read it with the package safetensors.
//
//	tensor                          type             shape
//	user_factors, item_factors      F32              rows×rank
//	user_biases, item_biases        F32              rows, with biases
//	user_ratings, item_ratings      I32              rows: ratings in training
//	user_ids, item_ids              I32, I64 or U64  rows, with such keys
//	                                U8               bytes of all keys, with strings
//	user_id_offsets, item_id_…      I64              rows+1: where each string begins
//	best_user_factors, …            as above         in a checkpoint: of the best iteration
//
// The metadata has the format and its version, the configuration and the history
// of training as JSON, the mean, and a SHA-256 of the whole file in which its own place holds
// zeros.
const (
	modelFormat  = "halfstep-als"
	modelVersion = "1"

	// maxHeader is far above the size of any header that WriteTo makes.
	maxHeader = 16 << 20
)

var noChecksum = strings.Repeat("0", hex.EncodedLen(sha256.Size))

// tensor is an entry of the header, and the data of a tensor to be written.
type tensor struct {
	DType   string   `json:"dtype"`
	Shape   []int64  `json:"shape"`
	Offsets [2]int64 `json:"data_offsets"`

	name string
	data any // a slice of the type
}

func (t *tensor) errorf(format string, args ...any) error {
	return fmt.Errorf("%w: tensor %s: %s", ErrFormat, t.name, fmt.Sprintf(format, args...))
}

// WriteTo writes the model as a model file. WriteFile(path, m) writes it to disk.
func (m *Model) WriteTo(w io.Writer) (int64, error) {
	tensors := append(m.users.tensors("user"), m.items.tensors("item")...)
	if m.best != nil {
		tensors = append(tensors, m.best.users.factorTensors("best_user")...)
		tensors = append(tensors, m.best.items.factorTensors("best_item")...)
	}
	// Larger elements first keep every tensor aligned.
	slices.SortStableFunc(tensors, func(a, b *tensor) int { return cmp.Compare(elementSize[b.DType], elementSize[a.DType]) })
	header, err := m.header(tensors)
	if err != nil {
		return 0, fmt.Errorf("als: write model: %w", err)
	}
	hash := sha256.New()
	if _, err := writeAll(hash, header, tensors); err != nil {
		return 0, fmt.Errorf("als: write model: %w", err)
	}
	header, err = withChecksum(header, noChecksum, hex.EncodeToString(hash.Sum(nil)))
	if err != nil {
		return 0, fmt.Errorf("als: write model: %w", err)
	}
	n, err := writeAll(w, header, tensors)
	if err != nil {
		err = fmt.Errorf("als: write model: %w", err)
	}
	return n, err
}

var elementSize = map[string]int64{"F32": 4, "I32": 4, "I64": 8, "U64": 8, "U8": 1}

func (f *factors) tensors(side string) []*tensor {
	rows := int64(f.rows)
	list := append(f.factorTensors(side), &tensor{name: side + "_ratings", DType: "I32", Shape: []int64{rows}, data: f.counts})
	if f.ids == nil {
		return list
	}
	ids := &tensor{name: side + "_ids", Shape: []int64{rows}}
	// An index may have grown since the model was made.
	switch raw := f.ids.raw().first(f.rows); raw.kind {
	case reflect.Int32:
		ids.DType, ids.data = "I32", raw.int32s
	case reflect.Int64:
		ids.DType, ids.data = "I64", raw.int64s
	case reflect.Uint64:
		ids.DType, ids.data = "U64", raw.uint64s
	default:
		text, offsets := joinStrings(raw.strings)
		ids.DType, ids.Shape, ids.data = "U8", []int64{int64(len(text))}, text
		list = append(list, &tensor{name: side + "_id_offsets", DType: "I64", Shape: []int64{rows + 1}, data: offsets})
	}
	return append(list, ids)
}

func (f *factors) factorTensors(side string) []*tensor {
	rows := int64(f.rows)
	list := []*tensor{{name: side + "_factors", DType: "F32", Shape: []int64{rows, int64(f.rank)}, data: f.vectors}}
	if f.biases != nil {
		list = append(list, &tensor{name: side + "_biases", DType: "F32", Shape: []int64{rows}, data: f.biases})
	}
	return list
}

func joinStrings(keys []string) (text []byte, offsets []int64) {
	offsets = make([]int64, 1, len(keys)+1)
	for _, k := range keys {
		text = append(text, k...)
		offsets = append(offsets, int64(len(text)))
	}
	return text, offsets
}

// header returns the length and the JSON, without a checksum, and sets the
// offsets of the tensors.
func (m *Model) header(tensors []*tensor) ([]byte, error) {
	config, err := json.Marshal(m.config)
	if err != nil {
		return nil, err
	}
	history, err := json.Marshal(m.history())
	if err != nil {
		return nil, err
	}
	entries := map[string]any{"__metadata__": map[string]string{
		"format":  modelFormat,
		"version": modelVersion,
		"sha256":  noChecksum,
		"config":  string(config),
		"history": string(history),
		"mean":    strconv.FormatFloat(float64(m.mean), 'g', -1, 32),
	}}
	at := int64(0)
	for _, t := range tensors {
		end := at + elements(t.Shape)*elementSize[t.DType]
		t.Offsets = [2]int64{at, end}
		entries[t.name] = t
		at = end
	}
	text, err := json.Marshal(entries)
	if err != nil {
		return nil, err
	}
	// Spaces after the JSON let the tensors begin at a multiple of 8.
	for len(text)%8 != 0 {
		text = append(text, ' ')
	}
	return append(binary.LittleEndian.AppendUint64(nil, uint64(len(text))), text...), nil
}

// history is what a model file says of the training.
type history struct {
	Iterations  int       `json:"iterations"`
	SecondTries int64     `json:"second_tries"`
	Losses      []float64 `json:"losses,omitempty"`
	Validation  []float64 `json:"validation,omitempty"`

	// Of the best model of a checkpoint.
	BestIteration   int   `json:"best_iteration,omitempty"`
	BestSecondTries int64 `json:"best_second_tries,omitempty"`
}

func (m *Model) history() history {
	h := history{Iterations: m.iterations, SecondTries: m.secondTries, Losses: m.losses, Validation: m.validation}
	if m.best != nil {
		h.BestIteration, h.BestSecondTries = m.best.iterations, m.best.secondTries
	}
	return h
}

// withChecksum replaces the checksum in a header.
func withChecksum(header []byte, from, to string) ([]byte, error) {
	field := func(sum string) []byte { return []byte(`"sha256":"` + sum + `"`) }
	if bytes.Count(header, field(from)) != 1 {
		return nil, fmt.Errorf("%w: no place for a checksum", ErrFormat)
	}
	return bytes.Replace(header, field(from), field(to), 1), nil
}

func writeAll(w io.Writer, header []byte, tensors []*tensor) (int64, error) {
	n, err := w.Write(header)
	total := int64(n)
	for _, t := range tensors {
		if err != nil {
			break
		}
		var written int64
		switch data := t.data.(type) {
		case []float32:
			written, err = writeSlice(w, data)
		case []int32:
			written, err = writeSlice(w, data)
		case []int64:
			written, err = writeSlice(w, data)
		case []uint64:
			written, err = writeSlice(w, data)
		case []byte:
			written, err = writeSlice(w, data)
		default:
			return total, fmt.Errorf("tensor %s of %T", t.name, data)
		}
		total += written
	}
	return total, err
}

// sliceBlock elements are converted at a time.
const sliceBlock = 1 << 14

func writeSlice[T any](w io.Writer, s []T) (total int64, err error) {
	var buffer []byte
	for block := range slices.Chunk(s, sliceBlock) {
		if buffer, err = binary.Append(buffer[:0], binary.LittleEndian, block); err != nil {
			return total, err
		}
		n, err := w.Write(buffer)
		total += int64(n)
		if err != nil {
			return total, err
		}
	}
	return total, nil
}
