#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Holds what pclntab-dump says of frames against Go's compiler and runtime.

    go_maps.py listing DUMP PROGRAM LISTING ARCH RELEASE
    go_maps.py traceback DUMP PROGRAM OUTPUT

`listing`: LISTING is what the compiler printed with -S for some packages of
PROGRAM: per function the PCDATA values in force from each pc on, the names of
its FUNCDATA symbols, the size of its frame and the instructions that move SP,
and behind the functions the bytes of those symbols. They are decoded here, from
Go's documentation of the formats, and compared with --maps and --streams.

`traceback`: OUTPUT is what PROGRAM printed of its own stack. The arguments of
each frame must have the shape that --maps gives for the pc of its call.

Every difference is an error; the numbers of what was compared are printed.
"""
import bisect
import json
import re
import subprocess
import sys
from collections import Counter

done = Counter()
bad = []


def differ(what, func, ours, theirs):
    bad.append(f"{what}: {func}: ours {ours} theirs {theirs}")


def check(what, func, ours, theirs):
    done[what] += 1
    if ours != theirs:
        differ(what, func, ours, theirs)


# --- Our side ----------------------------------------------------------------

def dump(tool, program, action):
    out = subprocess.run([tool, "--json", action, program], check=True,
                         stdout=subprocess.PIPE).stdout
    funcs, func = [], None
    for record in json.loads(out)["records"]:
        if record["kind"] == "func":
            func = dict(record, lo=int(record["lo"], 16),
                        hi=int(record["hi"], 16), records=[])
            funcs.append(func)
        elif func:
            func["records"].append(record)
    return funcs


def of_kind(func, kind):
    return [r for r in func["records"] if r["kind"] == kind]


def words(text):
    """The set of numbers in "1,4-6"."""
    out = set()
    for part in (text or "").split(",") if text else []:
        lo, _, hi = part.partition("-")
        out |= set(range(int(lo), int(hi or lo) + 1))
    return out


def runs_of(func, name):
    """[(lo, hi, value)] of a stream, equal neighbours joined."""
    return joined([(r["lo"], r["hi"], r["value"])
                   for r in of_kind(func, "run") if r["stream"] == name])


def joined(runs):
    out = []
    for lo, hi, value in runs:
        if lo >= hi:
            continue
        if out and out[-1][2] == value and out[-1][1] == lo:
            out[-1] = (out[-1][0], hi, value)
        else:
            out.append((lo, hi, value))
    return out


# --- The compiler's listing ---------------------------------------------------

TEXT = re.compile(r"^(\S.*) STEXT .*?size=(\d+) args=(0x[0-9a-f]+) ")
INSN = re.compile(r"^\t0x([0-9a-f]+) \d+ \(.*?\)\t(\S+)(?:\t(.*))?$")
DATA = re.compile(r"^(\S.*) SRODATA .*?size=(\d+)")
BYTES = re.compile(r"^\t0x([0-9a-f]{4,}) ((?:[0-9a-f]{2} )+)")
REL = re.compile(r"^\trel (\d+)\+(\d+) t=\S+ (.*?)\+(-?\d+)$")


class Function:
    def __init__(self, match):
        self.size = int(match[2])
        self.args = int(match[3], 16)
        self.frame = None
        self.pcdata = {}    # index -> [(pc, value)]
        self.funcdata = {}  # index -> symbol
        self.insns = []     # (pc, op, operands)


class Symbol:
    def __init__(self, size):
        self.bytes = bytearray(size)
        self.rels = {}  # offset -> symbol name


def parse(path):
    funcs, symbols, now = {}, {}, None
    for line in open(path, errors="surrogateescape"):
        line = line.rstrip("\n")
        if m := TEXT.match(line):
            now = Function(m)
            funcs.setdefault(m[1], []).append(now)
        elif m := DATA.match(line):
            now = symbols[m[1]] = Symbol(int(m[2]))
        elif line and not line[0].isspace():
            now = None
        elif isinstance(now, Function) and (m := INSN.match(line)):
            instruction(now, int(m[1], 16), m[2], m[3] or "")
        elif isinstance(now, Symbol) and (m := BYTES.match(line)):
            b = bytes.fromhex(m[2])
            now.bytes[int(m[1], 16):int(m[1], 16) + len(b)] = b
        elif isinstance(now, Symbol) and (m := REL.match(line)):
            now.rels[int(m[1])] = m[3]
    return funcs, symbols


def instruction(f, pc, op, operands):
    if op == "PCDATA":
        index, value = re.fullmatch(r"\$(\d+), \$(-?\d+)", operands).groups()
        f.pcdata.setdefault(int(index), []).append((pc, int(value)))
    elif op == "FUNCDATA":
        index, symbol = re.fullmatch(r"\$(\d+), (.*)\(SB\)", operands).groups()
        f.funcdata[int(index)] = symbol
    elif op == "TEXT":
        f.frame = int(re.search(r"\$(-?\d+)(?:-\d+)?$", operands)[1])
    else:
        f.insns.append((pc, op, operands))


def listed_runs(f, index):
    """The stream of PCDATA `index`: -1 at entry, then as listed."""
    runs, at, value = [], 0, -1
    for pc, v in f.pcdata.get(index, []):
        runs.append((at, pc, value))
        at, value = pc, v
    runs.append((at, f.size, value))
    return joined(runs)


# --- What the symbols' bytes mean ---------------------------------------------

def u32(b, at, order="little"):
    return int.from_bytes(b[at:at + 4], order)


def i32(b, at):
    return int.from_bytes(b[at:at + 4], "little", signed=True)


def bitmaps(b):
    n, bits = u32(b, 0), u32(b, 4)
    size = (bits + 7) // 8
    return [{i for i in range(bits) if b[8 + r * size + i // 8] >> i % 8 & 1}
            for r in range(n)]


def varints(b):
    out, value, shift = [], 0, 0
    for byte in b:
        value |= (byte & 127) << shift
        shift += 7
        if byte < 128:
            out.append(value)
            value = shift = 0
    return out


def arguments(b, live, at):
    """The traceback's format: offsets and sizes in braces and commas."""
    out, first, slot, i = "", True, 0, 0
    start = live[0] if live else 255
    while b[i] != 0xff:
        op, comma = b[i], "" if first else ","
        i += 1
        first = False
        if op == 0xfe:
            out, first = out + comma + "{", True
        elif op == 0xfd:
            out += "}"
        elif op == 0xfc:
            out += comma + "..."
        elif op == 0xfb:
            out += comma + "_"
        else:
            out += f"{comma}{op}:{b[i]}"
            i += 1
            if op >= start:
                if at > 0 and not live[at + slot // 8] >> slot % 8 & 1:
                    out += "?"
                slot += 1
    return out


# --- SP, by the instructions ---------------------------------------------------

# Bytes that SP moves down, from the instructions that Go's compiler uses.
MOVES = {
    "amd64": [(r"PUSHQ", r".*", 8), (r"POPQ", r".*", -8),
              (r"PUSHFQ", r".*", 8), (r"POPFQ", r".*", -8),
              (r"SUBQ", r"\$(-?\d+), SP", 1), (r"ADDQ", r"\$(-?\d+), SP", -1)],
    "386": [(r"PUSHL", r".*", 4), (r"POPL", r".*", -4),
            (r"SUBL", r"\$(-?\d+), SP", 1), (r"ADDL", r"\$(-?\d+), SP", -1)],
    "arm64": [(r"MOVD\.W", r".*, -(\d+)\(RSP\)", 1),
              (r"MOVD\.P", r"(\d+)\(RSP\), .*", -1),
              (r"SUB", r"\$(\d+), RSP(?:, RSP)?", 1),
              (r"SUB", r"\$(\d+), RSP, R20", 0),
              (r"ADD", r"\$(\d+), RSP(?:, RSP)?", -1),
              (r"MOVD", r"R20, RSP", None)],
}


JUMP = re.compile(r"J[A-Z]+|B[A-Z]{0,2}|CBN?Z[W]?|TBN?Z")


def moved(depth, pending, op, operands, arch):
    """Depth behind the instruction, and what it put by for a later one."""
    for name, pattern, sign in MOVES[arch]:
        m = re.fullmatch(pattern, operands)
        if not m or not re.fullmatch(name, op):
            continue
        if sign is None:
            return depth + pending, 0
        if sign == 0:
            return depth, int(m[1])
        return depth + sign * (int(m[1]) if m.groups() else 1), pending
    return depth, pending


def depths(f, arch):
    """The stream of SP's depths. Behind a return or jump it is what it was at
    a jump to there; a jump may stand later, so twice is enough for what
    compilers lay out."""
    known = {0: 0}
    for _ in range(2):
        runs, depth, pending = [], 0, 0
        for i, (pc, op, operands) in enumerate(f.insns):
            end = f.insns[i + 1][0] if i + 1 < len(f.insns) else f.size
            depth = known.get(pc, depth)
            runs.append((pc, end, depth))
            target = re.search(r"(?:^|\s)(\d+)$", operands)
            if JUMP.fullmatch(op) and target:
                known.setdefault(int(target[1]), depth)
            depth, pending = moved(depth, pending, op, operands, arch)
            if op in ("RET", "JMP", "B"):
                depth = f.frame  # the runtime itself goes on behind a return
    return joined(runs)


# --- Listing against dump -------------------------------------------------------

KINDS = {"UnsafePoint": 0, "StackMapIndex": 1, "ArgLiveIndex": 3}


def compare_maps(name, ours, f, symbols):
    stack = {"locals": 1, "args": 0}
    maps = {part: bitmaps(symbols[f.funcdata[i]].bytes)
            for part, i in stack.items() if i in f.funcdata}
    if not maps:
        check("functions without maps", name, of_kind(ours, "map"), [])
        return
    theirs = []
    for lo, hi, value in listed_runs(f, 1):
        row = max(value, 0)
        got = {part: m[row] if m else set() for part, m in maps.items()}
        theirs.append((lo, hi, value, sorted(got.get("locals", ())),
                       sorted(got.get("args", ()))))
    mine = [(int(r["lo"], 16) - ours["lo"],
             min(int(r["hi"], 16) - ours["lo"], f.size), r["index"],
             sorted(words(r.get("locals"))), sorted(words(r.get("args"))))
            for r in of_kind(ours, "map")]
    check("functions with maps", name, mine, theirs)
    done["map runs"] += len(theirs)
    done["live words"] += sum(len(t[3]) + len(t[4]) for t in theirs)


def compare_objects(name, ours, f, symbols, ptr):
    theirs = []
    if 2 in f.funcdata:
        s = symbols[f.funcdata[2]]
        n = int.from_bytes(s.bytes[:ptr], "little")
        for at in range(ptr, ptr + 16 * n, 16):
            off, size, used = (i32(s.bytes, at + k) for k in (0, 4, 8))
            mask = bytes.fromhex(s.rels[at + 12].rpartition(".")[2])
            bits = {i for i in range(abs(used) // ptr)
                    if mask[i // 8] >> i % 8 & 1}
            theirs.append((f"varp{off}" if off < 0 else f"argp+{off}", size,
                           used, sorted(bits)))
    mine = [(r["at"], r["bytes"], r["pointer_bytes"],
             sorted(words(r.get("pointers")))) for r in of_kind(ours, "object")]
    check("stack objects of functions", name, mine, theirs)
    done["stack objects"] += len(theirs)


def compare_arguments(name, ours, f, symbols):
    theirs = []
    if 5 in f.funcdata:
        info = symbols[f.funcdata[5]].bytes
        live = symbols[f.funcdata[6]].bytes if 6 in f.funcdata else None
        for lo, hi, value in listed_runs(f, 3):
            text = arguments(info, live, value)
            if text:
                theirs.append((lo, hi, text))
    mine = [(int(r["lo"], 16) - ours["lo"],
             min(int(r["hi"], 16) - ours["lo"], f.size), r["values"])
            for r in of_kind(ours, "arguments")]
    check("arguments of functions", name, joined(mine), joined(theirs))


def compare_rest(name, ours, f, symbols, release):
    theirs = []
    if 4 in f.funcdata:
        v = varints(symbols[f.funcdata[4]].bytes)
        if release >= 22:
            theirs = [{"bits": f"varp-{v[0]}", "closures": f"varp-{v[1]}"}]
        else:
            theirs = [{"bits": f"varp-{v[0]}", "count": v[1], "closures":
                       ",".join(f"varp-{o}" for o in reversed(v[2:]))}]
    mine = [{k: v for k, v in r.items() if k != "kind"}
            for r in of_kind(ours, "defers")]
    check("open-coded defers of functions", name, mine, theirs)
    wraps = [symbols[f.funcdata[7]].rels[0]] if 7 in f.funcdata else []
    check("wrappers of functions", name,
          [r["name"] for r in of_kind(ours, "wraps")], wraps)


def compare_streams(name, streams, f, arch):
    for kind, index in KINDS.items():
        mine = [(lo, min(hi, f.size), v)
                for lo, hi, v in runs_of(streams, kind)]
        check("PCDATA streams", name + " " + kind,
              mine or [(0, f.size, -1)], listed_runs(f, index))
    pcsp = [(lo, min(hi, f.size), v) for lo, hi, v in runs_of(streams, "pcsp")]
    check("depths of SP", name, pcsp, depths(f, arch))
    done["runs of depths"] += len(pcsp)
    check("frame sizes", name, streams["frame"], max(f.frame, 0))


def listing(tool, program, path, arch, release):
    listed, symbols = parse(path)
    ptr = 4 if arch == "386" else 8
    all_maps = dump(tool, program, "--maps")
    maps = {f["name"]: f for f in all_maps}
    streams = {f["name"]: f for f in dump(tool, program, "--streams")}
    count = Counter(f["name"] for f in all_maps)
    for name, forms in sorted(listed.items()):
        if name not in maps:
            done["functions that the linker dropped"] += 1
            continue
        if count[name] > 1:  # both forms of a calling convention
            done["functions whose name is not their own"] += 1
            continue
        if maps[name].get("flag_names", "").endswith("ASM"):
            done["assembly functions, listed by their wrapper"] += 1
            continue
        f = forms[0]
        done["functions"] += 1
        check("argument sizes", name, maps[name].get("args"), f.args)
        compare_maps(name, maps[name], f, symbols)
        compare_objects(name, maps[name], f, symbols, ptr)
        compare_arguments(name, maps[name], f, symbols)
        compare_rest(name, maps[name], f, symbols, release)
        compare_streams(name, streams[name], f, arch)


# --- Tracebacks against dump ----------------------------------------------------

FRAME = re.compile(r"^(\S.*)\(([^()]*)\)\n\t(\S+):(\d+) \+0x([0-9a-f]+)$", re.M)


def traceback(tool, program, path):
    """A frame's pc is a return address: what holds there is one byte before."""
    text = open(path).read()
    funcs = dump(tool, program, "--maps")
    names = {}
    for f in funcs:
        shown = re.sub(r"\[.*\]", "[...]", f["name"])
        names.setdefault(shown, []).append(f)
    for name, args, _, _, off in FRAME.findall(text):
        shape = re.sub(r"0x[0-9a-f]+", "H", args).replace(" ", "")
        mine = set()
        for f in names.get(name, []):
            pc = f["lo"] + int(off, 16) - 1
            at = [r["values"] for r in of_kind(f, "arguments")
                  if int(r["lo"], 16) <= pc < int(r["hi"], 16)]
            mine.add(re.sub(r"\d+:\d", "H", at[0] if at else ""))
        done["frames of tracebacks"] += 1
        done["values in them"] += shape.count("H")
        done["values that may be gone"] += shape.count("?")
        if shape not in mine:
            differ("traceback", f"{name} +0x{off}", mine, shape)


def main():
    if sys.argv[1] == "listing":
        tool, program, path, arch, release = sys.argv[2:]
        listing(tool, program, path, arch, int(release))
    else:
        traceback(*sys.argv[2:])
    print(", ".join(f"{n} {what}" for what, n in sorted(done.items())))
    for line in bad[:20]:
        print(line)
    if bad:
        sys.exit(f"go_maps.py: {len(bad)} differences")
    if done["functions"] < 100 and done["frames of tracebacks"] < 50:
        sys.exit("go_maps.py: too little was compared")


main()
