// SPDX-License-Identifier: Apache-2.0

// The Go version of tests/gc/programs/threads.c, with goroutines.
package main

import (
	"bench/report"
	"fmt"
	"sync"
)

type tree struct{ left, right *tree }

func grow(d int) *tree {
	t := &tree{}
	if d > 0 {
		t.left, t.right = grow(d-1), grow(d-1)
	}
	return t
}

func fell(t *tree) uint64 {
	if t == nil {
		return 0
	}
	return 1 + fell(t.left) + fell(t.right)
}

type message struct {
	next         *message
	load         *tree
	from, number int
	payload      [3]int
}

type mailbox struct {
	sync.Mutex
	changed     *sync.Cond
	first, last *message
	n           int
}

func (b *mailbox) send(m *message) {
	b.Lock()
	if b.last != nil {
		b.last.next = m
	} else {
		b.first = m
	}
	b.last = m
	b.n++
	b.changed.Signal()
	b.Unlock()
}

func (b *mailbox) receive() *message {
	b.Lock()
	for b.n == 0 {
		b.changed.Wait()
	}
	m := b.first
	b.first = m.next
	if b.first == nil {
		b.last = nil
	}
	m.next = nil
	b.n--
	b.Unlock()
	return m
}

type worker struct {
	id           int
	check, nodes uint64
	mine         *tree
	latest       *message
}

func (w *worker) take(m *message) {
	for i, p := range m.payload {
		if p != m.from*1000+m.number+i {
			panic("a message has changed on its way")
		}
	}
	w.check += uint64(m.from+1) * uint64(m.number+7)
	w.nodes += fell(m.load)
	m.load = nil
	w.latest = m
}

func (w *worker) work(boxes []mailbox, messages, depth int) {
	w.mine = grow(depth)
	for i := 0; i < messages; i++ {
		m := &message{from: w.id, number: i, load: grow(i % (depth + 1))}
		for k := range m.payload {
			m.payload[k] = w.id*1000 + i + k
		}
		boxes[(w.id+i)%len(boxes)].send(m)
		if i%4 == 0 {
			old := w.mine
			w.mine = grow(depth)
			w.nodes += fell(old)
		}
		w.take(boxes[w.id].receive())
	}
	w.nodes += fell(w.mine)
}

func main() {
	threads, messages, depth := report.Size(1), report.Size(2), report.Size(3)
	messages -= messages % threads
	boxes := make([]mailbox, threads)
	for i := range boxes {
		boxes[i].changed = sync.NewCond(&boxes[i])
	}
	var check, nodes uint64
	for g := 0; g < report.Size(4); g++ {
		workers := make([]worker, threads)
		var all sync.WaitGroup
		for i := range workers {
			all.Add(1)
			workers[i].id = i
			go func(w *worker) {
				w.work(boxes, messages, depth)
				all.Done()
			}(&workers[i])
		}
		all.Wait()
		for _, w := range workers {
			check += w.check
			nodes += w.nodes
		}
	}
	fmt.Printf("%d threads, %d messages, %d nodes: %016x\n", threads, messages,
		nodes, check)
	report.End()
}
