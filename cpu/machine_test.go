package cpu

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestField(t *testing.T) {
	text := []byte("processor\t: 0\nmodel name\t: A Processor: fast\nmodel name\t: Another\nMemTotal:       24689144 kB\n")
	require.Equal(t, "A Processor: fast", field(text, "model name"))
	require.Equal(t, "24689144 kB", field(text, "MemTotal"))
	require.Empty(t, field(text, "model"))
	require.Empty(t, field(nil, "model name"))
}
