// SPDX-License-Identifier: Apache-2.0
//
// What the table's bytes are spent on: component, then package or file, then
// function. Areas are in proportion to bytes; the list beside the map has the
// exact numbers, and is what keyboards and screen readers use.
//
// Nodes are made when they are looked at: a node knows the runs of bytes that
// belong to it, and is split by what comes next in the path of each.

// As in html.h.
const OWNER = {
  NONE: 0,
  FUNC: 1,
  GROUP: 2,
  SEVERAL: 3,
  NAME: 4,
  FILE: 5,
  UNSELECTED: 6,
};

const COMPONENTS = {
  module_header: "module header",
  header: "header",
  funcnametab: "function names",
  cutab: "lists of files",
  filetab: "file names",
  pctab: "streams by pc",
  "pctab.pcsp": "stack depths",
  "pctab.pcfile": "files",
  "pctab.pcln": "lines",
  "pctab.unused": "not referred to",
  functab: "function index",
  records: "function records",
  funcdata: "function data",
  findfunctab: "lookup index",
  rules: "unwind rules",
  callees: "inlined functions",
  padding: "padding",
  other: "other",
};

class ByteTree {
  constructor(report) {
    this.report = report;
    const reader = new Reader(report.byteRuns);
    this.components = [];
    for (;;) {
      const end = report.byteRuns.indexOf(0, reader.at);
      const name = new TextDecoder().decode(reader.take(end - reader.at));
      reader.at++;
      if (!name) break;
      this.components.push(name);
    }
    const columns = [[], [], [], []];
    while (!reader.done)
      for (const column of columns) column.push(reader.num());
    [this.length, this.component, this.owner, this.id] = columns.map((c) =>
      Float64Array.from(c),
    );
    const all = Uint32Array.from(this.length.keys());
    this.root = {
      name: "table",
      title: "The table",
      runs: all,
      bytes: this.sum(all),
      split: "part",
    };
  }

  sum(runs) {
    let sum = 0;
    for (const run of runs) sum += this.length[run];
    return sum;
  }

  titleOf(component) {
    return COMPONENTS[component] || component.split(".")[1] || component;
  }

  // For a run, the child that it belongs to: [key, name, title, next split].
  childOf(run, split) {
    const r = this.report;
    const component = this.components[this.component[run]];
    const part = component.split(".")[0];
    if (split === "part")
      return [
        part,
        part,
        COMPONENTS[part] || part,
        component.includes(".") ? "component" : "owner",
      ];
    if (split === "component")
      return [
        component,
        component.split(".")[1],
        this.titleOf(component),
        "owner",
      ];
    const id = this.id[run];
    const leaf = split === "leaf";
    switch (this.owner[run]) {
      case OWNER.FUNC:
        if (leaf) return [id, r.nameOf(id), r.nameOf(id), null, id];
        return [r.groupOf(id), r.groupOf(id), r.groupOf(id), "leaf"];
      case OWNER.GROUP: {
        const shared = "shared inside";
        if (leaf)
          return [shared, shared, "used by several of these functions", null];
        return [r.groupOf(id), r.groupOf(id), r.groupOf(id), "leaf"];
      }
      case OWNER.SEVERAL:
        return [
          "shared",
          "shared",
          "used by functions of several packages or files",
          null,
        ];
      case OWNER.NAME:
        if (leaf) return [`name ${id}`, r.names[id], r.names[id], null];
        return [
          "only inlined",
          "only inlined",
          "functions that are only inlined",
          "leaf",
        ];
      case OWNER.FILE:
        if (leaf) return [`file ${id}`, baseOf(r.files[id]), r.files[id], null];
        return [
          `dir ${r.files[id].slice(0, r.files[id].lastIndexOf("/"))}`,
          r.files[id].slice(0, r.files[id].lastIndexOf("/") + 1) ||
            "(no folder)",
          "",
          "leaf",
        ];
      case OWNER.UNSELECTED:
        return [
          "filtered out",
          "filtered out",
          "functions that the filters left out",
          null,
        ];
      default:
        return ["as a whole", "as a whole", "of no single function", null];
    }
  }

  // The children of a node, the largest first; none for a leaf.
  kids(node) {
    if (node.kids) return node.kids;
    const kids = new Map();
    if (node.split)
      for (const run of node.runs) {
        const [key, name, title, split, func] = this.childOf(run, node.split);
        if (!kids.has(key))
          kids.set(key, {
            name,
            title,
            split,
            func,
            runs: [],
            bytes: 0,
            parent: node,
          });
        const kid = kids.get(key);
        kid.runs.push(run);
        kid.bytes += this.length[run];
        if (split === "component") kid.split = split; // some runs of pctab have no kind
      }
    node.kids = [...kids.values()].sort((a, b) => b.bytes - a.bytes);
    // A part that belongs to nobody in particular has nothing to zoom into.
    if (
      node.kids.length === 1 &&
      !node.kids[0].split &&
      node.kids[0].func === undefined
    )
      node.kids = [];
    return node.kids;
  }

