// SPDX-License-Identifier: Apache-2.0

// The Go version of tests/gc/programs/cache.c.
package main

import (
	"bench/report"
	"fmt"
)

type entry struct {
	chain, newer, older *entry
	key                 uint64
	value               *[4]uint64
}

type cache struct {
	buckets      []*entry
	ring         *entry
	n, most      int
	hits, misses uint64
	check        uint64
}

func mix(x uint64) uint64 {
	x ^= x >> 33
	x *= 0xff51afd7ed558ccd
	return x ^ x>>33
}

func newCache(most int) *cache {
	room := 1
	for room < most {
		room *= 2
	}
	ring := &entry{}
	ring.newer, ring.older = ring, ring
	return &cache{buckets: make([]*entry, room), ring: ring, most: most}
}

func (c *cache) bucket(key uint64) **entry {
	return &c.buckets[mix(key)&uint64(len(c.buckets)-1)]
}

func unlink(e *entry) {
	e.newer.older = e.older
	e.older.newer = e.newer
}

func (c *cache) makeNewest(e *entry) {
	e.newer = c.ring
	e.older = c.ring.older
	c.ring.older.newer = e
	c.ring.older = e
}

func (c *cache) evict() {
	e := c.ring.newer
	at := c.bucket(e.key)
	for *at != e {
		at = &(*at).chain
	}
	*at = e.chain
	unlink(e)
	c.check = c.check*31 + e.key
	c.n--
}

func (c *cache) use(key uint64) {
	at := c.bucket(key)
	for e := *at; e != nil; e = e.chain {
		if e.key == key {
			c.hits++
			e.value[0]++
			unlink(e)
			c.makeNewest(e)
			return
		}
	}
	c.misses++
	if c.n == c.most {
		c.evict()
	}
	e := &entry{key: key, value: new([4]uint64)}
	e.value[0] = key
	e.chain = *at
	*at = e
	c.makeNewest(e)
	c.n++
}

type node struct {
	next   *node
	number uint64
}

func scatteredList(n int, r *report.Random) *node {
	all := make([]*node, n)
	for i := range all {
		all[i] = &node{number: uint64(i)}
	}
	for i := n; i > 1; i-- {
		k := int(r.Next()) % i
		all[i-1], all[k] = all[k], all[i-1]
	}
	for i := 0; i+1 < n; i++ {
		all[i].next = all[i+1]
	}
	return all[0]
}

func walk(list *node) (check uint64) {
	for ; list != nil; list = list.next {
		check = check*31 + list.number
	}
	return check
}

func main() {
	n, most := report.Size(1), report.Size(2)
	r := report.Random{State: 11}
	list := scatteredList(report.Size(3), &r)
	c := newCache(most)
	var check uint64
	for i := 0; i < n; i++ {
		a := uint64(r.Next()) % uint64(2*most)
		b := uint64(r.Next()) % uint64(most)
		if a >= b {
			a += b
		}
		c.use(a)
		if i%(n/8+1) == 0 {
			check += walk(list)
		}
	}
	for e := c.ring.newer; e != c.ring; e = e.newer {
		check = check*31 + e.value[0]
	}
	fmt.Printf("%d uses, %d hits, %d misses: %016x %016x\n", n, c.hits,
		c.misses, c.check, check)
	report.End()
}
