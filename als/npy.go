package als

import (
	"encoding/binary"
	"fmt"
	"io"
)

// NPY is the factors of a side as a numpy file, a C-ordered float32 array of
// rows×rank. WriteFile(path, m.NPY(als.Items)) writes it to disk; numpy.load reads
// it, as do indexes of nearest neighbours. Users and items without ratings in
// training are rows of zeros.
func (m *Model) NPY(side Side) io.WriterTo {
	f := m.side(side)
	return npy{shape: []int{f.rows, f.rank}, values: f.vectors}
}

// BiasesNPY is the biases of a side as a numpy file, a float32 array with an
// element for each row, zeros for a model without biases.
func (m *Model) BiasesNPY(side Side) io.WriterTo {
	f := m.side(side)
	biases := f.biases
	if biases == nil {
		biases = make([]float32, f.rows)
	}
	return npy{shape: []int{f.rows}, values: biases}
}

// npy is an array in the format of numpy.lib.format, version 1.0: a magic string,
// the version, the length of the header, the header, the data. The header is the
// text of a Python dictionary, padded with spaces and ended with a newline so that
// the data begin at a multiple of 64 bytes.
type npy struct {
	shape  []int // of one or two dimensions
	values []float32
}

const npyAlignment = 64

func (a npy) header() []byte {
	shape := fmt.Sprintf("(%d,)", a.shape[0])
	if len(a.shape) == 2 {
		shape = fmt.Sprintf("(%d, %d)", a.shape[0], a.shape[1])
	}
	text := fmt.Sprintf("{'descr': '<f4', 'fortran_order': False, 'shape': %s, }", shape)
	header := append([]byte("\x93NUMPY\x01\x00"), 0, 0)
	length := len(text) + 1
	length += -(len(header) + length) & (npyAlignment - 1)
	end := len(header) + length
	binary.LittleEndian.PutUint16(header[8:], uint16(length))
	header = append(header, text...)
	for len(header) < end-1 {
		header = append(header, ' ')
	}
	return append(header, '\n')
}

func (a npy) WriteTo(w io.Writer) (int64, error) {
	n, err := w.Write(a.header())
	total := int64(n)
	if err == nil {
		var written int64
		written, err = writeSlice(w, a.values)
		total += written
	}
	if err != nil {
		return total, fmt.Errorf("als: write npy: %w", err)
	}
	return total, nil
}
