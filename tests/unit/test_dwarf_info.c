// SPDX-License-Identifier: Apache-2.0
//
// Units, DIEs, attribute forms, range lists and names, on sections made by
// hand. The module has four functions of 0x100 bytes from 0x1000 on.
#include "dwarf_input.h"
#include "dwarf_maker.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

struct subject {
  struct dw_buf info, abbrev, str, line_str, str_offsets, addr, ranges,
      rnglists;
  struct pcln_dw dw;
  struct pcln_module module;
  struct pcln_dw_funcs funcs;
  uint32_t owner[4], slot[4];
  struct pcln_dw_tree tree;
  struct pcln_dw_names names;
  struct pcln_dw_notes notes;
  struct pcln_dw_fault fault;
  size_t unit;
};

static void begin(struct subject *s, unsigned version, unsigned off_size,
                  bool swap) {
  memset(s, 0, sizeof *s);
  struct dw_buf *const bufs[] = {&s->info,     &s->abbrev,      &s->str,
                                 &s->line_str, &s->str_offsets, &s->addr,
                                 &s->ranges,   &s->rnglists};
  for (size_t i = 0; i < sizeof bufs / sizeof bufs[0]; i++) {
    bufs[i]->swap = swap;
    bufs[i]->off_size = (uint8_t)off_size;
  }
  s->unit = dw_unit(&s->info, version, 0);
}

// Ends the unit; reads units, abbreviations and unit DIEs.
static enum pcln_status load(struct subject *s) {
  s->dw = (struct pcln_dw){.sec = {.info = dw_span(&s->info),
                                   .abbrev = dw_span(&s->abbrev),
                                   .str = dw_span(&s->str),
                                   .line_str = dw_span(&s->line_str),
                                   .str_offsets = dw_span(&s->str_offsets),
                                   .addr = dw_span(&s->addr),
                                   .ranges = dw_span(&s->ranges),
                                   .rnglists = dw_span(&s->rnglists),
                                   .swap = s->info.swap},
                           .text_lo = 0x1000,
                           .text_hi = 0x1400,
                           .budget = 100000};
  assert_int_equal(dwarf_input_module(&s->module, 0x1000, 0x100, 4), PCLN_OK);
  for (uint32_t i = 0; i < 4; i++)
    s->slot[i] = i;
  s->funcs = (struct pcln_dw_funcs){
      .module = &s->module, .owner = s->owner, .slot = s->slot};
  enum pcln_status st = pcln_dw_index(&s->dw, &s->fault);
  if (st != PCLN_OK)
    return st;
  assert_int_equal(pcln_dw_plan_abbrevs(&s->dw), PCLN_OK);
  for (size_t i = 0; i < s->dw.n_tables; i++)
    pcln_dw_abbrevs_read(&s->dw.sec, &s->dw.tables[i]);
  for (size_t i = 0; i < s->dw.n_units && st == PCLN_OK; i++) {
    struct pcln_dw_attrs attrs;
    st =
        pcln_dw_unit_die(&s->dw, &s->dw.units[i], &attrs, &s->notes, &s->fault);
  }
  return st;
}

static enum pcln_status walk(struct subject *s) {
  dw_end(&s->info, s->unit);
  enum pcln_status st = load(s);
  return st == PCLN_OK ? pcln_dw_walk(&s->dw, 0, &s->funcs, &s->tree, &s->notes,
                                      &s->fault)
                       : st;
}

static void end(struct subject *s) {
  pcln_dw_tree_free(&s->tree);
  pcln_dw_free(&s->dw);
  pcln_module_free(&s->module);
}

static void check_piece(const struct subject *s, size_t i, uint32_t slot,
                        uint32_t lo, uint32_t hi, uint32_t node) {
  assert_true(i < s->tree.n_pieces);
  const struct pcln_dw_piece *p = &s->tree.pieces[i];
  assert_int_equal(p->slot, slot);
  assert_int_equal(p->lo, lo);
  assert_int_equal(p->hi, hi);
  assert_int_equal(p->node, node);
}

