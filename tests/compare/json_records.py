#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Holds what pclntab-dump prints of real files to the schema that ships.

    json_records.py SCHEMA DUMP FILE...

For each file and action the JSON document is checked by python3-jsonschema,
and each line of text against the record in the same place: the same kind, the
same members in the same order with the same values. Checking a document is
slow work, so large ones are cut: the records of each kind that have the same
members are alike but for their values, and some of them are checked
whole, beside every record's kind and members.
"""
import json
import re
import subprocess
import sys

import jsonschema

# Actions that go function by function are also run with filters.
ACTIONS = [["--" + a] for a in (
    "header funcs lines calls maps unwind streams all rules buildinfo stats "
    "scan verify").split()]
ACTIONS += [["--lines", "-C", "-s", "--func=*main*"]]
ALIKE = 30  # records with the same members that are checked whole

BARE = re.compile(r'[!#-<>-\[\]-~][!#-\[\]-~]*')
SPECIAL = re.compile(r'["\\\x00-\x1f\x7f\udc80-\udcff]')
LETTERS = {"\b": "b", "\t": "t", "\n": "n", "\f": "f", "\r": "r", '"': '"',
           "\\": "\\"}


class Number(str):
    """A number as it is written, so that 1.50 stays apart from 1.5."""


def plain(value):
    """Numbers as they are usually read."""
    if isinstance(value, Number):
        return json.loads(value)
    if isinstance(value, dict):
        return {k: plain(v) for k, v in value.items()}
    if isinstance(value, list):
        return [plain(v) for v in value]
    return value


def escape(match):
    c = match.group()
    return "\\" + (LETTERS.get(c) or "x%02x" % (ord(c) & 0xFF))


def shown(value):
    """A member's value as text shows it."""
    if value is True or value is False:
        return "true" if value else "false"
    if value is None:
        return "??"
    if isinstance(value, Number) or BARE.fullmatch(value):
        return value
    return '"' + SPECIAL.sub(escape, value) + '"'


def compare_record(line, record):
    """The member in which the line of text is not the record, or None."""
    members = iter(record.items())
    kind = next(members)[1]
    if not line.startswith(kind):
        return "kind"
    at = len(kind)
    for key, value in members:
        if isinstance(value, list):
            return "an array, which text cannot show"
        text = shown(value)
        if key == "file":
            key, value = next(members)
            if key != "line":
                return "file without line"
            key, text = "at", text + ":" + value
        if line.startswith(text, at + 1) and line[at] == " ":
            at += 1 + len(text)
        elif line.startswith(" " + key + "=" + text, at):
            at += 2 + len(key) + len(text)
        else:
            return key
    return None if at == len(line) else "more in text"


def kinds_of(schema):
    """The kinds of records that a part of the schema is about."""
    kind = schema["properties"]["kind"]
    return kind.get("enum") or [kind["const"]]


