#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Prints records of LLVM's stack maps, to be compared.

    llvm_records.py readobj LLVM-BIN PROGRAM OBJECT   as llvm-readobj reads them
                                                      from the object
    llvm_records.py json SCHEMA DUMP                  as pclntab-dump --maps has
                                                      them, checked by the schema

A line each: pc, id, locations, live-outs. Of an object's records only those
that no pointer map says: with deoptimisation values, or of no statepoint, which
llvm_records.ll gives ids of their own.
"""
import json
import re
import sys

import jsonschema
from llvm_stackmaps import names, run

STATEPOINT = 2882400000  # LLVM's default id


def signed(value, bits):
    return value - 2 ** bits if value >= 2 ** (bits - 1) else value


def place(text):
    kind, rest = text.split(' ', 1)
    if kind == 'Register':
        return 'r%d' % int(re.match(r'R#(\d+)$', rest)[1])
    if kind in ('Direct', 'Indirect'):
        m = re.match(r'\[?R#(\d+) \+ (-?\d+)\]?$', rest)
        at = 'r%d%+d' % (int(m[1]), int(m[2]))
        return '[%s]' % at if kind == 'Indirect' else at
    # Printed without their sign.
    if kind == 'Constant':
        return '#%d' % signed(int(rest), 32)
    return '#%d' % signed(int(re.match(r'#\d+ \((\d+)\)$', rest)[1]), 64)


def readobj(llvm, program, obj):
    entries = {w[2]: int(w[0], 16) for w in map(str.split, run(
        'nm', program).splitlines()) if len(w) == 3}
    functions, record = [], None
    for line in run(llvm + '/llvm-readobj', '--stackmap', obj).splitlines():
        if m := re.search(r'callsite record count: (\d+)', line):
            functions.append([int(m[1]), []])
        elif m := re.search(r'Record ID: (\d+), instruction offset: (\d+)', line):
            record = [int(m[1]), int(m[2]), [], []]
            next(f for f in functions if len(f[1]) < f[0])[1].append(record)
        elif m := re.match(r'\s+#\d+: (.*), size: (\d+)', line):
            record[2].append(place(m[1]) + ':' + m[2])
        elif m := re.search(r'live-outs: \[(.*)\]', line):
            record[3] = ['r%s:%s' % p
                         for p in re.findall(r'R#(\d+) \((\d+)-bytes\)', m[1])]
    for (_, records), (name, _) in zip(functions, names(run('readelf', '-rW', obj)),
                                       strict=True):
        for ident, offset, locations, live_outs in records:
            n = int(locations[2].split(':')[0][1:]) if ident == STATEPOINT else 0
            if ident == STATEPOINT and n == 0:
                continue
            yield (entries[name] + offset, ident, ','.join(locations),
                   ','.join(locations[3:3 + n]), ','.join(live_outs))


def dumped(schema, path):
    document = json.load(open(path))
    jsonschema.validate(document, json.load(open(schema)))
    for r in document['records']:
        if r['kind'] == 'llvm':
            yield (int(r['pc'], 16), int(r['id'], 16), r.get('locations', ''),
                   r.get('deopt', ''), r.get('live_outs', ''))


records = {'readobj': readobj, 'json': dumped}[sys.argv[1]](*sys.argv[2:])
for pc, ident, locations, deopt, live_outs in sorted(records):
    print('%x %x (%s) (%s) (%s)' % (pc, ident, locations, deopt, live_outs))