// Abbreviations that most tests use; more follow from code 10 on.
enum { UNIT = 1, FUNC, INLINED, BLOCK, ABSTRACT };
static void common_abbrevs(struct subject *s) {
  struct dw_buf *b = &s->abbrev;
  dw_abbrev(b, UNIT, DW_TAG_compile_unit, 1, 0);
  dw_abbrev(b, FUNC, DW_TAG_subprogram, 1, DW_AT_low_pc, DW_FORM_addr,
            DW_AT_high_pc, DW_FORM_data4, 0);
  dw_abbrev(b, INLINED, DW_TAG_inlined_subroutine, 1, DW_AT_abstract_origin,
            DW_FORM_ref4, DW_AT_low_pc, DW_FORM_addr, DW_AT_high_pc,
            DW_FORM_data1, DW_AT_call_file, DW_FORM_data1, DW_AT_call_line,
            DW_FORM_udata, 0);
  dw_abbrev(b, BLOCK, 0x0b, 1, 0);
  dw_abbrev(b, ABSTRACT, DW_TAG_subprogram, 0, DW_AT_name, DW_FORM_string,
            DW_AT_decl_line, DW_FORM_implicit_const, 77, 0);
}
static void func(struct subject *s, uint64_t va, uint32_t len) {
  dw_uleb(&s->info, FUNC);
  dw_u64(&s->info, va);
  dw_u32(&s->info, len);
}
static void inlined(struct subject *s, uint64_t origin, uint64_t va,
                    unsigned len, unsigned line) {
  dw_uleb(&s->info, INLINED);
  dw_u32(&s->info, origin);
  dw_u64(&s->info, va);
  dw_u8(&s->info, len);
  dw_u8(&s->info, 1);
  dw_uleb(&s->info, line);
}
static void close_dies(struct subject *s, unsigned n) {
  while (n--)
    dw_u8(&s->info, 0);
}

static const struct {
  unsigned version, off_size;
  bool swap;
} formats[] = {{2, 4, false}, {3, 8, true},  {4, 4, true},
               {4, 8, false}, {5, 4, false}, {5, 8, true}};
enum { N_FORMATS = sizeof formats / sizeof formats[0] };

static void begin_format(struct subject *s, size_t i) {
  begin(s, formats[i].version, formats[i].off_size, formats[i].swap);
}

static void inlined_calls_nest_as_their_dies(void **state) {
  (void)state;
  for (size_t i = 0; i < N_FORMATS; i++) {
    struct subject s;
    begin_format(&s, i);
    common_abbrevs(&s);
    dw_uleb(&s.info, UNIT);
    const uint64_t origin = s.info.len;
    dw_uleb(&s.info, ABSTRACT);
    dw_str(&s.info, "callee");
    func(&s, 0x1000, 0x100);
    inlined(&s, origin, 0x1010, 0x40, 5);
    dw_uleb(&s.info, BLOCK);
    inlined(&s, origin, 0x1020, 0x10, 6);
    close_dies(&s, 3);
    inlined(&s, origin, 0x1080, 0x10, 300);
    close_dies(&s, 2);
    func(&s, 0x1100, 0x180); // over two functions
    close_dies(&s, 2);
    assert_int_equal(walk(&s), PCLN_OK);
    assert_int_equal(s.tree.n_nodes, 5);
    assert_int_equal(s.tree.nodes[0].parent, PCLN_DW_ROOT);
    assert_int_equal(s.tree.nodes[1].parent, 0);
    assert_int_equal(s.tree.nodes[2].parent, 1);
    assert_int_equal(s.tree.nodes[2].depth, 2);
    assert_int_equal(s.tree.nodes[2].call_line, 6);
    assert_int_equal(s.tree.nodes[3].parent, 0);
    assert_int_equal(s.tree.nodes[3].call_line, 300);
    assert_int_equal(s.tree.nodes[3].call_file, 1);
    assert_int_equal(s.tree.n_pieces, 6);
    check_piece(&s, 0, 0, 0, 0x100, 0);
    check_piece(&s, 2, 0, 0x20, 0x30, 2);
    check_piece(&s, 4, 1, 0, 0x100, 4);
    check_piece(&s, 5, 2, 0, 0x80, 4);
    const struct pcln_dw_name name = pcln_dw_find_name(
        &s.dw, &s.dw.units[0], s.tree.nodes[1].decl, &s.names, &s.notes);
    assert_string_equal(name.name, "callee");
    assert_int_equal(name.line, 77);
    end(&s);
  }
}

