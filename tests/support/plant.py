#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Plants one fault in what a linked ELF file says of references.

plant.py FILE WHERE OFFSET BYTE...: writes the bytes at OFFSET of WHERE, a part
of the table as `pclntab-dump --header` names it, or `annotations`, the section
.debug_pclntab. A byte `^NN` is changed by exclusive or. The table's checksum is
made right again, so that it is not what finds the fault. 64-bit little-endian
files, uncompressed sections.
"""
import os
import struct
import subprocess
import sys

CHECKSUM = 80  # where it is in the module header


def crc32c_table():
    table = list(range(256))
    for _ in range(8):
        table = [c >> 1 ^ (0x82F63B78 if c & 1 else 0) for c in table]
    return table


def crc32c(data):
    table, crc = crc32c_table(), 0xFFFFFFFF
    for byte in data:
        crc = crc >> 8 ^ table[(crc ^ byte) & 255]
    return crc ^ 0xFFFFFFFF


def section(data, wanted):
    """Offset and length of a section in the file."""
    shoff, = struct.unpack_from("<Q", data, 40)
    size, n, names = struct.unpack_from("<HHH", data, 58)
    heads = [struct.unpack_from("<IIQQQQ", data, shoff + i * size)
             for i in range(n)]
    strings = heads[names][4]
    for name, _, _, _, off, length in heads:
        end = data.index(b"\0", strings + name)
        if data[strings + name:end] == wanted.encode():
            return off, length
    sys.exit(f"no section {wanted}")


def part(path, name):
    """Where a part of the table begins, in bytes from the table's byte 0."""
    dump = subprocess.run([os.environ["dump"], "--header", path], text=True,
                          check=True, capture_output=True).stdout
    fields = [line.split() for line in dump.splitlines()
              if line.startswith(f"part {name} ")]
    return int(fields[0][2].partition("=")[2], 16)


def seal(data):
    """Makes the table's checksum right."""
    at, length = section(data, ".pclntab")
    data[at + CHECKSUM:at + CHECKSUM + 4] = bytes(4)
    struct.pack_into("<I", data, at + CHECKSUM, crc32c(data[at:at + length]))


def main():
    path, where, offset, *changes = sys.argv[1:]
    data = bytearray(open(path, "rb").read())
    if where == "annotations":
        at = section(data, ".debug_pclntab")[0]
    else:
        at = section(data, ".pclntab")[0] + part(path, where)
    at += int(offset, 0)
    for i, change in enumerate(changes):
        value = int(change.lstrip("^"), 16)
        data[at + i] = data[at + i] ^ value if change[0] == "^" else value
    seal(data)
    open(path, "wb").write(data)


if __name__ == "__main__":
    main()
