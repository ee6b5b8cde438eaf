#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Holds the CFI interpreter's rows against llvm-dwarfdump's, pc by row.

Usage: cfi_rows.py PRINTER DWARFDUMP FILE...

PRINTER is the program of cfi_rows.c. For each file and each of .eh_frame and
.debug_frame, every FDE of the one must be in the other, and at the start of
every row of either, both must say the same of CFA, return address and frame
pointer. The mapping from dwarfdump's text is written here once more, on
purpose without a look at the interpreter: expressions by a few patterns, and
whatever has no pattern must be "none" on our side. Prints, for each file, the
rows compared and the share that is not unwindable. Exit status 1: a difference.
"""
import bisect
import re
import subprocess
import sys

REGS = {  # dwarfdump's names: stack pointer, frame pointer, return address
    "x86_64": {"RSP": "sp", "RBP": "fp", "RIP": "ra"},
    "i386": {"ESP": "sp", "EBP": "fp", "EIP": "ra"},
    "aarch64": {"WSP": "sp", "SP": "sp", "W29": "fp", "X29": "fp", "W30": "ra",
                "LR": "ra", "X30": "ra"},
}
NUMBERS = {  # DWARF numbers of the other registers that carry a CFA
    "RAX": 0, "RDX": 1, "RCX": 2, "RBX": 3, "RSI": 4, "RDI": 5, "R8": 8,
    "R9": 9, "R10": 10, "R11": 11, "R12": 12, "R13": 13, "R14": 14, "R15": 15,
    "EAX": 0, "ECX": 1, "EDX": 2, "EBX": 3, "ESI": 6, "EDI": 7,
}
PLT = re.compile(r"DW_OP_breg[47] [RE]SP\+([48]), DW_OP_breg(?:16|8) [RE]IP\+0, "
                 r"DW_OP_lit15, DW_OP_and, DW_OP_lit(\d+), DW_OP_ge, "
                 r"DW_OP_lit[23], DW_OP_shl, DW_OP_plus$")
BREG = re.compile(r"DW_OP_breg\d+ (\w+)([+-]\d+)"
                  r"(, DW_OP_deref(?:, DW_OP_plus_uconst (0x[0-9a-f]+|\d+))?"
                  r"(?:, DW_OP_(lit)(\d+), DW_OP_plus)?)?$")


class Mapping:
    """From dwarfdump's row to the printer's words."""

    def __init__(self, arch, ptr_size):
        self.regs = REGS[arch]
        self.pushed = ptr_size if arch != "aarch64" else 0
        self.ptr_size = ptr_size

    def cfa(self, text, pc):
        m = PLT.match(text)
        if m:
            extra = self.ptr_size if pc & 15 >= int(m[2]) else 0
            return "sp%+d" % (int(m[1]) + extra)
        m = BREG.match(text)
        if m:
            reg = self.regs.get(m[1])
            if m[3] and reg in ("sp", "fp"):
                add = int(m[4], 0) if m[4] else int(m[6]) if m[5] else 0
                return "[%s%s]+%dw" % (reg, m[2], add // self.ptr_size)
            return "%s%s" % (reg, m[2]) if not m[3] and reg else "none"
        m = re.match(r"(\w+)([+-]\d+)?$", text)
        if not m or m[1] == "undefined":
            return "none"
        reg = self.regs.get(m[1])
        off = int(m[2] or "0")
        if reg in ("sp", "fp"):
            return "%s%+d" % (reg, off)
        if m[1] in NUMBERS:
            return "r%d%+d" % (NUMBERS[m[1]], off)
        return "none"

    def save(self, text, cfa, absent):
        """A register's rule; None if a rule of ours cannot say it."""
        if text is None:
            return absent
        if text == "undefined":
            return "undef"
        if text == "same":
            return "same"
        m = re.match(r"\[CFA([+-]\d+)?\]$", text)
        if m:
            return "[cfa%+d]" % int(m[1] or "0")
        m = re.match(r"\[(DW_OP_.*)\]$", text)
        b = m and BREG.match(m[1])
        if not b or b[3] or self.regs.get(b[1]) not in ("sp", "fp"):
            return None
        reg, off = self.regs[b[1]], int(b[2])
        c = re.match(reg + r"([+-]\d+)$", cfa)
        return "[cfa%+d]" % (off - int(c[1])) if c else "[%s%+d]" % (reg, off)

    def row(self, pc, cfa_text, rules):
        cfa = self.cfa(cfa_text, pc)
        if cfa == "none":
            return "none"
        by = {self.regs[r]: v for r, v in rules.items() if r in self.regs}
        ra = self.save(by.get("ra"), cfa, None if self.pushed else "same")
        fp = self.save(by.get("fp"), cfa, "same") or "undef"
        sp = by.get("sp")
        if sp not in (None, "CFA"):  # a rule takes the CFA for the caller's SP
            place = self.save(sp, "", None)
            if place is None or cfa != place + "+0w":
                return "none"
        if ra is None or (ra == "same" and self.pushed):
            return "none"
        return "%s ra=%s fp=%s" % (cfa, ra, fp)


