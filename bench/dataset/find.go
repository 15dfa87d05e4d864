package dataset

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// The names that the MovieLens data sets give their files, each also with .gz or
// .zst behind it.
var (
	ratingFiles = []string{"u.data", "ratings.dat", "ratings_notime.dat", "ratings.csv"}
	movieFiles  = []string{"u.item", "movies.dat", "movies.csv"}
)

// find returns the path itself if it is a file. In a folder it looks for the
// names, and in the folders inside it if they are not there. More than one that
// is found is an error.
func find(path string, names []string) (string, error) {
	info, err := os.Stat(path)
	if err != nil {
		return "", err
	}
	if !info.IsDir() {
		// A pipe could neither be read twice nor be given up when it is silent.
		if !info.Mode().IsRegular() {
			return "", formatError(path, 0, "neither a file nor a folder")
		}
		return path, nil
	}
	found, err := findIn(path, names)
	if err != nil {
		return "", err
	}
	if len(found) == 0 {
		entries, err := os.ReadDir(path)
		if err != nil {
			return "", err
		}
		for _, e := range entries {
			inner := filepath.Join(path, e.Name())
			if info, err := os.Stat(inner); err != nil || !info.IsDir() {
				continue
			}
			more, err := findIn(inner, names)
			if err != nil {
				return "", err
			}
			found = append(found, more...)
		}
	}
	switch len(found) {
	case 0:
		return "", &FileError{
			Path:   path,
			Reason: fmt.Sprintf("the folder has none of %s", strings.Join(names, ", ")),
			Err:    fmt.Errorf("%w: %w", ErrFormat, fs.ErrNotExist),
		}
	case 1:
		return found[0], nil
	}
	return "", formatError(path, 0, "the folder has more than one such file, name the one to read: %s", strings.Join(found, ", "))
}

// findIn lists the files of a folder that have one of the names.
func findIn(folder string, names []string) ([]string, error) {
	entries, err := os.ReadDir(folder)
	if err != nil {
		return nil, err
	}
	var found []string
	for _, e := range entries {
		if !slices.Contains(names, withoutPacking(e.Name())) {
			continue
		}
		path := filepath.Join(folder, e.Name())
		if info, err := os.Stat(path); err == nil && info.Mode().IsRegular() {
			found = append(found, path)
		}
	}
	return found, nil
}

// withoutPacking takes the ending of a compressed file off a name.
func withoutPacking(name string) string {
	return strings.TrimSuffix(strings.TrimSuffix(name, ".gz"), ".zst")
}

// nameOf makes a short name from a path: the folder for one of the known names,
// as in ml-1m/ratings.dat, else the file's own name without its endings.
func nameOf(path string) string {
	name := withoutPacking(filepath.Base(path))
	if slices.Contains(ratingFiles, name) {
		if full, err := filepath.Abs(path); err == nil {
			if folder := filepath.Base(filepath.Dir(full)); folder != string(filepath.Separator) {
				return folder
			}
		}
	}
	return strings.TrimSuffix(name, filepath.Ext(name))
}
