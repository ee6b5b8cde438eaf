// SPDX-License-Identifier: Apache-2.0

// Package report says what the collector did, as alloc.h does for C.
package report

import (
	"fmt"
	"math"
	"os"
	"runtime"
	"runtime/metrics"
	"strconv"
)

// End writes one line to standard error if the environment asks for it.
func End() {
	if os.Getenv("ALLOC_REPORT") == "" {
		return
	}
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	s := []metrics.Sample{{Name: "/sched/pauses/total/gc:seconds"}}
	metrics.Read(s)
	h := s[0].Value.Float64Histogram()
	longest := 0.0
	var pauses [24]uint64
	for i, n := range h.Counts {
		if n == 0 {
			continue
		}
		us := h.Buckets[i+1] * 1e6
		if math.IsInf(us, 1) {
			us = h.Buckets[i] * 1e6
		}
		longest = math.Max(longest, us)
		pauses[max(0, min(23, int(math.Log2(math.Max(us, 1)))))] += n
	}
	fmt.Fprintf(os.Stderr,
		"report collections=%d pause_max_us=%.0f pause_us=%d pauses=",
		m.NumGC, longest, m.PauseTotalNs/1000)
	for i, n := range pauses {
		if i > 0 {
			fmt.Fprint(os.Stderr, ",")
		}
		fmt.Fprint(os.Stderr, n)
	}
	fmt.Fprintln(os.Stderr)
}

// Size is the i-th argument as a number.
func Size(i int) int {
	n, err := strconv.Atoi(os.Args[i])
	if err != nil {
		panic(err)
	}
	return n
}

// Random gives the same numbers as alloc.h's.
type Random struct{ State uint64 }

func (r *Random) Next() uint32 {
	r.State = r.State*6364136223846793005 + 1442695040888963407
	return uint32(r.State>>32) & 0x3fffffff
}
