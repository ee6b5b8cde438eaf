// SPDX-License-Identifier: Apache-2.0

// Gosym prints what Go's own debug/gosym reads from a pclntab: for each
// function a line "F entry end name", followed by a line "L pc line file" for
// each pc at which the position changes. All addresses are hexadecimal.
//
//	gosym ELF SECTION TEXTADDR [MAXFUNCS]
//	gosym -pc ELF SECTION TEXTADDR FILE LINE
//	gosym -names ELF SECTION TEXTADDR
//
// SECTION holds the table; from the module header of this project's own, if
// there is one, the pclntab behind it is found. TEXTADDR is hexadecimal. With
// MAXFUNCS, only about that many functions, spread evenly, get their lines. The
// second form prints a pc that has the line, and what is read there. The third
// prints the name of each function, its package, receiver and base name, with
// tabs between them.
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

func printPC(t *gosym.Table, file, line string) {
	n, err := strconv.Atoi(line)
	if err != nil {
		log.Fatal(err)
	}
	pc, _, err := t.LineToPC(file, n)
	if err != nil {
		log.Fatal(err)
	}
	file, n, _ = t.PCToLine(pc)
	fmt.Printf("%x %s %d\n", pc, file, n)
}

func printNames(t *gosym.Table) {
	out := bufio.NewWriter(os.Stdout)
	defer out.Flush()
	for i := range t.Funcs {
		s := t.Funcs[i].Sym
		fmt.Fprintf(out, "%s\t%s\t%s\t%s\n", s.Name, s.PackageName(), s.ReceiverName(), s.BaseName())
	}
}

func main() {
	log.SetFlags(0)
	args := os.Args[1:]
	toPC := len(args) == 6 && args[0] == "-pc"
	names := len(args) == 4 && args[0] == "-names"
	if toPC || names {
		args = args[1:]
	}
	if !toPC && (len(args) < 3 || len(args) > 4) {
		log.Fatal("usage: gosym ELF SECTION TEXTADDR [MAXFUNCS]")
	}
	f, err := elf.Open(args[0])
	if err != nil {
		log.Fatal(err)
	}
	section := f.Section(args[1])
	if section == nil {
		log.Fatalf("%s: no section %s", args[0], args[1])
	}
	data, err := section.Data()
	if err != nil {
		log.Fatal(err)
	}
	text, err := strconv.ParseUint(args[2], 16, 64)
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
	if toPC {
		printPC(t, args[3], args[4])
		return
	}
	if names {
		printNames(t)
		return
	}
	step := 1
	if len(args) == 4 {
		max, err := strconv.Atoi(args[3])
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
