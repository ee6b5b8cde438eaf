#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Holds the table against llvm-symbolizer, instruction by instruction.

For each file: every address at which llvm-objdump sees an instruction (or a
seeded sample of them) is looked up by pclntab-dump and by llvm-symbolizer, and
function, file, line and the chain of inlined calls are compared. A difference
must belong to one of the classes below, each of which says why the two may
differ, recognises itself by facts that come from neither (symbols, sections,
instructions), and may be met only so often. One difference that no class
explains fails the test, with both answers shown.
"""
import argparse
import bisect
import os
import random
import re
import subprocess
import sys
from collections import Counter, namedtuple

Frame = namedtuple("Frame", "func file line")
Symbol = namedtuple("Symbol", "va size type name shndx")
Instruction = namedtuple("Instruction", "va section text")

LLVM = os.environ.get("PCLNTAB_LLVM_SUFFIX", "-19")


def run(argv, stdin=None):
    done = subprocess.run(argv, input=stdin, stdout=subprocess.PIPE,
                          text=True, errors="surrogateescape", check=False)
    if done.returncode != 0:
        sys.exit(f"symbolizer.py: {' '.join(argv[:6])}: status "
                 f"{done.returncode}")
    return done.stdout


# --- The two answers ---------------------------------------------------------

def ask_llvm(path, addresses):
    out = run([f"llvm-symbolizer{LLVM}", f"--obj={path}",
               "--functions=linkage", "--inlines", "--no-demangle",
               "--output-style=LLVM"],
              "".join(f"{a:#x}\n" for a in addresses))
    answers = []
    for block in out.rstrip("\n").split("\n\n"):
        lines = block.split("\n")
        frames = []
        for func, place in zip(lines[::2], lines[1::2]):
            file, line, _column = place.rsplit(":", 2)
            frames.append(Frame(func, file, int(line)))
        answers.append(frames)
    return answers


def ask_table(dump, path, addresses):
    out = run([dump, "--lookup", "-fia", path],
              "".join(f"{a:#x}\n" for a in addresses))
    answers = []
    lines = iter(out.splitlines())
    for line in lines:
        if line.startswith("0x") and len(line) == 18:
            answers.append([])
            continue
        file, number = next(lines).rsplit(":", 1)
        answers[-1].append(
            Frame(line, file, 0 if number == "?" else int(number)))
    return answers


# --- Facts from neither ------------------------------------------------------

class File:
    """Symbols, sections and instructions of one ELF file."""

    def __init__(self, path):
        self.path = path
        self.instructions = []
        section = None
        listing = run([f"llvm-objdump{LLVM}", "-d", "--no-show-raw-insn",
                       path])
        line_of = re.compile(r"^ *([0-9a-f]+):\s*(.*)$")
        for line in listing.splitlines():
            if line.startswith("Disassembly of section "):
                section = line[23:-1]
            elif m := line_of.match(line):
                self.instructions.append(
                    Instruction(int(m[1], 16), section, m[2].strip()))
        self.symbols = sorted(self.read_symbols())
        self.starts = [s.va for s in self.symbols]
        self.by_va = {}
        for s in self.symbols:
            self.by_va.setdefault(s.va, set()).add(s.name)

    def read_symbols(self):
        self.source_names = set()
        for line in run(["readelf", "-sW", self.path]).splitlines():
            f = line.split()
            if len(f) >= 8 and f[3] == "FILE":
                self.source_names.add(f[7])
            if len(f) >= 8 and f[0][:-1].isdigit() and f[3] in (
                    "FUNC", "NOTYPE", "GNU_IFUNC") and f[6].isdigit():
                yield Symbol(int(f[1], 16), int(f[2], 0), f[3],
                             f[7].split("@")[0], int(f[6]))

    def covering(self, va):
        """The sized functions that contain va."""
        found = []
        i = bisect.bisect_right(self.starts, va)
        for s in reversed(self.symbols[max(0, i - 64):i]):
            if s.size and va < s.va + s.size:
                found.append(s)
        return found

    def before(self, va):
        """The last symbol that starts at or before va."""
        i = bisect.bisect_right(self.starts, va)
        return self.symbols[i - 1] if i else None


# --- Classes of differences --------------------------------------------------

NOTHING = ("??", "??", 0)


def is_plt(file, insn, ours, theirs):
    """A PLT stub. It has no symbol; we name it after the function it calls,
    llvm-symbolizer blames the symbol before it, which has no size."""
    return (insn.section.startswith((".plt", ".iplt")) and len(ours) == 1 and
            ours[0].file == "??" and
            ("@plt" in ours[0].func or ours[0].func in ("??", ".plt")) and
            theirs[0].line == 0 and
            theirs[0].file in file.source_names | {"??"})


PADDING = re.compile(r"^(\S*data16\s+)*(\S+\s+)*?(nop[wl]?|int3|xchgw\s+%ax, "
                     r"%ax|leaq\s+\(%r|leal\s+\(%|leaq\s+0x0\(%|ud2|hlt)")


def is_padding(file, insn, ours, theirs):
    """Padding between functions: no function's symbol covers it. We say that
    nothing is there; the line table, of which llvm-symbolizer goes by, runs on
    from the function before."""
    return (ours == [NOTHING] and not file.covering(insn.va) and
            PADDING.match(insn.text) is not None)


def is_alias(file, insn, ours, theirs):
    """Several symbols name one address; each side takes another one."""
    a, b = ours[-1], theirs[-1]
    return (ours[:-1] == theirs[:-1] and a[1:] == b[1:] and
            any({a.func, b.func} <= file.by_va[s.va]
                for s in file.covering(insn.va) + [file.before(insn.va)]))


def is_file_symbol(file, insn, ours, theirs):
    """Code without line information. For a local symbol llvm-symbolizer tells
    the name of the source from the symbol table, without folder or line."""
    return (len(ours) == len(theirs) == 1 and ours[0].file == "??" and
            ours[0].line == theirs[0].line == 0 and
            ours[0].func == theirs[0].func and
            theirs[0].file in file.source_names)


def is_path_spelling(file, insn, ours, theirs):
    """The same file and line, but a directory is spelled otherwise."""
    return (len(ours) == len(theirs) and
            all(a.func == b.func and a.line == b.line and
                os.path.normpath(a.file) == os.path.normpath(b.file)
                for a, b in zip(ours, theirs)))


Kind = namedtuple("Kind", "name test bound")  # bound: share of the addresses
KINDS = [
    Kind("plt", is_plt, 0.60),  # a tiny program is mostly PLT
    Kind("padding", is_padding, 0.10),
    Kind("alias", is_alias, 0.10),
    Kind("file-symbol", is_file_symbol, 0.30),
    Kind("path-spelling", is_path_spelling, 0.0),
]


def same(ours, theirs):
    return ours == theirs


# --- Main --------------------------------------------------------------------

def compare(path, options):
    file = File(path)
    chosen = file.instructions
    if options.sample and len(chosen) > options.sample:
        chosen = random.Random(options.seed).sample(chosen, options.sample)
        chosen.sort()
    addresses = [i.va for i in chosen]
    ours = ask_table(options.dump, path, addresses)
    theirs = ask_llvm(path, addresses)
    if len(ours) != len(chosen) or len(theirs) != len(chosen):
        sys.exit(f"symbolizer.py: {path}: {len(chosen)} questions, "
                 f"{len(ours)} and {len(theirs)} answers")
    counts = Counter()
    shown = 0
    for insn, a, b in zip(chosen, ours, theirs):
        kind = "equal" if same(a, b) else next(
            (k.name for k in KINDS if k.test(file, insn, a, b)), "unexplained")
        counts[kind] += 1
        if (kind == "unexplained" or kind == options.show) and \
                shown < options.limit:
            shown += 1
            print(f"{path}: {kind}: {insn.va:#x} {insn.section} {insn.text}")
            for who, frames in (("table", a), ("llvm", b)):
                for f in frames:
                    print(f"  {who:5} {f.func} {f.file}:{f.line}")
    with_line = sum(a[0].line > 0 for a in ours)
    inlined = sum(len(a) > 1 for a in ours)
    bad = counts["unexplained"] > 0
    for k in KINDS:
        if counts[k.name] > max(k.bound * len(chosen), 0 if not k.bound
                                else 50):
            print(f"{path}: {k.name}: {counts[k.name]} of {len(chosen)} "
                  f"differences, more than its bound")
            bad = True
    if with_line < options.min_lines * len(chosen):
        print(f"{path}: only {with_line} of {len(chosen)} have a line")
        bad = True
    rest = " ".join(f"{k}={n}" for k, n in sorted(counts.items())
                    if k != "equal")
    print(f"{os.path.basename(path)}: addresses={len(chosen)} "
          f"of={len(file.instructions)} equal={counts['equal']} "
          f"with_line={with_line} inlined={inlined} {rest}", flush=True)
    return not bad


def main():
    p = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    p.add_argument("--dump", required=True, help="pclntab-dump")
    p.add_argument("--sample", type=int, default=0, help="0: every address")
    p.add_argument("--seed", type=int, default=1)
    p.add_argument("--limit", type=int, default=10, help="differences shown")
    p.add_argument("--show", help="also show the differences of this class")
    p.add_argument("--min-lines", type=float, default=0.5,
                   help="share of addresses that must have a line")
    p.add_argument("files", nargs="+")
    options = p.parse_args()
    good = [compare(f, options) for f in options.files]
    sys.exit(0 if all(good) else 1)


if __name__ == "__main__":
    main()
