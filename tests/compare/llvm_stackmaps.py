#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What a table must say of live pointers, by other tools' words.

    llvm_stackmaps.py LLVM-BIN PROGRAM OBJECT...

For each statepoint of the objects that is in the program: its return address
and the words of its live pointers, in the form that live_words prints. The
stack maps are read by llvm-readobj from the objects as the compiler wrote them,
whose functions are named by their relocations; where they went is by the
program's symbols, and where frames are by llvm-dwarfdump's call frame rows. None
of this has been through our tools. Functions that are not in the program are
left out, and so are second copies of a function.
"""
import re
import subprocess
import sys

POINTER = 8


def run(*args):
    return subprocess.run(args, check=True, capture_output=True,
                          text=True).stdout


class Frames:
    """CFA rules of a program, by address."""

    def __init__(self, text):
        self.rows = []
        end = None
        for line in text.splitlines():
            m = re.search(r'FDE .*pc=([0-9a-f]+)\.\.\.([0-9a-f]+)', line)
            if m:
                end = int(m[2], 16)
            m = re.match(r'\s+0x([0-9a-f]+): CFA=(\w+)([+-]\d+)?:?', line)
            if m and end is not None:
                self.rows.append((int(m[1], 16), end, m[2],
                                  int(m[3] or 0)))
        self.rows.sort()

    def at(self, pc):
        best = None
        for lo, end, reg, off in self.rows:
            if lo <= pc < end:
                best = (reg, off)
        return best


def records(readobj):
    """(functions [(stack size, number of records)], records)."""
    functions, out = [], []
    for line in readobj.splitlines():
        m = re.search(r'stack size: (\d+), callsite record count: (\d+)', line)
        if m:
            functions.append((int(m[1]), int(m[2])))
        m = re.search(r'Record ID: (\d+), instruction offset: (\d+)', line)
        if m:
            out.append((int(m[2]), []))
        m = re.match(r'\s+#\d+: (\w+) (.*), size: (\d+)', line)
        if m:
            out[-1][1].append((m[1], m[2], int(m[3])))
    return functions, out


def names(text):
    """Names of the functions of an object's stack map, in order."""
    out, on = [], False
    for line in text.splitlines():
        if line.startswith('Relocation section'):
            on = "'.rela.llvm_stackmaps'" in line
        m = re.match(r'([0-9a-f]{16}) .*R_\w+ABS64|([0-9a-f]{16}) .*R_X86_64_64',
                     line)
        if on and m:
            words = line.split()
            out.append((words[-3], int(words[-1], 16)))
    return out


def local_functions(text):
    """Functions of an object by offset in .text, for relocations against it."""
    out = {}
    for line in text.splitlines():
        words = line.split()
        if len(words) == 3 and words[1] in 'tT':
            out[int(words[0], 16)] = words[2]
    return out


def word(frames, pushed, ret, size, location):
    """Where a location is: 'cfa-8' or 'sp+16'."""
    m = re.match(r'\[R#(\d+) \+ (-?\d+)\]', location)
    reg, off = int(m[1]), int(m[2])
    sp, fp = (7, 6) if pushed else (31, 29)
    rule, cfa = frames.at(ret - 1)
    from_sp = rule in ('RSP', 'WSP', 'SP')
    if reg == fp:
        assert not from_sp, location
        return 'cfa%+d' % (off - cfa)
    assert reg == sp, location
    if from_sp:
        return 'cfa%+d' % (off - cfa)
    if size == 2 ** 64 - 1:
        return 'sp%+d' % off
    return 'cfa%+d' % (off - size - pushed)


def constant(value):
    return int(re.match(r'(-?\d+)', value)[1])


def statepoint(frames, pushed, ret, size, locations):
    n_deopt = constant(locations[2][1])
    rest = locations[3 + n_deopt:]
    words, pairs = [], []
    for base, derived in zip(rest[::2], rest[1::2]):
        at = []
        for kind, where, n in (base, derived):
            if kind.startswith('Constant'):
                at.append([])
                continue
            assert kind == 'Indirect', kind
            at.append([
                word(frames, pushed, ret, size,
                     re.sub(r'\+ (-?\d+)\]',
                            lambda m, i=i: '+ %d]' % (int(m[1]) + i), where))
                for i in range(0, n, POINTER)])
        words += at[0] + at[1]
        pairs += ['%s>%s' % p for p in zip(*at) if p[0] != p[1]]
    return sorted(set(words)) + sorted(set(pairs))


def main():
    llvm, program, objects = sys.argv[1], sys.argv[2], sys.argv[3:]
    frames = Frames(run(llvm + '/llvm-dwarfdump', '--eh-frame', program))
    pushed = 8 if 'X86-64' in run('readelf', '-h', program) else 0
    symbols = {}
    for line in run('nm', program).splitlines():
        w = line.split()
        if len(w) == 3:
            symbols[w[2]] = int(w[0], 16)
    seen = set()
    for obj in objects:
        functions, recs = records(
            run(llvm + '/llvm-readobj', '--stackmap', obj))
        local = local_functions(run('nm', obj))
        at = 0
        for (size, n), (name, addend) in zip(functions,
                                             names(run('readelf', '-rW', obj))):
            mine, at = recs[at:at + n], at + n
            if name == '.text':
                name = local[addend]
            if name not in symbols or name in seen:
                continue
            seen.add(name)
            for offset, locations in mine:
                ret = symbols[name] + offset
                said = statepoint(frames, pushed, ret, size, locations)
                print('%x %s' % (ret, ' '.join(said or ['none'])))
    return 0


if __name__ == '__main__':
    sys.exit(main())
