// SPDX-License-Identifier: Apache-2.0
//
// One function: what its record says, then by tabs its positions, the calls
// that were inlined into it, how it is unwound, its stack maps, and the record
// itself.

// The stretches of code at each depth of inlining: at depth d, [lo, hi) of one
// call, with neighbouring rows joined. What the bars are drawn from.
function inlineBars(report, details) {
  const bars = [];
  let open = [];
  const chains = new Map();
  for (const row of details.rows) {
    if (!chains.has(row.call))
      chains.set(row.call, report.chainOf(details.calls, row.call));
    const chain = chains.get(row.call);
    let same = 0;
    while (same < open.length && open[same].call === chain[same]) same++;
    open = open.slice(0, same);
    for (const bar of open) bar.hi = row.hi;
    for (let depth = same; depth < chain.length; depth++) {
      const bar = { depth, call: chain[depth], lo: row.lo, hi: row.hi };
      open.push(bar);
      bars.push(bar);
    }
  }
  return bars;
}

// The value of a list of runs at an offset; undefined where nothing is said.
function valueAt(runs, off) {
  let lo = 0;
  let hi = runs.length;
  while (lo < hi) {
    const mid = (lo + hi) >> 1;
    if (runs[mid].hi <= off) lo = mid + 1;
    else hi = mid;
  }
  return lo < runs.length && runs[lo].lo <= off ? runs[lo].value : undefined;
}

class DetailView {
  constructor(report, go) {
    this.report = report;
    this.go = go;
    this.func = -1;
    this.tab = "";
    this.element = el("div.detail");
    this.showNothing();
  }

  showNothing() {
    this.func = -1;
    this.element.replaceChildren(
      emptyState(
        "No function chosen",
        "Choose one in the list, or press / and type a part of its name.",
      ),
    );
  }

  showMissing(text) {
    this.func = -1;
    this.element.replaceChildren(
      emptyState(
        "Not in this report",
        `There is no function “${text}”. A filter may have left it out.`,
      ),
    );
  }

  show(i, tab, pc) {
    if (i !== this.func) {
      this.func = i;
      this.details = this.report.detailsOf(i);
      this.makeTabs();
      this.element.replaceChildren(
        this.head(),
        this.nav(),
        (this.body = el("div.tab-body")),
      );
      this.tab = "";
    }
    const next = this.tabs.find((t) => t.id === tab) || this.tabs[0];
    if (next.id !== this.tab || pc !== undefined) {
      this.tab = next.id;
      this.body.replaceChildren(next.make(pc));
      this.body.dataset.tab = next.id;
      for (const link of this.element.querySelectorAll("nav a")) {
        if (link.dataset.tab !== next.id) {
          link.removeAttribute("aria-current");
          continue;
        }
        link.setAttribute("aria-current", "true");
        link.scrollIntoView({ block: "nearest", inline: "nearest" });
      }
    }
  }

  makeTabs() {
    const d = this.details;
    const maps = new MapsTab(this.report, this.func, d);
    this.tabs = [
      {
        id: "lines",
        title: "Lines",
        n: this.report.rows[this.func],
        make: (pc) => this.lines(pc),
      },
      {
        id: "inlined",
        title: "Inlined",
        n: d.calls.length,
        make: () => this.inlined(),
      },
      {
        id: "unwind",
        title: "Unwinding",
        n: d.rules.length || d.sp.length,
        make: () => this.unwind(),
      },
      {
        id: "maps",
        title: "Stack maps",
        n: maps.count,
        make: () => maps.make(),
      },
      {
        id: "record",
        title: "Record",
        n: d.record.length,
        unit: "bytes",
        make: () => new RecordTab(this.report, this.func, d).make(),
      },
    ];
  }

  nav() {
    return el(
      "nav.subtabs",
      { "aria-label": "Parts of the function" },
      this.tabs.map((t) =>
        el(
          "a",
          {
            href: linkTo(funcPlace(this.report, this.func, { tab: t.id })),
            "data-tab": t.id,
          },
          t.title,
          el("span.badge", { title: t.unit || "" }, count(t.n)),
        ),
      ),
    );
  }

