// SPDX-License-Identifier: Apache-2.0

// Gocorpus holds what pclntab-dump prints of a Go program against what Go's own
// debug/gosym reads from the same file: every function, and file and line at
// every pc at which either changes. Nothing of this project finds the table
// here: debug/elf, debug/pe and debug/macho do, by section or symbol; in files
// that have neither, the bytes are searched for a header that debug/gosym takes.
//
//	gocorpus PCLNTAB-DUMP FILE
//
// Prints the counts, or the first differences, and then exits with 1.
package main

import (
	"bufio"
	"bytes"
	"debug/elf"
	"debug/gosym"
	"debug/macho"
	"debug/pe"
	"encoding/binary"
	"fmt"
	"io"
	"log"
	"os"
	"os/exec"
	"reflect"
	"sort"
	"strconv"
	"strings"
	"unsafe"
)

// --- debug/gosym's own walk over a stream ------------------------------------

// As debug/gosym declares it.
type funcData struct {
	t    *gosym.LineTable
	data []byte
}

//go:linkname lineFuncData debug/gosym.(*LineTable).funcData
func lineFuncData(t *gosym.LineTable, i uint32) funcData

//go:linkname funcField debug/gosym.funcData.field
func funcField(f funcData, n uint32) uint32

//go:linkname step debug/gosym.(*LineTable).step
func step(t *gosym.LineTable, p *[]byte, pc *uint64, val *int32, first bool) bool

// The pcs at which the stream at off of pctab changes its value.
func changes(t *gosym.LineTable, pctab []byte, off uint32, entry uint64,
	pcs map[uint64]bool) {
	p, pc, val := pctab[off:], entry, int32(-1)
	for step(t, &p, &pc, &val, pc == entry) {
		pcs[pc] = true
	}
}

// --- Finding the table -------------------------------------------------------

type found struct {
	data []byte // from the table's first byte on, maybe further
	text uint64
}

func section(r io.ReaderAt) []byte {
	b, err := io.ReadAll(io.NewSectionReader(r, 0, 1<<40))
	if err != nil {
		log.Fatal(err)
	}
	return b
}

func fromELF(r io.ReaderAt) (f found, ok bool) {
	e, err := elf.NewFile(r)
	if err != nil {
		return f, false
	}
	for _, s := range e.Sections {
		switch s.Name {
		case ".gopclntab", ".data.rel.ro.gopclntab":
			f.data, _ = s.Data()
		case ".text":
			f.text = s.Addr
		}
	}
	symbols, _ := e.Symbols()
	for _, s := range symbols {
		if s.Name == "runtime.text" {
			f.text = s.Value
		}
	}
	return f, true
}

func fromMachO(r io.ReaderAt) (f found, ok bool) {
	m, err := macho.NewFile(r)
	if err != nil {
		return f, false
	}
	for _, s := range m.Sections {
		switch s.Name {
		case "__gopclntab":
			f.data, _ = s.Data()
		case "__text":
			f.text = s.Addr
		}
	}
	if m.Symtab != nil {
		for _, s := range m.Symtab.Syms {
			if s.Name == "runtime.text" {
				f.text = s.Value
			}
		}
	}
	return f, true
}

func fromPE(r io.ReaderAt) (f found, ok bool) {
	p, err := pe.NewFile(r)
	if err != nil {
		return f, false
	}
	var base uint64
	switch h := p.OptionalHeader.(type) {
	case *pe.OptionalHeader32:
		base = uint64(h.ImageBase)
	case *pe.OptionalHeader64:
		base = h.ImageBase
	}
	for _, s := range p.Sections {
		if s.Name == ".text" {
			f.text = base + uint64(s.VirtualAddress)
		}
	}
	for _, s := range p.Symbols {
		if s.SectionNumber < 1 || int(s.SectionNumber) > len(p.Sections) {
			continue
		}
		in := p.Sections[s.SectionNumber-1]
		switch s.Name {
		case "runtime.text":
			f.text = base + uint64(in.VirtualAddress) + uint64(s.Value)
		case "runtime.pclntab":
			data, _ := in.Data()
			f.data = data[s.Value:]
		}
	}
	return f, true
}