class Checker:
    def __init__(self, schema_path, dump):
        with open(schema_path) as f:
            self.schema = json.load(f)
        jsonschema.Draft202012Validator.check_schema(self.schema)
        self.validator = jsonschema.Draft202012Validator(self.schema)
        # Each kind that an action may have is described, and the other way
        # round: a kind that is not would pass whatever its members.
        self.known = {
            k for c in self.schema["$defs"]["record"]["allOf"]
            for k in kinds_of(c["if"])}
        allowed = {
            k for c in self.schema["allOf"]
            for k in kinds_of(c["then"]["properties"]["records"]["items"])}
        if self.known != allowed:
            sys.exit("json_records.py: kinds of no action, or not described: "
                     "%s" % sorted(self.known ^ allowed))
        self.dump = dump
        self.kinds = set()
        self.records = 0

    def run(self, args, stdin=b""):
        done = subprocess.run([self.dump] + args, input=stdin,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        return done.returncode, done.stdout, done.stderr

    def fail(self, args, why, detail=""):
        sys.exit("json_records.py: pclntab-dump %s: %s\n%s" % (
            " ".join(args), why, detail))

    def validate(self, args, text):
        """Checks the document; returns its records, numbers as written."""
        document = json.loads(text, parse_int=Number, parse_float=Number)
        seen, some = {}, []
        for record in document["records"]:
            shape = tuple(record)
            seen[shape] = seen.get(shape, 0) + 1
            if seen[shape] <= ALIKE:
                some.append(record)
        self.records += len(document["records"])
        self.kinds.update(r["kind"] for r in some)
        error = next(self.validator.iter_errors(
            plain(dict(document, records=some))), None)
        if error:
            best = jsonschema.exceptions.best_match([error])
            self.fail(args, "against the schema: " + best.message[:300],
                      "%s" % (list(best.absolute_path),))
        return document["records"]

    def check_code(self, args, code, records, errors):
        """What could not be done is said in the document as well."""
        if code not in (0, 1, 2) or (code == 2) > ("error" in {
                r["kind"] for r in records}):
            self.fail(args, "exit status %d" % code,
                      errors.decode(errors="replace"))

    def action(self, args):
        """Runs one action in both formats."""
        code, text, errors = self.run(args)
        json_code, document, _ = self.run(["--json"] + args)
        if code != json_code:
            self.fail(args, "exit status %d, with --json %d" % (
                code, json_code), errors.decode(errors="replace"))
        records = self.validate(args, document)
        self.check_code(args, code, records, errors)
        lines = text.decode("utf-8", "surrogateescape").split("\n")[:-1]
        if len(lines) != len(records):
            self.fail(args, "%d lines and %d records" % (
                len(lines), len(records)))
        for line, record in zip(lines, records):
            why = compare_record(line, record)
            if why:
                self.fail(args, "text and JSON differ in " + why,
                          "%r\n%r" % (line, record))

    def document(self, args, stdin=""):
        """One whose text has a form of its own, which other tests look at."""
        args = ["--json"] + args
        code, text, errors = self.run(args, stdin.encode())
        records = self.validate(args, text)
        self.check_code(args, code, records, errors)
        return records

    def sizes(self, path):
        """The components add up to what readelf says of the section."""
        sizes = {r["part"]: int(r["bytes"])
                 for r in self.document(["--stats", path])
                 if r["kind"] == "size"}
        total = sizes.pop("total")
        sections = subprocess.run(["readelf", "-SW", path],
                                  stdout=subprocess.PIPE, text=True).stdout
        want = re.search(r" \.(?:data\.rel\.ro\.)?(?:go)?pclntab +PROGBITS +"
                         r"[0-9a-f]+ [0-9a-f]+ ([0-9a-f]+)", sections)
        if sum(sizes.values()) != total or total != int(want.group(1), 16):
            self.fail(["--stats", path], "components of %d bytes, total %d, "
                      "section 0x%s" % (sum(sizes.values()), total,
                                        want.group(1)))

    def lookup(self, path):
        places = [r["lo"] for r in self.document(["--funcs", path])[:300]
                  if "lo" in r]
        for args in ([], ["-C"], ["-s"], ["--return-addresses"]):
            args = ["--lookup", path] + args
            if len(self.document(args, "\n".join(places))) != len(places):
                self.fail(args, "answers are missing")


def main():
    checker = Checker(sys.argv[1], sys.argv[2])
    for path in sys.argv[3:]:
        for action in ACTIONS:
            checker.action(action + [path])
        if path.endswith("-damaged"):
            continue
        checker.lookup(path)
        checker.sizes(path)
        checker.document(["--disasm=*main*", path])
        checker.action(["--diff", sys.argv[3], path])
    print("json_records.py: %d files, %d records; kinds: %s" % (
        len(sys.argv) - 3, checker.records, " ".join(sorted(checker.kinds))))
    unseen = checker.known - checker.kinds
    if unseen:
        print("json_records.py: no file has: " + " ".join(sorted(unseen)))


if __name__ == "__main__":
    main()