static void code_of_other_units_and_discarded_code_is_dead(void **state) {
  (void)state;
  struct subject s;
  begin(&s, 4, 4, false);
  common_abbrevs(&s);
  dw_uleb(&s.info, UNIT);
  const uint64_t vas[] = {0, 0x80, UINT64_MAX, 0x1100};
  for (unsigned i = 0; i < 4; i++) {
    func(&s, vas[i], 0x80);
    inlined(&s, 0, 0x1010, 0x40, 5); // a bare addend may be anything
    close_dies(&s, 2);
  }
  close_dies(&s, 1);
  s.owner[1] = 7;
  assert_int_equal(walk(&s), PCLN_OK);
  assert_int_equal(s.tree.n_nodes, 0);
  assert_int_equal(s.tree.n_pieces, 0);
  end(&s);
}

static void every_form_is_stepped_over(void **state) {
  (void)state;
  static const unsigned all[] = {
      DW_FORM_addr,          DW_FORM_block2,       DW_FORM_block4,
      DW_FORM_data2,         DW_FORM_data4,        DW_FORM_data8,
      DW_FORM_string,        DW_FORM_block,        DW_FORM_block1,
      DW_FORM_data1,         DW_FORM_flag,         DW_FORM_sdata,
      DW_FORM_strp,          DW_FORM_udata,        DW_FORM_ref_addr,
      DW_FORM_ref1,          DW_FORM_ref2,         DW_FORM_ref4,
      DW_FORM_ref8,          DW_FORM_ref_udata,    DW_FORM_sec_offset,
      DW_FORM_exprloc,       DW_FORM_flag_present, DW_FORM_strx,
      DW_FORM_addrx,         DW_FORM_ref_sup4,     DW_FORM_strp_sup,
      DW_FORM_data16,        DW_FORM_line_strp,    DW_FORM_ref_sig8,
      DW_FORM_loclistx,      DW_FORM_rnglistx,     DW_FORM_ref_sup8,
      DW_FORM_strx1,         DW_FORM_strx2,        DW_FORM_strx3,
      DW_FORM_strx4,         DW_FORM_addrx1,       DW_FORM_addrx2,
      DW_FORM_addrx3,        DW_FORM_addrx4,       DW_FORM_GNU_addr_index,
      DW_FORM_GNU_str_index, DW_FORM_GNU_ref_alt,  DW_FORM_GNU_strp_alt};
  const size_t n = sizeof all / sizeof all[0];
  // Round 0: in a DIE that nobody reads; 1: in one with a slot; 2: indirect.
  for (size_t k = 0; k < 3 * n; k++) {
    const unsigned form = all[k % n];
    struct subject s;
    begin(&s, 5, k & 1 ? 8 : 4, false);
    common_abbrevs(&s);
    dw_abbrev(&s.abbrev, 10, k < n ? 0x34u : (unsigned)DW_TAG_subprogram, 0,
              DW_AT_name, k < 2 * n ? form : (unsigned)DW_FORM_indirect, 0x888u,
              DW_FORM_block1, 0);
    dw_uleb(&s.info, UNIT);
    dw_uleb(&s.info, 10);
    if (k >= 2 * n)
      dw_uleb(&s.info, form);
    const struct pcln_dw_params p = {
        .version = 5, .addr_size = 8, .off_size = s.info.off_size};
    const int size = pcln_dw_form_size(form, p);
    const unsigned block = form == DW_FORM_block2   ? 2
                           : form == DW_FORM_block4 ? 4
                                                    : 1;
    if (size >= 0) {
      for (int i = 0; i < size; i++)
        dw_u8(&s.info, 0xff);
    } else if (form == DW_FORM_string) {
      dw_str(&s.info, "abc");
    } else if (form == DW_FORM_exprloc || form == DW_FORM_block ||
               form == DW_FORM_block1 || block > 1) {
      dw_uint(&s.info, 2, block);
      dw_u16(&s.info, 0xffff);
    } else {
      dw_u16(&s.info, 0x7fff); // a two-byte LEB128
    }
    dw_u8(&s.info, 2); // the block behind it
    dw_u16(&s.info, 0xffff);
    func(&s, 0x1000, 0x10);
    close_dies(&s, 2);
    assert_int_equal(walk(&s), PCLN_OK);
    assert_int_equal(s.tree.n_nodes, 1);
    check_piece(&s, 0, 0, 0, 0x10, 0);
    end(&s);
  }
}

