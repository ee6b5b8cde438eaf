// SPDX-License-Identifier: Apache-2.0
//
// Streams of whole files against the rows they were made of: for every row of
// every FDE, what pcsp and PCDATA_Unwind say at its first and last instruction
// is the row's rule again. The rows themselves are compared with another
// reader in tests/compare/cfi.sh.
#include "bytes.h"
#include "sources.h"
#include "src_fdes.h"
#include "src_sort.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

// --- Reading the model ------------------------------------------------------

// The value of a stream at `off` bytes from the entry; -1 behind its end.
static int32_t value_at(struct pcln_span stream, uint32_t quantum,
                        uint32_t off) {
  struct pcln_cursor c = pcln_cursor_at(stream.ptr, stream.len, false);
  int32_t value = -1;
  uint32_t end = 0;
  for (bool first = true; pcln_left(&c); first = false) {
    const uint32_t delta = pcln_varint32(&c);
    if (delta == 0 && !first)
      break;
    value += pcln_unzigzag(delta);
    const uint32_t pcs = pcln_varint32(&c);
    assert_true(!c.failed && pcs != 0);
    end += pcs * quantum;
    if (off < end)
      return value;
  }
  return -1;
}

// What the model says at `va`, with the offsets that the streams leave out.
static struct pcln_rule rule_at(const struct pcln_module *m,
                                const struct pcln_func_def *f, uint64_t va,
                                uint8_t pushed_ra) {
  const uint32_t off = (uint32_t)(va - f->va);
  struct pcln_rule r = {.cfa = PCLN_CFA_SP_DELTA,
                        .ra = pushed_ra ? PCLN_SAVE_CFA : PCLN_SAVE_SAME,
                        .ra_off = -pushed_ra};
  int32_t idx = -1;
  if (f->n_pcdata > PCLN_PCDATA_UNWIND)
    idx = value_at(f->pcdata[PCLN_PCDATA_UNWIND], m->quantum, off);
  assert_true(idx >= -1 && idx < (int32_t)m->n_rules);
  if (idx >= 0)
    r = m->rules[idx];
  if (r.cfa != PCLN_CFA_SP_DELTA)
    return r;
  const int32_t depth = value_at(f->pcsp, m->quantum, off);
  if (depth < 0)
    return (struct pcln_rule){.cfa = PCLN_CFA_NONE};
  r.cfa = PCLN_CFA_SP;
  r.cfa_off = depth + pushed_ra;
  // A save named from SP is the same place as one named from the CFA.
  if (r.fp == PCLN_SAVE_SP) {
    r.fp = PCLN_SAVE_CFA;
    r.fp_off -= r.cfa_off;
  }
  if (r.ra == PCLN_SAVE_SP) {
    r.ra = PCLN_SAVE_CFA;
    r.ra_off -= r.cfa_off;
  }
  return r;
}

// --- Whole files ------------------------------------------------------------

struct compare {
  const struct pcln_module *m;
  const struct pcln_fde_range *range;
  uint8_t pushed_ra;
  size_t n_rows, n_outside;
};

static bool compare_row(void *ctx, uint64_t lo, uint64_t hi,
                        const struct pcln_rule *want) {
  struct compare *c = ctx;
  lo = lo < c->range->lo ? c->range->lo : lo;
  hi = hi > c->range->hi ? c->range->hi : hi;
  const uint64_t at[2] = {lo, hi - c->m->quantum};
  for (int i = 0; i < 2 && lo < hi; i++) {
    const struct pcln_func_def *f = pcln_module_find(c->m, at[i]);
    if (!f) {
      c->n_outside++;
      continue;
    }
    const struct pcln_rule got = rule_at(c->m, f, at[i], c->pushed_ra);
    if (!pcln_rule_equal(&got, want))
      fail_msg("%s+0x%x: the streams say otherwise than the row", f->name,
               (unsigned)(at[i] - f->va));
    c->n_rows++;
  }
  return true;
}

