// SPDX-License-Identifier: Apache-2.0
//
// The distinct unwind rules of the process, and the cache from pc to rule.
//
// All modules share one array of rules, found by content: programs differ in
// their addresses, hardly in their frame layouts (a few thousand distinct rules
// cover a large program with its libraries). So a rule fits in 16 bits, which
// makes a converted .eh_frame row 6 bytes, and lets one 64-bit cache word name
// a pc and its rule: a hit costs one load, one compare and the rule itself, and
// touches no memory of the module.
//
// The cache is direct mapped and shared by all threads; writers overwrite each
// other freely, since each word is right by itself.
#include "internal.h"

#include <string.h>

enum { N_BUCKETS = 1 << 17 }; // twice the rules: probes stay short

struct pcln_rule pclnrt_rules[PCLNRT_MAX_RULES];
_Atomic uint64_t pclnrt_cache[1 << PCLNRT_CACHE_BITS];

static _Atomic uint32_t buckets[N_BUCKETS]; // rule numbers; 0: empty
static _Atomic uint32_t n_rules = 1;        // number 0 is no rule

static uint32_t rule_hash(const struct pcln_rule *r) {
  // Field by field: a load of several that were just stored waits for them.
  uint64_t h = (uint64_t)(uint32_t)r->cfa_off << 32 | (uint32_t)r->cfa << 24 |
               (uint32_t)r->fp << 16 | (uint32_t)r->ra << 8 | r->reg;
  h *= UINT64_C(0x9e3779b97f4a7c15);
  h ^= (uint64_t)(uint32_t)r->fp_off << 32 | (uint32_t)r->ra_off;
  h = (h ^ h >> 29) * UINT64_C(0xbf58476d1ce4e5b9);
  return (uint32_t)(h >> 40);
}

static bool rule_equal(const struct pcln_rule *a, const struct pcln_rule *b) {
  return a->cfa == b->cfa && a->fp == b->fp && a->ra == b->ra &&
         a->reg == b->reg && a->cfa_off == b->cfa_off &&
         a->fp_off == b->fp_off && a->ra_off == b->ra_off;
}

// A fresh number, or 0 when all are taken.
static uint32_t take_number(void) {
  uint32_t n = atomic_load_explicit(&n_rules, memory_order_relaxed);
  do {
    if (n >= PCLNRT_MAX_RULES)
      return 0;
  } while (!atomic_compare_exchange_weak(&n_rules, &n, n + 1));
  return n;
}

uint32_t pclnrt_rule_number(const struct pcln_rule *rule) {
  uint32_t mine = 0;
  uint32_t at = rule_hash(rule);
  for (uint32_t i = 0; i < N_BUCKETS; i++, at++) {
    _Atomic uint32_t *bucket = &buckets[at % N_BUCKETS];
    uint32_t n = atomic_load_explicit(bucket, memory_order_acquire);
    if (n == 0) {
      if (!mine) {
        mine = take_number();
        if (!mine)
          return 0;
        pclnrt_rules[mine] = *rule;
      }
      // On failure n is what another thread, or the code that we interrupt,
      // has put there. Should that be the same rule, our number is wasted.
      if (atomic_compare_exchange_strong_explicit(
              bucket, &n, mine, memory_order_release, memory_order_acquire))
        return mine;
    }
    if (rule_equal(&pclnrt_rules[n], rule))
      return n;
  }
  return 0;
}

// --- The cache ---------------------------------------------------------------

enum { WORD = 8 }; // bytes

uint64_t pclnrt_rule_word(const struct pcln_rule *r, uint32_t number) {
  const uint64_t numbered = PCLNRT_WORD_NUMBERED | (uint64_t)number
                                                       << PCLNRT_WORD_RULE;
  if ((r->cfa != PCLN_CFA_SP && r->cfa != PCLN_CFA_FP) || r->reg ||
      r->cfa_off <= 0 || r->cfa_off % WORD ||
      r->cfa_off / WORD > PCLNRT_PACKED_CFA_MASK || r->ra != PCLN_SAVE_CFA ||
      r->ra_off != -WORD)
    return numbered;
  uint64_t packed = (uint64_t)(r->cfa_off / WORD);
  if (r->fp == PCLN_SAVE_CFA) {
    if (r->fp_off % WORD || r->fp_off > -2 * WORD ||
        -(r->fp_off / WORD) > PCLNRT_PACKED_FP_MASK)
      return numbered;
    packed |= (uint64_t) - (r->fp_off / WORD) << PCLNRT_PACKED_FP_SHIFT;
  } else if (r->fp != PCLN_SAVE_SAME) {
    return numbered;
  }
  if (r->cfa == PCLN_CFA_FP)
    packed |= PCLNRT_PACKED_BY_FP;
  return packed << PCLNRT_WORD_RULE;
}

const struct pcln_rule *pclnrt_word_rule(uint64_t word, struct pcln_rule *tmp) {
  const uint32_t bits = (uint32_t)(word >> PCLNRT_WORD_RULE) & 0xffff;
  if (word & PCLNRT_WORD_NUMBERED)
    return &pclnrt_rules[bits];
  const int32_t fp = bits >> PCLNRT_PACKED_FP_SHIFT & PCLNRT_PACKED_FP_MASK;
  *tmp = (struct pcln_rule){
      .cfa = bits & PCLNRT_PACKED_BY_FP ? PCLN_CFA_FP : PCLN_CFA_SP,
      .cfa_off = (int32_t)(bits & PCLNRT_PACKED_CFA_MASK) * WORD,
      .fp = fp ? PCLN_SAVE_CFA : PCLN_SAVE_SAME,
      .fp_off = -fp * WORD,
      .ra = PCLN_SAVE_CFA,
      .ra_off = -WORD};
  return tmp;
}

void pclnrt_test_empty_cache(void) {
  for (size_t i = 0; i < 1 << PCLNRT_CACHE_BITS; i++)
    atomic_store_explicit(&pclnrt_cache[i], 0, memory_order_relaxed);
}
