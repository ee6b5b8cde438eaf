// SPDX-License-Identifier: Apache-2.0
//
// The numbers of PCDATA, FUNCDATA and funcID, release by release.
//
// Each table below has a row for each stretch of releases in which nothing
// moved. A table whose release is not known may be of any release of its
// layout; then all rows in question are asked, and only an answer that they
// share is one. Our own tables use the numbers of go1.26 and a few behind them.
//
// From go1.16 on nothing moved any more, only new numbers came at the end. So
// there the number of a kind is looked up in one step, which is the way that
// unwinders and collectors take.
//
// Called from signal handlers: no allocation, no locks, no stdio.
#include "go_funcdata.h"

#include "table.h"

#include <string.h>

enum { LAST_RELEASE = 255 };

// --- Releases ---------------------------------------------------------------

struct pcln_go_range pcln_go_range(const struct pcln_table *t) {
  static const struct pcln_go_range layouts[] = {
      [PCLN_GO_12] = {2, 15},
      [PCLN_GO_116] = {16, 17},
      [PCLN_GO_118] = {18, 19},
      [PCLN_GO_120] = {20, LAST_RELEASE}};
  const struct pcln_go_range layout = layouts[t->layout];
  if (t->ours)
    return (struct pcln_go_range){26, LAST_RELEASE};
  // A release that never wrote this layout says nothing: the layout is what is
  // read.
  if (t->go_minor >= layout.lo && t->go_minor <= layout.hi)
    return (struct pcln_go_range){t->go_minor, t->go_minor};
  if (t->go_lo >= layout.lo && t->go_hi <= layout.hi && t->go_lo <= t->go_hi)
    return (struct pcln_go_range){t->go_lo, t->go_hi};
  return layout;
}

static bool overlaps(struct pcln_go_range r, uint8_t lo, uint8_t hi) {
  return r.lo <= hi && r.hi >= lo;
}

// --- Numbers ----------------------------------------------------------------

enum { MAX_NUMBERS = 9, NOTHING = 0xff };

// The kind behind each number in the releases go1.`lo` to go1.`hi`.
struct numbers {
  uint8_t lo, hi;
  uint8_t n;
  uint8_t kind[MAX_NUMBERS];
};

static const struct numbers pcdata[] = {
    {2, 2, 1, {PCLN_PD_ARG_SIZE}},
    {3, 3, 2, {PCLN_PD_ARG_SIZE, PCLN_PD_STACKMAP}},
    {4, 8, 1, {PCLN_PD_STACKMAP}},
    {9, 10, 2, {PCLN_PD_STACKMAP, PCLN_PD_INLTREE}},
    {11, 12, 3, {PCLN_PD_STACKMAP, PCLN_PD_INLTREE, PCLN_PD_REGMAP}},
    {13, 14, 3, {PCLN_PD_REGMAP, PCLN_PD_STACKMAP, PCLN_PD_INLTREE}},
    {15, 17, 3, {PCLN_PD_UNSAFE_POINT, PCLN_PD_STACKMAP, PCLN_PD_INLTREE}},
    {18,
     25,
     4,
     {PCLN_PD_UNSAFE_POINT, PCLN_PD_STACKMAP, PCLN_PD_INLTREE,
      PCLN_PD_ARG_LIVE}},
    {26,
     LAST_RELEASE,
     5,
     {PCLN_PD_UNSAFE_POINT, PCLN_PD_STACKMAP, PCLN_PD_INLTREE, PCLN_PD_ARG_LIVE,
      PCLN_PD_PANIC_BOUNDS}},
};