// False: there is no such file here.
static bool compare_file(const char *path) {
  struct pcln_elf *elf;
  struct pcln_module m;
  struct pcln_fde_list fdes;
  struct pcln_source_stats stats = {0};
  struct pcln_cfi_arch arch;
  const struct pcln_source_options o = {.threads = 1};
  if (access(path, R_OK) != 0)
    return false;
  pcln_module_init(&m);
  assert_int_equal(pcln_elf_open(path, NULL, &elf), PCLN_OK);
  assert_true(pcln_cfi_arch(elf->machine, &arch));
  assert_int_equal(pcln_src_functions(elf, &m, &o, &stats), PCLN_OK);
  assert_int_equal(pcln_src_cfi(elf, &m, &o, &stats), PCLN_OK);
  assert_int_equal(pcln_fde_list_read(elf, NULL, &fdes), PCLN_OK);
  struct compare c = {.m = &m, .pushed_ra = arch.pushed_ra};
  for (size_t i = 0; i < fdes.n; i++) {
    const struct pcln_fde_range *r = c.range = &fdes.ranges[i];
    const struct pcln_cfi_fde fde = {
        .lo = r->fde_lo, .hi = r->fde_hi, .off = r->off};
    assert_true(i == 0 || r[-1].hi <= r->lo);
    assert_ptr_equal(pcln_fde_list_find(&fdes, r->lo), r);
    assert_int_equal(
        pcln_cfi_rows(&fdes.sections[r->section], &fde, compare_row, &c, NULL),
        PCLN_OK);
  }
  print_message("  %s: %zu functions, %zu rules, %zu pcs compared, "
                "%zu in no function\n",
                path, m.n_funcs, m.n_rules, c.n_rows, c.n_outside);
  assert_true(c.n_rows > 0);
  // FDEs reach into padding behind functions, but hardly.
  assert_true(c.n_outside * 20 <= c.n_rows);
  pcln_fde_list_free(&fdes);
  pcln_module_free(&m);
  pcln_elf_close(elf);
  return true;
}

static void cfi_streams_repeat_every_row(void **state) {
  (void)state;
  assert_true(compare_file("/proc/self/exe"));
  static const char *const others[] = {
      "/lib/x86_64-linux-gnu/libc.so.6",
      "/usr/lib/x86_64-linux-gnu/libcrypto.so.3",
      "/usr/lib/x86_64-linux-gnu/libstdc++.so.6", "/bin/bash"};
  for (size_t i = 0; i < sizeof others / sizeof others[0]; i++)
    if (!compare_file(others[i]))
      print_message("  skipped, not here: %s\n", others[i]);
}

// --- This program's own functions -------------------------------------------

static int __attribute__((noipa, used)) aliased(int x) { return x * 2; }
extern __typeof__(aliased) another_name __attribute__((alias("aliased")));

static int __attribute__((noipa)) realigned(int n) {
  _Alignas(64) volatile char buf[64] = {0};
  buf[n & 63] = 1;
  return buf[0] + aliased(n);
}

static void functions_of_this_program_are_found(void **state) {
  (void)state;
  struct pcln_elf *elf;
  struct pcln_module m;
  struct pcln_source_stats stats = {0};
  const struct pcln_source_options o = {.threads = 1};
  pcln_module_init(&m);
  assert_true(realigned(1) >= 0 && another_name(1) == 2);
  assert_int_equal(pcln_elf_open("/proc/self/exe", NULL, &elf), PCLN_OK);
  assert_int_equal(pcln_src_functions(elf, &m, &o, &stats), PCLN_OK);
  assert_int_equal(pcln_src_cfi(elf, &m, &o, &stats), PCLN_OK);
  bool saw_realigned = false, saw_main = false, saw_start = false,
       saw_stub = false;
  for (size_t i = 0; i < m.n_funcs; i++) {
    const struct pcln_func_def *f = &m.funcs[i];
    saw_realigned |= strcmp(f->name, "realigned") == 0;
    saw_main |= strcmp(f->name, "main") == 0;
    saw_stub |= strstr(f->name, "@plt") != NULL;
    assert_int_equal(f->args, PCLN_ARGS_UNKNOWN);
    if (strcmp(f->name, "_start") == 0) {
      saw_start = true;
      assert_true(f->flags & PCLN_FLAG_TOPFRAME);
    } else if (strcmp(f->name, "main") == 0) {
      assert_false(f->flags & PCLN_FLAG_TOPFRAME);
    }
  }
  assert_true(saw_realigned && saw_main && saw_start && saw_stub);
  assert_true(stats.aliases > 0 && stats.plt_stubs > 0 && stats.fdes > 0);
  assert_int_equal(m.machine, elf->machine);
  assert_int_equal(m.build_id_len, elf->build_id.len);
  pcln_module_free(&m);
  pcln_elf_close(elf);
}

// --- Sorting ----------------------------------------------------------------

static void keys_sort_by_address_and_keep_their_order(void **state) {
  (void)state;
  enum { N = 5000 };
  struct pcln_va_key *keys = malloc(N * sizeof *keys);
  assert_non_null(keys);
  uint64_t seed = 1;
  for (uint32_t i = 0; i < N; i++) {
    seed = seed * UINT64_C(6364136223846793005) + 1442695040888963407;
    keys[i] = (struct pcln_va_key){.va = seed >> (i & 1 ? 54 : 8), .idx = i};
  }
  assert_int_equal(pcln_sort_keys(keys, N), PCLN_OK);
  for (size_t i = 1; i < N; i++)
    assert_true(keys[i - 1].va < keys[i].va || (keys[i - 1].va == keys[i].va &&
                                                keys[i - 1].idx < keys[i].idx));
  free(keys);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(cfi_streams_repeat_every_row),
      cmocka_unit_test(functions_of_this_program_are_found),
      cmocka_unit_test(keys_sort_by_address_and_keep_their_order),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
