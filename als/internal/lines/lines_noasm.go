//go:build !amd64 || noasm

package lines

const Streams = false

func Write(to, from *Line) { *to = *from }

func Fence() {}
