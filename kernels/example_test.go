package kernels_test

import (
	"fmt"
	"log"

	_ "github.com/halfstep-ml/halfstep/cpu"
	"github.com/halfstep-ml/halfstep/kernels"
)

// A program asks for a GPU and takes the CPU where there is none. It computes the
// Gram matrix of three rows.
func Example() {
	dev, skipped, err := kernels.OpenFirst(kernels.Options{}, "gpu", "cpu")
	if err != nil {
		log.Fatal(err)
	}
	defer dev.Close()
	for _, s := range skipped {
		fmt.Println("passed over:", s.Name)
	}
	fmt.Println("open:", dev.Info().Backend)

	stream, err := dev.NewStream()
	if err != nil {
		log.Fatal(err)
	}
	defer stream.Close()
	y, err := kernels.AllocMatrix(stream, 3, 2)
	if err != nil {
		log.Fatal(err)
	}
	defer y.Free()
	gram, err := kernels.AllocMatrix(stream, 2, 2)
	if err != nil {
		log.Fatal(err)
	}
	defer gram.Free()

	if err := kernels.Upload(stream, y.Buf, []float32{1, 2, 3, 4, 5, 6}); err != nil {
		log.Fatal(err)
	}
	if err := stream.Gram(gram, y); err != nil {
		log.Fatal(err)
	}
	result := make([]float32, 4)
	if err := kernels.Download(stream, result, gram.Buf); err != nil {
		log.Fatal(err)
	}
	fmt.Println(result)

	// Wrong arguments are found before anything is computed.
	fmt.Println(stream.Gram(gram, y.ColumnRange(0, 1)))
	// Output:
	// passed over: gpu
	// open: cpu
	// [35 44 44 56]
	// cpu: Gram y 3×1 stride 2, g 2×2: kernels: wrong argument g: 2×2, want 1×1
}
