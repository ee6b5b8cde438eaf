// SPDX-License-Identifier: Apache-2.0
//
// Which words of a function's frame are live, and where: a line for each
// stretch of code, a cell for each word, so that one sees a pointer come to
// life and die from top to bottom. A cell says by its sign what its colour says.

// As enum pcln_word_kind: class, sign, meaning.
const WORD_KINDS = [
  ["none", "", "dead, or no pointer"],
  ["dead", "", "dead"],
  ["scalar", "○", "live, no pointer"],
  ["pointer", "●", "live pointer"],
  ["multi", "“", "string: data, length"],
  ["multi", "[", "slice: data, length, capacity"],
  ["multi", "i", "interface: method table, data"],
  ["multi", "e", "empty interface: type, data"],
];
const NO_WORD = 0;
const DEAD = 1;
const SCALAR = 2;
const POINTER = 3;

// As enum pcln_arg_op, plus one.
const ARG = { VALUE: 1, BEGIN: 2, END: 3, MORE: 4, TOO_FAR: 5 };

const DERIVED = ["pointer.derived", "◐", "derived pointer"];

// What the signs of these kinds mean.
function wordLegend(kinds, derived = false) {
  const known = [...kinds].sort((a, b) => a - b).map((k) => WORD_KINDS[k]);
  return el(
    "ul.legend",
    { "aria-label": "Legend" },
    [...known, ...(derived ? [DERIVED] : [])].map(([name, sign, meaning]) =>
      el(
        "li",
        {},
        el(`i.word.${name}`, { "aria-hidden": "true" }, sign),
        meaning,
      ),
    ),
  );
}

// The cells of a row, each with what() it is called and the place that where()
// says of a word. Neighbours that are dead are one element. `marked` are words
// with a further meaning, by number.
function wordCells(row, where, what, marked = new Map()) {
  const out = [];
  let at = 0;
  for (const item of row) {
    const [name, sign, meaning] = WORD_KINDS[item.kind];
    const joined = item.kind <= DEAD;
    const parts = joined ? 1 : item.n;
    const words = joined ? item.n : item.words;
    for (let k = 0; k < parts; k++) {
      const mark = marked.get(at);
      const cell = el(
        mark ? `i.word.${name}.derived` : `i.word.${name}`,
        {
          title: `${what} ${words > 1 ? `${at} – ${at + words - 1}` : at}${where(at)}: ${meaning}${mark ? `, ${mark}` : ""}`,
        },
        mark ? DERIVED[1] : sign,
      );
      cell.style.width = `calc(${words} * var(--cell, 14px))`;
      out.push(cell);
      at += words;
    }
  }
  return el(`span.words.${what}s`, { "aria-hidden": "true" }, out);
}

const signed = (n) => (n < 0 ? `−${-n}` : `+${n}`);

// "0:8, {8:8, 16:8}": offset and size of each value that a traceback prints.
function valuesText(values) {
  let text = "";
  let first = true;
  for (const v of values) {
    if (!first && v.op !== ARG.END) text += ", ";
    first = v.op === ARG.BEGIN;
    text +=
      { [ARG.BEGIN]: "{", [ARG.END]: "}", [ARG.MORE]: "…", [ARG.TOO_FAR]: "_" }[
        v.op
      ] ?? `${v.off}:${v.size}`;
  }
  return text;
}

const wordText = (word) =>
  word.startsWith("a") ? `argument ${word.slice(1)}` : `local ${word}`;

// A list of places, that may break behind its commas.
const places = (text) =>
  el("code", {}, text ? text.replaceAll(",", ", ") : "–");

class MapsTab {
  constructor(report, func, details) {
    this.report = report;
    this.func = func;
    this.details = details;
    this.frame = details.frame;
    this.pointerSize = report.table.pointer_size;
    this.runs = this.findRuns();
    this.count = this.runs.length;
  }

  get any() {
    const f = this.frame;
    return f.locals || f.args;
  }

  // The stretches of code and the rows of the maps that hold there. Without the
  // stream that numbers rows, row 0 holds everywhere.
  findRuns() {
    const r = this.report;
    if (!this.any) return [];
    const index = r.records("layout", "record")[0].stackmaps;
    const stream = this.details.pcdata[index];
    if (!stream?.offset) return [{ lo: 0, hi: r.size[this.func], value: -1 }];
    return stream.runs.filter((run) => run.value >= -1);
  }

  make() {
    const f = this.frame;
    if (
      !this.any &&
      !f.objects.length &&
      !f.values.length &&
      !f.defers &&
      !f.llvm.length
    )
      return emptyState(
        "No stack maps",
        "The table says nothing of this frame: a collector would have to scan it word by word, or refuse.",
      );
    return el(
      "div.fill",
      {},
      el("div.map-head", {}, this.facts(), this.any ? this.legend() : null),
      this.runs.length ? this.matrix() : null,
      f.objects.length ? this.objects() : null,
      f.llvm.length ? this.llvm() : null,
    );
  }

