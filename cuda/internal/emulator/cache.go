package emulator

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"time"
)

// unusedFor is how long an entry of the cache is kept without being used. Every change
// of a kernel or of the runtime makes new entries beside the old ones.
const unusedFor = 30 * 24 * time.Hour

// pruneOnce prunes the cache once a process.
var pruneOnce sync.Once

// touch notes that an entry is used now and reports whether it is there.
func touch(entry string) bool {
	now := time.Now()
	return os.Chtimes(entry, now, now) == nil
}

// prune removes the entries of a cache that were not used since a moment, and what an
// end of the process has left half made before it.
func prune(cache string, since time.Time) error {
	entries, err := os.ReadDir(cache)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	var errs []error
	for _, entry := range entries {
		info, err := entry.Info()
		if err != nil || !info.ModTime().Before(since) {
			continue // another process has removed it, or it is in use
		}
		// Under a name that nobody looks for, so that no one finds half of it.
		gone := filepath.Join(cache, "gone-"+entry.Name())
		if err := os.Rename(filepath.Join(cache, entry.Name()), gone); err == nil {
			errs = append(errs, os.RemoveAll(gone))
		}
	}
	return errors.Join(append(errs, err)...)
}
