// Bench runs the experiments of halfstep on every device of this machine.
//
// Without arguments it is the main job: a data set shaped like MovieLens 1M is
// made in memory, ALS is trained on it on every backend that opens and on 1, 2,
// 4 … threads, and a table is printed. See bench help.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	_ "github.com/halfstep-ml/halfstep/cpu"
	_ "github.com/halfstep-ml/halfstep/cuda"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := rootCommand(os.Stdout, os.Stderr).ExecuteContext(ctx)
	stop()
	if err != nil {
		if errors.Is(err, context.Canceled) {
			err = errors.New("interrupted")
		}
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}