  facts() {
    const f = this.frame;
    const p = this.pointerSize;
    const words = (map) => (map ? plural(map.words, "word") : null);
    const at = (map, from) =>
      map?.words && f.place ? ` at CFA ${signed(from)}` : "";
    return factList([
      [
        "Locals",
        f.locals &&
          words(f.locals) +
            at(f.locals, f.place ? f.place.varp - f.locals.words * p : 0),
      ],
      ["Arguments", f.args && words(f.args) + at(f.args, f.place?.argp)],
      [
        "Conservative",
        f.locals?.conservative
          ? `${bytes(f.locals.conservative)} at the locals’ end`
          : null,
      ],
      [
        "Printed values",
        f.values.length
          ? el(
              "code",
              { title: "offset:size of each argument that a traceback prints" },
              valuesText(f.values),
            )
          : null,
      ],
      [
        "Deferred calls",
        f.defers
          ? `bits at varp −${f.defers.bits}, closures at ${f.defers.closures.map((c) => `varp −${c}`).join(", ")}`
          : null,
      ],
    ]);
  }

  // Only what occurs in this table: maps of one bit know pointers and the rest.
  legend() {
    const twoBits = this.runs.some((run) =>
      [
        this.rowOf(this.frame.locals, run),
        this.rowOf(this.frame.args, run),
      ].some((row) =>
        row.some((item) => item.kind !== NO_WORD && item.kind !== POINTER),
      ),
    );
    return wordLegend(
      twoBits ? [DEAD, SCALAR, POINTER, 4, 5, 6, 7] : [NO_WORD, POINTER],
      this.frame.pairs.size > 0,
    );
  }

  rowOf(map, run) {
    return map?.rows[Math.max(0, run.value)] || [];
  }

  // "1, 3-5": the words with something live in them.
  liveText(row) {
    const ranges = [];
    let at = 0;
    for (const item of row) {
      const words = item.n * item.words;
      if (item.kind >= POINTER)
        ranges.push(words === 1 ? String(at) : `${at}-${at + words - 1}`);
      at += words;
    }
    return ranges.join(",");
  }

  // --- The matrix ---

  matrix() {
    const f = this.frame;
    const most = Math.max(f.locals?.words || 0, f.args?.words || 0);
    const cell = most > 160 ? 8 : 14;
    // Room for the heading, too.
    const width = (map) => `${Math.max(70, map.words * cell)}px`;
    const heads = el(
      "div.heads.map-row",
      {},
      el("span.c-pc", {}, "Code"),
      el("span.c-sp", { title: "Row of the maps" }, "Row"),
      el("span.c-at", {}, "Position"),
      f.args?.words
        ? el("span.words", { style: { width: width(f.args) } }, "Arguments")
        : null,
      f.locals?.words
        ? el("span.words", { style: { width: width(f.locals) } }, "Locals")
        : null,
      f.pairs.size ? el("span.c-pairs", {}, "Derived @ base") : null,
    );
    const list = new VirtualList({
      label: "Live words, by code",
      rowHeight: 28,
      render: (e, k) => this.renderRun(e, this.runs[k]),
    });
    list.element.classList.add("maps");
    list.element.style.setProperty("--cell", `${cell}px`);
    list.element.style.setProperty(
      "--args",
      f.args?.words ? width(f.args) : "0",
    );
    list.element.style.setProperty(
      "--locals",
      f.locals?.words ? width(f.locals) : "0",
    );
    list.rows.style.minWidth = `${330 + ((f.locals?.words || 0) + (f.args?.words || 0)) * cell + 40}px`;
    list.element.addEventListener(
      "scroll",
      () =>
        (heads.style.transform = `translateX(${-list.element.scrollLeft}px)`),
    );
    list.setCount(this.runs.length);
    return el("div.fill.clip", {}, heads, list.element);
  }

