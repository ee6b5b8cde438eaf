// SPDX-License-Identifier: Apache-2.0

// The Go version of tests/gc/programs/binary_trees.c.
package main

import (
	"bench/report"
	"fmt"
)

type tree struct{ left, right *tree }

func bottomUp(depth int) *tree {
	if depth == 0 {
		return &tree{}
	}
	return &tree{bottomUp(depth - 1), bottomUp(depth - 1)}
}

func (t *tree) count() int {
	if t.left == nil {
		return 1
	}
	return 1 + t.left.count() + t.right.count()
}

func main() {
	const minDepth = 4
	maxDepth := max(report.Size(1), minDepth+2)
	fmt.Printf("stretch tree of depth %d\t check: %d\n", maxDepth+1,
		bottomUp(maxDepth+1).count())
	lasting := bottomUp(maxDepth)
	for depth := minDepth; depth <= maxDepth; depth += 2 {
		n, check := 1<<(maxDepth-depth+minDepth), 0
		for i := 0; i < n; i++ {
			check += bottomUp(depth).count()
		}
		fmt.Printf("%d\t trees of depth %d\t check: %d\n", n, depth, check)
	}
	fmt.Printf("long lived tree of depth %d\t check: %d\n", maxDepth,
		lasting.count())
	report.End()
}
