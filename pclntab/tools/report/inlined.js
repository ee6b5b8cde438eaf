// SPDX-License-Identifier: Apache-2.0
//
// Inlined functions: how often, where, and how much code that is.

class InlinedView extends BrowseView {
  get id() {
    return "inlined";
  }
  get label() {
    return "Inlined functions";
  }
  get noun() {
    return "inlined function";
  }
  get empty() {
    return "The table names no inlined calls";
  }
  get placeholder() {
    return "Search inlined functions";
  }

  get columns() {
    const { names } = this.report;
    this.shownColumns ??= [
      {
        key: "name",
        title: "Function",
        of: (e) => names[e.name].toLowerCase(),
        text: (e) => names[e.name],
        hint: (e) => names[e.name],
      },
      {
        key: "sites",
        title: "Calls",
        of: (e) => e.sites.length,
        text: (e) => count(e.sites.length),
      },
      {
        key: "funcs",
        title: "Into",
        of: (e) => e.funcs,
        text: (e) => count(e.funcs),
      },
      {
        key: "size",
        title: "Code",
        of: (e) => e.bytes,
        text: (e) => count(e.bytes),
      },
    ];
    return this.shownColumns;
  }

  load(index) {
    return [...index.inlined.values()];
  }
  textOf(item) {
    return this.report.names[item.name];
  }
  placeOf(item) {
    return { inlined: this.report.names[item.name] };
  }
  find(place) {
    if (!place.inlined) return undefined;
    return this.items.findIndex(
      (item) => this.report.names[item.name] === place.inlined,
    );
  }

  detail(item) {
    const r = this.report;
    const sites = [...item.sites].sort(
      (a, b) => b.bytes - a.bytes || a.func - b.func,
    );
    const own = r.funcsNamed(r.names[item.name])[0];
    const heads = [
      ["size", "Code"],
      ["name", "Inlined into"],
      ["at", "Called at"],
    ];
    const { element } = fillingList(
      "Calls that were inlined",
      "site-row",
      heads,
      sites.length,
      (row, k) => {
        const site = sites[k];
        row.append(
          el("span.c-size", {}, count(site.bytes)),
          el("span.c-name", {}, funcLink(r, site.func)),
          el(
            "a.c-at",
            {
              href: site.file
                ? linkTo({ file: r.files[site.file], line: site.line })
                : null,
              title: site.file ? `${r.files[site.file]}:${site.line}` : "",
            },
            positionText(r, site.file, site.line),
          ),
        );
      },
    );
    return [
      el(
        "div.func-head",
        {},
        el("h2", {}, r.names[item.name]),
        factList([
          [
            "Inlined",
            `${plural(item.sites.length, "call")} in ${plural(item.funcs, "function")}`,
          ],
          ["Code", `${bytes(item.bytes)}, with what is inlined into it`],
          [
            "By itself",
            own === undefined
              ? "not in the table: every call was inlined"
              : el(
                  "a",
                  { href: linkTo(funcPlace(r, own)) },
                  bytes(r.size[own]),
                ),
          ],
        ]),
      ),
      el("div.tab-body", {}, element),
    ];
  }
}