  find(path) {
    let node = this.root;
    for (const name of path) {
      const next = this.kids(node).find((kid) => kid.name === name);
      if (!next || this.kids(next).length === 0) break;
      node = next;
    }
    return node;
  }

  pathOf(node) {
    const path = [];
    for (let at = node; at.parent; at = at.parent) path.unshift(at.name);
    return path;
  }
}

// Squarified layout: rows of rectangles as square as can be, best where `items`
// are sorted by falling bytes. The result has x, y, w, h for each.
function squarify(items, x, y, w, h) {
  const total = items.reduce((sum, item) => sum + item.bytes, 0);
  const out = [];
  if (total <= 0 || w <= 0 || h <= 0) return out;
  const scale = (w * h) / total;
  let at = 0;
  while (at < items.length) {
    const side = Math.min(w, h);
    let sum = 0;
    let worst = Infinity;
    let largest = 0;
    let smallest = Infinity;
    let end = at;
    for (; end < items.length; end++) {
      const next = sum + items[end].bytes * scale;
      largest = Math.max(largest, items[end].bytes * scale);
      smallest = Math.min(smallest, items[end].bytes * scale);
      const ratio = Math.max(
        (side * side * largest) / (next * next),
        (next * next) / (side * side * smallest),
      );
      if (ratio > worst) break;
      worst = ratio;
      sum = next;
    }
    const thick = sum / side;
    let along = 0;
    for (; at < end; at++) {
      const length = (items[at].bytes * scale) / thick;
      out.push(
        w >= h
          ? { x, y: y + along, w: thick, h: length }
          : { x: x + along, y, w: length, h: thick },
      );
      along += length;
    }
    if (w >= h) {
      x += thick;
      w -= thick;
    } else {
      y += thick;
      h -= thick;
    }
  }
  return out;
}

class BytesView {
  constructor(report, go) {
    this.report = report;
    this.go = go;
    this.tree = new ByteTree(report);
    this.node = this.tree.root;
    this.crumbs = el("nav.crumbs", { "aria-label": "Path" });
    this.search = el("input", {
      type: "search",
      placeholder: "Search here",
      "aria-label": "Search the names of this level",
      spellcheck: "false",
      autocomplete: "off",
      input: debounced(() => this.filter(), 60),
    });
    this.status = el("p.status", { role: "status", id: "bytes-sum" });
    this.list = new VirtualList({
      label: "Parts, by bytes",
      rowHeight: 30,
      render: (row, k) => this.renderRow(row, this.shown[k]),
      select: () => {},
      open: (k) => this.open(this.shown[k]),
    });
    this.map = el("div.treemap", { role: "img" });
    new ResizeObserver(() => this.draw()).observe(this.map);
    this.element = el(
      "section.split.bytes",
      { id: "view-bytes", "aria-label": "Bytes" },
      el(
        "div.side",
        {},
        el("div.bar", {}, this.search, this.status),
        el(
          "div.heads.bytes-row",
          {},
          el("span.c-size", {}, "Bytes"),
          el("span.c-part", {}, "Share"),
          el("span.c-name", {}, "Part"),
        ),
        this.list.element,
      ),
      el("div.main", {}, this.crumbs, this.map),
    );
  }

  placeOf(node) {
    const path = this.tree.pathOf(node);
    return { view: "bytes", path: path.map(encodeURIComponent).join("/") };
  }

  show(place) {
    const path = (place.path || "")
      .split("/")
      .filter(Boolean)
      .map(decodeURIComponent);
    this.node = this.tree.find(path);
    this.search.value = "";
    this.crumbs.replaceChildren(...this.trail());
    this.filter();
    this.draw();
  }

  trail() {
    const nodes = [];
    for (let at = this.node; at; at = at.parent) nodes.unshift(at);
    return nodes
      .flatMap((node, k) => [
        k ? el("span.quiet", { "aria-hidden": "true" }, " › ") : null,
        node === this.node
          ? el("b", { "aria-current": "true" }, this.label(node))
          : el("a", { href: linkTo(this.placeOf(node)) }, this.label(node)),
      ])
      .filter(Boolean);
  }

  label(node) {
    return node.parent ? node.name : node.title;
  }

