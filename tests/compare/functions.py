#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Holds function ranges and names against llvm-symbolizer and llvm-objdump.

Usage: functions.py PRINTER SYMBOLIZER OBJDUMP READELF FILE...

At the first, the middle and the last byte of every function, and in the middle
of every gap between two, the symbolizer's name from the symbol table must be
ours. Where it is not, the difference must be of a known class; each class is
counted, and anything else is a failure. Names of PLT stubs are compared with
the labels of the disassembler.
"""
import bisect
import collections
import re
import subprocess
import sys


def run(args, text=None):
    return subprocess.run(args, input=text, stdout=subprocess.PIPE, text=True,
                          check=True, stderr=subprocess.DEVNULL).stdout


def functions(printer, path):
    """[(va, end, name)] in order, and the printer's line of counts."""
    funcs, counts = [], ""
    for line in run([printer, path]).splitlines():
        if line.startswith("counts: "):
            counts = line[8:]
            continue
        va, size, name = line.split(" ", 2)
        funcs.append((int(va, 16), int(va, 16) + int(size, 16), name))
    for a, b in zip(funcs, funcs[1:]):
        assert a[0] < a[1] <= b[0], "%s: %s overlaps %s" % (path, a, b)
    return funcs, counts


def symbolize(symbolizer, path, pcs):
    # Separate debug files know symbols that the file itself has not.
    out = run([symbolizer, "--obj=" + path, "--no-demangle", "--no-inlines",
               "--functions=linkage", "--debug-file-directory=/nonexistent"],
              "".join("%#x\n" % pc for pc in pcs))
    blocks = out.strip().split("\n\n")
    assert len(blocks) == len(pcs), "%d answers for %d addresses" % (
        len(blocks), len(pcs))
    return [b.split("\n")[0] for b in blocks]


def stubs(objdump, path):
    """{va: name} of the labels in PLT sections."""
    labels = {}
    for section in (".plt", ".plt.sec", ".plt.got", ".iplt"):
        try:
            out = run([objdump, "-d", "-j", section, path])
        except subprocess.CalledProcessError:
            continue
        for m in re.finditer(r"^([0-9a-f]+) <(.*@plt)>:$", out, re.M):
            labels[int(m[1], 16)] = m[2]
    return labels


def untyped(readelf, path):
    """Names that no function symbol has."""
    kinds = collections.defaultdict(set)
    for line in run([readelf, "-sW", path]).splitlines():
        f = line.split()
        if len(f) >= 8 and f[0].endswith(":"):
            kinds[f[7]].add(f[3])
    return {name for name, k in kinds.items() if not k & {"FUNC", "IFUNC"}}


def classify(ours, theirs, va, starts, labels):
    """The class of a difference, or None if there is no reason for it."""
    if ours is None:
        if theirs in labels:
            return "gap: data, or a label's unsized symbol running on"
        if theirs in starts and starts[theirs] <= va:
            return "gap: an unsized symbol running on"
        return None
    if ours.endswith("@plt"):
        return "stub" if theirs == "??" or not theirs.endswith("@plt") else None
    if re.search(r"\+0x[0-9a-f]+$", ours):
        return "FDE without symbol"
    if theirs == "??":
        return "behind an inner symbol, or an early start"
    if theirs.split("@@")[0] == ours:
        return "mark of a default version"
    if theirs in labels:
        return "label in a function"
    return None


def compare(tools, path):
    printer, symbolizer, objdump, readelf = tools
    funcs, counts = functions(printer, path)
    starts = {}
    for lo, _, name in funcs:
        starts.setdefault(name, lo)
    pcs = sorted({pc for lo, hi, _ in funcs for pc in (lo, (lo + hi) // 2,
                                                       hi - 1)} |
                 {(a[1] + b[0]) // 2 for a, b in zip(funcs, funcs[1:])})
    los = [f[0] for f in funcs]
    classes, bad = collections.Counter(), 0
    labels, plt = untyped(readelf, path), stubs(objdump, path)
    for pc, theirs in zip(pcs, symbolize(symbolizer, path, pcs)):
        f = funcs[bisect.bisect_right(los, pc) - 1]
        ours = f[2] if pc < f[1] else None
        if ours == theirs or (ours is None and theirs == "??"):
            continue
        why = classify(ours, theirs, pc, starts, labels)
        classes[why or "unexplained"] += 1
        if why is None:
            bad += 1
            if bad <= 10:
                print("%s: %#x: %s, but the symbolizer says %s" %
                      (path, pc, ours, theirs))
    for va, name in plt.items():  # the label may stand behind a landing pad
        f = funcs[bisect.bisect_right(los, va) - 1]
        if va >= f[1] or f[2] != name:
            bad += 1
            print("%s: stub at %#x: %s, but the disassembler says %s" %
                  (path, va, f, name))
    print("%s: %d functions, %d addresses, %d stubs; differences: %s\n  %s" %
          (path, len(funcs), len(pcs), len(plt),
           ", ".join("%d %s" % (n, c) for c, n in sorted(classes.items())) or
           "none", counts))
    return bad, len(pcs)


def main():
    tools, paths = sys.argv[1:5], sys.argv[5:]
    bad = total = 0
    for path in paths:
        b, n = compare(tools, path)
        bad += b
        total += n
    print("%d addresses, %d unexplained differences" % (total, bad))
    return 1 if bad or not total else 0


sys.exit(main())