static void siblings_are_followed_where_no_code_can_be(void **state) {
  (void)state;
  for (unsigned inside = 0; inside < 2; inside++) {
    struct subject s;
    begin(&s, 4, 4, false);
    common_abbrevs(&s);
    dw_abbrev(&s.abbrev, 10, DW_TAG_compile_unit, 1, DW_AT_language,
              DW_FORM_data1, 0);
    dw_abbrev(&s.abbrev, 11, DW_TAG_structure_type, 1, DW_AT_name,
              DW_FORM_data2, DW_AT_sibling, DW_FORM_ref4, 0);
    dw_uleb(&s.info, 10);
    dw_u8(&s.info, 4); // C++
    if (inside)
      func(&s, 0x1100, 0x10);
    dw_uleb(&s.info, 11);
    dw_u16(&s.info, 0);
    const size_t at = s.info.len;
    dw_u32(&s.info, 0);
    if (inside) { // a method of a local class is code
      func(&s, 0x1000, 0x10);
      close_dies(&s, 2);
    } else { // never looked at
      dw_u8(&s.info, 99);
    }
    const uint64_t sibling = s.info.len;
    func(&s, 0x1200, 0x10);
    close_dies(&s, 2 + inside);
    const size_t whole = s.info.len;
    s.info.len = at;
    dw_u32(&s.info, sibling);
    s.info.len = whole;
    assert_int_equal(walk(&s), PCLN_OK);
    assert_int_equal(s.tree.n_nodes, inside ? 3 : 1);
    end(&s);
  }
}

static void write_rnglist(struct subject *s) {
  struct dw_buf *b = &s->rnglists;
  dw_u8(b, DW_RLE_offset_pair); // from the unit's base, 0x1000
  dw_uleb(b, 0x10);
  dw_uleb(b, 0x20);
  dw_u8(b, DW_RLE_base_addressx);
  dw_uleb(b, 0);
  dw_u8(b, DW_RLE_offset_pair);
  dw_uleb(b, 1);
  dw_uleb(b, 2);
  dw_u8(b, DW_RLE_startx_endx);
  dw_uleb(b, 0);
  dw_uleb(b, 1);
  dw_u8(b, DW_RLE_startx_length);
  dw_uleb(b, 1);
  dw_uleb(b, 4);
  dw_u8(b, DW_RLE_base_address);
  dw_u64(b, 0); // discarded: its pairs are not 0x1100
  dw_u8(b, DW_RLE_offset_pair);
  dw_uleb(b, 0x1100);
  dw_uleb(b, 0x1110);
  dw_u8(b, DW_RLE_start_end);
  dw_u64(b, 0x1300);
  dw_u64(b, 0x1308);
  dw_u8(b, DW_RLE_start_length);
  dw_u64(b, 0x1310);
  dw_uleb(b, 8);
  dw_u8(b, DW_RLE_start_length); // empty
  dw_u64(b, 0x1320);
  dw_uleb(b, 0);
  dw_u8(b, DW_RLE_end_of_list);
}