static const struct numbers funcdata[] = {
    {2, 2, 2, {PCLN_FD_ARGS_MAPS, PCLN_FD_LOCALS_MAPS}},
    {3,
     3,
     5,
     {NOTHING, NOTHING, PCLN_FD_ARGS_MAPS, PCLN_FD_LOCALS_MAPS,
      PCLN_FD_DEAD_MAPS}},
    {4, 4, 3, {PCLN_FD_ARGS_MAPS, PCLN_FD_LOCALS_MAPS, PCLN_FD_DEAD_MAPS}},
    {5, 8, 2, {PCLN_FD_ARGS_MAPS, PCLN_FD_LOCALS_MAPS}},
    {9, 10, 3, {PCLN_FD_ARGS_MAPS, PCLN_FD_LOCALS_MAPS, PCLN_FD_INLTREE}},
    {11,
     11,
     4,
     {PCLN_FD_ARGS_MAPS, PCLN_FD_LOCALS_MAPS, PCLN_FD_INLTREE,
      PCLN_FD_REG_MAPS}},
    {12,
     12,
     5,
     {PCLN_FD_ARGS_MAPS, PCLN_FD_LOCALS_MAPS, PCLN_FD_INLTREE, PCLN_FD_REG_MAPS,
      PCLN_FD_STACK_OBJECTS}},
    {13,
     13,
     5,
     {PCLN_FD_ARGS_MAPS, PCLN_FD_LOCALS_MAPS, PCLN_FD_REG_MAPS,
      PCLN_FD_STACK_OBJECTS, PCLN_FD_INLTREE}},
    {14,
     15,
     6,
     {PCLN_FD_ARGS_MAPS, PCLN_FD_LOCALS_MAPS, PCLN_FD_REG_MAPS,
      PCLN_FD_STACK_OBJECTS, PCLN_FD_INLTREE, PCLN_FD_OPEN_DEFERS}},
    {16,
     16,
     5,
     {PCLN_FD_ARGS_MAPS, PCLN_FD_LOCALS_MAPS, PCLN_FD_STACK_OBJECTS,
      PCLN_FD_INLTREE, PCLN_FD_OPEN_DEFERS}},
    {17,
     17,
     6,
     {PCLN_FD_ARGS_MAPS, PCLN_FD_LOCALS_MAPS, PCLN_FD_STACK_OBJECTS,
      PCLN_FD_INLTREE, PCLN_FD_OPEN_DEFERS, PCLN_FD_ARG_INFO}},
    {18,
     LAST_RELEASE,
     8,
     {PCLN_FD_ARGS_MAPS, PCLN_FD_LOCALS_MAPS, PCLN_FD_STACK_OBJECTS,
      PCLN_FD_INLTREE, PCLN_FD_OPEN_DEFERS, PCLN_FD_ARG_INFO, PCLN_FD_ARG_LIVE,
      PCLN_FD_WRAP_INFO}},
};

enum {
  N_PCDATA = sizeof pcdata / sizeof *pcdata,
  N_FUNCDATA = sizeof funcdata / sizeof *funcdata,
};

// The kind of `index` in one stretch; NOTHING: it has none.
static uint8_t kind_at(const struct numbers *n, uint32_t index) {
  return index < n->n ? n->kind[index] : NOTHING;
}

static uint32_t index_in(const struct numbers *n, uint8_t kind) {
  for (uint32_t i = 0; i < n->n; i++)
    if (n->kind[i] == kind)
      return i;
  return PCLN_NO_INDEX;
}

// The index of `kind` on which all stretches of the range agree that have one,
// and under which none has another kind.
static uint32_t agreed_index(const struct numbers *n, size_t count,
                             struct pcln_go_range r, uint8_t kind) {
  uint32_t index = PCLN_NO_INDEX;
  for (size_t i = 0; i < count; i++) {
    if (!overlaps(r, n[i].lo, n[i].hi))
      continue;
    const uint32_t at = index_in(&n[i], kind);
    if (index == PCLN_NO_INDEX)
      index = at;
    else if (at != PCLN_NO_INDEX && at != index)
      return PCLN_NO_INDEX;
  }
  for (size_t i = 0; i < count && index != PCLN_NO_INDEX; i++) {
    const uint8_t other = kind_at(&n[i], index);
    if (overlaps(r, n[i].lo, n[i].hi) && other != NOTHING && other != kind)
      return PCLN_NO_INDEX;
  }
  return index;
}

