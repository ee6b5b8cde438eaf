#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""pclntab-dump on a real Go program that is damaged on purpose: what is left is
printed as from the sound one, what is not has an error record, and --scan gives
the reasons. Usage: forensics.py PCLNTAB_DUMP

The sound program's output is compared with debug/gosym elsewhere; here it is
what the damaged ones are held against.
"""
import json
import os
import re
import struct
import subprocess
import sys
import tempfile

PROGRAMS = ["/usr/lib/go-1.%d/bin/gofmt" % n for n in (21, 23)]
DUMP = os.path.abspath(sys.argv[1])
WORDS = ["nfunc", "nfiles", "textStart", "funcname", "cu", "filetab", "pctab",
         "pcln"]
UNUSED = ("nfiles", "textStart")  # moduledata says where text is


def dump(path, *options):
    done = subprocess.run([DUMP, *options, path], stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, timeout=60)
    return done.returncode, done.stdout.decode("utf-8", "surrogateescape")


def lines(text):
    """The records but for errors."""
    return [l for l in text.splitlines() if not l.startswith("error ")]


def errors(text):
    return [l for l in text.splitlines() if l.startswith("error ")]


def records(path, *options):
    status, text = dump(path, "--json", *options)
    return status, json.loads(text)["records"]


def check(condition, what):
    if not condition:
        sys.exit("forensics: " + what)


class Program:
    def __init__(self, path, folder):
        with open(path, "rb") as f:
            self.bytes = f.read()
        listed = subprocess.run(["readelf", "-SW", path], check=True, text=True,
                                stdout=subprocess.PIPE).stdout
        m = re.search(r"\.gopclntab +PROGBITS +(\w+) (\w+) (\w+)", listed)
        self.va, self.off, self.size = (int(x, 16) for x in m.groups())
        self.path = os.path.join(folder, "damaged")
        self.words = struct.unpack_from("<8Q", self.bytes, self.off + 8)

    def damaged(self, *changes, length=None):
        """Writes the program with bytes changed at offsets of the table."""
        b = bytearray(self.bytes)
        for at, new in changes:
            b[self.off + at:self.off + at + len(new)] = new
        with open(self.path, "wb") as f:
            f.write(b[:length])
        return self.path


def no_sections(p):
    """Without section headers: e_shoff, e_shnum and e_shstrndx are 0."""
    return [(0x28 - p.off, bytes(8)), (0x3c - p.off, bytes(4))]


def scanned(p):
    status, found = records(p.damaged(), "--scan")
    check(status == 0, "--scan of a sound program")
    best = [r for r in found if r["kind"] == "candidate"]
    check(len(best) == 1 and best[0]["confidence"] == 100 and
          int(best[0]["offset"], 16) == p.off and
          int(best[0]["address"], 16) == p.va, "the candidate: %s" % best)
    check(all(r["held"] for r in found if r["kind"] == "check"), "checks")


def magic(p, sound):
    overwritten = (0, b"\x12\x34\x56\x78")
    for more in ([], no_sections(p)):
        path = p.damaged(overwritten, *more)
        status, found = records(path, "--scan")
        failed = [r["name"] for r in found
                  if r["kind"] == "check" and not r["held"]]
        check(status == 0 and failed == ["magic"], "--scan: %s" % failed)
        check("--magic=1.20" in [r["option"] for r in found
                                 if r["kind"] == "option"], "the option")
        status, text = dump(path, "--lines")
        check(status == 1 and errors(text), "an overwritten magic is told")
        check(lines(text) == sound, "what an overwritten magic hides")
    status, text = dump(p.damaged(overwritten), "--magic=1.21", "--lines")
    check(status == 0 and text.splitlines() == sound, "--magic")


def header(p, sound):
    for i, word in enumerate(WORDS):
        for fill in (0, 0xff):
            path = p.damaged((8 + 8 * i, bytes([fill]) * 8), *no_sections(p))
            status, text = dump(path, "--lines")
            check(lines(text) == sound, "%s overwritten with %#x" % (word, fill))
            check(word in UNUSED or (status == 1 and errors(text)),
                  "%s overwritten is told" % word)


def functab(p, sound):
    """One function cannot be read, the others can."""
    at = p.words[7] + 8 * 1000 + 4
    path = p.damaged((at, b"\xff\xff\xff\x7f"))
    status, got = records(path, "--funcs")
    bad = [i for i, r in enumerate(got) if r["kind"] == "error"]
    funcs = [l for l in sound if l.startswith("func ")]
    check(status == 1 and bad == [1000] and len(got) == len(funcs),
          "one entry of functab: %s" % bad)
    check(got[1000]["name"] == "record-unreadable" and
          int(got[1000]["region_offset"], 16) == 8000, "its place")
    status, text = dump(path, "--funcs")
    check(lines(text) == funcs[:1000] + funcs[1001:], "the other functions")


def stream(p, sound):
    """A stream cannot be decoded; the function's other records can."""
    functab_at, pctab = p.off + p.words[7], p.words[6]
    rec, = struct.unpack_from("<I", p.bytes, functab_at + 8 * 1000 + 4)
    pcln, = struct.unpack_from("<I", p.bytes, functab_at + rec + 24)
    path = p.damaged((pctab + pcln, b"\xff" * 6))
    status, got = records(path, "--lines")
    bad = [r for r in got if r["kind"] == "error"]
    check(status == 1 and len(bad) >= 1, "a damaged stream is told")
    check(all(r["name"] == "record-unreadable" and r["region"] == "pctab" and
              r["func"] for r in bad), "by function: %s" % bad)
    funcs = [r for r in got if r["kind"] == "func"]
    check(len(funcs) == sum(l.startswith("func ") for l in sound),
          "functions beside a damaged stream")


def cut_off(p, sound):
    """Up to where the file reaches, all is there."""
    # What only the lost build information tells is not looked at.
    plain = lambda l: l.split(" func_id")[0]
    funcs = {plain(l) for l in sound if l.startswith("func ")}
    names, functab_at = p.off + p.words[3], p.off + p.words[7]
    last = 0
    for part in (0, 0.2, 0.5, 0.9):
        size = int(functab_at + part * (p.off + p.size - functab_at))
        for action in ("--funcs", "--lines", "--header", "--stats", "--calls",
                       "--maps", "--unwind", "--streams"):
            status, got = records(p.damaged(length=size), action)
            check(status == 1, "%s of a file cut off at %d" % (action, size))
            kinds = {r["kind"] for r in got}
            check("error" in kinds and (part == 0 or len(kinds) > 1),
                  "%s of a file cut off at %d has %s" % (action, size, kinds))
        text = dump(p.path, "--funcs")[1]
        n = len(lines(text))
        check({plain(l) for l in lines(text)} <= funcs and n >= last,
              "functions inside")
        last = n
    check(last > len(funcs) / 2, "%d functions of a file cut off" % last)
    status, got = records(p.damaged(length=names), "--funcs")
    check(status in (1, 2) and got and got[0]["kind"] == "error", "no table")


def main():
    found = [p for p in PROGRAMS if os.path.exists(p)]
    if not found:
        print("skipped: no Go program is installed")
        sys.exit(77)
    with tempfile.TemporaryDirectory() as folder:
        p = Program(found[0], folder)
        status, text = dump(p.damaged(), "--lines")
        sound = text.splitlines()
        check(status == 0 and len(sound) > 10000, "the sound program")
        scanned(p)
        for test in (magic, header, functab, stream, cut_off):
            test(p, sound)
    print("forensics: %d records of %s" % (len(sound), found[0]))


main()
