// SPDX-License-Identifier: Apache-2.0

// Gosym times Go's own reader of pclntabs, debug/gosym, on one table:
//
//	gosym ELF TEXTADDR
//
// prints how many functions a second NewTable makes, which is what lists them,
// and how many rows a second come from asking for the line of each pc at which
// one begins; the package has no way to walk rows. The best of some runs
// counts, because noise only adds.
package main

import (
	"debug/elf"
	"debug/gosym"
	"fmt"
	"log"
	"os"
	"strconv"
	"time"
)

const (
	runs   = 5
	probes = 500000
)

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}

func main() {
	log.SetFlags(0)
	if len(os.Args) != 3 {
		log.Fatal("usage: gosym ELF TEXTADDR")
	}
	f, err := elf.Open(os.Args[1])
	check(err)
	text, err := strconv.ParseUint(os.Args[2], 0, 64)
	check(err)
	section := f.Section(".gopclntab")
	if section == nil {
		log.Fatal("no section .gopclntab")
	}
	data, err := section.Data()
	check(err)

	var table *gosym.Table
	best := time.Duration(1 << 62)
	for i := 0; i < runs; i++ {
		start := time.Now()
		table, err = gosym.NewTable(nil, gosym.NewLineTable(data, text))
		check(err)
		best = min(best, time.Since(start))
	}
	n := len(table.Funcs)
	fmt.Printf("functions %d ms %.2f million_per_second %.3f\n", n,
		float64(best.Microseconds())/1e3, float64(n)/best.Seconds()/1e6)

	// Each pc of functions from all over the table.
	asked, rows := 0, 0
	start := time.Now()
	for i := 0; i < n && asked < probes; i += n/400 + 1 {
		file, line := "", -1
		for pc := table.Funcs[i].Entry; pc < table.Funcs[i].End; pc++ {
			f, l, _ := table.PCToLine(pc)
			asked++
			if l != line || f != file {
				rows++
				file, line = f, l
			}
		}
	}
	d := time.Since(start)
	fmt.Printf("rows %d ms %.2f million_per_second %.4f\n", rows,
		float64(d.Microseconds())/1e3, float64(rows)/d.Seconds()/1e6)
}