// Kinds whose number is the same in all tables from go1.16 on; one more than
// the number, 0 for none.
static const uint8_t modern_pcdata[PCLN_PD_N] = {
    [PCLN_PD_UNSAFE_POINT] = PCLN_PCDATA_UNSAFE_POINT + 1,
    [PCLN_PD_STACKMAP] = PCLN_PCDATA_STACKMAP + 1,
    [PCLN_PD_INLTREE] = PCLN_PCDATA_INLTREE + 1,
    [PCLN_PD_ARG_LIVE] = PCLN_PCDATA_ARGLIVE + 1,
    [PCLN_PD_PANIC_BOUNDS] = PCLN_PCDATA_PANICBOUNDS + 1,
};
static const uint8_t modern_funcdata[PCLN_FD_N] = {
    [PCLN_FD_ARGS_MAPS] = PCLN_FUNCDATA_ARGS_MAPS + 1,
    [PCLN_FD_LOCALS_MAPS] = PCLN_FUNCDATA_LOCALS_MAPS + 1,
    [PCLN_FD_STACK_OBJECTS] = PCLN_FUNCDATA_STACK_OBJECTS + 1,
    [PCLN_FD_INLTREE] = PCLN_FUNCDATA_INLTREE + 1,
    [PCLN_FD_OPEN_DEFERS] = PCLN_FUNCDATA_OPEN_DEFERS + 1,
    [PCLN_FD_ARG_INFO] = PCLN_FUNCDATA_ARG_INFO + 1,
    [PCLN_FD_ARG_LIVE] = PCLN_FUNCDATA_ARG_LIVE + 1,
    [PCLN_FD_WRAP_INFO] = PCLN_FUNCDATA_WRAP_INFO + 1,
};

uint32_t pcln_pcdata_index(const struct pcln_table *t,
                           enum pcln_pcdata_kind kind) {
  if ((unsigned)kind >= PCLN_PD_N)
    return PCLN_NO_INDEX;
  if (kind == PCLN_PD_UNWIND)
    return t->ours ? (uint32_t)PCLN_PCDATA_UNWIND : PCLN_NO_INDEX;
  if (t->layout >= PCLN_GO_116)
    return modern_pcdata[kind] - UINT32_C(1); // wraps to PCLN_NO_INDEX
  return agreed_index(pcdata, N_PCDATA, pcln_go_range(t), (uint8_t)kind);
}

uint32_t pcln_funcdata_index(const struct pcln_table *t,
                             enum pcln_funcdata_kind kind) {
  if ((unsigned)kind >= PCLN_FD_N)
    return PCLN_NO_INDEX;
  if (kind == PCLN_FD_CHECKPOINTS)
    return t->ours ? (uint32_t)PCLN_FUNCDATA_CHECKPOINTS : PCLN_NO_INDEX;
  if (t->layout >= PCLN_GO_116)
    return modern_funcdata[kind] - UINT32_C(1);
  return agreed_index(funcdata, N_FUNCDATA, pcln_go_range(t), (uint8_t)kind);
}

// Whether some release of the range has the kind at all.
static bool may_have(const struct pcln_table *t, uint8_t kind) {
  const struct pcln_go_range r = pcln_go_range(t);
  for (size_t i = 0; i < N_FUNCDATA; i++)
    if (overlaps(r, funcdata[i].lo, funcdata[i].hi) &&
        index_in(&funcdata[i], kind) != PCLN_NO_INDEX)
      return true;
  return false;
}

enum pcln_status pcln_funcdata_of(const struct pcln_table *t,
                                  const struct pcln_func *f,
                                  enum pcln_funcdata_kind kind,
                                  struct pcln_span *out) {
  const uint32_t index = pcln_funcdata_index(t, kind);
  if (index != PCLN_NO_INDEX)
    return pcln_funcdata(t, f, index, out);
  if (f->n_funcdata == 0 || !t->funcdata.ptr)
    return PCLN_NOT_FOUND;
  return may_have(t, (uint8_t)kind) ? PCLN_UNSUPPORTED : PCLN_NOT_FOUND;
}

// --- Names ------------------------------------------------------------------

// Appends alternatives to a caller's buffer, each once.
struct namer {
  char *buf;
  size_t len, used;
};

static void name_put(struct namer *n, const char *s, size_t len) {
  for (size_t i = 0; i < len && n->used + 1 < n->len; i++)
    n->buf[n->used++] = s[i];
  if (n->len)
    n->buf[n->used] = '\0';
}

// Whether one of the alternatives in the buffer is `name`.
static bool name_listed(const struct namer *n, const char *name, size_t len) {
  for (size_t at = 0; at < n->used; at++) {
    const char *end = memchr(n->buf + at, '|', n->used - at);
    const size_t one = end ? (size_t)(end - n->buf) - at : n->used - at;
    if (one == len && memcmp(n->buf + at, name, len) == 0)
      return true;
    at += one;
  }
  return false;
}

