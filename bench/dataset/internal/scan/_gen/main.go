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

// write generates the files of assembly and their declarations.
func write(folder string) error {
	for name, block := range map[string]func(*generator){
		"block_avx512_amd64": (*generator).block,
		"block_avx2_amd64":   func(g *generator) { halfWidth{g}.block() },
	} {
		g := &generator{Context: build.NewContext()}
		g.ConstraintExpr("amd64,!noasm")
		block(g)
		if err := writeFile(filepath.Join(folder, name), g); err != nil {
			return err
		}
	}
	return nil
}

// writeFile generates a file of assembly and its declarations.
func writeFile(path string, g *generator) error {
	file, err := g.Result()
	if err != nil {
		return err
	}
	if err := pass.Compile.Execute(file); err != nil {
		return err
	}
	config := printer.Config{Argv: []string{"make", "generate"}, Pkg: "scan"}
	for ending, p := range map[string]printer.Printer{
		".s":  printer.NewGoAsm(config),
		".go": printer.NewStubs(config),
	} {
		text, err := p.Print(file)
		if err != nil {
			return err
		}
		if err := os.WriteFile(path+ending, append(bytes.TrimRight(text, "\n"), '\n'), 0o644); err != nil {
			return err
		}
	}
	return nil
}