  filter() {
    const word = this.search.value.trim().toLowerCase();
    const kids = this.tree.kids(this.node);
    this.shown = word
      ? kids.filter((kid) =>
          (kid.name + kid.title).toLowerCase().includes(word),
        )
      : kids;
    const sum = this.shown.reduce((all, kid) => all + kid.bytes, 0);
    this.status.textContent = `${bytes(sum)} in ${plural(this.shown.length, "part")}`;
    this.status.dataset.bytes = sum;
    this.list.element.scrollTop = 0;
    this.list.setCount(this.shown.length);
  }

  renderRow(row, node) {
    const more = this.tree.kids(node).length > 0;
    const gauge = el("i.gauge", { "aria-hidden": "true" });
    gauge.style.width = `${(100 * node.bytes) / this.node.bytes}%`;
    row.classList.add("bytes-row");
    row.append(
      el("span.c-size", {}, count(node.bytes)),
      el("span.c-part", {}, percent(node.bytes, this.node.bytes)),
      el(
        "span.c-name",
        { title: node.title || node.name },
        gauge,
        more
          ? el("a", { href: linkTo(this.placeOf(node)) }, node.name)
          : node.func !== undefined
            ? funcLink(this.report, node.func)
            : node.name,
        node.title !== node.name && !node.split?.includes("leaf")
          ? el("span.quiet", {}, ` ${node.title}`)
          : null,
      ),
    );
  }

  open(node) {
    if (this.tree.kids(node).length) this.go(this.placeOf(node));
    else if (node.func !== undefined)
      this.go(funcPlace(this.report, node.func));
  }

  escape() {
    if (this.node.parent) this.go(this.placeOf(this.node.parent));
  }

  // --- The map ---

  draw() {
    const w = this.map.clientWidth;
    const h = this.map.clientHeight;
    if (!w || !h) return;
    const kids = this.tree.kids(this.node);
    this.map.setAttribute(
      "aria-label",
      `${bytes(this.node.bytes)} in ${plural(kids.length, "part")}, as areas; the list has the numbers`,
    );
    this.map.replaceChildren(...this.boxes(kids, 0, 0, w, h, 0));
  }

  // What is too small to be seen is drawn as one area, with its number.
  merged(kids, area) {
    const total = kids.reduce((sum, kid) => sum + kid.bytes, 0) || 1;
    const MOST = 600;
    const LEAST = 60; // square pixels
    let n = 0;
    while (
      n < kids.length &&
      n < MOST &&
      (kids[n].bytes / total) * area >= LEAST
    )
      n++;
    if (n >= kids.length - 1) return kids;
    if (n < 3 && area < this.map.clientWidth * this.map.clientHeight * 0.9)
      return []; // nothing to be seen
    const rest = kids.slice(n).reduce((sum, kid) => sum + kid.bytes, 0);
    const name = n
      ? `${count(kids.length - n)} more`
      : `${plural(kids.length, "part")}, each too small to be drawn`;
    return [...kids.slice(0, n), { name, title: "", bytes: rest, rest: true }];
  }

  boxes(all, x, y, w, h, depth) {
    const kids = depth === 0 ? this.merged(all, w * h) : all;
    return squarify(kids, x, y, w, h).flatMap((box, k) =>
      this.box(kids[k], box, depth),
    );
  }

  box(node, { x, y, w, h }, depth) {
    const HEAD = 22;
    const inner =
      !node.rest && depth === 0 && w > 60 && h > 50
        ? this.merged(this.tree.kids(node), (w - 6) * (h - HEAD - 3))
        : [];
    const e = el(
      node.rest ? "div.box.rest" : "div.box",
      {
        title: `${node.name}${node.title && node.title !== node.name ? ` – ${node.title}` : ""}\n${bytes(node.bytes)}, ${percent(node.bytes, this.node.bytes)}`,
        click: node.rest ? null : () => this.open(node),
      },
      w > 34 && h > 16 ? el("span.label", {}, this.boxLabel(node)) : null,
      w > 70 && h > (inner.length ? 400 : 34)
        ? el("span.amount", {}, size(node.bytes))
        : null,
    );
    e.classList.add(inner.length ? "outer" : "leaf", depth ? "deep" : "top");
    e.style.setProperty(
      "--hue",
      hueOf(depth && node.parent ? this.hueName(node) : node.name),
    );
    Object.assign(e.style, {
      left: `${x}px`,
      top: `${y}px`,
      width: `${w}px`,
      height: `${h}px`,
    });
    if (!inner.length) return [e];
    return [
      e,
      ...this.boxes(inner, x + 3, y + HEAD, w - 6, h - HEAD - 3, depth + 1),
    ];
  }

  // Boxes inside a box have its hue, so that they are seen as one.
  hueName(node) {
    return node.parent.name;
  }

  boxLabel(node) {
    return node.func !== undefined ? shortName(node.name) : node.name;
  }
}