  head() {
    const r = this.report;
    const i = this.func;
    const file = r.fileOf(i);
    const line = r.startLine[i];
    const linkage = r.linkage[i] ? r.names[r.linkage[i]] : "";
    return el(
      "div.func-head",
      {},
      el("h2", {}, nameParts(r, i)),
      factList([
        ["Linkage name", linkage],
        ["Package", r.packageOf(i)],
        ["Receiver", r.names[r.receiver[i]]],
        [
          "Code",
          `${r.address(r.off[i])} – ${r.address(r.off[i] + r.size[i])}, ${bytes(r.size[i])}`,
        ],
        [
          "Declared",
          file &&
            el(
              "a",
              { href: linkTo({ file }), title: file },
              line ? `${baseOf(file)}:${line}` : baseOf(file),
            ),
        ],
        ["Frame", r.frame[i] ? `up to ${bytes(r.frame[i] - 1)}` : null],
        [
          "Arguments",
          r.hole[i] || r.args[i] === ARGS_UNKNOWN ? null : bytes(r.args[i]),
        ],
        ["Kind", r.kindOf(i)],
        ["Wraps", this.wrapped()],
        ["Findings", this.findings(i)],
      ]),
    );
  }

  // The function that this one, made by the compiler, stands in for.
  wrapped() {
    const { wraps } = this.details.frame;
    if (wraps < 0) return null;
    const address = this.report.address(wraps);
    const i = this.report.funcAt(address);
    return i < 0 ? address : funcLink(this.report, i);
  }

  // What verification found in the function.
  findings(i) {
    const r = this.report;
    return r
      .records("verify", "fault")
      .filter((f) => f.func !== undefined && f.func === r.nameOf(i))
      .slice(0, 8)
      .flatMap((f) => [
        el("code.tag.bad", {}, f.name),
        `${f.text} at +${f.func_offset}`,
        el("br"),
      ]);
  }

  // --- Lines ---

  lines(pc) {
    const r = this.report;
    const d = this.details;
    const rows = d.rows.filter((row) => row.file || row.line >= 0);
    if (rows.length === 0)
      return emptyState(
        "No positions",
        r.hole[this.func]
          ? "A hole is padding, or code that nothing describes."
          : "The table says no file and line of this function.",
      );
    const chains = rows.map((row) => r.chainOf(d.calls, row.call));
    const depth = chains.reduce(
      (most, chain) => Math.max(most, chain.length),
      0,
    );
    const list = new VirtualList({
      label: "Rows: code, position, inlined calls",
      rowHeight: 26,
      render: (e, k) =>
        this.renderLine(e, rows[k], chains[k], chains[k - 1], depth),
    });
    list.element.classList.add("lines");
    list.setCount(rows.length);
    if (pc !== undefined)
      requestAnimationFrame(() =>
        list.scrollToRow(
          Math.max(
            0,
            rows.findIndex((row) => row.hi > Number(pc)),
          ),
        ),
      );
    return el(
      "div.fill",
      {},
      el(
        "div.heads.line-row",
        {},
        el("span.strips", { style: { width: this.stripsWidth(depth) } }),
        el("span.c-pc", {}, "Code"),
        el(
          "span.c-sp",
          { title: "Bytes that SP is below its value at entry" },
          "SP",
        ),
        el("span.c-at", {}, "Position"),
        el("span.c-chain", {}, depth ? "Inlined from the inside out" : ""),
      ),
      list.element,
    );
  }

  stripsWidth(depth) {
    return `${Math.min(depth, 12) * 10 + 6}px`;
  }

