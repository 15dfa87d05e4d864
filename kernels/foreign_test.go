package kernels_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/halfstep-ml/halfstep/kernels"
)

// foreignDevice is a fake whose memory has addresses.
type foreignDevice struct{ *fakeDevice }

func (d foreignDevice) NewStream() (kernels.Stream, error) {
	return &foreignStream{fakeStream(d)}, nil
}

type foreignStream struct{ fakeStream }

func (s *foreignStream) Address(m kernels.Mem) uintptr { return 0x1000 + uintptr(m.Bytes()) }

func (s *foreignStream) Import(address uintptr, bytes int) (kernels.Mem, error) {
	return &fakeMem{s.fakeDevice, bytes}, s.do("Import")
}

func TestForeignMemory(t *testing.T) {
	dev := kernels.Checked(foreignDevice{newFake()})
	s, err := dev.NewStream()
	require.NoError(t, err)
	address, err := kernels.Address(s, alloc(t, s, 4, 4).Buf.Mem)
	require.NoError(t, err)
	require.Equal(t, uintptr(0x1000+64), address, "the wrapped device sees its own memory")

	m, err := kernels.Import(s, 0x2000, 64)
	require.NoError(t, err)
	require.NoError(t, s.Zero(m, 0, 64))
	require.ErrorIs(t, s.Zero(m, 0, 65), kernels.ErrArgument)
	require.NoError(t, m.Free())
	_, err = kernels.Address(s, m)
	require.ErrorIs(t, err, kernels.ErrFreed)

	for _, wrong := range []struct {
		address uintptr
		bytes   int
	}{{0x2001, 64}, {0, 64}, {0x2000, -1}} {
		_, err = kernels.Import(s, wrong.address, wrong.bytes)
		require.ErrorIs(t, err, kernels.ErrArgument)
	}
	_, err = kernels.Import(s, 0x3000, 64)
	require.NoError(t, err)
	var leak *kernels.LeakError
	require.ErrorAs(t, dev.Close(), &leak)
	require.Len(t, leak.Leaks, 3, "a stream, a matrix and an imported block")
}

func TestNoForeignMemory(t *testing.T) {
	s, _ := openStream(t, newFake())
	_, err := kernels.Address(s, alloc(t, s, 4, 4).Buf.Mem)
	require.ErrorIs(t, err, kernels.ErrUnavailable)
	_, err = kernels.Import(s, 0x2000, 64)
	require.ErrorIs(t, err, kernels.ErrUnavailable)
}
