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

def is_stub(insn):
    return insn.section.startswith((".plt", ".iplt"))


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
            elif section and (m := line_of.match(line)):
                self.instructions.append(
                    Instruction(int(m[1], 16), section, m[2].strip()))
        self.symbols = sorted(self.read_symbols())
        self.starts = [s.va for s in self.symbols]
        self.stubs = self.read_stubs()

    def read_symbols(self):
        self.source_names, self.names = set(), set()
        for line in run(["readelf", "-sW", self.path]).splitlines():
            # Where the file does not say that GNU's types are meant.
            f = line.replace("<OS specific>: 10", "IFUNC").split()
            if len(f) < 8 or not f[0][:-1].isdigit():
                continue
            if f[3] == "FILE":
                self.source_names.add(f[7])
            if f[3] in ("FUNC", "NOTYPE", "IFUNC") and f[6].isdigit():
                self.names.add(f[7].split("@")[0])
                yield Symbol(int(f[1], 16), int(f[2], 0), f[3],
                             f[7].split("@")[0], int(f[6]))

    def read_stubs(self):
        """What binutils calls each PLT stub: by section, (va, name)s."""
        stubs, section = {}, None
        sections = {i.section for i in self.instructions if is_stub(i)}
        for line in run(["objdump", "-d", self.path] +
                        [f"--section={s}" for s in sections]
                        ).splitlines() if sections else ():
            if line.startswith("Disassembly of section "):
                section = line[23:-1]
            elif m := re.match(r"([0-9a-f]+) <(.*)>:$", line):
                name = m[2].split("@@")[0]
                stubs.setdefault(section, []).append((int(m[1], 16), name))
        return stubs

    def stub_name(self, insn):
        """The function whose PLT stub has this instruction, or None."""
        names = self.stubs.get(insn.section, [])
        i = bisect.bisect_right(names, (insn.va, chr(0x10ffff)))
        m = re.fullmatch(r"(.+)@plt", names[i - 1][1]) if i else None
        return m[1].split("@")[0] if m and m[1][:5] != "*ABS*" else None

    def covering(self, va):
        """The sized functions that contain va."""
        found = []
        i = bisect.bisect_right(self.starts, va)
        for s in reversed(self.symbols[max(0, i - 64):i]):
            if s.size and va < s.va + s.size:
                found.append(s)
        return found


# --- Classes of differences --------------------------------------------------

NOTHING = ("??", "??", 0)


def is_plt(file, insn, ours, theirs):
    """A PLT stub. It has no symbol; we name it after the function it calls, as
    binutils does, and llvm-symbolizer blames an unsized symbol before it."""
    if not is_stub(insn) or len(ours) > 1 or ours[0].file != "??" or \
            theirs[0].line or theirs[0].file not in file.source_names | {"??"}:
        return False
    func, name = ours[0].func, file.stub_name(insn)
    if name:
        return func == f"{name}@plt"
    if ours == [NOTHING]:
        return PADDING.match(insn.text) is not None
    # Of stubs for IFUNCs in static programs binutils knows no name; we name
    # them after the function that chooses.
    return func == "PLT0@plt" or (func.endswith("@plt") and
                                  func[:-4] in file.names)


PADDING = re.compile(r"(data16 |cs )*(nop|nop[wl]\s.*|int3|xchgw\s%ax, %ax)$")


def is_padding(file, insn, ours, theirs):
    """Padding between functions: no function's symbol covers it. We say that
    nothing is there; the line table, of which llvm-symbolizer goes by, runs on
    from the function before."""
    return (ours == [NOTHING] and not file.covering(insn.va) and
            PADDING.match(insn.text) is not None)


def is_file_symbol(file, insn, ours, theirs):
    """No position is known of the function itself. For a local symbol
    llvm-symbolizer then tells the name of the source from the symbol table,
    without folder or line."""
    a, b = ours[-1], theirs[-1]
    return (ours[:-1] == theirs[:-1] and a == Frame(b.func, "??", 0) and
            b.line == 0 and b.file in file.source_names)


def is_unnamed(file, insn, ours, theirs):
    """Code without a symbol, that its call frame information alone tells of (or
    a PLT that calls nothing by name). We name it after its section; there is
    no position on either side."""
    return (len(ours) == len(theirs) == 1 and ours[0].file == "??" and
            re.fullmatch(re.escape(insn.section) + r"\+0x[0-9a-f]+",
                         ours[0].func) is not None and
            theirs[0].line == 0 and not file.covering(insn.va))


# At most `share` of the addresses, or `few` in a small program, may differ so.
Kind = namedtuple("Kind", "name test share few")
KINDS = [
    Kind("plt", is_plt, 0.01, 400),
    Kind("padding", is_padding, 0.03, 100),
    Kind("file-symbol", is_file_symbol, 0.005, 100),
    Kind("unnamed", is_unnamed, 0.001, 10),
]


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
        kind = "equal" if a == b else next(
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
        if k.name == "file-symbol" and options.undescribed:
            continue
        if counts[k.name] > max(k.share * len(chosen), k.few):
            print(f"{path}: {k.name}: {counts[k.name]} of {len(chosen)} "
                  "differ so, more than may")
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
    p.add_argument("--undescribed", action="store_true",
                   help="much of the program has no DWARF")
    p.add_argument("files", nargs="+")
    options = p.parse_args()
    good = [compare(f, options) for f in options.files]
    sys.exit(0 if all(good) else 1)


if __name__ == "__main__":
    main()
