// Command _gen writes the assembly of package simd and the Go declarations of its
// functions:
//
//	go run . folder
//
// A file for each subject and instruction set comes out, NAME_avx2_amd64.s and
// NAME_avx512_amd64.s or NAME_amx_amd64.s, each with its declarations in a file of the
// same name that ends in .go.
package main

import (
	"bytes"
	"fmt"
	"log"
	"os"
	"path/filepath"

	"github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/pass"
	"github.com/mmcloughlin/avo/printer"
)

// subject is something that a file is about.
type subject struct {
	name string
	emit func(g *generator)
}

// subjects are the files that are written for AVX2 and for AVX-512.
var subjects = []subject{
	{"normal", normal},
	{"weigh", weigh},
	{"cholesky", cholesky},
	{"lanes", lanes},
	{"product", normalProduct},
	{"descent", descent},
	{"peak", peak},
	{"elementwise", elementwise},
	{"sums", sums},
	{"strips", strips},
	{"rows", rows},
	{"gemm", gemm},
	{"columns", columns},
	{"symmetric", symmetric},
	{"transpose", transpose},
}

// tiled are those for AMX.
var tiled = []subject{
	{"gemm_pieces", gemmPieces},
}

func main() {
	log.SetFlags(0)
	if len(os.Args) != 2 {
		log.Fatal("usage: go run . folder")
	}
	for _, set := range []instructions{avx2, avx512, amx} {
		list := subjects
		if set == amx {
			list = tiled
		}
		for _, s := range list {
			if err := write(os.Args[1], s.name, set, s.emit); err != nil {
				log.Fatalf("%s, %s: %v", s.name, set.name, err)
			}
		}
	}
}

// write generates one file of assembly and its declarations.
func write(folder, subject string, set instructions, emit func(g *generator)) error {
	g := &generator{Context: build.NewContext(), instructions: set}
	g.ConstraintExpr("amd64,!noasm")
	emit(g)
	file, err := g.Result()
	if err != nil {
		return err
	}
	if err := pass.Compile.Execute(file); err != nil {
		return err
	}
	config := printer.Config{Argv: []string{"make", "generate"}, Pkg: "simd"}
	base := filepath.Join(folder, fmt.Sprintf("%s_%s_amd64", subject, set.file))
	for extension, p := range map[string]printer.Printer{
		".s":  printer.NewGoAsm(config),
		".go": printer.NewStubs(config),
	} {
		text, err := p.Print(file)
		if err != nil {
			return err
		}
		if err := os.WriteFile(base+extension, append(bytes.TrimRight(text, "\n"), '\n'), 0o644); err != nil {
			return err
		}
	}
	return nil
}
