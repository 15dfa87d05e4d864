//go:build !unix

package kernelstest

import "errors"

// reserve has no way here to get memory that costs nothing until it is touched.
func reserve(int) (memory []byte, release func() error, err error) {
	return nil, nil, errors.ErrUnsupported
}