static void range_lists_of_version_5_have_every_entry(void **state) {
  (void)state;
  for (unsigned indexed = 0; indexed < 2; indexed++) {
    struct subject s;
    begin(&s, 5, 4, false);
    dw_abbrev(&s.abbrev, 1, DW_TAG_compile_unit, 1, DW_AT_low_pc, DW_FORM_addr,
              DW_AT_addr_base, DW_FORM_sec_offset, DW_AT_rnglists_base,
              DW_FORM_sec_offset, 0);
    dw_abbrev(&s.abbrev, 2, DW_TAG_subprogram, 0, DW_AT_ranges,
              indexed ? DW_FORM_rnglistx : DW_FORM_sec_offset, 0);
    dw_u64(&s.addr, 0);
    dw_u64(&s.addr, 0x1200);
    dw_u64(&s.addr, 0x1280);
    dw_u32(&s.rnglists, 0x1234); // a header's end
    dw_u32(&s.rnglists, 0x99);
    dw_u32(&s.rnglists, 8);
    write_rnglist(&s);
    dw_u8(&s.info, 1);
    dw_u64(&s.info, 0x1000);
    dw_u32(&s.info, 8);
    dw_u32(&s.info, 4);
    dw_u8(&s.info, 2);
    if (indexed)
      dw_uleb(&s.info, 1);
    else
      dw_u32(&s.info, 12);
    close_dies(&s, 1);
    assert_int_equal(walk(&s), PCLN_OK);
    assert_int_equal(s.tree.n_pieces, 6);
    check_piece(&s, 0, 0, 0x10, 0x20, 0);
    check_piece(&s, 1, 2, 1, 2, 0);
    check_piece(&s, 2, 2, 0, 0x80, 0);
    check_piece(&s, 3, 2, 0x80, 0x84, 0);
    check_piece(&s, 4, 3, 0, 8, 0);
    check_piece(&s, 5, 3, 0x10, 0x18, 0);
    end(&s);
  }
}

static void range_lists_before_version_5_select_bases(void **state) {
  (void)state;
  struct subject s;
  begin(&s, 4, 4, false);
  dw_abbrev(&s.abbrev, 1, DW_TAG_compile_unit, 1, DW_AT_low_pc, DW_FORM_addr,
            0);
  dw_abbrev(&s.abbrev, 2, DW_TAG_subprogram, 0, DW_AT_ranges, DW_FORM_data4, 0);
  const uint64_t list[] = {0x10,       0x20,   1,      1, // empty, as GNU ld's
                           UINT64_MAX, 0x1200, 4,      8, UINT64_MAX,
                           0,          0x1300, 0x1310, 0, 0};
  for (size_t i = 0; i < sizeof list / sizeof list[0]; i++)
    dw_u64(&s.ranges, list[i]);
  dw_u8(&s.info, 1);
  dw_u64(&s.info, 0x1000);
  dw_u8(&s.info, 2);
  dw_u32(&s.info, 0);
  close_dies(&s, 1);
  assert_int_equal(walk(&s), PCLN_OK);
  assert_int_equal(s.tree.n_pieces, 3);
  check_piece(&s, 0, 0, 0x10, 0x20, 0);
  check_piece(&s, 1, 2, 4, 8, 0);
  check_piece(&s, 2, 3, 0, 0x10, 0);
  end(&s);
}

// Two units: the second's function leads through the first's by ref_addr.
static void names_are_found_through_chains_across_units(void **state) {
  (void)state;
  struct subject s;
  begin(&s, 5, 4, false);
  dw_abbrev(&s.abbrev, 1, DW_TAG_compile_unit, 1, DW_AT_str_offsets_base,
            DW_FORM_sec_offset, 0);
  dw_abbrev(&s.abbrev, 2, DW_TAG_subprogram, 0, DW_AT_name, DW_FORM_strx1,
            DW_AT_linkage_name, DW_FORM_strp, DW_AT_decl_line, DW_FORM_data1,
            0);
  dw_abbrev(&s.abbrev, 3, DW_TAG_subprogram, 0, DW_AT_specification,
            DW_FORM_ref4, DW_AT_decl_line, DW_FORM_data1, 0);
  dw_abbrev(&s.abbrev, 4, DW_TAG_subprogram, 0, DW_AT_abstract_origin,
            DW_FORM_ref_addr, 0);
  dw_str(&s.str, "plain");
  dw_str(&s.str, "_Zlinkage");
  dw_u32(&s.str_offsets, 0);
  dw_u8(&s.info, 1);
  dw_u32(&s.info, 0);
  const uint64_t decl = s.info.len;
  dw_u8(&s.info, 2);
  dw_u8(&s.info, 0);
  dw_u32(&s.info, 6);
  dw_u8(&s.info, 10);
  const uint64_t def = s.info.len;
  dw_u8(&s.info, 3);
  dw_u32(&s.info, decl);
  dw_u8(&s.info, 20);
  const uint64_t loop = s.info.len; // to itself
  dw_u8(&s.info, 4);
  dw_u32(&s.info, loop);
  close_dies(&s, 1);
  dw_end(&s.info, s.unit);
  s.unit = dw_unit(&s.info, 5, 0);
  dw_u8(&s.info, 1);
  dw_u32(&s.info, 0);
  const uint64_t far = s.info.len;
  dw_u8(&s.info, 4);
  dw_u32(&s.info, def);
  close_dies(&s, 1);
  assert_int_equal(walk(&s), PCLN_OK);
  const struct {
    uint64_t off;
    const char *name;
    int line;
  } cases[] = {{decl, "_Zlinkage", 10},
               {def, "_Zlinkage", 20},
               {far, "_Zlinkage", 20},
               {loop, NULL, 0},
               {far + 1, NULL, 0},
               {1 << 20, NULL, 0},
               {0, NULL, 0},
               {PCLN_DW_NONE, NULL, 0}};
  for (unsigned round = 0; round < 2; round++) // then from the cache
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
      const struct pcln_dw_name n = pcln_dw_find_name(
          &s.dw, &s.dw.units[1], cases[i].off, &s.names, &s.notes);
      assert_int_equal(n.line, cases[i].line);
      if (cases[i].name)
        assert_string_equal(n.name, cases[i].name);
      else
        assert_null(n.name);
    }
  assert_int_equal(s.notes.count[PCLN_DW_NOTE_NO_NAME], 10);
  end(&s);
}

