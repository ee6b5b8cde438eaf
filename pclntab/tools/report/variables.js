// SPDX-License-Identifier: Apache-2.0
//
// Variables in static storage that hold references: where each is, and which of
// its words a collector follows. Only a table of ours knows them.

// The words that "1-2:string,3" and the like name, as items of a row.
const SUFFIXES = { string: 4, slice: 5, iface: 6, eface: 7 };
function itemsOf(words, live, scalars) {
  const items = [];
  const put = (text, plain) => {
    for (const part of (text || "").split(",").filter(Boolean)) {
      const [range, suffix] = part.split(":");
      const [lo, hi = lo] = range.split("-").map(Number);
      items.push(
        suffix
          ? { at: lo, n: 1, kind: SUFFIXES[suffix], words: hi - lo + 1 }
          : { at: lo, n: hi - lo + 1, kind: plain, words: 1 },
      );
    }
  };
  put(live, POINTER);
  put(scalars, SCALAR);
  items.sort((a, b) => a.at - b.at);
  const row = [];
  let at = 0;
  for (const item of items) {
    if (item.at > at)
      row.push({ n: item.at - at, kind: DEAD, words: 1 });
    row.push(item);
    at = item.at + item.n * item.words;
  }
  if (words > at) row.push({ n: words - at, kind: DEAD, words: 1 });
  return row;
}

// The first words of a row.
const MOST_WORDS = 4096;
function firstWords(row) {
  const first = [];
  let left = MOST_WORDS;
  for (const item of row) {
    const n = Math.min(item.n, Math.floor(left / item.words));
    if (n > 0) first.push({ ...item, n });
    left -= item.n * item.words;
    if (left <= 0) break;
  }
  return first;
}

class VariablesView extends BrowseView {
  get id() {
    return "variables";
  }
  get label() {
    return "Variables with references";
  }
  get noun() {
    return "variable";
  }
  get empty() {
    return "The table names no variables";
  }
  get placeholder() {
    return "Search variables";
  }

  get columns() {
    this.shownColumns ??= [
      {
        key: "name",
        title: "Variable",
        of: (v) => v.shown.toLowerCase(),
        text: (v) => v.shown,
        hint: (v) => v.shown,
      },
      {
        key: "place",
        title: "Place",
        of: (v) => v.order,
        text: (v) => (v.thread_local ? `TLS +${v.lo}` : v.lo),
      },
      {
        key: "size",
        title: "Bytes",
        of: (v) => v.bytes,
        text: (v) => count(v.bytes),
      },
      {
        key: "refs",
        title: "References",
        of: (v) => v.refs,
        text: (v) => count(v.refs),
      },
    ];
    return this.shownColumns;
  }

  // Nothing of the functions is needed.
  prepare(then) {
    then(this.report);
  }
  load(report) {
    return report.records("roots", "root").map((root, order) => {
      const row = itemsOf(root.words, root.live, root.scalars);
      const name = visible(root.name || "");
      return {
        ...root,
        row,
        order,
        shown: (name || "(no symbol)") + (root.offset ? `+${root.offset}` : ""),
        bytes: root.words * root.repeat * report.table.pointer_size,
        refs:
          root.repeat *
          row.reduce((n, i) => n + (i.kind >= POINTER ? i.n : 0), 0),
      };
    });
  }
  textOf(item) {
    return `${item.shown} ${item.lo}`;
  }
  placeOf(item) {
    return { variable: (item.thread_local ? "tls" : "") + item.lo };
  }
  find(place) {
    if (!place.variable) return undefined;
    return this.items.findIndex(
      (item) => this.placeOf(item).variable === place.variable,
    );
  }

  detail(item) {
    const p = this.report.table.pointer_size;
    return [
      el(
        "div.func-head",
        {},
        el("h2", {}, item.shown),
        factList([
          [
            "Place",
            item.thread_local
              ? `${item.lo} – ${item.hi} of each thread’s block`
              : `${item.lo} – ${item.hi}`,
          ],
          ["Words", count(item.words)],
          ["Repeated", item.repeat > 1 ? `${count(item.repeat)} times` : null],
          ["References", count(item.refs)],
        ]),
      ),
      el(
        "div.tab-body.variable",
        {},
        wordLegend(new Set(item.row.map((i) => i.kind))),
        wordCells(firstWords(item.row), (at) => `, byte ${at * p}`, "word"),
        item.words > MOST_WORDS
          ? el("p.quiet", {}, `and ${count(item.words - MOST_WORDS)} more words`)
          : null,
      ),
    ];
  }
}
