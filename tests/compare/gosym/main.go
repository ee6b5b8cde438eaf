// SPDX-License-Identifier: Apache-2.0

// Gosym prints what Go's own debug/gosym reads from a pclntab: for each
// function a line "F entry end name", followed by a line "L pc line file" for
// each pc at which the position changes. All addresses are hexadecimal.
//
//	gosym ELF SECTION TEXTADDR [MAXFUNCS]
//
// SECTION holds the table; from the module header of this project's own, if
// there is one, the pclntab behind it is found. TEXTADDR is hexadecimal. With
// MAXFUNCS, only about that many functions, spread evenly, get their lines.
package main

import (
	"bufio"
	"bytes"
	"debug/elf"
	"debug/gosym"
	"encoding/binary"
	"fmt"
	"log"
	"os"
	"strconv"
)

// The pclntab in the bytes of the section.
func table(b []byte, order binary.ByteOrder) []byte {
	if !bytes.HasPrefix(b, []byte("PCLNTAB\x00")) || len(b) < 128 {
		return b
	}
	off, n := order.Uint32(b[48:]), order.Uint32(b[52:])
	return b[off : off+n]
}

func main() {
	log.SetFlags(0)
	if len(os.Args) < 4 || len(os.Args) > 5 {
		log.Fatal("usage: gosym ELF SECTION TEXTADDR [MAXFUNCS]")
	}
	f, err := elf.Open(os.Args[1])
	if err != nil {
		log.Fatal(err)
	}
	section := f.Section(os.Args[2])
	if section == nil {
		log.Fatalf("%s: no section %s", os.Args[1], os.Args[2])
	}
	data, err := section.Data()
	if err != nil {
		log.Fatal(err)
	}
	text, err := strconv.ParseUint(os.Args[3], 16, 64)
	if err != nil {
		log.Fatal(err)
	}
	data = table(data, f.ByteOrder)
	if len(data) < 8 {
		log.Fatal("no table")
	}
	quantum := uint64(data[6])
	t, err := gosym.NewTable(nil, gosym.NewLineTable(data, text))
	if err != nil {
		log.Fatal(err)
	}
	step := 1
	if len(os.Args) == 5 {
		max, err := strconv.Atoi(os.Args[4])
		if err != nil || max < 1 {
			log.Fatal("MAXFUNCS is not a number")
		}
		step = 1 + len(t.Funcs)/max
	}
	out := bufio.NewWriter(os.Stdout)
	defer out.Flush()
	for i := range t.Funcs {
		fn := &t.Funcs[i]
		fmt.Fprintf(out, "F %x %x %s\n", fn.Entry, fn.End, fn.Name)
		if i%step != 0 {
			continue
		}
		lastFile, lastLine := "\x00", 0
		for pc := fn.Entry; pc < fn.End; pc += quantum {
			file, line, _ := t.PCToLine(pc)
			if file != lastFile || line != lastLine {
				fmt.Fprintf(out, "L %x %d %s\n", pc, line, file)
				lastFile, lastLine = file, line
			}
		}
	}
}
