package cuda_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/halfstep-ml/halfstep/cuda"
	"github.com/halfstep-ml/halfstep/cuda/internal/emulator"
)

func TestMultiplyAdds(t *testing.T) {
	lib := emulator.Build(t)
	before := lib.Live()
	rate, err := cuda.MultiplyAdds(0, time.Nanosecond)
	require.NoError(t, err)
	require.Positive(t, rate)
	lib.CheckReports(t)
	require.Equal(t, before, lib.Live())

	_, err = cuda.MultiplyAdds(1000, time.Nanosecond)
	require.Error(t, err, "there is no such GPU")
	require.Equal(t, before, lib.Live())
}
