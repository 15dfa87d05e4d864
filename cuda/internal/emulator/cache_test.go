package emulator

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// TestPrune: what was not used for a month goes, whole or half made, and a use keeps an
// entry.
func TestPrune(t *testing.T) {
	cache := t.TempDir()
	b := &builder{cache: cache}
	writes := 0
	entry := func(key string) string {
		folder, err := b.stored(key, func(folder, _ string) error {
			writes++
			return os.WriteFile(filepath.Join(folder, "unit.o"), nil, 0o644)
		})
		require.NoError(t, err)
		return folder
	}
	old, used, young := entry("old"), entry("used"), entry("young")
	half := filepath.Join(cache, "fresh-1")
	require.NoError(t, os.Mkdir(half, 0o755))
	now := time.Now()
	age := func(folder string, d time.Duration) { require.NoError(t, os.Chtimes(folder, now.Add(-d), now.Add(-d))) }
	age(old, unusedFor+time.Hour)
	age(used, unusedFor+time.Hour)
	age(half, unusedFor+time.Hour)
	age(young, unusedFor-time.Hour)
	require.Equal(t, used, entry("used"))

	require.NoError(t, prune(cache, now.Add(-unusedFor)))
	left, err := os.ReadDir(cache)
	require.NoError(t, err)
	var names []string
	for _, e := range left {
		names = append(names, filepath.Join(cache, e.Name()))
	}
	require.ElementsMatch(t, []string{used, young}, names)
	require.Equal(t, 3, writes)
	entry("old")
	require.Equal(t, 4, writes, "made anew")
	require.NoError(t, prune(filepath.Join(cache, "none"), now))
}
