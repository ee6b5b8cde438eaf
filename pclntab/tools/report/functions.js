// SPDX-License-Identifier: Apache-2.0
//
// The list of functions, and beside it the one that is looked at. Searching is
// by parts of names, all of which must be there, or by an address.

const FUNCTION_COLUMNS = [
  { key: "name", title: "Name", of: (r, i) => r.nameOf(i) },
  { key: "off", title: "Address", of: (r, i) => r.off[i] },
  { key: "size", title: "Size", of: (r, i) => r.size[i], large: true },
  { key: "frame", title: "Frame", of: (r, i) => r.frame[i] - 1, large: true },
  { key: "args", title: "Args", of: (r, i) => r.args[i], large: true },
  { key: "rows", title: "Rows", of: (r, i) => r.rows[i], large: true },
];

// A name with what is not its own part set back: "strings.(*Builder)." before
// "Grow". In the narrow list, C++ names go without arguments.
function nameParts(report, i, narrow = false) {
  const full = report.nameOf(i);
  const name = (narrow && plainName(full)) || full;
  const own = report.own[i] || ownStart(name);
  return [
    el("span.quiet", {}, name.slice(0, own)),
    el("b", {}, name.slice(own)),
  ];
}

class FunctionsView {
  constructor(report, go) {
    this.report = report;
    this.go = go;
    this.sort = { key: "off", down: false };
    this.words = "";
    this.detail = new DetailView(report, go);
    this.search = el("input", {
      type: "search",
      id: "search",
      placeholder: "Search by name or 0x address",
      "aria-label": "Search functions by name or address",
      autocomplete: "off",
      spellcheck: "false",
      input: debounced(() => this.filter(), 60),
      keydown: (event) => this.searchKey(event),
    });
    this.status = el("p.status", { role: "status", id: "function-count" });
    this.holes = el("input", {
      type: "checkbox",
      id: "holes",
      change: () => this.filter(),
    });
    const holes = el(
      "label.toggle",
      { title: "Padding, and code that nothing describes" },
      this.holes,
      "holes",
    );
    holes.hidden = report.nHoles === 0;
    this.heads = FUNCTION_COLUMNS.map((c) =>
      el(
        `button.head.c-${c.key}`,
        {
          type: "button",
          click: () => this.sortBy(c),
          title: `Sort by ${c.title.toLowerCase()}`,
        },
        c.title,
      ),
    );
    this.list = new VirtualList({
      label: "Functions",
      rowHeight: 30,
      render: (row, k) => this.renderRow(row, this.order[k]),
      select: (k) => this.go(funcPlace(report, this.order[k], this.kept())),
      open: () => this.element.classList.add("opened"),
    });
    this.none = emptyState(
      "No function matches",
      "Fewer or other words may find one.",
    );
    this.back = el(
      "button.back",
      { type: "button", click: () => this.element.classList.remove("opened") },
      "← All functions",
    );
    this.element = el(
      "section.split",
      { id: "view-functions", "aria-label": "Functions" },
      el(
        "div.side",
        {},
        el("div.bar", {}, this.search, holes, this.status),
        el("div.heads.function-row", {}, this.heads),
        this.list.element,
        this.none,
      ),
      el("div.main", {}, this.back, this.detail.element),
    );
    this.filter();
  }

  // The tab stays when another function is chosen.
  kept() {
    return this.detail.tab ? { tab: this.detail.tab } : {};
  }

  renderRow(row, i) {
    const r = this.report;
    row.classList.add("function-row");
    if (r.hole[i]) row.classList.add("hole");
    row.append(
      el("span.c-name", { title: r.nameOf(i) }, nameParts(r, i, true)),
      el("span.c-off", {}, r.address(r.off[i])),
      el("span.c-size", {}, count(r.size[i])),
      el("span.c-frame", {}, r.frame[i] ? count(r.frame[i] - 1) : "–"),
      el(
        "span.c-args",
        {},
        r.hole[i] || r.args[i] === ARGS_UNKNOWN ? "–" : count(r.args[i]),
      ),
      el("span.c-rows", {}, count(r.rows[i])),
    );
  }

  // --- Which functions, in which order ---

