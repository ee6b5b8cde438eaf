#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Deliberately broken maps: which are caught, and by what.

broken_maps.py PROGRAM N SEED EXPECTED [ARGUMENT...]: N times, one pointer bit
of the program's maps is cleared in the file, each time another one chosen by
SEED: the word then counts as dead. The table's checksum is made right again.
Each broken program is given to pclntab-dump --verify, and run with a collection
at every allocation, freed memory and dead words overwritten. The verifier must
find each bit, and nothing must be found in what is not broken; how many a run
finds as well depends on the program, because another word may hold the same
reference. $dump is pclntab-dump.
"""
import json
import os
import random
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)),
                                "../support"))
import plant

POINTER, MULTIWORD = 2, 3
WORDS = {0: 2, 1: 3, 2: 2, 3: 2}  # of string, slice, iface, eface
STRESS = "gcstress=1,gcpoison=1,gcdead=1"


def maps(path):
    """Offsets in pctab of the pointer maps of all functions that have some."""
    records = json.loads(subprocess.run(
        [os.environ["dump"], "--json", "--streams", path], check=True,
        capture_output=True).stdout)["records"]
    return sorted({int(r["offset"], 16) for r in records
                   if r["kind"] == "pointer_maps"})


def varint(data, at):
    value = shift = 0
    while True:
        value |= (data[at] & 127) << shift
        shift += 7
        at += 1
        if data[at - 1] < 128:
            return value, at


def rows(data, at):
    """The rows of both maps, as (first byte, words): docs/format.md."""
    head, at = varint(data, at)
    if head == 0:
        return
    rest, at = varint(data, at)
    n, words = rest & 7, [head >> 2]
    if n == 7:
        more, at = varint(data, at)
        n += more
    if head & 2:
        n_args, at = varint(data, at)
        words.append(n_args)
    for n_words in words:
        for _ in range(n):
            yield at, n_words
            at += (n_words + 3) // 4


def pointer_bits(data, at):
    """The bits of maps that say that a word is a pointer, as (byte, mask)."""
    for first, n_words in rows(data, at):
        def code(i):
            return data[first + i // 4] >> 2 * (i % 4) & 3
        word = 0
        while word < n_words:
            if code(word) == MULTIWORD:
                word += WORDS[code(word + 1)]
                continue
            if code(word) == POINTER:
                yield first + word // 4, 2 << 2 * (word % 4)
            word += 1


def verified(path):
    """Whether the program counts as sound, and the names of what was found."""
    run = subprocess.run([os.environ["dump"], "--verify", path], text=True,
                         capture_output=True)
    found = [line.split()[1] for line in run.stdout.splitlines()
             if line.startswith("found ")]
    if (run.returncode == 0) == bool(found):
        sys.exit(f"status {run.returncode} with findings {found}")
    return found


def runs_well(path, arguments, expected):
    environment = dict(os.environ, PCLNTAB_DEBUG=STRESS)
    try:
        run = subprocess.run([path] + arguments, capture_output=True,
                             env=environment, timeout=20)
    except subprocess.TimeoutExpired:
        return False
    return run.returncode == 0 and run.stdout == expected


def main():
    path, n, seed, expected, *arguments = sys.argv[1:]
    expected = open(expected, "rb").read()
    sound = bytearray(open(path, "rb").read())
    if verified(path) or not runs_well(os.path.realpath(path), arguments,
                                       expected):
        sys.exit("the program is broken before it is broken")
    area = plant.section(sound, ".pclntab")[0] + plant.part(path, "pctab")
    bits = [bit for offset in maps(path)
            for bit in pointer_bits(sound, area + offset)]
    random.seed(int(seed))
    chosen = random.sample(bits, min(int(n), len(bits)))
    caught = {True: 0, False: 0}
    broken = os.path.realpath(path) + ".broken"
    for at, mask in chosen:
        data = bytearray(sound)
        data[at] &= ~mask & 255
        plant.seal(data)
        with open(broken, "wb") as file:
            file.write(data)
        os.chmod(broken, 0o755)
        found = verified(broken)
        if "map-word" not in found:
            sys.exit(f"the bit {mask:#x} at file offset {at:#x} was cleared, "
                     f"and --verify found {found}")
        caught[not runs_well(broken, arguments, expected)] += 1
    os.remove(broken)
    total = len(chosen)
    print(f"{os.path.basename(path)}: {total} of {len(bits)} pointer bits "
          f"cleared: {total} found by the verifier, {caught[True]} also by a "
          f"run under stress")
    if total == 0:
        sys.exit("the program has no maps")


main()