  renderLine(e, row, chain, above, depth) {
    const r = this.report;
    const d = this.details;
    const sp = valueAt(d.sp, row.lo);
    const sameCall =
      above && above.length === chain.length && above.at(-1) === chain.at(-1);
    e.classList.add("line-row");
    e.append(
      el(
        "span.strips",
        { style: { width: this.stripsWidth(depth) }, "aria-hidden": "true" },
        chain.slice(0, 12).map((call) => {
          const name = r.names[d.calls[call].name];
          const strip = el("i.strip", { title: name });
          strip.style.setProperty("--hue", hueOf(name));
          return strip;
        }),
      ),
      el(
        "span.c-pc",
        {
          title: `${r.address(r.off[this.func] + row.lo)} – ${r.address(r.off[this.func] + row.hi)}`,
        },
        `+${row.lo.toString(16)} – ${row.hi.toString(16)}`,
      ),
      el("span.c-sp", {}, sp === undefined ? "–" : count(sp)),
      el(
        "a.c-at",
        {
          href: row.file
            ? linkTo({ file: r.files[row.file], line: row.line })
            : null,
          title: row.file ? `${r.files[row.file]}:${row.line}` : "",
        },
        positionText(r, row.file, row.line),
      ),
      el(
        sameCall ? "span.c-chain.same" : "span.c-chain",
        {
          title: chain
            .map((c) => r.names[d.calls[c].name])
            .reverse()
            .join("\n‹ "),
        },
        chain.length ? this.chainText(chain) : "",
      ),
    );
  }

  chainText(chain) {
    return chain
      .map((c) => shortName(this.report.names[this.details.calls[c].name]))
      .reverse()
      .join(" ‹ ");
  }

  // --- Inlined calls ---

  inlined() {
    const r = this.report;
    const d = this.details;
    if (d.calls.length === 0)
      return emptyState(
        "Nothing inlined",
        "Every call of this function is a call instruction, or the table names no inlined calls.",
      );
    const bars = inlineBars(r, d);
    const sizes = new Float64Array(d.calls.length);
    for (const bar of bars) sizes[bar.call] += bar.hi - bar.lo;
    const order = callTree(d.calls);
    const list = new VirtualList({
      label: "Inlined calls",
      rowHeight: 28,
      render: (e, k) => this.renderCall(e, order[k], sizes),
    });
    list.setCount(order.length);
    return el(
      "div.fill",
      {},
      this.icicle(bars),
      el(
        "div.heads.call-row",
        {},
        el("span.c-name", {}, "Function"),
        el("span.c-at", {}, "Called at"),
        el("span.c-size", {}, "Code"),
      ),
      list.element,
    );
  }

  // The bars over the function's code: from left to right the code, from top to
  // bottom the depth.
  icicle(bars) {
    const r = this.report;
    const d = this.details;
    const all = r.size[this.func] || 1;
    const MOST = 3000;
    const depth = bars.reduce((most, bar) => Math.max(most, bar.depth + 1), 0);
    const wide = [...bars]
      .sort((a, b) => b.hi - b.lo - (a.hi - a.lo))
      .slice(0, MOST);
    const bar = (b, name, place) => {
      const e = el(
        "a.bar",
        {
          href: linkTo(place),
          title: `${name}\n+${hex(b.lo)} – ${hex(b.hi)}, ${bytes(b.hi - b.lo)}`,
          tabindex: "-1",
        },
        (b.hi - b.lo) / all > 0.03 ? el("span", {}, shortName(name)) : null,
      );
      e.style.left = `${(100 * b.lo) / all}%`;
      e.style.width = `${(100 * (b.hi - b.lo)) / all}%`;
      e.style.top = `${(b.depth + 1) * 22}px`;
      e.style.setProperty("--hue", hueOf(name));
      return e;
    };
    const box = el(
      "div.icicle",
      {
        role: "img",
        "aria-label": `${plural(d.calls.length, "inlined call")}, up to ${depth} deep, drawn over the code; the list below has them all`,
      },
      bar(
        { lo: 0, hi: all, depth: -1 },
        r.nameOf(this.func),
        funcPlace(r, this.func, { tab: "lines" }),
      ),
      wide.map((b) =>
        bar(
          b,
          r.names[d.calls[b.call].name],
          funcPlace(r, this.func, { tab: "lines", pc: b.lo }),
        ),
      ),
    );
    box.style.height = `${(depth + 1) * 22}px`;
    return el("div.icicle-box", {}, box);
  }

