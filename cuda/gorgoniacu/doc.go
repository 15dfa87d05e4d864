// Package gorgoniacu joins the CUDA device to programs that use gorgonia.org/cu: it
// opens the device in a context that such a program holds, and gives its device memory
// to our kernels and ours to it, without a copy. All calls of the device still go
// through our own driver interface.
//
// It is built with the tag gorgoniacu only. gorgonia.org/cu v0.9.6, the version that is
// required, needs cuda.h and libcuda to be built, does not compile against CUDA 13, and
// ends the process where there is no GPU, before main begins.
package gorgoniacu
