#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Prints the records of .debug_pclntab of one ELF file, one thing a line, as
the tests of the LLVM plug-in check them. Written from docs/annotations.md, not
from the plug-in. Addresses of object files are relocations and not shown.

Usage: plugin_records.py FILE"""

import struct
import subprocess
import sys
import tempfile

KINDS = {1: "funcdata", 2: "pcdata", 3: "safepoints", 4: "root",
         5: "gc-source", 6: "gc-unit"}
MULTI = "string slice iface eface".split()


def section(path):
    with tempfile.TemporaryDirectory() as folder:
        out = folder + "/section"
        subprocess.run(["objcopy", "--decompress-debug-sections",
                        "--dump-section", ".debug_pclntab=" + out, path,
                        folder + "/copy"], check=True)
        with open(out, "rb") as f:
            return f.read()


def codes(data, n):
    """Entries as letters: . dead, s scalar, p pointer, <name> multiword."""
    entries = [data[i // 4] >> 2 * (i % 4) & 3 for i in range(n)]
    text, i = "", 0
    while i < n:
        if entries[i] == 3:
            text += "<" + MULTI[entries[i + 1]] + ">"
            i += 2
        else:
            text += ".sp"[entries[i]]
            i += 1
    return text


def pad4(n):
    return (n + 3) // 4 * 4


def packed(n_words):
    return pad4((n_words + 3) // 4)


def cstring(data, off):
    return data[off:data.index(0, off)].decode()


def safepoints(data, out):
    size, n, name_len, _frame = struct.unpack_from("<4I", data, 16)
    name = cstring(data, 32)
    assert len(name) + 1 == name_len
    out(f"safepoints {name} {n}")
    at = 32 + pad4(name_len)
    last = 0
    for _ in range(n):
        ret, flags, n_areas, n_pairs, zero = struct.unpack_from("<IHHHH", data, at)
        assert zero == 0 and last < ret <= size, (name, last, ret, size)
        last = ret
        at += 12
        line = f"  {name}: flags={flags}"
        for _ in range(n_areas):
            reg, _, off, n_words, repeat = struct.unpack_from("<HHiII", data, at)
            at += 16
            line += f" r{reg}{off:+d}:{codes(data[at:], n_words)}"
            line += f"*{repeat}" if repeat != 1 else ""
            at += packed(n_words)
        for _ in range(n_pairs):
            base, derived, base_off, off = struct.unpack_from("<HHii", data, at)
            at += 12
            line += f" pair r{base}{base_off:+d}>r{derived}{off:+d}"
        out(line)
    assert at == len(data), (name, at, len(data))


def root(data, out):
    flags, n_words, repeat, name_len = struct.unpack_from("<4I", data, 16)
    at = 32 + packed(n_words)
    name = cstring(data, at)
    assert len(name) + 1 == name_len and at + pad4(name_len) == len(data)
    out(f"root {name}{' tls' if flags & 1 else ''} {codes(data[32:], n_words)}"
        + (f"*{repeat}" if repeat != 1 else ""))


def main():
    data = section(sys.argv[1])
    at = 0
    while at < len(data):
        mark, version, kind, length = struct.unpack_from("<HBBI", data, at)
        assert mark == 0x4350 and version == 1 and length % 4 == 0, hex(at)
        record = data[at:at + length]
        if kind == 3:
            safepoints(record, print)
        elif kind == 4:
            root(record, print)
        elif kind in (5, 6):
            print(KINDS[kind], cstring(record, 16).rsplit("/", 1)[-1])
        else:
            print(KINDS[kind])
        at += length


main()
