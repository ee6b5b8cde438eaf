// SPDX-License-Identifier: Apache-2.0
//
// What the programs of this folder allocate: nodes whose number is wrong once
// they were freed. With USE_MALLOC the same source says what the right ones
// are.
#ifndef NODE_H
#define NODE_H

#ifdef USE_MALLOC
#include <stdlib.h>
#define gcref
#define gc_new(T) ((T *)calloc(1, sizeof(T)))
#define gc_new_array(T, n) calloc(n, sizeof(T))
#define gc_new_bytes(n) calloc(1, n)
#else
#include <pclntab/gc.h>
#endif

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

struct node {
  struct node gcref *next;
  long key;
};
typedef struct node gcref *ref;

static void churn(void) {
  for (int i = 0; i < 3; i++) {
    ref n = gc_new(struct node);
    n->key = -1000;
  }
}

static ref make(long key) {
  ref n = gc_new(struct node);
  n->key = key;
  return n;
}

// As callers that the optimiser does not see through.
static void (*volatile churn_indirectly)(void) = churn;
static ref (*volatile make_indirectly)(long) = make;

#endif
