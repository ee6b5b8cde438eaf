#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The listing of a Go program against `go tool objdump`.

For every function both know, the addresses of instructions and the file and
line of each must be equal. Go's tool shows the last part of a path, and stops
at bytes that its decoder does not know with a '?', going on one byte later:
such lines are counted. It leaves out the padding behind a function.

    insn_go.py GO PCLNTAB-DUMP FILE
"""
import json
import re
import subprocess
import sys

GO_LINE = re.compile(r"^  (\S+):(-?\d+)\s+0x([0-9a-f]+)\s+([0-9a-f]+)\s+(.*)$")


def theirs(go, path):
    """{address: (file, line, known)}"""
    rows = {}
    with subprocess.Popen([go, "tool", "objdump", path],
                          stdout=subprocess.PIPE, text=True) as p:
        for text in p.stdout:
            m = GO_LINE.match(text)
            if m:
                rows[int(m[3], 16)] = (m[1], int(m[2]), m[5].strip() != "?")
    assert p.returncode == 0
    return rows


def ours(dump, path):
    """Yields (address, file, line, is padding)."""
    command = [dump, "--disasm", "--json", "-s", path]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as p:
        for text in p.stdout:
            text = text.strip().rstrip(",")
            if not text.startswith(('{"kind":"insn"', '{"kind":"data"')):
                continue
            r = json.loads(text)
            yield int(r["va"], 16), r["file"], r["line"], r["text"] == "int3"
    assert p.returncode == 0


def main():
    go, dump, path = sys.argv[1:]
    rows = theirs(go, path)
    equal = differ = missing = 0
    met = set()
    for va, name, line, padding in ours(dump, path):
        row = rows.get(va)
        if row is None:
            missing += not padding
            continue
        met.add(va)
        if (name or "?", line) == row[:2]:
            equal += 1
        elif differ < 10:
            differ += 1
            print(hex(va), name, line, row)
        else:
            differ += 1
    unknown = sum(not r[2] for r in rows.values())
    extra = len(rows) - len(met)
    print(f"{equal} lines equal, {differ} differ, {missing} only ours, "
          f"{extra} only theirs, {unknown} unknown to go tool objdump")
    assert equal > 100000
    # An instruction that Go's decoder does not know makes it one byte a line.
    return differ != 0 or missing > unknown or extra > 8 * unknown


if __name__ == "__main__":
    sys.exit(main())