static void name_add(struct namer *n, const char *name, size_t len) {
  if (name_listed(n, name, len))
    return;
  if (n->used)
    name_put(n, "|", 1);
  name_put(n, name, len);
}

static const char *name_done(struct namer *n) {
  if (n->used == 0)
    name_put(n, "unknown", 7);
  return n->buf;
}

static const char *const pcdata_names[PCLN_PD_N] = {
    [PCLN_PD_ARG_SIZE] = "ArgSize",
    [PCLN_PD_STACKMAP] = "StackMapIndex",
    [PCLN_PD_INLTREE] = "InlTreeIndex",
    [PCLN_PD_REGMAP] = "RegMapIndex",
    [PCLN_PD_UNSAFE_POINT] = "UnsafePoint",
    [PCLN_PD_ARG_LIVE] = "ArgLiveIndex",
    [PCLN_PD_PANIC_BOUNDS] = "PanicBounds",
};

static const char *const funcdata_names[PCLN_FD_N] = {
    [PCLN_FD_ARGS_MAPS] = "ArgsPointerMaps",
    [PCLN_FD_LOCALS_MAPS] = "LocalsPointerMaps",
    [PCLN_FD_DEAD_MAPS] = "DeadValueMaps",
    [PCLN_FD_INLTREE] = "InlTree",
    [PCLN_FD_REG_MAPS] = "RegPointerMaps",
    [PCLN_FD_STACK_OBJECTS] = "StackObjects",
    [PCLN_FD_OPEN_DEFERS] = "OpenCodedDeferInfo",
    [PCLN_FD_ARG_INFO] = "ArgInfo",
    [PCLN_FD_ARG_LIVE] = "ArgLiveInfo",
    [PCLN_FD_WRAP_INFO] = "WrapInfo",
};

static void add_kinds(struct namer *n, const struct numbers *numbers,
                      size_t count, struct pcln_go_range r, uint32_t index,
                      const char *const *names) {
  for (size_t i = 0; i < count; i++) {
    const uint8_t kind = kind_at(&numbers[i], index);
    if (overlaps(r, numbers[i].lo, numbers[i].hi) && kind != NOTHING)
      name_add(n, names[kind], strlen(names[kind]));
  }
}

// Numbers of this project, and what users gave a meaning: "User12".
static const char *const own_pcdata[] = {
    [PCLN_PCDATA_UNWIND] = "Unwind", [PCLN_PCDATA_LOCALS_SP] = "LocalsSP"};
static const char *const own_funcdata[] = {
    [PCLN_FUNCDATA_CHECKPOINTS] = "Checkpoints",
    [PCLN_FUNCDATA_POINTER_PAIRS] = "PointerPairs",
    [PCLN_FUNCDATA_GC] = "GC",
    [PCLN_FUNCDATA_LLVM_RECORDS] = "LLVMRecords"};

static void add_own(struct namer *n, const char *const *names, size_t count,
                    uint32_t index, uint32_t user, uint32_t user_last) {
  char text[] = "User00";
  if (index < count && names[index])
    name_add(n, names[index], strlen(names[index]));
  if (index < user || index > user_last)
    return;
  text[4] = (char)('0' + index / 10);
  text[5] = (char)('0' + index % 10);
  name_add(n, text, sizeof text - 1);
}

const char *pcln_pcdata_name(const struct pcln_table *t, uint32_t index,
                             char *buf, size_t len) {
  struct namer n = {buf, len, 0};
  add_kinds(&n, pcdata, N_PCDATA, pcln_go_range(t), index, pcdata_names);
  if (t->ours)
    add_own(&n, own_pcdata, sizeof own_pcdata / sizeof *own_pcdata, index,
            PCLN_PCDATA_USER, PCLN_PCDATA_USER_LAST);
  return name_done(&n);
}

const char *pcln_funcdata_name(const struct pcln_table *t, uint32_t index,
                               char *buf, size_t len) {
  struct namer n = {buf, len, 0};
  add_kinds(&n, funcdata, N_FUNCDATA, pcln_go_range(t), index, funcdata_names);
  if (t->ours)
    add_own(&n, own_funcdata, sizeof own_funcdata / sizeof *own_funcdata, index,
            PCLN_FUNCDATA_USER, PCLN_FUNCDATA_USER_LAST);
  return name_done(&n);
}