  renderCall(e, { call, depth }, sizes) {
    const r = this.report;
    const c = this.details.calls[call];
    const name = r.names[c.name];
    const mark = el("i.strip", { "aria-hidden": "true" });
    mark.style.setProperty("--hue", hueOf(name));
    const first = el(
      "span.c-name",
      { title: name },
      mark,
      el("a", { href: linkTo({ inlined: name }) }, name),
    );
    first.style.paddingLeft = `${Math.min(depth, 20) * 14}px`;
    e.classList.add("call-row");
    e.append(
      first,
      el(
        "a.c-at",
        {
          href: c.file ? linkTo({ file: r.files[c.file], line: c.line }) : null,
          title: c.file ? `${r.files[c.file]}:${c.line}` : "",
        },
        positionText(r, c.file, c.line),
      ),
      el("span.c-size", {}, count(sizes[call])),
    );
  }

  // --- Unwinding ---

  unwind() {
    const r = this.report;
    const d = this.details;
    const runs = d.rules.length ? d.rules : d.sp;
    if (runs.length === 0)
      return emptyState(
        "Not unwindable",
        "The table has neither stack depths nor unwind rules for this code.",
      );
    const deepest = Math.max(1, r.frame[this.func] - 1);
    const list = new VirtualList({
      label: "Unwinding, by code",
      rowHeight: 28,
      render: (e, k) => {
        const run = runs[k];
        const sp = d.rules.length ? valueAt(d.sp, run.lo) : run.value;
        const gauge = el("i.gauge", { "aria-hidden": "true" });
        gauge.style.width = `${(100 * Math.max(0, sp ?? 0)) / deepest}%`;
        e.classList.add("unwind-row");
        e.append(
          el(
            "span.c-pc",
            {
              title: `${r.address(r.off[this.func] + run.lo)} – ${r.address(r.off[this.func] + run.hi)}`,
            },
            `+${run.lo.toString(16)} – ${run.hi.toString(16)}`,
          ),
          el("span.c-sp", {}, sp === undefined ? "–" : count(sp)),
          el("span.c-gauge", {}, gauge),
          el(
            "span.c-rule",
            {},
            d.rules.length ? r.rules[run.value] : "CFA from SP",
          ),
        );
      },
    });
    list.setCount(runs.length);
    return el(
      "div.fill",
      {},
      el(
        "div.heads.unwind-row",
        {},
        el("span.c-pc", {}, "Code"),
        el("span.c-sp", {}, "SP"),
        el("span.c-gauge", {}, "Depth"),
        el("span.c-rule", {}, "Rule"),
      ),
      list.element,
    );
  }
}

// The calls as a tree, outer before inner, with their depths.
function callTree(calls) {
  const inner = new Map();
  calls.forEach((c, i) => {
    const parent = c.parent >= 0 && c.parent < calls.length ? c.parent : -1;
    if (!inner.has(parent)) inner.set(parent, []);
    inner.get(parent).push(i);
  });
  const order = [];
  const seen = new Set();
  const visit = (from) => {
    const stack = (inner.get(from) || [])
      .map((call) => ({ call, depth: 0 }))
      .reverse();
    while (stack.length) {
      const next = stack.pop();
      if (seen.has(next.call)) continue;
      seen.add(next.call);
      order.push(next);
      for (const call of [...(inner.get(next.call) || [])].reverse())
        stack.push({ call, depth: next.depth + 1 });
    }
  };
  visit(-1);
  calls.forEach((c, call) => seen.has(call) || order.push({ call, depth: 0 })); // damaged
  return order;
}
