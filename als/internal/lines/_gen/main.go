// Command _gen writes the assembly of package lines and its Go declarations:
//
//	go run . folder
package main

import (
	"bytes"
	"log"
	"os"
	"path/filepath"

	"github.com/mmcloughlin/avo/attr"
	"github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/operand"
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
	c := build.NewContext()
	c.ConstraintExpr("amd64,!noasm")
	stream(c)
	fence(c)
	file, err := c.Result()
	if err != nil {
		return err
	}
	if err := pass.Compile.Execute(file); err != nil {
		return err
	}
	config := printer.Config{Argv: []string{"make", "generate"}, Pkg: "lines"}
	for name, p := range map[string]printer.Printer{
		"stream_amd64.s":  printer.NewGoAsm(config),
		"stream_amd64.go": printer.NewStubs(config),
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

// stream copies a line in vectors of 16 bytes, which all processors of the architecture
// have: they meet in one buffer of the processor, so that wider ones are no faster.
func stream(c *build.Context) {
	c.Function("stream")
	c.Attributes(attr.NOSPLIT)
	c.Pragma("noescape")
	c.SignatureExpr("func(to, from *[64]byte)")
	c.Doc("stream copies a line past the caches. The address of to is a multiple of 16.")
	to, from := c.Load(c.Param("to"), c.GP64()), c.Load(c.Param("from"), c.GP64())
	const vectors, bytes = 4, 16
	for i := range vectors {
		v := c.XMM()
		c.MOVOU(operand.Mem{Base: from, Disp: i * bytes}, v)
		c.MOVNTO(v, operand.Mem{Base: to, Disp: i * bytes})
	}
	c.RET()
}

func fence(c *build.Context) {
	c.Function("fence")
	c.Attributes(attr.NOSPLIT)
	c.SignatureExpr("func()")
	c.Doc("fence lets no later store be seen before those of stream.")
	c.SFENCE()
	c.RET()
}