// The first place that looks like a table and that debug/gosym takes for one.
func search(b []byte, text uint64) []byte {
	for _, order := range []binary.AppendByteOrder{
		binary.LittleEndian, binary.BigEndian} {
		for _, magic := range []uint32{
			0xfffffff1, 0xfffffff0, 0xfffffffa, 0xfffffffb} {
			head := append(order.AppendUint32(nil, magic), 0, 0)
			for at := 0; ; at++ {
				n := bytes.Index(b[at:], head)
				if n < 0 {
					break
				}
				at += n
				if isTable(b[at:], text) {
					return b[at:]
				}
			}
		}
	}
	return nil
}

func isTable(b []byte, text uint64) bool {
	if len(b) < 100 || (b[6] != 1 && b[6] != 2 && b[6] != 4) ||
		(b[7] != 4 && b[7] != 8) {
		return false
	}
	defer func() { _ = recover() }()
	t, err := gosym.NewTable(nil, gosym.NewLineTable(b, text))
	return err == nil && len(t.Funcs) > 100 && t.Funcs[0].Name != ""
}

func find(path string, entry uint64) found {
	r, err := os.Open(path)
	if err != nil {
		log.Fatal(err)
	}
	var f found
	for _, from := range []func(io.ReaderAt) (found, bool){
		fromELF, fromMachO, fromPE} {
		var ok bool
		if f, ok = from(r); ok {
			break
		}
	}
	if f.text == 0 { // of no format that Go's library reads
		f.text = entry
	}
	if f.data == nil {
		f.data = search(section(r), f.text)
	}
	if f.data == nil {
		log.Fatalf("%s: Go's library finds no table", path)
	}
	if text := headerText(f.data); text != 0 {
		f.text = text
	}
	return f
}

// Where a header of go1.18 to go1.25 says that text begins; else 0.
func headerText(b []byte) uint64 {
	for _, order := range []binary.ByteOrder{
		binary.LittleEndian, binary.BigEndian} {
		magic, size := order.Uint32(b), int(b[7])
		if magic != 0xfffffff0 && magic != 0xfffffff1 {
			continue
		}
		if size == 4 {
			return uint64(order.Uint32(b[8+2*size:]))
		}
		return order.Uint64(b[8+2*size:])
	}
	return 0
}

// --- What pclntab-dump says --------------------------------------------------

type row struct {
	pc   uint64
	file string
	line int
}

type function struct {
	entry, end uint64
	hole       bool
	name       string
	rows       []row
}

// The next word of a record: bare, or quoted with escapes.
func word(s string) (string, string) {
	s = strings.TrimPrefix(s, " ")
	if !strings.HasPrefix(s, `"`) {
		w, rest, _ := strings.Cut(s, " ")
		return w, rest
	}
	q, err := strconv.QuotedPrefix(s)
	if err != nil {
		log.Fatalf("pclntab-dump: %v: %s", err, s)
	}
	w, err := strconv.Unquote(q)
	if err != nil {
		log.Fatalf("pclntab-dump: %v: %s", err, s)
	}
	return w, s[len(q):]
}

func number(s string) uint64 {
	n, err := strconv.ParseUint(s, 0, 64)
	if err != nil {
		log.Fatalf("pclntab-dump: %v", err)
	}
	return n
}

// Adds a row where it says something new.
func (f *function) add(r row) {
	if n := len(f.rows); n > 0 && f.rows[n-1].file == r.file &&
		f.rows[n-1].line == r.line {
		return
	}
	f.rows = append(f.rows, r)
}

func ours(dump, path string) (all []function) {
	cmd := exec.Command(dump, "--lines", path)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		log.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		log.Fatal(err)
	}
	var f *function
	var at uint64 // where the last row ended
	finish := func() {
		if f != nil && at < f.end {
			f.add(row{at, "??", 0})
		}
	}
	in := bufio.NewScanner(out)
	in.Buffer(nil, 1<<20)
	for in.Scan() {
		kind, rest := word(in.Text())
		if kind != "func" && kind != "hole" && kind != "line" {
			continue
		}
		lo, rest := word(rest)
		hi, rest := word(rest)
		if kind == "line" {
			if number(lo) > at {
				f.add(row{at, "??", 0})
			}
			file, rest := word(rest)
			line := strings.TrimPrefix(rest, ":")
			if i := strings.LastIndexByte(file, ':'); !strings.HasPrefix(rest, ":") {
				file, line = file[:i], file[i+1:]
			}
			line, _ = word(line)
			f.add(row{number(lo), file, int(number(line))})
			at = number(hi)
			continue
		}
		finish()
		all = append(all, function{entry: number(lo), end: number(hi),
			hole: kind == "hole"})
		f = &all[len(all)-1]
		at = f.entry
		if !f.hole {
			f.name, _ = word(rest)
		}
	}
	finish()
	if err := cmd.Wait(); err != nil {
		log.Fatalf("%s: pclntab-dump: %v", path, err)
	}
	return all
}