def split_rules(text):
    """'RBX=[CFA-56], RIP=[CFA-8]' as a dict; expressions hold commas too."""
    rules = {}
    for part in re.split(r", (?=\w+=)", text):
        if part:
            name, _, value = part.partition("=")
            rules[name] = value
    return rules


def oracle(dwarfdump, path, section):
    """{(lo, hi): [(pc, cfa text, rules)]}, and the architecture."""
    flag = "--eh-frame" if section == ".eh_frame" else "--debug-frame"
    out = subprocess.run([dwarfdump, flag, path], stdout=subprocess.PIPE,
                         check=True, text=True).stdout
    fdes, rows, arch, here = {}, None, None, False
    for line in out.splitlines():
        m = re.search(r"file format elf(32|64)-(?:little|big)?(\S+)", line)
        if m:
            arch = m[2].replace("x86-64", "x86_64")
        if line.endswith(" contents:"):
            here = line.startswith(section)
        m = re.match(r"[0-9a-f]+ [0-9a-f]+ \S+ (FDE|CIE)", line)
        if m:
            rows = None
            r = re.search(r"pc=([0-9a-f]+)\.\.\.([0-9a-f]+)", line)
            if here and r:
                rows = fdes.setdefault((int(r[1], 16), int(r[2], 16)), [])
        m = re.match(r"  0x([0-9a-f]+): CFA=(.*)$", line)
        if m and rows is not None:
            cfa, _, rest = m[2].partition(": ")
            rows.append((int(m[1], 16), cfa, split_rules(rest)))
    return fdes, arch


def ours(printer, path, section):
    out = subprocess.run([printer, path, section], stdout=subprocess.PIPE,
                         check=True, text=True).stdout
    fdes, rows = {}, None
    for line in out.splitlines():
        word = line.split(" ", 1)
        if word[0] == "fde":
            lo, hi = word[1].split()[:2]
            rows = fdes.setdefault((int(lo, 16), int(hi, 16)), [])
        elif word[0] == "fault":
            raise SystemExit("%s: fault in an FDE" % path)
        else:
            rows.append((int(word[0], 16), word[1]))
    return fdes


def at(rows, pc):
    return rows[bisect.bisect_right([r[0] for r in rows], pc) - 1]


def compare(printer, dwarfdump, path, section):
    want, arch = oracle(dwarfdump, path, section)
    got = ours(printer, path, section)
    mapping = Mapping(arch, 4 if arch == "i386" else 8)
    n = none = bad = 0
    if set(want) != set(got):
        print("%s %s: FDEs differ: %d only in the oracle, %d only here" %
              (path, section, len(set(want) - set(got)),
               len(set(got) - set(want))))
        bad += 1
    for key in sorted(set(want) & set(got)):
        if key[0] == key[1] or not want[key]:
            continue
        pcs = {r[0] for r in want[key]} | {r[0] for r in got[key]}
        for pc in sorted(p for p in pcs if key[0] <= p < key[1]):
            _, cfa, rules = at(want[key], pc)
            expect, is_ = mapping.row(pc, cfa, rules), at(got[key], pc)[1]
            n += 1
            none += is_ == "none"
            if is_ != expect:
                bad += 1
                if bad <= 10:
                    print("%s %s: at %#x: %s, but the oracle says %s (%s %s)" %
                          (path, section, pc, is_, expect, cfa, rules))
    if want or got:
        print("%s %s: %d FDEs, %d rows compared, %d not unwindable (%.3f%%)" %
              (path, section, len(got), n, none, 100.0 * none / max(n, 1)))
    return n, bad


def main():
    printer, dwarfdump, *paths = sys.argv[1:]
    total = bad = 0
    for path in paths:
        for section in (".eh_frame", ".debug_frame"):
            n, b = compare(printer, dwarfdump, path, section)
            total += n
            bad += b
    print("%d rows compared, %d differences" % (total, bad))
    return 1 if bad or not total else 0


sys.exit(main())
