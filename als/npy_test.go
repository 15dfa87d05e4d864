package als_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"math"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/halfstep-ml/halfstep/als"
)

// TestNPY compares the bytes with those that numpy.save writes (numpy 2.4.6).
func TestNPY(t *testing.T) {
	m := smallModel(t, smallConfig(true), []string{"ann", "bob"}, []int64{4, 5, 6})
	var file bytes.Buffer
	n, err := m.NPY(als.Items).WriteTo(&file)
	require.NoError(t, err)
	require.Equal(t, int64(file.Len()), n)
	got := file.Bytes()
	require.Len(t, got, 128+3*3*4)
	require.Equal(t, npyHeader("(3, 3)"), string(got[:128]))
	for i := range 3 {
		for k, want := range m.ItemFactors(i) {
			require.Equal(t, want, math.Float32frombits(binary.LittleEndian.Uint32(got[128+(3*i+k)*4:])))
		}
	}

	file.Reset()
	_, err = m.BiasesNPY(als.Users).WriteTo(&file)
	require.NoError(t, err)
	got = file.Bytes()
	require.Equal(t, npyHeader("(2,)"), string(got[:128]))
	require.Equal(t, m.UserBias(1), math.Float32frombits(binary.LittleEndian.Uint32(got[128+4:])))

	without := smallModel(t, smallConfig(false), []string{"ann", "bob"}, []int64{4, 5, 6})
	file.Reset()
	_, err = without.BiasesNPY(als.Items).WriteTo(&file)
	require.NoError(t, err)
	require.Equal(t, make([]byte, 3*4), file.Bytes()[128:])
}

// npyHeader is what numpy.save begins a file with.
func npyHeader(shape string) string {
	text := "\x93NUMPY\x01\x00v\x00{'descr': '<f4', 'fortran_order': False, 'shape': " + shape + ", }"
	return text + strings.Repeat(" ", 127-len(text)) + "\n"
}

func TestNPYReportsAFailedWrite(t *testing.T) {
	m := smallModel(t, smallConfig(false), []string{"ann", "bob"}, []int64{4, 5, 6})
	for room := range 128 + 3*3*4 {
		n, err := m.NPY(als.Items).WriteTo(&limited{room: room})
		require.ErrorIs(t, err, errNoRoom, "room for %d bytes", room)
		require.LessOrEqual(t, n, int64(room))
	}
}

var errNoRoom = errors.New("no room")

// limited is a writer that has room for so many bytes.
type limited struct{ room int }

func (l *limited) Write(b []byte) (int, error) {
	if len(b) > l.room {
		n := l.room
		l.room = 0
		return n, errNoRoom
	}
	l.room -= len(b)
	return len(b), nil
}
