package cpu_test

import (
	"fmt"
	"log/slog"

	"github.com/halfstep-ml/halfstep/cpu"
	"github.com/halfstep-ml/halfstep/kernels"
)

// One half-step: two users who rated two items each, the items' factors fixed.
func ExampleOpen() {
	if err := halfStep(); err != nil {
		slog.Error("half-step", "err", err)
	}
	// Output:
	// [2.000 1.000]
	// [1.000 3.000]
}

func halfStep() error {
	dev, err := cpu.Open(kernels.Options{})
	if err != nil {
		return err
	}
	defer dev.Close()
	s, err := dev.NewStream()
	if err != nil {
		return err
	}
	defer s.Close()

	// Rows are users. Items 0 and 1 have the factors (1, 0) and (0, 1), item 2 has
	// (1, 1).
	ratings, err := dev.NewCSR(kernels.HostCSR{
		Rows: 2, Cols: 3,
		Offsets: []int64{0, 2, 4},
		Columns: []int32{0, 1, 0, 2},
		Values:  []float32{2, 1, 1, 4},
	})
	if err != nil {
		return err
	}
	defer ratings.Free()
	items, err := kernels.AllocMatrix(s, 3, 2)
	if err != nil {
		return err
	}
	defer items.Free()
	users, err := kernels.AllocMatrix(s, 2, 2)
	if err != nil {
		return err
	}
	defer users.Free()
	info, err := kernels.AllocBuffer[int32](s, 2)
	if err != nil {
		return err
	}
	defer info.Free()
	if err := kernels.Upload(s, items.Buf, []float32{1, 0, 0, 1, 1, 1}); err != nil {
		return err
	}

	// Without regularization two ratings fix two factors.
	err = s.HalfStep(&kernels.Problem{X: users, Y: items, R: ratings, Info: info})
	if err != nil {
		return err
	}
	factors := make([]float32, 4)
	if err := kernels.Download(s, factors, users.Buf); err != nil {
		return err
	}
	fmt.Printf("%.3f\n", factors[:2])
	fmt.Printf("%.3f\n", factors[2:])
	return nil
}
