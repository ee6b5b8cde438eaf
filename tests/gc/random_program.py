#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes a C program that juggles references in every way that the LLVM
plug-in has to follow: random_program.py SEED > program.c

The program checks each object that it meets (its key is stored twice, once
scrambled) and prints a hash of all keys that it saw. The hash depends on the
seed alone, never on addresses, so a build with malloc that frees nothing is the
oracle: with a collection at every allocation and freed memory filled, a root
that was missed changes the hash or fails a check.
"""
import random
import sys

HEAD = r"""
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
#else
#include <pclntab/gc.h>
#endif
struct node;
typedef struct node gcref *ref;
struct two { ref x, y; };
struct four { ref x; uint64_t n; ref y; ref z[2]; };
union either { ref r; uint64_t n; };
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
static uint64_t hash = 1, next_key;
static int fuel;
static ref global[4];
static struct four global_four;
static _Thread_local ref local[2];
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
  words w = gc_new_bytes(16 * sizeof *w);
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
static __attribute__((noinline, noreturn)) void leap(jmp_buf b) { longjmp(b, 1); }
"""

SIGNATURES = {
    "plain": "ref {}(ref p, ref q, uint64_t n)",
    "four": "struct four {}(struct four s, uint64_t n)",
    "two": "struct two {}(struct two t, uint64_t n)",
    "va": "ref {}(int count, ...)",
    "out": "void {}(struct four *s, refs a, uint64_t n)",
    "jump": "ref {}(ref p, ref q, uint64_t n)",
}


class Writer:
    def __init__(self, seed):
        self.r = random.Random(seed)
        self.out = []
        self.kinds = {f"f{i}": self.r.choice(list(SIGNATURES)) for i in range(14)}
        for i, kind in enumerate(SIGNATURES):  # each at least once
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
                         "global[n & 3]", "global_four.y", "local[n & 1]")

    def value(self):
        v = self.var()
        r = self.pick("r0", "r1", "r2", "r3", "r4", "r5")
        return self.pick(v, v, v, f"({r} ? {r}->a : {v})", f"({r} ? {r}->b : 0)",
                         f"({r} ? {r}->in.z[n & 1] : {v})", f"({r} ? {r}->v[n % 3] : {v})",
                         f"({r} ? {r}->u.r : {v})", f"a0[n & 7]", "make()")

    def number(self):
        return self.pick("n", "n >> 3", "n + 7", "hash", f"{self.r.randrange(99)}u", "(uint64_t)i0")

    def callee(self, *kinds):
        names = [f for f, k in self.kinds.items() if k in kinds]
        return self.r.choice(names)

    def call(self):
        kind = self.pick("plain", "plain", "four", "two", "va", "out", "jump", "pointer")
        if kind in ("plain", "jump"):
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
        a, b = self.callee("plain", "jump"), self.callee("plain", "jump")
        return f"{self.var()} = (hash & 1 ? {a} : {b})({self.value()}, {self.value()}, {self.number()});"

    def simple(self, depth):
        r = self.pick("r0", "r1", "r2", "r3", "r4", "r5")
        text = self.r.choice([
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
        ])()
        self.say(depth, text)

    def block(self, depth, size):
        for _ in range(size):
            kind = self.r.randrange(10)
            if kind > 2 or depth > 3:
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
        self.leave = {"four": "return s0", "two": "return t0", "out": "return"}.get(kind, "return r1")
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
        self.say(1, "int i0 = 0, i1 = 0, i2 = 0, i3 = 0, i4 = 0; (void)i0, (void)i1, (void)i2, (void)i3, (void)i4;")
        self.say(1, "ref r0 = 0, r1 = 0, r2 = 0, r3 = 0, r4 = 0, r5 = 0, row[4] = {0};")
        self.say(1, "struct two t0 = {0}; struct four s0 = {0}, s1 = {0}; union either e0 = {0};")
        if kind == "plain":
            self.say(1, "r0 = p; r1 = q;")
        elif kind == "four":
            # `s` stays the parameter's own memory.
            self.say(1, "r0 = s.x; r1 = make(); s1 = s; look(s.z[1]); s0.y = s.y;")
        elif kind == "two":
            self.say(1, "r0 = t.x; r1 = t.y; t0 = t;")
        elif kind == "va":
            self.say(1, "uint64_t n = hash; va_list l; va_start(l, count);")
            self.say(1, "for (int i = 0; i < count; i++) { r0 = r1; if (i & 1) r4 = make(); r1 = va_arg(l, ref); look(r1); }")
            self.say(1, "va_end(l);")
        else:
            self.say(1, "r0 = s->x; r1 = a[n & 7]; s->y = make(); a[(n >> 3) & 7] = r0;")
        self.say(1, f"if (spent()) {self.leave};")
        self.say(1, "refs a0 = make_refs(); words w0 = make_words(n);")
        self.block(1, self.r.randrange(6, 16))
        self.say(1, "look(r0); look(r1); look(s0.x); look(row[1]); mix(sum(w0));")
        if kind == "out":
            self.say(1, "*s = s0; s->z[0] = r1;")
        self.say(1, self.leave + ";")
        self.say(0, "}")

    def program(self):
        for name, kind in self.kinds.items():
            self.say(0, "static " + SIGNATURES[kind].format(name) + ";")
        for name, kind in self.kinds.items():
            self.function(name, kind)
        self.say(0, "int main(void) {")
        self.say(1, "struct four s = {0}; struct two t = {0}; refs a = make_refs(); ref r = make();")
        calls = {"plain": "r = {}(r, s.x, 5);", "jump": "r = {}(r, t.x, hash);", "four": "s = {}(s, 9);",
                 "two": "t = {}(t, 3);", "va": "r = {}(3, r, t.y, s.y);", "out": "{}(&s, a, 6);"}
        self.say(1, "for (int i = 0; i < 6; i++) {")
        for name, kind in self.kinds.items():
            self.say(2, f"fuel = {self.r.randrange(10, 60)}; " + calls[kind].format(name))
            self.say(2, "look(r); look(s.z[0]); look(t.x); look(global[i & 3]); look(local[0]);")
        self.say(1, "}")
        self.say(1, 'printf("%016llx after %llu objects\\n", (unsigned long long)hash, (unsigned long long)next_key);')
        self.say(0, "}")
        return HEAD + "\n".join(self.out)


def main():
    if len(sys.argv) != 2:
        sys.exit("usage: random_program.py SEED")
    print(Writer(int(sys.argv[1])).program())


main()
