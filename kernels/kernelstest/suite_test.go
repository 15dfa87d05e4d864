package kernelstest

import (
	"testing"

	"github.com/halfstep-ml/halfstep/kernels"
)

func TestRunAcceptsTheReferenceDevice(t *testing.T) {
	Run(t, "reference", func(t *testing.T, opts kernels.Options) kernels.Device {
		return kernels.Checked(openReference(t, opts))
	})
}
