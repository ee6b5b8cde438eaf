#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
#
# The HTML report in Chromium, held against what the other actions say of the
# same file: what a person sees there is what pclntab-dump prints.
#
#   report.py PCLNTAB-DUMP REFERENCES PROGRAM...
#
# A program is one of ours or Go's. Of the last one, a copy is made whose names
# are hostile: markup, scripts, bytes that are no text. REFERENCES has variables
# with references, derived pointers, and records of LLVM's stack maps.
import collections
import json
import os
import pathlib
import random
import re
import shutil
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from browser import Browser  # noqa: E402

SECONDS = 60
failures = []


def check(what, seen, wanted):
    if seen != wanted:
        failures.append(what)
        print(f"FAILED {what}\n  seen   {str(seen)[:600]}\n"
              f"  wanted {str(wanted)[:600]}")


def dump(program, *options):
    """The records of an action."""
    result = subprocess.run([DUMP, "--json", *options, program],
                            capture_output=True, timeout=SECONDS)
    return json.loads(result.stdout)["records"]


def make_report(program, out, *options):
    subprocess.run([DUMP, "--html", *options, "-o", out, program], check=True,
                   timeout=SECONDS)
    return out


# --- Reading the page ---------------------------------------------------------

# All rows of a list that shows only those in sight; `row` makes of each element
# what is wanted.
ROWS = """(async (selector, row) => {
  const list = document.querySelector(selector);
  const rows = new Map();
  const frame = () => new Promise(done => requestAnimationFrame(
      () => requestAnimationFrame(done)));
  for (let top = 0; top === 0 || top < list.scrollHeight;
       top += Math.max(1, list.clientHeight / 2)) {  // a hidden list has none
    list.scrollTop = top;
    list.dispatchEvent(new Event('scroll'));
    if (top === 0) await frame();
    for (const e of list.querySelectorAll('.row'))
      rows.set(Number(e.getAttribute('aria-posinset')), row(e));
  }
  const sorted = [...rows].sort((a, b) => a[0] - b[0]);
  return sorted.map(([, value]) => value);
})"""


def rows(browser, selector, expression):
    browser.wait(f"!!document.querySelector({json.dumps(selector)})")
    return browser.run(f"{ROWS}({json.dumps(selector)}, e => {expression})")


def text(browser, selector):
    return browser.run(
        f"document.querySelector({json.dumps(selector)}).textContent")


def count(browser, view):
    browser.settle()
    return int(browser.run(
        f"document.querySelector('#view-{view} .status').dataset.count"))


def search(browser, words):
    """Types into the search of functions, and waits until it has been done."""
    browser.run(f"""(() => {{
      const input = document.getElementById('search');
      input.value = {json.dumps(words)};
      input.dispatchEvent(new Event('input'));
    }})()""")
    browser.run("new Promise(done => setTimeout(done, 90))")


def func_link(record, tab=""):
    return f"#func={record['lo']}" + (f"&tab={tab}" if tab else "")


# --- One program --------------------------------------------------------------


def of_each(records):
    """By function: its own record, and those that follow it."""
    groups, group = {}, None
    for record in records:
        if record["kind"] in ("func", "hole"):
            group = groups[record["lo"]] = []
        elif group is not None:
            group.append(record)
    return groups


