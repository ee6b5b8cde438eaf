// SPDX-License-Identifier: Apache-2.0

// The Go version of tests/gc/programs/churn.c.
package main

import (
	"bench/report"
	"fmt"
)

type item struct {
	before *item
	sum    uint32
	data   []uint32
}

func newItem(r *report.Random, stamp uint32) *item {
	shape := r.Next()
	n := shape & 15
	if shape&0xff00 == 0 {
		n = shape >> 16 & 1023
	}
	it := &item{sum: stamp, data: make([]uint32, n)}
	if n > 0 {
		it.data[0] = shape
		it.data[n-1] = stamp
	}
	return it
}

func main() {
	n, slots := report.Size(1), uint32(report.Size(2))
	r := report.Random{State: 7}
	window := make([]*item, slots)
	var check uint64
	for i := 0; i < n; i++ {
		it := newItem(&r, uint32(i))
		where := r.Next()
		check = check*31 + uint64(len(it.data))
		if len(it.data) > 0 {
			check += uint64(it.data[len(it.data)-1])
		}
		if where&3 != 0 {
			continue
		}
		slot := &window[(where>>2)%slots]
		if old := *slot; old != nil {
			old.before = nil
			it.before = old
			it.sum += old.sum & 0xff
		}
		*slot = it
	}
	for _, it := range window {
		for ; it != nil; it = it.before {
			check = check*31 + uint64(it.sum)
		}
	}
	fmt.Printf("%d objects, %d slots: %016x\n", n, slots, check)
	report.End()
}
