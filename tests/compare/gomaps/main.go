// SPDX-License-Identifier: Apache-2.0

// Gomaps is a Go program whose functions have frames of many shapes: arguments
// of every kind, stack objects, defers, closures, wrappers, generic code. The
// compiler's listing of it says what its table must hold. Run, it prints a
// traceback, whose arguments the table describes.
package main

import (
	"fmt"
	"os"
	"runtime/debug"
	"sort"
	"strings"
)

type pair struct {
	a int
	b *int
}

type nested struct {
	p    pair
	s    []string
	name string
	e    error
	deep [2][2]struct{ x, y byte }
}

type shape interface {
	area(scale float64, by ...int) (int, error)
}

type square struct{ side int }
type named struct {
	shape
	title string
}

var (
	sink  any
	depth int
)

// Keeps what it is given, so that it has an address.
//
//go:noinline
func keep(x any) { sink = x }

//go:noinline
func show(label string) {
	fmt.Printf("=== %s\n%s\n", label, debug.Stack())
}

//go:noinline
func (s square) area(scale float64, by ...int) (int, error) {
	show("square.area")
	keep(by)
	return s.side * len(by), nil
}

//go:noinline
func (n *named) describe(prefix string, p pair, flag bool, c byte) string {
	show("named.describe")
	return prefix + n.title + fmt.Sprint(p.a, flag, c)
}

//go:noinline
func ints(a int8, b int16, c int32, d int64, e uint, f uintptr) int {
	show("ints")
	return int(a) + int(b) + int(c) + int(d) + int(e) + int(f)
}

//go:noinline
func many(a, b, c, d, e, f, g, h, i, j, k, l int, s string) int {
	show("many")
	return a + b + c + d + e + f + g + h + i + j + k + l + len(s)
}

//go:noinline
func byValue(n nested, big [40]int, last string) string {
	show("byValue")
	return n.name + fmt.Sprint(big[3]) + last
}

//go:noinline
func aggregates(n nested, m map[string]int, ch chan int, f func() int) int {
	show("aggregates")
	return len(n.s) + m["a"] + cap(ch) + f()
}

//go:noinline
func floats(a float32, b float64, c complex128, s []float64) float64 {
	show("floats")
	return float64(a) + b + real(c) + s[0]
}

//go:noinline
func reused(p *int, s string, n int) int {
	p = &n // what came in is gone by the call
	keep(p)
	s = strings.Repeat(s, n)
	show("reused")
	return len(s) + *p
}

//go:noinline
func objects(n int) (total int) {
	var table [8]pair
	var one nested
	var buf [64]byte
	for i := range table {
		table[i].b = &n
		table[i].a = i
	}
	one.s = append(one.s, "x")
	fill(&one, &table, buf[:])
	for _, t := range table {
		total += t.a + *t.b
	}
	return total + len(one.name)
}

//go:noinline
func fill(n *nested, t *[8]pair, b []byte) {
	n.name = string(b[:2])
	t[1].a = len(n.s)
	show("fill")
}

//go:noinline
func defers(n int, names []string) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("recovered %v of %d", r, n)
		}
	}()
	defer keep(names)
	if n > 1 {
		defer fmt.Fprint(os.Stderr, "")
		defer keep(n)
	}
	show("defers")
	panic("stop")
}

//go:noinline
func loopDefers(n int) {
	for i := 0; i < n; i++ {
		defer keep(i)
	}
	show("loopDefers")
}

type tree[K any, V any] struct {
	left, right *tree[K, V]
	key         K
	val         V
}

//go:noinline
func (t *tree[K, V]) put(key K, val V, less func(a, b K) bool) *tree[K, V] {
	if t == nil {
		show("tree.put")
		return &tree[K, V]{key: key, val: val}
	}
	if less(key, t.key) {
		t.left = t.left.put(key, val, less)
	} else {
		t.right = t.right.put(key, val, less)
	}
	return t
}

//go:noinline
func mapped[T, U any](in []T, f func(T) U) []U {
	var out []U
	for _, x := range in {
		out = append(out, f(x))
	}
	show("mapped")
	return out
}

//go:noinline
func recurse(n int, words ...string) string {
	if n == 0 {
		show("recurse")
		return strings.Join(words, ",")
	}
	return recurse(n-1, append(words, fmt.Sprint(n))...)
}

func closures() func(int) int {
	total, step := 0, 3
	add := func(n int) int {
		total += n * step
		if n == 2 {
			func() {
				defer func() { depth++ }()
				show("closure")
			}()
		}
		return total
	}
	return add
}

func main() {
	n := 7
	one := nested{pair{1, &n}, []string{"a", "b"}, "name", os.ErrExist, [2][2]struct{ x, y byte }{}}
	ints(-1, 2, -3, 4, 5, 6)
	many(1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, "end")
	byValue(one, [40]int{3: 4}, "last")
	aggregates(one, map[string]int{"a": 1}, make(chan int, 3), func() int { return n })
	floats(1, 2, 3i, []float64{4})
	reused(&n, "ab", 3)
	objects(3)
	fmt.Println(defers(2, []string{"x"}))
	loopDefers(3)
	m := &named{square{5}, "five"}
	m.describe("pre", pair{3, &n}, true, 'x')
	var s shape = m // calls through the wrapper that the embedding made
	s.area(1.5, 1, 2, 3)
	bound := m.area
	bound(2, 4)
	var t *tree[string, int]
	for _, w := range []string{"m", "c", "x"} {
		t = t.put(w, len(w), func(a, b string) bool { return a < b })
	}
	var u *tree[int, *pair]
	u = u.put(1, &one.p, func(a, b int) bool { return a < b })
	keep(mapped([]int{1, 2}, func(i int) string { return fmt.Sprint(i) }))
	keep(mapped([]string{"a"}, func(s string) *string { return &s }))
	recurse(3, "w")
	add := closures()
	add(1)
	add(2)
	sort.Slice(one.s, func(i, j int) bool {
		show("sort")
		return one.s[i] < one.s[j]
	})
	keep(u)
}