def samples(funcs, groups, n, longest=400):
    """Functions whose groups differ in length, the longest up to a limit."""
    known = [f for f in funcs if f["kind"] == "func" and
             0 < len(groups[f["lo"]]) <= longest]
    known.sort(key=lambda f: (len(groups[f["lo"]]), f["lo"]))
    return [known[i * (len(known) - 1) // max(1, n - 1)] for i in range(n)] \
        if known else []


def chain_of(calls, index):
    """Names of the calls around one, innermost first."""
    names = []
    while index >= 0:
        names.append(calls[index]["name"])
        index = calls[index]["parent"]
    return names


def check_functions(browser, program, funcs):
    browser.go("#view=functions")
    holes = sum(f["kind"] == "hole" for f in funcs)
    check("functions are counted", count(browser, "functions"),
          len(funcs) - holes)
    browser.run("document.getElementById('holes').click()")
    check("holes are counted", count(browser, "functions"), len(funcs))
    lines = of_each(dump(program, "--lines"))
    calls = of_each(dump(program, "--calls"))
    for func in samples(funcs, lines, 6):
        named = sum(func["name"].lower() in f.get("name", "").lower()
                    for f in funcs)
        search(browser, func["name"])
        check(f"search finds {func['name']}", count(browser, "functions"),
              named if " " not in func["name"] else count(browser, "functions"))
        browser.go(func_link(func))
        seen = rows(browser, ".list.lines", """[
          e.querySelector('.c-pc').title.replace(' – ', ' '),
          e.querySelector('.c-at').title,
          e.querySelector('.c-chain').title]""")
        tree = [c for c in calls[func["lo"]] if c["kind"] == "call"]
        wanted = [[f"{r['lo']} {r['hi']}",
                   f"{r['file']}:{r['line']}" if r["file"] else "",
                   "\n‹ ".join(chain_of(tree, r["call"]))
                   if "call" in r else ""] for r in lines[func["lo"]]]
        # A row without a line shows the file alone.
        check(f"rows of {func['name']}", [[a, re.sub(":-1$", ":0", b), c]
                                         for a, b, c in seen], wanted)
    search(browser, "no function has such a name")
    check("nothing found is said", browser.run(
        "document.querySelector('#view-functions .side .empty').hidden"), False)
    search(browser, "")


def check_unwinding(browser, program, funcs):
    rules = of_each(dump(program, "--unwind"))
    for func in samples(funcs, rules, 3):
        browser.go(func_link(func, "unwind"))
        seen = rows(browser, "[data-tab=unwind] .list", """[
          e.querySelector('.c-pc').title.replace(' – ', ' '),
          e.querySelector('.c-rule').textContent]""")
        wanted = []
        for r in rules[func["lo"]]:
            words = [f"{k}={r[k]}" for k in ("cfa", "fp", "ra") if k in r]
            rule = "none" if r["cfa"] == "none" else " ".join(words)
            wanted.append([f"{r['lo']} {r['hi']}",
                           rule + (" signal" if r.get("signal") else "")])
        check(f"unwinding of {func['name']}", seen, wanted)


def words_of(ranges):
    """"1,3-5:slice" as the numbers of words."""
    words = set()
    for part in filter(None, (ranges or "").split(",")):
        lo, _, hi = part.partition(":")[0].partition("-")
        words.update(range(int(lo), int(hi or lo) + 1))
    return words


def check_maps(browser, program, funcs):
    maps = of_each(dump(program, "--maps"))
    only = {lo: [r for r in group if r["kind"] == "map"]
            for lo, group in maps.items()}
    for func in samples(funcs, only, 5, longest=80):
        browser.go(func_link(func, "maps"))
        # The number of each cell that is drawn as live.
        seen = rows(browser, ".list.maps", """[
          e.querySelector('.c-pc').title,
          e.querySelector('.c-pairs')?.textContent || '',
          ...['local', 'argument'].map(what =>
            [...e.querySelectorAll(`.${what}s .pointer, .${what}s .multi`)]
              .map(c => c.title.replace(/,.*/s, '').replace(what + ' ', '')))
        ]""")
        seen = [[pc, pairs, *(sorted(words_of(",".join(c).replace(" – ", "-")))
                              for c in cells)] for pc, pairs, *cells in seen]
        wanted = [[r["lo"], r.get("derived", ""),
                   sorted(words_of(r.get("locals"))),
                   sorted(words_of(r.get("args")))] for r in only[func["lo"]]]
        check(f"live words of {func['name']}", seen, wanted)


def check_variables(browser, program):
    records = [r for r in dump(program, "--maps") if r["kind"] == "root"]
    kinds = {suffix for r in records for suffix in
             re.findall(":([a-z]+)", r.get("live", ""))}
    check("variables of each kind", (kinds, any("thread_local" in r for r in
                                                records)),
          ({"string", "slice", "iface", "eface"}, True))
    browser.go("#view=variables")
    browser.wait("document.querySelector('#view-variables .status')?.dataset.count")
    check("variables are counted", count(browser, "variables"), len(records))
    seen = rows(browser, "#view-variables .list", """[
      e.querySelector('.c-name').title, e.querySelector('.c-place').textContent,
      Number(e.querySelector('.c-size').textContent.replace(/,/g, ''))]""")
    wanted = [[r["name"] + ("+" + r["offset"] if "offset" in r else ""),
               ("TLS +" if "thread_local" in r else "") + r["lo"],
               int(r["hi"], 16) - int(r["lo"], 16)] for r in records]
    check("variables", sorted(seen), sorted(wanted))
    for r in records:
        browser.go("#variable=" + ("tls" if "thread_local" in r else "") +
                   r["lo"])
        shown = browser.run("""[...document.querySelectorAll(
          '#view-variables .words .pointer, #view-variables .words .multi')]
          .map(c => c.title.replace(/,.*/s, '').replace('word ', ''))""")
        check(f"words of {r['name']}",
              sorted(words_of(",".join(shown).replace(" – ", "-"))),
              sorted(words_of(r["live"])))
    browser.go("#variable=0x1")
    check("no such variable", text(browser, "#view-variables .detail h3"),
          "Not in this report")


def check_llvm(browser, program, funcs):
    groups = of_each(dump(program, "--maps"))
    only = {lo: [r for r in group if r["kind"] == "llvm"]
            for lo, group in groups.items()}
    known = [f for f in funcs if f["kind"] == "func" and only[f["lo"]]]
    check("functions with records of LLVM's", len(known) >= 4, True)
    for func in known:
        browser.go(func_link(func, "maps"))
        seen = browser.run("""[...document.querySelectorAll('.llvm tbody tr')]
          .map(row => [row.cells[0].querySelector('a').title,
            ...[...row.cells].slice(1).map(c => c.textContent)])""")
        wanted = [[r["pc"], r["id"], *(r.get(k, "–").replace(",", ", ") for k in
                                       ("locations", "deopt", "live_outs"))]
                  for r in only[func["lo"]]]
        check(f"records of {func['name']}", seen, wanted)


# What a collector knows, of a table of ours.
def check_references(browser, program, folder):
    report = make_report(program, f"{folder}/references.html")
    every = dump(program, "--funcs")
    maps = of_each(dump(program, "--maps"))
    derived = [f for f in every if f["kind"] == "func" and
               any("derived" in r for r in maps[f["lo"]])]
    check("functions with derived pointers", len(derived) > 1, True)
    browser.open(report)
    check_maps(browser, program, every)
    check_maps(browser, program, derived)
    check_llvm(browser, program, every)
    check_variables(browser, program)
    for width in 360, 1600:
        browser.open(report, width=width)
        for place in ("#view=variables", func_link(derived[0], "maps")):
            browser.go(place)
            check(f"{place} fits into {width} pixels", browser.run(
                "document.documentElement.scrollWidth") <= width, True)


def check_bytes(browser, program):
    sizes = {r["part"]: r["bytes"] for r in dump(program, "--stats")
             if r["kind"] == "size"}
    total = sizes.pop("total")
    parts = collections.Counter()
    for part, n in sizes.items():
        parts[part.split(".")[0]] += n

    def shown(path):
        browser.go("#view=bytes" + (f"&path={path}" if path else ""))
        return dict(rows(browser, "#view-bytes .list", """[
          (e.querySelector('.c-name a') || e.querySelector('.c-name').firstChild
            .nextSibling).textContent,
          Number(e.querySelector('.c-size').textContent.replace(/,/g, ''))]"""))

    seen = shown("")
    check("components", seen, dict(parts))
    check("the map's bytes are the table's", (sum(seen.values()), browser.run(
        "Number(document.getElementById('bytes-sum').dataset.bytes)")),
        (total, total))
    check("components of streams", sum(shown("pctab").values()), parts["pctab"])
    check("bytes of lines", sum(shown("pctab/pcln").values()),
          sizes["pctab.pcln"])
    check("bytes of records", sum(shown("records").values()), parts["records"])
    boxes = browser.run("document.querySelectorAll('.treemap .box').length")
    check("the map is drawn", boxes > 3, True)


def check_sources(browser, program, funcs):
    lines = of_each(dump(program, "--lines"))
    code, users = collections.Counter(), collections.defaultdict(set)
    for func, group in lines.items():
        for r in group:
            if r["file"]:
                code[r["file"]] += int(r["hi"], 16) - int(r["lo"], 16)
                users[r["file"]].add(func)
    browser.go("#view=sources")
    browser.wait("document.querySelector('#view-sources .status')?.dataset.count")
    check("files are counted", count(browser, "sources"), len(code))
    seen = rows(browser, "#view-sources .list", """[
      e.querySelector('.c-name').title, ...['.c-funcs', '.c-size'].map(c =>
        Number(e.querySelector(c).textContent.replace(/,/g, '')))]""")
    check("code of files", {f: (n, b) for f, n, b in seen},
          {f: (len(users[f]), code[f]) for f in code})
    names = collections.Counter(
        r["name"] for group in of_each(dump(program, "--calls")).values()
        for r in group if r["kind"] == "call")
    browser.go("#view=inlined")
    browser.wait("document.querySelector('#view-inlined .status')?.dataset.count")
    check("inlined functions are counted", count(browser, "inlined"), len(names))
    seen = rows(browser, "#view-inlined .list", """[
      e.querySelector('.c-name').title,
      Number(e.querySelector('.c-sites').textContent.replace(/,/g, ''))]""")
    check("calls of inlined functions", dict(seen), dict(names))


def check_widths(browser, report, func):
    places = ["", "#view=functions", func_link(func), func_link(func, "inlined"),
              func_link(func, "maps"), func_link(func, "record"),
              "#view=sources", "#view=inlined", "#view=bytes"]
    for width in 360, 1600:
        browser.open(report, width=width)
        for place in places:
            browser.go(place or "#view=overview")
            wide = browser.run("document.documentElement.scrollWidth")
            check(f"{place} fits into {width} pixels", wide <= width, True)
            cut = browser.run("""[...document.querySelectorAll('main > section')]
              .filter(s => !s.hidden && s.getBoundingClientRect().height < 300)
              .length""")
            check(f"{place} is not cut off at {width} pixels", cut, 0)


def check_keys(browser, report):
    browser.open(report)
    browser.key("2")
    check("2 is the list of functions", browser.run("location.hash"),
          "#view=functions")
    browser.key("/")
    check("/ is the search", browser.run("document.activeElement.id"), "search")
    browser.key("ArrowDown")
    browser.key("ArrowDown")
    check("arrows choose", browser.run(
        "[...document.querySelectorAll('#view-functions [aria-selected=true]')]"
        ".map(e => e.getAttribute('aria-posinset'))"), ["2"])
    check("what is chosen is shown", browser.run(
        "!!document.querySelector('.detail h2')"), True)
    browser.key("?")
    check("? is the help", browser.run("document.querySelector('dialog').open"),
          True)
    browser.key("Escape")


def check_links(browser, report, func):
    browser.open(report, f"#func={func['name']}")
    check("a link to a function", text(browser, ".detail h2"), func["name"])
    browser.open(report, "#func=no.such.function")
    check("a link to nothing", text(browser, ".detail h3"), "Not in this report")
    light = browser.run("getComputedStyle(document.body).backgroundColor")
    browser.open(report, dark=True)
    dark = browser.run("getComputedStyle(document.body).backgroundColor")
    check("light and dark differ", light != dark, True)


def check_program(browser, program, folder, whole):
    """`whole`: also what is the same for every program."""
    name = os.path.basename(program)
    report = make_report(program, f"{folder}/{name}.html")
    funcs = dump(program, "--funcs")
    browser.open(report)
    check_functions(browser, program, funcs)
    check_unwinding(browser, program, funcs)
    check_maps(browser, program, funcs)
    check_bytes(browser, program)
    check_sources(browser, program, funcs)
    if not whole:
        return
    func = max((f for f in funcs if f["kind"] == "func"), key=lambda f:
               int(f["hi"], 16) - int(f["lo"], 16))
    check_widths(browser, report, func)
    check_keys(browser, report)
    check_links(browser, report, func)


def check_filters(browser, program, folder):
    lo = dump(program, "--funcs")[10]["lo"]
    for options in ["--func", "*main*"], ["--address", f"{lo},{int(lo, 16) + 4000}"]:
        report = make_report(program, f"{folder}/part.html", *options)
        browser.open(report, "#view=functions")
        check(f"functions with {options}", count(browser, "functions"), sum(
            f["kind"] == "func" for f in dump(program, "--funcs", *options)))
        total = next(r["bytes"] for r in dump(program, "--stats")
                     if r["kind"] == "size" and r["part"] == "total")
        browser.go("#view=bytes")
        check(f"all bytes are there with {options}", browser.run(
            "Number(document.getElementById('bytes-sum').dataset.bytes)"), total)


# --- Hostile names ------------------------------------------------------------

HOSTILE = [
    b"</script><script>hacked=1</script>",
    b"<img src=x onerror=hacked=2>",
    b"\"><svg onload=hacked=3>",
    b"\xe2\x80\xa8\xe2\x80\xae{{7*7}}\xff\xfe",
    b"javascript:hacked=4//",
    b"<!--", b"__proto__", b"constructor",
]


def make_hostile(program, funcs, folder):
    """A copy of a Go program with hostile names. Names keep their length, and
    a Go table has no checksum. Its path is hostile as well."""
    data = pathlib.Path(program).read_bytes()
    names = iter(sorted({f["name"] for f in funcs if f["kind"] == "func"},
                        key=len, reverse=True))
    planted = []
    for hostile in HOSTILE:
        for name in names:
            old = b"\0" + name.encode(errors="replace") + b"\0"
            if len(name) >= len(hostile) and data.count(old) == 1:
                new = hostile + b"x" * (len(name) - len(hostile))
                data = data.replace(old, b"\0" + new + b"\0")
                planted.append(new)
                break
    path = pathlib.Path(folder, "a<", "script><img src=x onerror=hacked=5>")
    path.parent.mkdir()
    path.write_bytes(data)
    return str(path), planted


def check_hostile(browser, program, folder):
    program, planted = make_hostile(program, dump(program, "--funcs"), folder)
    check("hostile names are planted", len(planted), len(HOSTILE))
    report = make_report(program, f"{folder}/hostile.html")
    browser.open(report)
    for func in dump(program, "--funcs"):
        name = func.get("name", "").encode("utf-8", "surrogateescape")
        if name not in planted:
            continue
        for tab in "lines", "inlined", "maps", "record":
            browser.go(func_link(func, tab))
        shown = text(browser, ".detail h2")
        check(f"{name!r} is shown as text", shown, re.sub(
            "\u2028", r"\\u{2028}", re.sub("\u202e", r"\\u{202e}", name.decode(
                "utf-8", "backslashreplace"))))
    for view in "overview", "functions", "sources", "inlined", "bytes":
        browser.go(f"#view={view}")
    browser.go("#func=" + "<img src=x onerror=hacked=6>")
    check("no name is executed", browser.run("typeof hacked"), "undefined")
    check("no name becomes an element", browser.run(
        "document.querySelectorAll('img, svg, iframe, object').length + "
        "document.scripts.length"), 1)


def check_damaged(browser, program, folder):
    """Reports of damaged tables are made and can be looked at, too."""
    data = pathlib.Path(program).read_bytes()
    table = next(r for r in dump(program, "--header") if r["kind"] == "part" and
                 r["name"] == "functab")
    magic = data.index(b"\xf1\xff\xff\xff\0\0\x01\x08")
    first, size = magic + int(table["offset"], 16), table["bytes"]
    for seed in range(3):
        random.seed(seed)
        damaged = bytearray(data)
        for _ in range(400):
            at = first + size // 5 + random.randrange(size * 4 // 5)
            damaged[at] = random.randrange(256)
        path = pathlib.Path(folder, f"damaged{seed}")
        path.write_bytes(damaged)
        result = subprocess.run([DUMP, "--html", "-o", f"{path}.html", path],
                                capture_output=True, timeout=SECONDS)
        check(f"damage {seed} is noticed", result.returncode, 1)
        browser.open(f"{path}.html")
        check(f"damage {seed} is said", text(browser, ".verdict") != "✓Sound",
              True)
        for view in "functions", "sources", "inlined", "bytes":
            browser.go(f"#view={view}")
        reported = re.findall(rb": error: (\S+)\+0x", result.stderr)[:5]
        for name in reported:
            for tab in "lines", "inlined", "unwind", "maps", "record":
                browser.go(f"#func={name.decode('utf-8', 'replace')}&tab={tab}")


def main():
    global DUMP
    DUMP, references, *programs = sys.argv[1:]
    folder = tempfile.mkdtemp(prefix="html-report-")
    try:
        with Browser(2 * SECONDS) as browser:
            check_references(browser, references, folder)
            for program in programs:
                check_program(browser, program, folder,
                              whole=program == programs[-1])
            check_filters(browser, programs[-1], folder)
            check_hostile(browser, programs[-1], folder)
            check_damaged(browser, programs[-1], folder)
            check("the pages have nothing to complain of", browser.problems, [])
            check("nothing is loaded but the pages", [
                url for url in browser.requests
                if not url.startswith(("file:///", "about:blank"))], [])
    finally:
        shutil.rmtree(folder)
    print("the report says what pclntab-dump says" if not failures else
          f"{len(failures)} failures")
    return bool(failures)


if __name__ == "__main__":
    sys.exit(main())
