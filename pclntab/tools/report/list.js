// SPDX-License-Identifier: Apache-2.0
//
// Long lists. Only the rows in sight exist as elements, so a list of a million
// functions scrolls like one of ten. A list has rows of one height; `render`
// fills the element of a row.
//
// Browsers limit the height of an element to some ten million pixels. A list
// that would be higher gets a scroll bar for MAX_HEIGHT, and what is scrolled
// is scaled; the arrow keys still reach each row.

const MAX_HEIGHT = 8e6;

class VirtualList {
  // label: for screen readers; rowHeight: pixels; render(row element, index);
  // select(index): a row was chosen, by pointer or key; open(index): with Enter
  // or a click.
  constructor({ label, rowHeight, render, select, open }) {
    this.rowHeight = rowHeight;
    this.render = render;
    this.onSelect = select;
    this.onOpen = open;
    this.n = 0;
    this.selected = -1;
    this.rows = el("div.rows", { role: "presentation" });
    this.element = el(
      "div.list",
      {
        role: select ? "listbox" : "list",
        tabindex: "0",
        "aria-label": label,
        scroll: () => this.draw(),
        keydown: (event) => this.key(event),
      },
      this.rows,
    );
    this.id = `list${VirtualList.made++}`;
    new ResizeObserver(() => this.draw()).observe(this.element);
  }

  setCount(n, selected = -1) {
    this.n = n;
    this.selected = selected;
    this.height = Math.min(n * this.rowHeight, MAX_HEIGHT);
    this.rows.style.height = `${this.height}px`;
    this.draw(true);
  }

  // Rows before the first one in sight, with a fraction.
  position() {
    const shown = this.element.clientHeight;
    const all = this.n * this.rowHeight;
    const room = this.height - shown;
    const scale = room > 0 ? (all - shown) / room : 1;
    return (this.element.scrollTop * scale) / this.rowHeight;
  }

  draw(always = false) {
    const shown = this.element.clientHeight;
    if (!shown) return;
    const at = this.position();
    const first = Math.max(0, Math.floor(at) - 2);
    const last = Math.min(this.n, Math.ceil(at + shown / this.rowHeight) + 2);
    const top = this.element.scrollTop - (at - first) * this.rowHeight;
    if (!always && first === this.first && last === this.last) {
      if (this.height < MAX_HEIGHT) return;
    }
    this.first = first;
    this.last = last;
    const rows = [];
    for (let i = first; i < last; i++)
      rows.push(this.row(i, top + (i - first) * this.rowHeight));
    this.rows.replaceChildren(...rows);
    if (this.onSelect)
      this.element.setAttribute(
        "aria-activedescendant",
        this.selected >= first && this.selected < last
          ? `${this.id}-${this.selected}`
          : "",
      );
  }

  row(i, top) {
    const row = el("div.row", {
      id: `${this.id}-${i}`,
      role: this.onSelect ? "option" : "listitem",
      "aria-setsize": this.n,
      "aria-posinset": i + 1,
      "aria-selected": this.onSelect ? String(i === this.selected) : null,
      click: this.onSelect ? (event) => this.clicked(event, i) : null,
    });
    row.style.height = `${this.rowHeight}px`;
    row.style.transform = `translateY(${top}px)`;
    this.render(row, i);
    return row;
  }

  clicked(event, i) {
    if (event.target.closest("a") || event.ctrlKey || event.metaKey) return;
    this.choose(i);
    this.onOpen?.(i);
  }

  choose(i) {
    this.selected = i;
    this.show(i);
    this.draw(true);
    this.onSelect(i);
  }

  // Selects a row from outside; brings it into the middle if it is out of sight.
  reveal(i) {
    this.selected = i;
    const inSight = this.element.clientHeight / this.rowHeight;
    const at = this.position();
    if (i >= 0 && (i < at || i + 1 > at + inSight))
      this.scrollToRow(Math.max(0, i - Math.floor(inSight / 2)));
    else this.draw(true);
  }

  // Scrolls just so far that the row is in sight.
  show(i) {
    const shown = this.element.clientHeight;
    const inSight = Math.max(1, shown / this.rowHeight);
    const at = this.position();
    let to = at;
    if (i < at) to = i;
    else if (i + 1 > at + inSight) to = i + 1 - inSight;
    if (to !== at) this.scrollToRow(to);
  }

  scrollToRow(row) {
    const shown = this.element.clientHeight;
    const all = this.n * this.rowHeight;
    const scale = all > shown ? (this.height - shown) / (all - shown) : 1;
    this.element.scrollTop = row * this.rowHeight * scale;
    this.draw(true);
  }

  key(event) {
    if (event.altKey || event.ctrlKey || event.metaKey) return;
    const page = Math.max(
      1,
      Math.floor(this.element.clientHeight / this.rowHeight) - 1,
    );
    const steps = { ArrowDown: 1, ArrowUp: -1, PageDown: page, PageUp: -page };
    const ends = { Home: 0, End: this.n - 1 };
    if (event.key === "Enter" && this.onSelect && this.selected >= 0) {
      this.onOpen?.(this.selected);
    } else if (event.key in ends || event.key in steps) {
      const from = this.onSelect ? this.selected : Math.round(this.position());
      const to =
        ends[event.key] ??
        Math.min(this.n - 1, Math.max(0, from + steps[event.key]));
      if (this.n === 0) return;
      if (this.onSelect) this.choose(to);
      else this.scrollToRow(to);
    } else {
      return;
    }
    event.preventDefault();
  }
}
VirtualList.made = 0;
