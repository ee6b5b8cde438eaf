#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes a program that juggles references in every way that the LLVM plug-in
has to follow: random_program.py SEED > program. Most are C; every fourth is C++
that throws, every fifth runs in several threads, every sixth has finalizers.
The first line is a comment with the language.

The program checks each object that it meets (its key is stored twice, once
scrambled) and prints a hash of all keys that it saw. The hash depends on the
seed alone, never on addresses, so a build with malloc that frees nothing is the
oracle: with a collection at every allocation and freed memory filled, a root
that was missed changes the hash or fails a check.
"""
import random
import sys

HEAD = r"""
#include <alloca.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#ifdef USE_MALLOC
#define gcref
#define gc_new(T) ((T *)calloc(1, sizeof(T)))
#define gc_new_array(T, n) ((T *)calloc((n), sizeof(T)))
#define gc_new_bytes(n) calloc(1, (n))
#define gc_leaf
#define pclnrt_gc_foreign_begin()
#define pclnrt_gc_foreign_end()
#define gc_weak node
#define pclnrt_gc_weak_new(r) (r)
#define pclnrt_gc_weak_get(w) (w)
#define pclnrt_gc_set_finalizer(r, f, a) 0
#define TAIL
#else
#include <pclntab/gc.h>
#define TAIL __attribute__((musttail))
#endif
#ifdef __cplusplus
#define _Alignas alignas
#define _Atomic(T) T
#define _Thread_local thread_local
#endif
struct node;
typedef struct node gcref *ref;
struct two { ref x, y; };
struct four { ref x; uint64_t n; ref y; ref z[2]; };
union either { ref r; uint64_t n; };
struct tagged { int tag; union { ref r; double d; int i; uint64_t n; } u; };
struct wide { ref v[6]; uint64_t n; ref z[7]; };
struct node {
  uint64_t key, scrambled;
  ref a, b;
  struct four in;
  ref v[3];
  union either u;
  uint64_t gcref *words;
};
typedef uint64_t gcref *words;
typedef ref gcref *refs;
static SHARED uint64_t hash = 1, next_key;
static SHARED int fuel;
static SHARED ref global[4];
static SHARED struct four global_four;
static SHARED _Atomic(ref) atomic_one;
static _Thread_local ref local[2];
static _Thread_local struct tagged local_tagged;
static void mix(uint64_t v) { hash = (hash ^ v) * 0x9E3779B97F4A7C15u + 1; }
static ref make(void) {
  ref r = gc_new(struct node);
  if (!r) abort();
  r->key = ++next_key;
  r->scrambled = r->key * 0xD6E8FEB86659FD93u;
  return r;
}
static void look(ref r) {
  if (!r) { mix(0); return; }
  if (r->scrambled != r->key * 0xD6E8FEB86659FD93u) {
    fprintf(stderr, "a live object was lost\n");
    abort();
  }
  mix(r->key);
}
static refs make_refs(void) {
  refs a = gc_new_array(ref, 8);
  if (!a) abort();
  return a;
}
static words make_words(uint64_t n) {
  words w = (words)gc_new_bytes(16 * sizeof *w);
  if (!w) abort();
  for (int i = 0; i < 16; i++) w[i] = (n + i) * 0x5851F42D4C957F2Du + 1;
  return w;
}
// The last word depends on the first 15, so a lost array shows.
static uint64_t sum(words w) {
  uint64_t s = 0;
  for (words p = w, e = w + 16; p != e; p++) {
    if (*p == 0x6b6b6b6b6b6b6b6bu) { fprintf(stderr, "a live array was lost\n"); abort(); }
    s += *p;
  }
  return s;
}
static int spent(void) { return fuel-- <= 0; }
static gc_leaf __attribute__((noinline)) uint64_t peek(ref r) { return r ? r->key : 3; }
static void last_seen(void gcref *o, void *count) {
  ref r = (ref)o, fresh = gc_new(struct node);
  if (!fresh || r->scrambled != r->key * 0xD6E8FEB86659FD93u) {
    fprintf(stderr, "a finalizer got a lost object\n");
    abort();
  }
  ++*(int *)count;
}
static int n_final;
static void finally(ref r) { if (r && pclnrt_gc_set_finalizer(r, last_seen, &n_final)) abort(); }
static void fill(ref *to, int n) { for (int i = 0; i < n; i++) to[i] = make(); }
static void show(struct tagged t) { if (t.tag == 3) look(t.u.r); else mix(t.tag == 1 ? (uint64_t)t.u.i : t.tag == 2 ? (uint64_t)t.u.d : 1); }
#ifdef __cplusplus
struct guard { ref held; guard(ref r) : held(r) {} ~guard() { make(); look(held); } };
#define GUARD(name, r) guard name(r)
#else
#define GUARD(name, r) ref name = (r); (void)name
#endif
static __attribute__((noinline, noreturn)) void leap(jmp_buf b) { longjmp(b, 1); }
"""

SIGNATURES = {
    "plain": "ref {}(ref p, ref q, uint64_t n)",
    "four": "struct four {}(struct four s, uint64_t n)",
    "two": "struct two {}(struct two t, uint64_t n)",
    "va": "ref {}(int count, ...)",
    "out": "void {}(struct four *s, refs a, uint64_t n)",
    "jump": "ref {}(ref p, ref q, uint64_t n)",
    "tail": "ref {}(ref p, ref q, uint64_t n)",
    "many": "ref {}(ref p, ref q, ref c, ref d, uint64_t n, ref e, ref f, ref g, ref h)",
    "uni": "union either {}(union either e, uint64_t n)",
    "tag": "struct tagged {}(struct tagged g, uint64_t n)",
    "wide": "struct wide {}(struct wide w, uint64_t n)",
    "throw": "ref {}(ref p, ref q, uint64_t n)",
}
PLAIN = ("plain", "jump", "tail", "throw")


class Writer:
    def __init__(self, seed):
        self.r = random.Random(seed)
        self.out = []
        self.cpp, self.threads, self.final = seed % 4 == 3, seed % 5 == 4, seed % 6 == 5
        self.labels = 0
        signatures = [k for k in SIGNATURES if self.cpp or k != "throw"]
        self.kinds = {f"f{i}": self.r.choice(signatures) for i in range(18)}
        for i, kind in enumerate(signatures):  # each at least once
            self.kinds[f"f{i}"] = kind

    def say(self, depth, text):
        self.out.append("  " * depth + text)

    def pick(self, *items):
        return self.r.choice(items)

    def var(self):
        """A reference that may be assigned to."""
        return self.pick("r0", "r1", "r2", "r3", "r4", "r5", "s0.x", "s0.y",
                         f"s1.z[{self.r.randrange(2)}]", "s1.y", "t0.x", "t0.y",
                         "row[n & 3]", f"row[{self.r.randrange(4)}]", "e0.r",
                         "global[n & 3]", "global_four.y", "local[n & 1]", "raw[n & 1]",
                         "w1.v[n % 6]", "w1.z[3]", "fours[n & 1].y")

    def value(self):
        v = self.var()
        r = self.pick("r0", "r1", "r2", "r3", "r4", "r5")
        return self.pick(v, v, v, f"({r} ? {r}->a : {v})", f"({r} ? {r}->b : 0)",
                         f"({r} ? {r}->in.z[n & 1] : {v})", f"({r} ? {r}->v[n % 3] : {v})",
                         f"({r} ? {r}->u.r : {v})", f"a0[n & 7]", "make()",
                         f"({r} && n & 4 ? {r} : {v})", "(g0.tag == 3 ? g0.u.r : r1)")

    def number(self):
        return self.pick("n", "n >> 3", "n + 7", "hash", f"{self.r.randrange(99)}u", "(uint64_t)i0")

    def callee(self, *kinds):
        names = [f for f, k in self.kinds.items() if k in kinds]
        return self.r.choice(names)

    def call(self):
        kind = self.pick("plain", "plain", "four", "two", "va", "out", "jump", "pointer", "tail", "many", "uni", "tag",
                         "wide", "va_struct", "throw" if self.cpp else "plain")
        if kind == "many":
            refs = [self.value() for _ in range(8)]
            return f"{self.var()} = {self.callee('many')}({', '.join(refs[:4])}, {self.number()}, {', '.join(refs[4:])});"
        if kind == "uni":
            return f"e0 = {self.callee('uni')}(e0, {self.number()});"
        if kind == "tag":
            return f"{self.pick('g0', 'g1')} = {self.callee('tag')}({self.pick('g0', 'g1', 'local_tagged')}, {self.number()});"
        if kind == "wide":
            return f"w1 = {self.callee('wide')}(w1, {self.number()});"
        if kind == "va_struct":
            return f"{self.var()} = {self.callee('va')}(-1, {self.pick('s0', 's1', 'fours[1]')}, &{self.pick('s0', 's1')}, r3);"
        if kind == "throw":
            f = self.callee("throw")
            return (f"try {{ GUARD(guard0, {self.value()}); r2 = {f}({self.value()}, {self.value()}, {self.number()}); }} "
                    f"catch (int k) {{ mix(k); {self.var()} = make(); look(r2); }}")
        if kind in PLAIN:
            return f"{self.var()} = {self.callee(kind)}({self.value()}, {self.value()}, {self.number()});"
        if kind == "four":
            return f"{self.pick('s0', 's1')} = {self.callee('four')}({self.pick('s0', 's1', 'global_four')}, {self.number()});"
        if kind == "two":
            return f"t0 = {self.callee('two')}({self.pick('t0', '(struct two){r0, r1}')}, {self.number()});"
        if kind == "va":
            k = self.r.randrange(1, 7)
            args = ", ".join(self.value() if i % 2 else self.pick("r0", "r1", "make()") for i in range(k))
            return f"{self.var()} = {self.callee('va')}({k}, {args});"
        if kind == "out":
            return f"{self.callee('out')}({self.pick('&s0', '&s1', '&global_four')}, a0, {self.number()});"
        a, b = self.callee("plain", "jump", "tail"), self.callee("plain", "jump", "tail")
        if self.r.randrange(2):
            return f"{self.var()} = by_number[hash % {self.n_plain}]({self.value()}, {self.value()}, {self.number()});"
        return f"{self.var()} = (hash & 1 ? {a} : {b})({self.value()}, {self.value()}, {self.number()});"

    def simple(self, depth):
        r = self.pick("r0", "r1", "r2", "r3", "r4", "r5")
        choices = [
            lambda: f"{self.var()} = {self.value()};",
            lambda: f"{self.var()} = {self.value()};",
            lambda: f"{self.var()} = make();",
            lambda: f"if ({r}) {r}->{self.pick('a', 'b', 'in.x', 'in.z[1]', 'v[n % 3]', 'u.r')} = {self.value()};",
            lambda: f"if ({r}) {r}->in = {self.pick('s0', 's1')};",
            lambda: f"if ({r}) {self.pick('s0', 's1')} = {r}->in;",
            lambda: f"look({self.value()});",
            lambda: f"look({r});",
            lambda: self.call(),
            lambda: self.call(),
            lambda: self.call(),
            lambda: "s1 = s0;",
            lambda: "global_four = s1;",
            lambda: "memcpy(&s0, &s1, sizeof s0);",
            lambda: "e0.n = 0;",
            lambda: f"e0.r = {r};",
            lambda: f"a0[{self.pick('n & 7', '3', 'i0 & 7')}] = {self.value()};",
            lambda: "a0 = make_refs();",
            lambda: "w0 = make_words(n);",
            lambda: "mix(sum(w0));",
            lambda: f"if ({r}) {{ {r}->words = w0 + 5; }}",
            lambda: f"if ({r} && {r}->words) mix(*{r}->words);",
            lambda: f"{{ words p = w0 + (n & 15); {self.var()} = make(); mix(*p); }}",
            lambda: f"for (words p = w0, e = w0 + 16; p != e; p += 4) {{ mix(*p); {self.var()} = make(); }}",
            lambda: f"for (words e = w0 + 16; e-- != w0 + 8;) {{ mix(*e); {r} = make(); }}",
            lambda: f"for (refs p = a0; p < a0 + 8; p++) {{ look(*p); *p = {self.pick('make()', r)}; }}",
            lambda: "n = n * 3 + hash;",
            lambda: f"if (spent()) {self.leave};",
            lambda: f"fill({self.pick('raw, 2', 'row, 3', 'w1.z + 2, 4', 's0.z, 2', 'fours[1].z, 2')});",
            lambda: f"w1.{self.pick('v[1]', 'z[n % 7]')} = {self.value()};",
            lambda: "{ struct wide w2 = w1; w1.v[2] = 0; make(); look(w1.z[5]); w1 = w2; }",
            lambda: f"fours[n & 1] = {self.pick('s0', 's1')};",
            lambda: f"{self.pick('s0', 's1')} = fours[(n >> 1) & 1];",
            lambda: f"{{ ref old = {self.exchange()}; make(); look(old); }}",
            lambda: f"{self.var()} = {self.pick('__atomic_load_n(&global[1], 5)', 'atomic_one')};",
            lambda: f"{{ ref expected = {r}; if (!__atomic_compare_exchange_n(&global[2], &expected, {self.value()}, 0, 5, 5)) "
                    f"look(expected); }}",
            lambda: f"g0.tag = 3, g0.u.r = {self.value()};",
            lambda: f"{self.pick('g0', 'g1', 'local_tagged')} = {self.pick('g0', 'g1', 'local_tagged')};",
            lambda: "{ struct tagged g2 = g0; g0.tag = 0; g0.u.n = 0; if (g2.tag == 1) mix(g2.u.i); make(); g1 = g2; }",
            lambda: f"g1.tag = {self.pick('1, g1.u.i = (int)n', '2, g1.u.d = 2.5 * (double)(n & 7)')};",
            lambda: f"show({self.pick('g0', 'g1', 'local_tagged')});",
            lambda: f"mix(peek({r}));",
            lambda: f"__asm__ volatile(\"\" : \"+r\"({r}) : : \"rbx\", \"r12\", \"memory\");",
            lambda: f"{{ uint64_t numbers[(n & 7) + 1]; memset(numbers, 1, sizeof numbers); {self.var()} = make(); look({r}); "
                    f"mix(numbers[n & 7]); }}" if self.variable else "n++;",
            lambda: f"{{ _Alignas(64) uint64_t numbers[4] = {{n, hash}}; {self.var()} = make(); mix(numbers[n & 3]); look({r}); }}"
            if self.aligned else "n += 2;",
            lambda: f"{{ struct gc_weak gcref *weak = pclnrt_gc_weak_new({r}); make(); "
                    f"if ({r}) look((ref)pclnrt_gc_weak_get(weak)); look({r}); }}" if not self.variable else "n++;",
            lambda: f"finally({r});" if self.final else "n--;",
            lambda: f"{{ words p = n & 1 ? w0 + 4 : make_words(n), q = p; mix(*q); make(); look(r2); "
                    f"for (int k = 0; k < 4; k++, p++) {{ {self.var()} = make(); mix(*p); }} }}",
            lambda: f"{{ char *c = (char *)w0, *d = (char *)memchr(c, (int)(n & 255), 128); make(); mix(d ? (uint64_t)(d - c) : 7); "
                    f"mix((uint64_t)c[5]); }}",
            lambda: f"{{ GUARD(guard1, {self.value()}); {self.var()} = make(); look({r}); }}",
        ]
        if self.cpp:  # C++ copies no structs from or to the heap
            choices = [c for i, c in enumerate(choices) if i not in (4, 5)]
        text = self.r.choice(choices)()
        self.say(depth, text)

    def exchange(self):
        return f"__atomic_exchange_n(&global[n & 3], {self.value()}, 5)"

    def computed_goto(self, depth):
        k, self.labels = self.labels, self.labels + 1
        self.say(depth, f"{{ static void *const to[] = {{&&L{k}a, &&L{k}b}}; goto *to[n & 1]; }}")
        self.say(depth, f"L{k}a:;")
        self.block(depth + 1, self.r.randrange(1, 3))
        self.say(depth, f"L{k}b:;")

    def block(self, depth, size):
        for _ in range(size):
            kind = self.r.randrange(11)
            if kind == 10 and depth == 1 and not self.cpp:
                self.computed_goto(depth)
            elif kind > 2 or depth > 3:
                self.simple(depth)
            elif kind == 0:
                self.say(depth, f"if ({self.pick('n & 1', 'hash & 2', 'r0 != r1', 'r2', 'n > hash')}) {{")
                self.block(depth + 1, self.r.randrange(1, 4))
                if self.r.randrange(2):
                    self.say(depth, "} else {")
                    self.block(depth + 1, self.r.randrange(1, 3))
                self.say(depth, "}")
            elif kind == 1:
                self.say(depth, f"for (i{depth} = 0; i{depth} < {self.r.randrange(1, 5)}; i{depth}++) {{")
                self.block(depth + 1, self.r.randrange(1, 4))
                self.say(depth + 1, f"if (spent()) {self.leave};")
                self.say(depth, "}")
            else:
                self.say(depth, "switch (n % 3) {")
                for c in range(2):
                    self.say(depth, f"case {c}:")
                    self.block(depth + 1, self.r.randrange(1, 3))
                    self.say(depth + 1, "break;")
                self.say(depth, "default:")
                self.block(depth + 1, 1)
                self.say(depth, "}")

    def function(self, name, kind):
        linkage = "static " + self.pick("", "__attribute__((noinline)) ", "")
        self.leave = {"four": "return s0", "two": "return t0", "out": "return", "uni": "return e0", "tag": "return g0",
                      "wide": "return w1"}.get(kind, "return r1")
        # A frame of variable size in some, or one that is aligned, which no
        # frame may be at once.
        self.variable, self.aligned = (special := self.r.randrange(4)) == 0, special == 1
        if special < 2:
            linkage = "static __attribute__((noinline)) "
        self.say(0, linkage + SIGNATURES[kind].format(name) + " {")
        if kind == "jump":
            # What changes between setjmp and longjmp is the caller's alone.
            self.say(1, "jmp_buf b; ref keep = make(); uint64_t m = n;")
            self.say(1, "if (setjmp(b) == 0) {")
            self.say(2, f"if (spent()) return {self.pick('p', 'q', 'keep')};")
            self.say(2, f"ref t = {self.callee('plain')}(q, {self.pick('p', 'make()')}, m >> 1);")
            self.say(2, "ref o = make(); o->a = t; o->b = p; look(o);")
            self.say(2, "if (m & 1) leap(b);")
            self.say(2, "return o;")
            self.say(1, "}")
            self.say(1, "look(keep); look(p); make(); look(q); return keep;")
            self.say(0, "}")
            return
        if kind == "tail":
            self.say(1, "if (spent()) return q;")
            self.say(1, "ref r = make(); r->a = p; look(q); make(); look(r);")
            to = self.r.choice([f for f, k in self.kinds.items() if k in ("plain", "jump")])
            self.say(1, f"TAIL return {to}({self.pick('r, q', 'q, r')}, n >> 1);")
            self.say(0, "}")
            return
        self.say(1, "int i0 = 0, i1 = 0, i2 = 0, i3 = 0, i4 = 0; (void)i0, (void)i1, (void)i2, (void)i3, (void)i4;")
        self.say(1, "ref r0 = 0, r1 = 0, r2 = 0, r3 = 0, r4 = 0, r5 = 0, row[4] = {0};")
        self.say(1, "struct two t0 = {0}; struct four s0 = {0}, s1 = {0}; union either e0 = {0};")
        self.say(1, "struct tagged g0 = {0}, g1 = {0}; struct four fours[2] = {{0}}; struct wide w1 = {{0}};")
        self.say(1, "ref *raw = (ref *)alloca(2 * sizeof *raw); raw[0] = raw[1] = 0;")
        if kind in ("plain", "throw"):
            self.say(1, "r0 = p; r1 = q;")
            if kind == "throw":
                self.say(1, "GUARD(guard2, p); if (n & 1) { r2 = make(); look(q); look(r2); throw (int)(n & 63); }")
        elif kind == "many":
            self.say(1, "make(); r0 = p; r1 = q; r2 = c; r3 = d; s0.x = e; s0.y = f; row[0] = g; row[1] = h;")
        elif kind == "uni":
            self.say(1, "make(); if (e.n & 1) return e; e0 = e; r1 = e.r;")
        elif kind == "tag":
            self.say(1, "make(); g0 = g; show(g); if (g.tag == 1 && g.u.i & 1) { make(); return g; }")
        elif kind == "wide":
            self.say(1, "make(); w1 = w; r0 = w.v[1]; r1 = w.z[6];")
        elif kind == "four":
            # `s` stays the parameter's own memory.
            self.say(1, "r0 = s.x; r1 = make(); s1 = s; look(s.z[1]); s0.y = s.y;")
        elif kind == "two":
            self.say(1, "r0 = t.x; r1 = t.y; t0 = t;")
        elif kind == "va":
            self.say(1, "uint64_t n = hash; va_list l; va_start(l, count);")
            self.say(1, "if (count < 0) { s0 = va_arg(l, struct four); struct four *other = va_arg(l, struct four *);")
            self.say(1, "  memset(other, 0, sizeof *other); make(); r1 = s0.z[1]; look(s0.x); r0 = va_arg(l, ref); look(r0); }")
            self.say(1, "for (int i = 0; i < count; i++) { r0 = r1; if (i & 1) r4 = make(); r1 = va_arg(l, ref); look(r1); }")
            self.say(1, "va_end(l);")
        else:
            self.say(1, "r0 = s->x; r1 = a[n & 7]; s->y = make(); a[(n >> 3) & 7] = r0;")
        self.say(1, f"if (spent()) {self.leave};")
        self.say(1, "refs a0 = make_refs(); words w0 = make_words(n);")
        self.block(1, self.r.randrange(6, 16))
        self.say(1, "look(r0); look(r1); look(s0.x); look(row[1]); mix(sum(w0)); look(raw[1]); look(w1.z[4]); show(g0);")
        if kind == "out":
            self.say(1, "*s = s0; s->z[0] = r1;")
        self.say(1, self.leave + ";")
        self.say(0, "}")

    def program(self):
        for name, kind in self.kinds.items():
            self.say(0, "static " + SIGNATURES[kind].format(name) + ";")
        plain = [f for f, k in self.kinds.items() if k in ("plain", "jump", "tail")]
        self.n_plain = len(plain)
        self.say(0, f"static ref (*by_number[])(ref, ref, uint64_t) = {{{', '.join(plain)}}};")
        for name, kind in self.kinds.items():
            self.function(name, kind)
        self.say(0, "static void *run(void *out) {")
        self.say(1, "struct four s = {0}; struct two t = {0}; refs a = make_refs(); ref r = make();")
        self.say(1, "union either e = {0}; struct tagged g = {0}; struct wide w = {{0}};")
        self.say(1, "hash += (uint64_t)*(int *)out;")
        calls = {"plain": "r = {}(r, s.x, 5);", "jump": "r = {}(r, t.x, hash);", "tail": "r = {}(t.y, r, hash);",
                 "many": "r = {}(r, s.x, t.x, t.y, hash, make(), s.y, s.z[0], r);", "uni": "e.r = r; e = {}(e, 4); look(e.r);",
                 "tag": "g.tag = 3; g.u.r = r; g = {}(g, 4); show(g);", "wide": "w.v[1] = r; w = {}(w, 5); look(w.z[3]);",
                 "throw": "try {{ r = {}(r, s.y, hash); }} catch (int k) {{ mix(k); }}", "four": "s = {}(s, 9);",
                 "two": "t = {}(t, 3);", "va": "r = {}(3, r, t.y, s.y);", "out": "{}(&s, a, 6);"}
        self.say(1, "for (int i = 0; i < 6; i++) {")
        for name, kind in self.kinds.items():
            self.say(2, f"fuel = {self.r.randrange(10, 60)}; " + calls[kind].format(name))
            self.say(2, "look(r); look(s.z[0]); look(t.x); look(global[i & 3]); look(local[0]);")
        self.say(1, "}")
        self.say(1, "*(uint64_t *)((int *)out + 2) = hash; *(uint64_t *)((int *)out + 4) = next_key; return 0;")
        self.say(0, "}")
        self.say(0, "int main(void) {")
        self.say(1, "struct { int seed, pad; uint64_t hash, n; } t[3] = {{0}, {1}, {2}};")
        if self.threads:
            self.say(1, "pthread_t id[2]; for (int i = 0; i < 2; i++) if (pthread_create(&id[i], 0, run, &t[i])) abort();")
            self.say(1, "run(&t[2]); pclnrt_gc_foreign_begin(); for (int i = 0; i < 2; i++) pthread_join(id[i], 0);")
            self.say(1, "pclnrt_gc_foreign_end();")
        else:
            self.say(1, "run(&t[0]);")
        self.say(1, 'for (int i = 0; i < 3; i++) printf("%016llx after %llu objects\\n", (unsigned long long)t[i].hash, (unsigned long long)t[i].n);')
        self.say(0, "}")
        lead = "// C++\n" if self.cpp else "// C\n"
        shared = "_Thread_local" if self.threads else ""
        return lead + "#define SHARED " + shared + HEAD + "\n".join(self.out)


def main():
    if len(sys.argv) != 2:
        sys.exit("usage: random_program.py SEED")
    print(Writer(int(sys.argv[1])).program())


main()
