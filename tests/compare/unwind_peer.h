// SPDX-License-Identifier: Apache-2.0
//
// Stops the program and compares our walk with libunwind's, pc by pc, where it
// stands. For programs that bring the workload: unwind.c, unwind_preload.c.
#ifndef UNWIND_PEER_H
#define UNWIND_PEER_H

#include <signal.h>
#include <stdio.h>

// Stops this thread `n` times by a timer.
void peer_start_timer(unsigned long n);
// Stops it after each instruction from here on, `n` times.
void peer_start_steps(unsigned long n);
// Set when all stops were made.
extern volatile sig_atomic_t peer_done;
// Prints the number of stops, of equal walks and, by place and kind, of others.
// 0: nearly all are equal, and the others are of known kinds.
int peer_report(FILE *out);

#endif
