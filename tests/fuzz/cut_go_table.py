#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Cuts a Go table (go1.20 layout) down to the functions of one package.

Usage: cut_go_table.py ELF PREFIX OUT

Records, streams and inline trees stay as the Go linker wrote them; the regions
are filled anew with what those functions lead to. What is outside of a Go table,
the area of funcdata, becomes the file's second half, where fuzz_table.c looks
for it. This reader is written from the format's description and shares nothing
with the project's own.
"""
import re
import struct
import subprocess
import sys

INLTREE = 3  # FUNCDATA, and 2 of PCDATA
NONE = 0xFFFFFFFF


def tool(*command):
    return subprocess.run(command, check=True, stdout=subprocess.PIPE,
                          text=True).stdout


class Elf:
    """Bytes at link-time addresses, from readelf's list of sections."""

    def __init__(self, path):
        with open(path, "rb") as f:
            self.data = f.read()
        self.sections = {}
        for line in tool("readelf", "-SW", path).splitlines():
            m = re.match(r"\s*\[ *\d+\] (\S+)\s+\S+\s+(\w+) (\w+) (\w+)", line)
            if m:
                self.sections[m[1]] = [int(x, 16) for x in m.groups()[1:]]
        for line in tool("readelf", "-sW", path).splitlines():
            if line.split()[-1:] == ["go:func.*"]:
                self.gofunc = int(line.split()[1], 16)

    def bytes_at(self, va):
        for start, off, size in self.sections.values():
            if start and start <= va < start + size:
                return self.data[off + va - start:off + size]
        raise ValueError(hex(va))

    def section(self, name):
        _, off, size = self.sections[name]
        return self.data[off:off + size]


class Table:
    def __init__(self, bytes_, funcdata):
        self.b, self.funcdata = bytes_, funcdata
        self.order = "<" if bytes_[:4] == b"\xf1\xff\xff\xff" else ">"
        if self.u32(bytes_, 0) != 0xFFFFFFF1:
            sys.exit("not of go1.20 or later")
        self.quantum, self.ptr = bytes_[6], bytes_[7]
        word = self.order + "8" + ("Q" if self.ptr == 8 else "I")
        self.words = struct.unpack_from(word, bytes_, 8)
        _, _, _, names, cutab, files, pctab, functab = self.words
        self.names, self.cutab = bytes_[names:], bytes_[cutab:]
        self.files, self.pctab = bytes_[files:], bytes_[pctab:]
        self.functab = bytes_[functab:]

    def u32(self, b, at):
        return struct.unpack_from(self.order + "I", b, at)[0]

    def string(self, region, at):
        return region[at:region.index(b"\0", at) + 1]

    def varint(self, at):
        v = shift = 0
        while True:
            c = self.pctab[at]
            v |= (c & 127) << shift
            at, shift = at + 1, shift + 7
            if c < 128:
                return v, at

    def stream(self, off):
        """The bytes of a stream and its values."""
        at, values, value = off, [], -1
        while True:
            u, after = self.varint(at)
            if u == 0 and at != off:
                return self.pctab[off:after], values
            value += ~(u >> 1) if u & 1 else u >> 1
            values.append(value)
            _, at = self.varint(after)


class Cut:
    def __init__(self, table):
        self.t = table
        self.names, self.files, self.pctab = b"\0", b"\0", b"\0"
        self.cutab, self.funcdata, self.records = b"", b"", []

    def u32(self, v):
        return struct.pack(self.t.order + "I", v)

    def add(self, region, bytes_):
        """The offset of `bytes_` in the region, which may have them already."""
        whole = getattr(self, region)
        at = whole.find(bytes_, 1)
        if at < 0:
            at = len(whole)
            setattr(self, region, whole + bytes_)
        return at

    def stream(self, off):
        return self.add("pctab", self.t.stream(off)[0]) if off else 0

    def unit(self, pcfile, first):
        """A list of the files that the function has, in its own numbers."""
        at = len(self.cutab) // 4
        used = set(self.t.stream(pcfile)[1]) if pcfile else set()
        for i in range(max(used, default=-1) + 1):
            off = self.t.u32(self.t.cutab, 4 * (first + i))
            if i in used and off != NONE:
                off = self.add("files", self.t.string(self.t.files, off))
            else:
                off = NONE
            self.cutab += self.u32(off)
        return at

    def tree(self, off, stream):
        n = max(self.t.stream(stream)[1]) + 1
        at = len(self.funcdata)
        for i in range(n):
            r = bytearray(self.t.funcdata[off + 16 * i:off + 16 * i + 16])
            name = self.t.string(self.t.names, self.t.u32(r, 4))
            r[4:8] = self.u32(self.add("names", name))
            self.funcdata += r
        return at

    def record(self, at):
        t, f = self.t, self.t.functab
        r = [t.u32(f, at + 4 * i) for i in range(10)]
        n_pcdata, n_funcdata = r[7], f[at + 43]
        name = t.string(t.names, r[1])
        pcdata = [t.u32(f, at + 44 + 4 * i) for i in range(n_pcdata)]
        base = at + 44 + 4 * n_pcdata
        funcdata = [t.u32(f, base + 4 * i) for i in range(n_funcdata)]
        r[1] = self.add("names", name)
        r[8] = self.unit(r[5], r[8])
        for i in (4, 5, 6):
            r[i] = self.stream(r[i])
        for i, off in enumerate(funcdata):
            has = off != NONE and i == INLTREE
            funcdata[i] = self.tree(off, pcdata[2]) if has else NONE
        pcdata = [self.stream(p) for p in pcdata]
        return (b"".join(map(self.u32, r)) + f[at + 40:at + 44] +
                b"".join(map(self.u32, pcdata + funcdata)))

    def table(self, functions, end):
        p = self.t.ptr
        records = [self.record(rec) for _, rec in functions]
        align = lambda b, n: b + bytes(-len(b) % n)
        at = len(align(bytes(8 * len(functions) + 4), p))
        functab = b""
        for (pc, _), r in zip(functions, records):
            functab += self.u32(pc) + self.u32(at)
            at += len(align(r, p))
        functab = align(functab + self.u32(end), p)
        functab += b"".join(align(r, p) for r in records)
        header = 8 + 8 * p
        parts = [align(x, 4) for x in (self.names, self.cutab, self.files,
                                       self.pctab, functab)]
        offs, off = [], header
        for part in parts:
            offs.append(off)
            off += len(part)
        words = [len(functions), 0, self.t.words[2]] + offs
        word = self.t.order + "8" + ("Q" if p == 8 else "I")
        return (self.t.b[:8] + struct.pack(word, *words) + b"".join(parts))


def main():
    path, prefix, out = sys.argv[1:]
    elf = Elf(path)
    t = Table(elf.section(".gopclntab"), elf.bytes_at(elf.gofunc))
    functions = []
    end = 0
    for i in range(t.words[0]):
        pc, rec, after = (t.u32(t.functab, 8 * i + 4 * k) for k in range(3))
        name = t.string(t.names, t.u32(t.functab, rec + 4))
        if name.startswith(prefix.encode()):
            functions.append((pc, rec))
            end = after
    cut = Cut(t)
    table = cut.table(functions, end)
    half = max(len(table), len(cut.funcdata))
    with open(out, "wb") as f:
        f.write(table.ljust(half, b"\0") + cut.funcdata.ljust(half, b"\0"))


main()