static void names_in_a_supplementary_file_are_noted(void **state) {
  (void)state;
  struct subject s;
  begin(&s, 4, 4, false);
  common_abbrevs(&s);
  dw_abbrev(&s.abbrev, 10, DW_TAG_inlined_subroutine, 0, DW_AT_abstract_origin,
            DW_FORM_GNU_ref_alt, 0);
  dw_abbrev(&s.abbrev, 11, DW_TAG_subprogram, 0, DW_AT_name,
            DW_FORM_GNU_strp_alt, 0);
  dw_uleb(&s.info, UNIT);
  func(&s, 0x1000, 0x10);
  dw_uleb(&s.info, 10);
  dw_u32(&s.info, 5);
  close_dies(&s, 1);
  const uint64_t alt = s.info.len;
  dw_uleb(&s.info, 11);
  dw_u32(&s.info, 5);
  close_dies(&s, 1);
  assert_int_equal(walk(&s), PCLN_OK);
  assert_int_equal(s.notes.count[PCLN_DW_NOTE_ALT], 1);
  assert_int_equal(s.tree.nodes[1].decl, PCLN_DW_NONE);
  assert_null(
      pcln_dw_find_name(&s.dw, &s.dw.units[0], alt, &s.names, &s.notes).name);
  assert_int_equal(s.notes.count[PCLN_DW_NOTE_ALT], 2);
  end(&s);
}

static void calls_inlined_too_deep_belong_to_their_caller(void **state) {
  (void)state;
  struct subject s;
  begin(&s, 4, 4, false);
  common_abbrevs(&s);
  dw_uleb(&s.info, UNIT);
  func(&s, 0x1000, 0x100);
  for (unsigned i = 0; i < PCLN_DW_MAX_INLINE + 5; i++)
    inlined(&s, 0, 0x1000, 0x10, i);
  close_dies(&s, PCLN_DW_MAX_INLINE + 7);
  assert_int_equal(walk(&s), PCLN_OK);
  assert_int_equal(s.tree.n_nodes, PCLN_DW_MAX_INLINE + 1);
  assert_int_equal(s.notes.count[PCLN_DW_NOTE_DEEP], 5);
  end(&s);
}

static void make_sound(struct subject *s, size_t format) {
  begin_format(s, format);
  common_abbrevs(s);
  dw_uleb(&s->info, UNIT);
  func(s, 0x1000, 0x100);
  inlined(s, 0, 0x1010, 0x40, 5);
  close_dies(s, 3);
}

