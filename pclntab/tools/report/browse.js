// SPDX-License-Identifier: Apache-2.0
//
// A list of things beside the one that is looked at: what the views of sources
// and of inlined calls have in common. A subclass says what the things are.
//
//   id, label, placeholder, noun      texts
//   columns                           { key, title, of(item), text(item) }
//   prepare(then)                     reads what load() needs; the functions
//   load(index)                       the items
//   textOf(item)                      what is searched
//   placeOf(item), find(place)        to an address and back
//   detail(item, place)               the element beside the list

class BrowseView {
  constructor(report, go) {
    this.report = report;
    this.go = go;
    this.element = el("section.split", {
      id: `view-${this.id}`,
      "aria-label": this.label,
    });
    this.prepare((index) => {
      this.index = index;
      this.items = this.load(index);
      this.folded = this.items.map((item) => this.textOf(item).toLowerCase());
      this.sort = { key: this.columns.at(-1).key, down: true };
      this.build();
      this.filter();
      this.show(this.place || {});
    });
  }

  prepare(then) {
    withIndex(this.report, this.element, then);
  }

  build() {
    this.search = el("input", {
      type: "search",
      placeholder: this.placeholder,
      "aria-label": this.placeholder,
      autocomplete: "off",
      spellcheck: "false",
      input: debounced(() => this.filter(), 60),
      keydown: (event) => this.searchKey(event),
    });
    this.status = el("p.status", { role: "status" });
    this.heads = this.columns.map((c) =>
      el(
        `button.head.c-${c.key}`,
        {
          type: "button",
          title: `Sort by ${c.title.toLowerCase()}`,
          click: () => this.sortBy(c),
        },
        c.title,
      ),
    );
    this.list = new VirtualList({
      label: this.label,
      rowHeight: 30,
      render: (row, k) => this.renderRow(row, this.order[k]),
      select: (k) => this.go(this.placeOf(this.items[this.order[k]])),
      open: () => this.element.classList.add("opened"),
    });
    this.none = emptyState(
      `No ${this.noun} matches`,
      "Fewer or other words may find one.",
    );
    this.body = el("div.detail", {}, this.nothing());
    this.element.append(
      el(
        "div.side",
        {},
        el("div.bar", {}, this.search, this.status),
        el(`div.heads.${this.id}-row`, {}, this.heads),
        this.list.element,
        this.none,
      ),
      el(
        "div.main",
        {},
        el(
          "button.back",
          {
            type: "button",
            click: () => this.element.classList.remove("opened"),
          },
          `← All ${this.noun}s`,
        ),
        this.body,
      ),
    );
  }

  nothing() {
    return emptyState(`No ${this.noun} chosen`, "Choose one in the list.");
  }

  renderRow(row, i) {
    row.classList.add(`${this.id}-row`);
    row.append(
      ...this.columns.map((c) =>
        el(
          `span.c-${c.key}`,
          { title: c.hint?.(this.items[i]) },
          c.text(this.items[i]),
        ),
      ),
    );
  }

  filter() {
    const words = this.search.value
      .trim()
      .toLowerCase()
      .split(/\s+/)
      .filter(Boolean);
    this.order = [...this.items.keys()].filter((i) =>
      words.every((word) => this.folded[i].includes(word)),
    );
    this.sortOrder();
  }

  sortBy(column) {
    const same = this.sort.key === column.key;
    this.sort = {
      key: column.key,
      down: same ? !this.sort.down : column.key !== "name",
    };
    this.sortOrder();
  }

  sortOrder() {
    const { key, down } = this.sort;
    const of = this.columns.find((c) => c.key === key).of;
    const keys = this.items.map(of);
    const sign = down ? -1 : 1;
    this.order.sort((a, b) =>
      keys[a] < keys[b] ? -sign : keys[a] > keys[b] ? sign : a - b,
    );
    this.heads.forEach((head, k) => {
      const mine = this.columns[k].key === key;
      head.setAttribute("aria-pressed", String(mine));
      head.dataset.sorted = mine ? (down ? "down" : "up") : "";
    });
    const n = this.order.length;
    this.status.textContent =
      n === this.items.length
        ? plural(n, this.noun)
        : `${count(n)} of ${plural(this.items.length, this.noun)}`;
    this.status.dataset.count = n;
    this.none.hidden = n > 0;
    this.none.querySelector("h3").textContent = this.items.length
      ? `No ${this.noun} matches`
      : this.empty;
    this.none.querySelector("p").textContent = this.items.length
      ? "Fewer or other words may find one."
      : "";
    this.list.element.hidden = n === 0;
    this.list.element.scrollTop = 0;
    this.list.setCount(n, this.order.indexOf(this.chosen ?? -1));
  }

  escape() {
    if (!this.search.value) this.element.classList.remove("opened");
    this.search.value = "";
    this.filter();
  }

  searchKey(event) {
    if (event.key === "Escape") this.escape();
    if (
      (event.key === "ArrowDown" || event.key === "Enter") &&
      this.order.length
    ) {
      this.list.element.focus();
      this.list.choose(Math.max(0, this.list.selected));
      event.preventDefault();
    }
  }

  show(place) {
    this.place = place;
    if (!this.index) return; // shown when it is read
    const i = this.find(place);
    if (i === undefined) {
      this.element.classList.remove("opened");
      return;
    }
    this.element.classList.add("opened");
    if (i < 0) {
      this.chosen = -1;
      this.body.replaceChildren(
        emptyState(
          "Not in this report",
          `There is no such ${this.noun}. A filter may have left it out.`,
        ),
      );
      return;
    }
    if (this.chosen !== i || this.body.dataset.tab !== (place.tab || "")) {
      this.chosen = i;
      this.body.dataset.tab = place.tab || "";
      this.body.replaceChildren(...this.detail(this.items[i], place));
    }
    const k = this.order.indexOf(i);
    this.list.reveal(k);
  }
}

// A list beside a head, that fills what room there is.
function fillingList(label, rowClass, heads, n, render, rowHeight = 28) {
  const list = new VirtualList({
    label,
    rowHeight,
    render: (row, k) => {
      row.classList.add(rowClass);
      render(row, k);
    },
  });
  list.setCount(n);
  return {
    list,
    element: el(
      "div.fill",
      {},
      el(
        `div.heads.${rowClass}`,
        {},
        heads.map(([key, title]) => el(`span.c-${key}`, {}, title)),
      ),
      list.element,
    ),
  };
}
