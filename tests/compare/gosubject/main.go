// SPDX-License-Identifier: Apache-2.0

// Gosubject is a Go program whose table is read by this project's reader, and
// which can say what Go's own runtime makes of each of its pcs:
//
//	gosubject START END STEP
//
// prints, for each STEPth address in [START, END) (hexadecimal), where they
// change, the logical frames: "PC name line file|name line file|...", innermost
// first. Wrappers that the runtime leaves out are left out. The imports bring
// in code of all kinds.
package main

import (
	"bufio"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"regexp"
	"runtime"
	"sort"
	"strconv"
	"strings"
	_ "unsafe" // for go:linkname
)

// The last pc of the stack replaced by those of its inlined callers, as the
// profiler does it.
//
//go:linkname expand runtime/pprof.runtime_expandFinalInlineFrame
func expand(stk []uintptr) []uintptr

type pair[K comparable, V any] struct {
	key K
	val V
}

func largest[K comparable](m map[K]int) pair[K, int] {
	var best pair[K, int]
	for k, v := range m {
		if v > best.val {
			best = pair[K, int]{k, v}
		}
	}
	return best
}

// Work that the optimiser cannot drop.
func work(args []string) string {
	counts := map[string]int{}
	for _, a := range args {
		counts[regexp.MustCompile("[0-9]+").ReplaceAllString(a, "#")]++
	}
	js, _ := json.Marshal(counts)
	defer func() { recover() }()
	z := gzip.NewWriter(io.Discard)
	z.Write(js)
	z.Close()
	sort.Strings(args)
	return fmt.Sprint(string(js), largest(counts), http.StatusText(len(args)))
}

func frames(pc uintptr) string {
	var b strings.Builder
	it := runtime.CallersFrames(expand([]uintptr{pc + 1}))
	for {
		f, more := it.Next()
		if f.PC == 0 {
			return b.String()
		}
		if b.Len() > 0 {
			b.WriteByte('|')
		}
		fmt.Fprintf(&b, "%s %d %s", f.Function, f.Line, f.File)
		if !more {
			return b.String()
		}
	}
}

func main() {
	if len(os.Args) != 4 {
		fmt.Println(work(os.Args))
		return
	}
	var n [3]uint64
	for i := range n {
		v, err := strconv.ParseUint(os.Args[i+1], 16, 64)
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(2)
		}
		n[i] = v
	}
	out := bufio.NewWriter(os.Stdout)
	defer out.Flush()
	last := ""
	for pc := n[0]; pc < n[1]; pc += n[2] {
		// The runtime takes pc+1 for a return address, but not at an entry.
		if f := runtime.FuncForPC(uintptr(pc + 1)); f != nil && uint64(f.Entry()) == pc+1 {
			continue
		}
		if s := frames(uintptr(pc)); s != last {
			fmt.Fprintf(out, "%x %s\n", pc, s)
			last = s
		}
	}
}
