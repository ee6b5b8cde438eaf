#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Holds the parts of names against those of debug/gosym.

    go_names.py GOSYM OURS

Both have the same names in the same order, with their parts behind tabs:
package, receiver, base name; and package, receiver, function, suffix, kind.
Packages must be equal, and for functions that stand in the source receiver and
name too. gosym splits what the compiler adds to a name at its last dot, whatever
that means; there both must at least split the same text. Where that last dot
is inside of type arguments, gosym's base name begins with the middle of a type;
there only the package counts. Each such class is counted, and a name that is in
none of them must be equal.
"""
import sys
from collections import Counter

done = Counter()
bad = []

with open(sys.argv[1], errors="surrogateescape") as f:
    theirs = [line.rstrip("\n").split("\t") for line in f]
with open(sys.argv[2], errors="surrogateescape") as f:
    ours = [line.rstrip("\n").split("\t") for line in f]
if len(ours) != len(theirs) or not ours:
    sys.exit(f"go_names.py: {len(ours)} names, gosym has {len(theirs)}")
for (name, package, receiver, base), mine in zip(theirs, ours):
    got_name, got_package, got_receiver, function, suffix, kind = mine
    done["names"] += 1
    # What is behind the package, both ways.
    rest = f"{receiver}.{base}" if receiver else base
    got_rest = (f"{got_receiver}." if got_receiver else "") + function + suffix
    if kind in ("type function", "compiler"):
        same = package == got_package == ""
        done[f"of them made by the compiler ({kind})"] += 1
    elif base.count("]") > base.count("["):
        same = package == got_package and name == f"{package}.{got_rest}"
        done["of them split inside of type arguments by gosym"] += 1
    elif suffix:
        same = (package, rest) == (got_package, got_rest)
        done[f"of them with a suffix ({kind})"] += 1
    elif function.startswith(("init.", "map.init.")):
        same = (package, rest) == (got_package, got_rest)
        done["of them numbered initialisers"] += 1
    else:
        same = (package, receiver, base) == (got_package, got_receiver,
                                             function)
        done["of them equal in all parts"] += 1
    if name != got_name or not same:
        bad.append(f"{name}: gosym {package!r} {receiver!r} {base!r}, "
                   f"ours {mine[1:]}")
print(", ".join(f"{n} {what}" for what, n in sorted(done.items())))
for line in bad[:20]:
    print(line)
if bad:
    sys.exit(f"go_names.py: {len(bad)} differences")
