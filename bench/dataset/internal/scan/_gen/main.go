// Command _gen writes the assembly of package scan and its Go declarations:
//
//	go run . folder
package main

import (
	"bytes"
	"log"
	"os"
	"path/filepath"

	"github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/pass"
	"github.com/mmcloughlin/avo/printer"
)

func main() {
	log.SetFlags(0)
	if len(os.Args) != 2 {
		log.Fatal("usage: go run . folder")
	}
	if err := write(os.Args[1]); err != nil {
		log.Fatal(err)
	}
}

// write generates the file of assembly and its declarations.
func write(folder string) error {
	g := &generator{Context: build.NewContext()}
	g.ConstraintExpr("amd64,!noasm")
	g.block()
	file, err := g.Result()
	if err != nil {
		return err
	}
	if err := pass.Compile.Execute(file); err != nil {
		return err
	}
	config := printer.Config{Argv: []string{"make", "generate"}, Pkg: "scan"}
	for name, p := range map[string]printer.Printer{
		"block_avx512_amd64.s":  printer.NewGoAsm(config),
		"block_avx512_amd64.go": printer.NewStubs(config),
	} {
		text, err := p.Print(file)
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(folder, name), append(bytes.TrimRight(text, "\n"), '\n'), 0o644); err != nil {
			return err
		}
	}
	return nil
}
