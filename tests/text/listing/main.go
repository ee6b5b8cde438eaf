// SPDX-License-Identifier: Apache-2.0

// A program whose listing is held by the directives below, for each system and
// processor: positions, inlined calls, targets, rules, and the words that the
// compiler says are live across a call (it names them under -live).
package main

import "os"

//go:noinline
func collect(n int) int { return n + len(os.Args) }

func twice(n int) int {
	return 2 * collect(n) // TWICE
}

//go:noinline
func keep(p *int, n int, q []int) int {
	// CHECK: {{^}}main.keep 0x[[#%x,LO:]]..0x{{[0-9a-f]+$}}
	// CHECK-NEXT: {{^ [^ ]*}}main.go:[[@LINE-2]]{{$}}
	// CHECK-NEXT: {{^ *}}[[#%x,LO]] {{[0-9a-f]+ [a-z]+ .*}}; cfa=[[CFA]] fp=same ra=[[RA]]{{$}}
	// CHECK-NOT: {{^main}}
	// CHECK: {{^ [^ ]*}}main.go:[[@LINE-9]] in main.twice, inlined at {{[^ ]*}}main.go:[[@LINE+4]] in main.keep{{$}}
	// CHECK: [[CALL]] 0x{{[0-9a-f]+}} <main.collect>
	// CHECK-NEXT: {{^}} ; live: sp+0x{{[0-9a-f]+}} sp+0x{{[0-9a-f]+$}}
	// CHECK: {{^ [^ ]*}}main.go:[[@LINE+1]]{{$}}
	n += twice(n)
	return n + *p + q[0] // p, and the array of q, are live across the call
	// CHECK: [[CALL]] 0x{{[0-9a-f]+}} <runtime.panicIndex>
	// CHECK-NEXT: {{^}} ; live: nothing{{$}}
}

func main() {
	// CHECK: {{^}}main.main 0x
	// CHECK: [[CALL]] 0x{{[0-9a-f]+}} <main.keep>
	n := 1
	os.Exit(keep(&n, n, []int{n}))
}
