package kernels_test

import (
	"errors"
	"fmt"
	"testing"

	"github.com/halfstep-ml/halfstep/kernels"
	"github.com/stretchr/testify/require"
)

var errNoDriver = fmt.Errorf("%w: no driver", kernels.ErrUnavailable)

func init() {
	kernels.Register("fake", func(ordinal int, opts kernels.Options) (kernels.Device, error) {
		if ordinal > 1 {
			return nil, fmt.Errorf("%w: device %d of 2", kernels.ErrUnavailable, ordinal)
		}
		opened.ordinal, opened.opts = ordinal, opts
		return newFake(), nil
	})
	kernels.Register("absent", func(int, kernels.Options) (kernels.Device, error) { return nil, errNoDriver })
}

// opened is what the backend fake was last opened with.
var opened struct {
	ordinal int
	opts    kernels.Options
}

func TestOpenPassesOrdinalAndOptions(t *testing.T) {
	for name, ordinal := range map[string]int{"fake": 0, "fake:0": 0, "fake:1": 1} {
		opts := kernels.Options{Threads: 3, MemoryLimit: 1 << 20, Synchronous: true}
		dev, err := kernels.Open(name, opts)
		require.NoError(t, err, name)
		require.Equal(t, ordinal, opened.ordinal, name)
		require.Equal(t, opts, opened.opts, name)
		require.NoError(t, dev.Close())
		require.ErrorIs(t, dev.Close(), kernels.ErrClosed, "a device from Open is checked")
	}
}

func TestOpenRefusesNames(t *testing.T) {
	for _, name := range []string{"", ":", ":1", "fake:", "fake:x", "fake:-1", "fake:1:2", "fake:1.5"} {
		_, err := kernels.Open(name, kernels.Options{})
		require.ErrorIs(t, err, kernels.ErrArgument, "%q", name)
	}
}

func TestOpenRefusesOptions(t *testing.T) {
	for argument, opts := range map[string]kernels.Options{"opts.Threads": {Threads: -1}, "opts.MemoryLimit": {MemoryLimit: -1}} {
		_, err := kernels.Open("fake", opts)
		var wrong *kernels.ArgumentError
		require.ErrorAs(t, err, &wrong)
		require.Equal(t, argument, wrong.Argument)
	}
}

func TestOpenNamesTheImportThatIsMissing(t *testing.T) {
	_, err := kernels.Open("cuda:1", kernels.Options{})
	require.ErrorIs(t, err, kernels.ErrUnregistered)
	require.EqualError(t, err, `kernels: backend not registered: "cuda"; import _ "github.com/halfstep-ml/halfstep/cuda"`)

	_, err = kernels.Open("tpu", kernels.Options{})
	require.ErrorIs(t, err, kernels.ErrUnregistered)
	require.EqualError(t, err, `kernels: backend not registered: "tpu"; there are ["absent" "cpu" "fake"]`)
}

func TestOpenKeepsTheReason(t *testing.T) {
	_, err := kernels.Open("fake:2", kernels.Options{})
	require.ErrorIs(t, err, kernels.ErrUnavailable)
	require.EqualError(t, err, "kernels: open fake:2: kernels: unavailable: device 2 of 2")
}

func TestBackendsAreInOrder(t *testing.T) {
	require.Equal(t, []string{"absent", "cpu", "fake"}, kernels.Backends(), "cpu is imported by the example")
}

func TestOpenFirst(t *testing.T) {
	dev, skipped, err := kernels.OpenFirst(kernels.Options{}, "absent", "cuda", "fake", "fake:7")
	require.NoError(t, err)
	require.NoError(t, dev.Close())
	require.Len(t, skipped, 2)
	require.Equal(t, "absent", skipped[0].Name)
	require.ErrorIs(t, skipped[0].Err, kernels.ErrUnavailable)
	require.Equal(t, "cuda", skipped[1].Name)
	require.ErrorIs(t, skipped[1].Err, kernels.ErrUnregistered)
}

func TestOpenFirstWithoutADevice(t *testing.T) {
	dev, skipped, err := kernels.OpenFirst(kernels.Options{}, "absent", "cuda")
	require.Nil(t, dev)
	require.Len(t, skipped, 2)
	require.ErrorIs(t, err, errNoDriver)
	require.ErrorIs(t, err, kernels.ErrUnregistered)

	_, _, err = kernels.OpenFirst(kernels.Options{})
	require.ErrorIs(t, err, kernels.ErrArgument)
}

func TestRegisterPanics(t *testing.T) {
	open := func(int, kernels.Options) (kernels.Device, error) { return nil, errors.New("unused") }
	require.Panics(t, func() { kernels.Register("fake", open) }, "a name that is taken")
	require.Panics(t, func() { kernels.Register("", open) }, "no name")
	require.Panics(t, func() { kernels.Register("a:b", open) }, "a name with a colon")
	require.Panics(t, func() { kernels.Register("nil", nil) }, "no function")
}
