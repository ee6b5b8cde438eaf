// SPDX-License-Identifier: Apache-2.0
//
// Files, the code that comes from them, and which functions have it: their own,
// and those into which code of the file was inlined.

class SourcesView extends BrowseView {
  get id() {
    return "sources";
  }
  get label() {
    return "Source files";
  }
  get noun() {
    return "file";
  }
  get empty() {
    return "The table names no files";
  }
  get placeholder() {
    return "Search files";
  }

  get columns() {
    const { files } = this.report;
    this.shownColumns ??= [
      {
        key: "name",
        title: "File",
        of: (f) => files[f.file].toLowerCase(),
        text: (f) => this.pathParts(files[f.file]),
        hint: (f) => files[f.file],
      },
      {
        key: "funcs",
        title: "Functions",
        of: (f) => f.funcs,
        text: (f) => count(f.funcs),
      },
      {
        key: "size",
        title: "Code",
        of: (f) => f.bytes,
        text: (f) => count(f.bytes),
      },
    ];
    return this.shownColumns;
  }

  pathParts(path) {
    const at = path.lastIndexOf("/") + 1;
    return el(
      "span.path",
      {},
      el("b", {}, path.slice(at)),
      el("span.quiet", {}, path.slice(0, at).replace(/(.)\/$/, "$1")),
    );
  }

  load(index) {
    const items = [];
    for (let file = 1; file < this.report.files.length; file++)
      if (index.fileFuncs[file].length)
        items.push({
          file,
          funcs: index.fileFuncs[file].length,
          bytes: index.fileBytes[file],
        });
    return items;
  }
  textOf(item) {
    return this.report.files[item.file];
  }
  placeOf(item) {
    return {
      file: this.report.files[item.file],
      ...(this.place?.tab ? { tab: this.place.tab } : {}),
    };
  }
  find(place) {
    if (!place.file) return undefined;
    return this.items.findIndex(
      (item) => this.report.files[item.file] === place.file,
    );
  }

  detail(item, place) {
    const r = this.report;
    const path = r.files[item.file];
    const lines = this.index.linesOf(item.file);
    const byFunc = place.tab === "functions";
    const tab = (id, title, n, current) =>
      el(
        "a",
        {
          href: linkTo({ file: path, tab: id }),
          "aria-current": current ? "true" : null,
        },
        title,
        el("span.badge", {}, count(n)),
      );
    return [
      el(
        "div.func-head",
        {},
        el("h2", {}, baseOf(path)),
        factList([
          ["Path", path],
          [
            "Code",
            `${bytes(item.bytes)}, of that ${bytes(this.index.fileInlined[item.file])} inlined`,
          ],
        ]),
      ),
      el(
        "nav.subtabs",
        { "aria-label": "Parts of the file" },
        tab("", "Lines", lines.length, !byFunc),
        tab("functions", "Functions", item.funcs, byFunc),
      ),
      el(
        "div.tab-body",
        {},
        byFunc ? this.functionsOf(item) : this.linesOf(lines, place.line),
      ),
    ];
  }

  linesOf(lines, wanted) {
    const r = this.report;
    const most = lines.reduce((m, l) => Math.max(m, l.bytes), 1);
    const heads = [
      ["line", "Line"],
      ["size", "Code"],
      ["gauge", ""],
      ["name", "In function"],
    ];
    const { list, element } = fillingList(
      "Lines with code",
      "source-row",
      heads,
      lines.length,
      (row, k) => {
        const line = lines[k];
        const gauge = el("i.gauge", { "aria-hidden": "true" });
        gauge.style.width = `${(100 * line.bytes) / most}%`;
        if (String(line.line) === wanted) row.classList.add("wanted");
        row.append(
          el("span.c-line", {}, line.line > 0 ? String(line.line) : "–"),
          el("span.c-size", {}, count(line.bytes)),
          el("span.c-gauge", {}, gauge),
          el(
            "span.c-name",
            {
              title: line.funcs
                .slice(0, 30)
                .map((i) => r.nameOf(i))
                .join("\n"),
            },
            line.inlined
              ? el(
                  "span.tag",
                  { title: `${bytes(line.inlined)} through inlining` },
                  "inlined",
                )
              : null,
            funcLink(r, line.funcs[0]),
            line.funcs.length > 1
              ? el(
                  "span.quiet",
                  {},
                  ` and ${count(line.funcs.length - 1)} more`,
                )
              : null,
          ),
        );
      },
    );
    const at = lines.findIndex((line) => String(line.line) === wanted);
    if (at >= 0)
      requestAnimationFrame(() => list.scrollToRow(Math.max(0, at - 3)));
    return element;
  }

  // The functions that have code of the file, the most code first.
  functionsOf(item) {
    const r = this.report;
    const funcs = this.index.fileFuncs[item.file].map((i) => {
      const f = { i, bytes: 0, inlined: 0 };
      r.walkRows(i, (lo, hi, file, line, call) => {
        if (file !== item.file) return;
        f.bytes += hi - lo;
        if (call >= 0) f.inlined += hi - lo;
      });
      return f;
    });
    funcs.sort((a, b) => b.bytes - a.bytes || a.i - b.i);
    const heads = [
      ["size", "Code"],
      ["inl", "Inlined"],
      ["name", "Function"],
    ];
    return fillingList(
      "Functions with code of the file",
      "sourcefunc-row",
      heads,
      funcs.length,
      (row, k) =>
        row.append(
          el("span.c-size", {}, count(funcs[k].bytes)),
          el(
            "span.c-inl",
            {},
            funcs[k].inlined ? count(funcs[k].inlined) : "–",
          ),
          el("span.c-name", {}, funcLink(r, funcs[k].i)),
        ),
    ).element;
  }
}