static void malformed_units_have_named_faults(void **state) {
  (void)state;
  // A byte of .debug_info (or, from 1000 on, of .debug_abbrev) as version 4
  // writes it, and what it is changed to.
  static const struct {
    size_t at;
    uint8_t value;
    enum pcln_status status;
    const char *fault;
  } cases[] = {
      {0, 200, PCLN_CORRUPT, "dwarf-unit-length"},
      {0, 3, PCLN_CORRUPT, "dwarf-unit-length"},
      {4, 6, PCLN_UNSUPPORTED, "dwarf-version"},
      {4, 1, PCLN_UNSUPPORTED, "dwarf-version"},
      {7, 99, PCLN_CORRUPT, "dwarf-abbrev"}, // outside .debug_abbrev
      {10, 2, PCLN_UNSUPPORTED, "dwarf-addr-size"},
      {11, FUNC, PCLN_CORRUPT, "dwarf-abbrev"}, // no unit DIE
      {12, 99, PCLN_CORRUPT, "dwarf-abbrev"},
      {1009, 0x50, PCLN_CORRUPT, "dwarf-form"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    struct subject s;
    make_sound(&s, 0);
    dw_end(&s.info, s.unit);
    if (cases[i].at >= 1000)
      s.abbrev.bytes[cases[i].at - 1000] = cases[i].value;
    else
      s.info.bytes[cases[i].at] = cases[i].value;
    enum pcln_status st = load(&s);
    if (st == PCLN_OK)
      st = pcln_dw_walk(&s.dw, 0, &s.funcs, &s.tree, &s.notes, &s.fault);
    assert_int_equal(st, cases[i].status);
    assert_int_equal(st, s.fault.status);
    assert_string_equal(s.fault.fault, cases[i].fault);
    end(&s);
  }
}

static void range_list_outside_its_section_is_corrupt(void **state) {
  (void)state;
  for (unsigned version = 4; version <= 5; version++) {
    struct subject s;
    begin(&s, version, 4, false);
    dw_abbrev(&s.abbrev, 1, DW_TAG_compile_unit, 1, 0);
    dw_abbrev(&s.abbrev, 2, DW_TAG_subprogram, 0, DW_AT_ranges,
              DW_FORM_sec_offset, 0);
    dw_u8(&s.ranges, 1);
    dw_u8(&s.rnglists, DW_RLE_start_end);
    dw_u8(&s.info, 1);
    dw_u8(&s.info, 2);
    dw_u32(&s.info, version == 4 ? 0 : 77);
    close_dies(&s, 1);
    assert_int_equal(walk(&s), PCLN_CORRUPT);
    assert_string_equal(s.fault.fault, "dwarf-ranges");
    end(&s);
  }
}

// One list, used by DIE after DIE, would take quadratic time.
static void shared_range_lists_run_out_of_budget(void **state) {
  (void)state;
  struct subject s;
  begin(&s, 4, 4, false);
  dw_abbrev(&s.abbrev, 1, DW_TAG_compile_unit, 1, 0);
  dw_abbrev(&s.abbrev, 2, DW_TAG_subprogram, 0, DW_AT_ranges, DW_FORM_udata, 0);
  for (unsigned i = 0; i < 500; i++) {
    dw_u64(&s.ranges, 0x1000);
    dw_u64(&s.ranges, 0x1400);
  }
  dw_u64(&s.ranges, 0);
  dw_u64(&s.ranges, 0);
  dw_u8(&s.info, 1);
  for (unsigned i = 0; i < 1000; i++) {
    dw_u8(&s.info, 2);
    dw_uleb(&s.info, 0);
  }
  close_dies(&s, 1);
  assert_int_equal(walk(&s), PCLN_LIMIT);
  assert_string_equal(s.fault.fault, "dwarf-limit");
  end(&s);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(inlined_calls_nest_as_their_dies),
      cmocka_unit_test(code_of_other_units_and_discarded_code_is_dead),
      cmocka_unit_test(every_form_is_stepped_over),
      cmocka_unit_test(siblings_are_followed_where_no_code_can_be),
      cmocka_unit_test(range_lists_of_version_5_have_every_entry),
      cmocka_unit_test(range_lists_before_version_5_select_bases),
      cmocka_unit_test(names_are_found_through_chains_across_units),
      cmocka_unit_test(names_in_a_supplementary_file_are_noted),
      cmocka_unit_test(calls_inlined_too_deep_belong_to_their_caller),
      cmocka_unit_test(malformed_units_have_named_faults),
      cmocka_unit_test(range_list_outside_its_section_is_corrupt),
      cmocka_unit_test(shared_range_lists_run_out_of_budget),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