// --- What debug/gosym says ---------------------------------------------------

func theirs(f found) []function {
	lines := gosym.NewLineTable(f.data, f.text)
	table, err := gosym.NewTable(nil, lines)
	if err != nil {
		log.Fatal(err)
	}
	pctab := *(*[]byte)(field(lines, "pctab"))
	all := make([]function, len(table.Funcs))
	for i := range table.Funcs {
		from, to := &table.Funcs[i], &all[i]
		*to = function{entry: from.Entry, end: from.End, name: from.Name}
		data := lineFuncData(lines, uint32(i))
		if funcField(data, 5) == 0 && funcField(data, 6) == 0 {
			// Absent, as the runtime reads it; debug/gosym decodes byte 0.
			to.add(row{from.Entry, "??", 0})
			continue
		}
		pcs := map[uint64]bool{from.Entry: true}
		changes(lines, pctab, funcField(data, 5), from.Entry, pcs)
		changes(lines, pctab, funcField(data, 6), from.Entry, pcs)
		sorted := make([]uint64, 0, len(pcs))
		for pc := range pcs {
			if pc < from.End {
				sorted = append(sorted, pc)
			}
		}
		sort.Slice(sorted, func(a, b int) bool { return sorted[a] < sorted[b] })
		for _, pc := range sorted {
			file, line, _ := table.PCToLine(pc)
			if file == "" {
				file = "??"
			}
			if line < 0 {
				line = 0
			}
			to.add(row{pc, file, line})
		}
	}
	return all
}

// --- Comparison --------------------------------------------------------------

var differences int

func differ(format string, args ...any) {
	if differences++; differences <= 10 {
		fmt.Printf("  "+format+"\n", args...)
	}
}

func compare(got, want []function) (rows int) {
	if len(got) != len(want) {
		differ("%d functions, debug/gosym has %d", len(got), len(want))
		return
	}
	for i := range got {
		g, w := &got[i], &want[i]
		if g.entry != w.entry || g.end != w.end || (!g.hole && g.name != w.name) {
			differ("%x-%x %s, debug/gosym has %x-%x %s",
				g.entry, g.end, g.name, w.entry, w.end, w.name)
			continue
		}
		if g.hole {
			continue
		}
		for k := 0; k < len(g.rows) || k < len(w.rows); k++ {
			if k >= len(g.rows) || k >= len(w.rows) || g.rows[k] != w.rows[k] {
				differ("%s: row %d: %v, debug/gosym has %v", g.name, k,
					g.rows[min(k, len(g.rows)):], w.rows[min(k, len(w.rows)):])
				break
			}
			rows++
		}
	}
	return rows
}

func main() {
	log.SetFlags(0)
	if len(os.Args) != 3 {
		log.Fatal("usage: gocorpus PCLNTAB-DUMP FILE")
	}
	got := ours(os.Args[1], os.Args[2])
	if len(got) == 0 {
		log.Fatalf("%s: no functions", os.Args[2])
	}
	f := find(os.Args[2], got[0].entry)
	rows := compare(got, theirs(f))
	fmt.Printf("%s: %d functions, %d rows, %d differences\n", os.Args[2],
		len(got), rows, differences)
	if differences > 0 {
		os.Exit(1)
	}
}

// A field that debug/gosym does not show.
func field(t *gosym.LineTable, name string) unsafe.Pointer {
	f, ok := reflect.TypeOf(*t).FieldByName(name)
	if !ok {
		log.Fatalf("debug/gosym's LineTable has no %s", name)
	}
	return unsafe.Add(unsafe.Pointer(t), f.Offset)
}