// --- funcID -----------------------------------------------------------------

// The names of funcIDs from 0 on, each followed by a space, in the releases
// go1.`lo` to go1.`hi`. The last one of a list is the wrapper's.
struct func_ids {
  uint8_t lo, hi;
  const char *names;
};

static const struct func_ids func_ids[] = {
    {2, 10, "normal "}, // there is no such field
    {11, 11,
     "normal goexit jmpdefer mcall morestack mstart rt0_go asmcgocall sigpanic "
     "runfinq bgsweep forcegchelper timerproc gcBgMarkWorker "
     "systemstack_switch systemstack cgocallback_gofunc gogo "
     "externalthreadhandler "},
    {12, 13,
     "normal runtime_main goexit jmpdefer mcall morestack mstart rt0_go "
     "asmcgocall sigpanic runfinq gcBgMarkWorker systemstack_switch "
     "systemstack cgocallback_gofunc gogo externalthreadhandler debugCallV1 "
     "gopanic panicwrap wrapper "},
    {14, 15,
     "normal runtime_main goexit jmpdefer mcall morestack mstart rt0_go "
     "asmcgocall sigpanic runfinq gcBgMarkWorker systemstack_switch "
     "systemstack cgocallback_gofunc gogo externalthreadhandler debugCallV1 "
     "gopanic panicwrap handleAsyncEvent asyncPreempt wrapper "},
    {16, 16,
     "normal runtime_main goexit jmpdefer mcall morestack mstart rt0_go "
     "asmcgocall sigpanic runfinq gcBgMarkWorker systemstack_switch "
     "systemstack cgocallback gogo externalthreadhandler debugCallV1 "
     "gopanic panicwrap handleAsyncEvent asyncPreempt wrapper "},
    {17, 17,
     "normal abort asmcgocall asyncPreempt cgocallback debugCallV2 "
     "gcBgMarkWorker goexit gogo gopanic handleAsyncEvent jmpdefer mcall "
     "morestack mstart panicwrap rt0_go runfinq runtime_main sigpanic "
     "systemstack systemstack_switch wrapper "},
    {18, 21,
     "normal abort asmcgocall asyncPreempt cgocallback debugCallV2 "
     "gcBgMarkWorker goexit gogo gopanic handleAsyncEvent mcall morestack "
     "mstart panicwrap rt0_go runfinq runtime_main sigpanic systemstack "
     "systemstack_switch wrapper "},
    {22, 24,
     "normal abort asmcgocall asyncPreempt cgocallback corostart debugCallV2 "
     "gcBgMarkWorker goexit gogo gopanic handleAsyncEvent mcall morestack "
     "mstart panicwrap rt0_go runfinq runtime_main sigpanic systemstack "
     "systemstack_switch wrapper "},
    {25, LAST_RELEASE,
     "normal abort asmcgocall asyncPreempt cgocallback corostart debugCallV2 "
     "gcBgMarkWorker goexit gogo gopanic handleAsyncEvent mcall morestack "
     "mstart panicwrap rt0_go runtime_main runFinalizers runCleanups sigpanic "
     "systemstack systemstack_switch wrapper "},
};
enum { N_FUNC_IDS = sizeof func_ids / sizeof *func_ids };

// The name of `id` in the list; its length is 0 if there is none.
static const char *id_name(const struct func_ids *ids, uint8_t id,
                           size_t *len) {
  const char *name = ids->names, *end = strchr(name, ' ');
  for (; end && id > 0; id--) {
    name = end + 1;
    end = strchr(name, ' ');
  }
  *len = end ? (size_t)(end - name) : 0;
  return name;
}

const char *pcln_func_id_name(const struct pcln_table *t, uint8_t id, char *buf,
                              size_t len) {
  const struct pcln_go_range r = pcln_go_range(t);
  struct namer n = {buf, len, 0};
  for (size_t i = 0; i < N_FUNC_IDS; i++) {
    size_t name_len;
    const char *name = id_name(&func_ids[i], id, &name_len);
    if (overlaps(r, func_ids[i].lo, func_ids[i].hi) && name_len)
      name_add(&n, name, name_len);
  }
  return name_done(&n);
}