  renderRun(e, run) {
    const r = this.report;
    const f = this.frame;
    const locals = this.rowOf(f.locals, run);
    const args = this.rowOf(f.args, run);
    const row = this.details.rows.find((x) => x.hi > run.lo);
    const live = (name, map, words) =>
      map?.words ? `${name} ${this.liveText(words) || "none"}` : "";
    e.classList.add("map-row");
    e.dataset.locals = this.liveText(locals);
    e.dataset.args = this.liveText(args);
    e.append(
      el(
        "a.c-pc",
        {
          href: linkTo(funcPlace(r, this.func, { tab: "lines", pc: run.lo })),
          title: r.address(r.off[this.func] + run.lo),
        },
        `+${run.lo.toString(16)} – ${run.hi.toString(16)}`,
      ),
      el(
        "span.c-sp",
        { title: run.value < 0 ? "nothing is said here: row 0 holds" : "" },
        run.value < 0 ? "–" : String(run.value),
      ),
      el("span.c-at", {}, row ? positionText(r, row.file, row.line) : ""),
      el(
        "span.hidden",
        {},
        `live: ${[live("locals", f.locals, locals), live("arguments", f.args, args), f.pairs.size ? `derived ${this.pairsText(run) || "none"}` : ""].filter(Boolean).join("; ")}`,
      ),
    );
    if (f.args?.words)
      e.append(
        this.words(args, f.place && f.place.argp, "argument", "a", run),
      );
    if (f.locals?.words)
      e.append(
        this.words(
          locals,
          f.place && f.place.varp - f.locals.words * this.pointerSize,
          "local",
          "",
          run,
        ),
      );
    if (f.pairs.size)
      e.append(
        el(
          "code.c-pairs",
          { title: "derived pointer @ its base, by words" },
          this.pairsText(run),
        ),
      );
  }

  // The cells of a row of the locals or, with the prefix "a", of the arguments,
  // which begins at that distance from the CFA.
  words(row, cfa, what, prefix, run) {
    const marked = new Map();
    for (const pair of this.pairsOf(run))
      if (pair.derived.startsWith("a") === (prefix === "a"))
        marked.set(
          Number(pair.derived.slice(prefix.length)),
          `derived from ${wordText(pair.base)}`,
        );
    const where = (at) =>
      cfa === null ? "" : `, CFA ${signed(cfa + at * this.pointerSize)}`;
    return wordCells(row, where, what, marked);
  }

  // --- Derived pointers ---

  pairsOf(run) {
    return this.frame.pairs.get(Math.max(0, run.value)) || [];
  }

  // What other tools print of them: "4@2,a1@3".
  pairsText(run) {
    return this.pairsOf(run)
      .map((pair) => `${pair.derived}@${pair.base}`)
      .join(",");
  }

  // --- LLVM's records ---

  llvm() {
    const rows = this.frame.llvm.map((record) => [
      el(
        "a.c-pc",
        {
          href: linkTo(
            funcPlace(this.report, this.func, { tab: "lines", pc: record.pc }),
          ),
          title: this.report.address(this.report.off[this.func] + record.pc),
        },
        `+${record.pc.toString(16)}`,
      ),
      record.id,
      places(record.locations),
      places(record.deopt),
      places(record.liveOuts),
    ]);
    return el(
      "div.objects.llvm",
      {},
      el(
        "h3",
        {},
        plural(rows.length, "record of LLVM’s", "records of LLVM’s"),
        el(
          "span.quiet",
          {},
          " at these places; r7 is a register by DWARF’s number, r7+16 an address, [r7+16] what is there, #5 a constant; then the size in bytes",
        ),
      ),
      tableOf(
        "Records of LLVM’s stack maps",
        ["Code", "Id", "Locations", "Deoptimisation", "Live-outs"],
        rows,
      ),
    );
  }

  // --- Stack objects ---

  maskCells(o) {
    const cells = [];
    for (let i = 0; i < Math.min(o.pointerBytes / this.pointerSize, 256); i++) {
      const live = (o.mask[i >> 3] >> (i & 7)) & 1;
      const [name, sign, meaning] = WORD_KINDS[live ? POINTER : NO_WORD];
      cells.push(
        el(
          `i.word.${name}`,
          { title: `word ${i}: ${live ? "may hold a pointer" : meaning}` },
          sign,
        ),
      );
    }
    return el(
      "span.words",
      {
        role: "img",
        "aria-label": `${plural(cells.filter((c) => c.classList.contains("pointer")).length, "pointer word")}`,
      },
      cells,
    );
  }

  objects() {
    const rows = this.frame.objects.map((o) => [
      o.off < 0 ? `varp ${signed(o.off)}` : `argp ${signed(o.off)}`,
      o.size ? count(o.size) : "–",
      o.size ? count(o.pointerBytes) : "–",
      o.mask.length
        ? this.maskCells(o)
        : o.program
          ? "a GC program"
          : o.type
            ? `type at ${hex(o.type)}`
            : "–",
    ]);
    return el(
      "div.objects",
      {},
      el(
        "h3",
        {},
        plural(rows.length, "stack object"),
        el("span.quiet", {}, " scanned if something live points into them"),
      ),
      tableOf(
        "Stack objects",
        ["At", "Bytes", "With pointers", "Words"],
        rows,
        [1, 2],
      ),
    );
  }
}