  matches() {
    const r = this.report;
    const text = this.search.value.trim().toLowerCase();
    const found = new Uint32Array(r.n);
    let n = 0;
    if (/^0x[0-9a-f]+$/.test(text)) {
      const i = r.funcAt(text);
      if (i >= 0) found[n++] = i;
      return found.subarray(0, n);
    }
    const words = text.split(/\s+/).filter(Boolean);
    const fits = new Uint8Array(r.names.length);
    if (words.length)
      r.folded.forEach((name, id) => {
        if (words.every((word) => name.includes(word))) fits[id] = 1;
      });
    const all = words.length === 0;
    for (let i = 0; i < r.n; i++)
      if (
        r.hole[i]
          ? all && this.holes.checked
          : all || fits[r.name[i]] || (r.linkage[i] && fits[r.linkage[i]])
      )
        found[n++] = i;
    return found.subarray(0, n);
  }

  filter() {
    this.order = this.matches();
    this.sortOrder();
    this.list.element.scrollTop = 0;
    this.refresh();
  }

  sortBy(column) {
    const same = this.sort.key === column.key;
    this.sort = {
      key: column.key,
      down: same ? !this.sort.down : Boolean(column.large),
    };
    this.sortOrder();
    this.list.element.scrollTop = 0;
    this.refresh();
  }

  sortOrder() {
    const { key, down } = this.sort;
    const of = FUNCTION_COLUMNS.find((c) => c.key === key).of;
    if (key === "name") this.sortByName();
    else if (key !== "off" || down) {
      const keys = new Float64Array(this.report.n);
      for (const i of this.order) keys[i] = of(this.report, i);
      this.order.sort((a, b) => keys[a] - keys[b] || a - b);
    } else this.order.sort();
    if (down) this.order.reverse();
    this.heads.forEach((head, k) => {
      const mine = FUNCTION_COLUMNS[k].key === key;
      head.setAttribute("aria-pressed", String(mine));
      head.dataset.sorted = mine ? (down ? "down" : "up") : "";
    });
  }

  // Ranks of names are made once: comparing numbers is much faster.
  sortByName() {
    const r = this.report;
    if (!this.ranks) {
      const ids = Uint32Array.from(r.names.keys());
      const keys = r.folded;
      ids.sort((a, b) =>
        keys[a] < keys[b] ? -1 : keys[a] > keys[b] ? 1 : a - b,
      );
      this.ranks = new Uint32Array(ids.length);
      ids.forEach((id, rank) => (this.ranks[id] = rank));
    }
    this.order.sort(
      (a, b) => this.ranks[r.name[a]] - this.ranks[r.name[b]] || a - b,
    );
  }

  refresh() {
    const r = this.report;
    const n = this.order.length;
    const selected =
      this.detail.func >= 0 ? this.order.indexOf(this.detail.func) : -1;
    const all = r.nFuncs + (this.holes.checked ? r.nHoles : 0);
    this.status.textContent =
      n === all
        ? plural(r.nFuncs, "function") +
          (n > r.nFuncs ? `, ${plural(r.nHoles, "hole")}` : "")
        : `${count(n)} of ${plural(r.nFuncs, "function")}`;
    this.status.dataset.count = n;
    this.none.hidden = n > 0;
    this.list.element.hidden = n === 0;
    this.list.setCount(n, selected);
  }

  searchKey(event) {
    if (event.key === "ArrowDown" || event.key === "Enter") {
      if (this.order.length === 0) return;
      this.list.element.focus();
      if (this.list.selected < 0 || event.key === "Enter")
        this.list.choose(Math.max(0, this.list.selected));
      event.preventDefault();
    } else if (event.key === "Escape") {
      this.escape();
      event.preventDefault();
    }
  }

  escape() {
    if (!this.search.value) this.element.classList.remove("opened");
    this.search.value = "";
    this.filter();
  }

  // --- Places ---

  funcOf(place) {
    if (/^0x[0-9a-f]+$/i.test(place.func))
      return this.report.funcAt(place.func);
    return this.report.funcsNamed(place.func)[0] ?? -1;
  }

  show(place) {
    if (place.q !== undefined && place.q !== this.search.value) {
      this.search.value = place.q;
      this.filter();
    }
    if (!place.func) {
      this.element.classList.remove("opened");
      if (this.detail.func < 0) this.detail.showNothing();
      return;
    }
    const i = this.funcOf(place);
    if (i < 0) {
      this.detail.showMissing(place.func);
    } else {
      this.detail.show(i, place.tab, place.pc);
      this.reveal(i);
    }
    this.element.classList.add("opened");
  }

  // Selects the function in the list, if the search leaves it there.
  reveal(i) {
    const k = this.order.indexOf(i);
    this.list.reveal(k);
  }
}