bool pcln_is_wrapper(const struct pcln_table *t, uint8_t id) {
  static const char wrapper[] = "wrapper";
  const struct pcln_go_range r = pcln_go_range(t);
  for (size_t i = 0; i < N_FUNC_IDS; i++) {
    size_t len;
    const char *name = id_name(&func_ids[i], id, &len);
    if (overlaps(r, func_ids[i].lo, func_ids[i].hi) &&
        (len != sizeof wrapper - 1 || memcmp(name, wrapper, len) != 0))
      return false;
  }
  return true;
}

// --- Which release it may be -------------------------------------------------

// The number of the name in the list, or -1.
static int id_of(const struct func_ids *ids, const char *name) {
  const size_t len = strlen(name);
  int id = 0;
  for (const char *s = ids->names, *end; (end = strchr(s, ' ')); s = end + 1) {
    if ((size_t)(end - s) == len && memcmp(s, name, len) == 0)
      return id;
    id++;
  }
  return -1;
}

// Whether the stretch may have given this funcID to the runtime's function
// `name`, which is without its package. A wrapper that adapts the calling
// convention has the name of what it wraps, and some functions in assembly went
// without their number in one release or another.
static bool may_be(const struct func_ids *ids, const char *name, uint8_t id) {
  enum { FIRST_WRAPPER = 14 }; // from then on deferreturn counts as one
  size_t len;
  (void)id_name(ids, id, &len);
  if (len == 0)
    return false;
  if (strcmp(name, "deferreturn") == 0)
    return ids->lo < FIRST_WRAPPER || id == id_of(ids, "wrapper");
  const int want = id_of(ids, strcmp(name, "main") ? name : "runtime_main");
  return id == 0 || want < 0 || want == id || id == id_of(ids, "wrapper");
}

// The stretches, a bit for each, that contradict none of the functions.
static unsigned possible_stretches(const struct pcln_table *t) {
  static const char package[] = "runtime.";
  unsigned left = (1u << N_FUNC_IDS) - 1;
  struct pcln_func f;
  for (uint32_t i = 0; i < t->n_funcs; i++) {
    if (pcln_func_at(t, i, &f) != PCLN_OK || f.hole ||
        strncmp(f.name, package, sizeof package - 1) != 0)
      continue;
    for (unsigned k = 0; k < N_FUNC_IDS; k++)
      if (!may_be(&func_ids[k], f.name + sizeof package - 1, f.func_id))
        left &= ~(1u << k);
  }
  return left;
}

void pcln_infer_release(struct pcln_table *t) {
  const struct pcln_go_range r = pcln_go_range(t);
  uint8_t lo = UINT8_MAX, hi = 0;
  if (t->ours || r.lo == r.hi)
    return;
  const unsigned left = possible_stretches(t);
  for (unsigned k = 0; k < N_FUNC_IDS; k++) {
    const struct func_ids *ids = &func_ids[k];
    if (!(left >> k & 1) || !overlaps(r, ids->lo, ids->hi))
      continue;
    lo = ids->lo < lo ? ids->lo : lo;
    hi = ids->hi > hi ? ids->hi : hi;
  }
  if (lo > hi)
    return;
  t->go_lo = lo > r.lo ? lo : (uint8_t)r.lo;
  t->go_hi = hi < r.hi ? hi : (uint8_t)r.hi;
}

// --- Flags ------------------------------------------------------------------

// No bit has ever changed its meaning.
const char *pcln_flags_name(uint8_t flags, char *buf, size_t len) {
  static const char *const names[] = {"TOPFRAME", "SPWRITE", "ASM"};
  static const char digits[] = "0123456789abcdef";
  struct namer n = {buf, len, 0};
  name_put(&n, "", 0);
  for (unsigned i = 0; i < sizeof names / sizeof *names; i++)
    if (flags >> i & 1)
      name_add(&n, names[i], strlen(names[i]));
  const uint8_t rest = flags & 0xf8;
  if (rest) {
    const char hex[] = {'0', 'x', digits[rest >> 4], digits[rest & 15]};
    name_add(&n, hex, sizeof hex);
  }
  return buf;
}
