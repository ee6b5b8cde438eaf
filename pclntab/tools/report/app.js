// SPDX-License-Identifier: Apache-2.0
//
// The page as a whole: which view is shown, by the fragment of its address, and
// the keys that work everywhere.

const VIEWS = [
  {
    id: "overview",
    title: "Overview",
    make: (report, go) => new OverviewView(report, go),
  },
  {
    id: "functions",
    title: "Functions",
    make: (report, go) => new FunctionsView(report, go),
  },
  {
    id: "sources",
    title: "Sources",
    make: (report, go) => new SourcesView(report, go),
  },
  {
    id: "inlined",
    title: "Inlined calls",
    make: (report, go) => new InlinedView(report, go),
  },
  {
    id: "bytes",
    title: "Bytes",
    make: (report, go) => new BytesView(report, go),
  },
  {
    id: "variables",
    title: "Variables",
    make: (report, go) => new VariablesView(report, go),
    when: (report) => report.records("roots", "root").length > 0,
  },
];

const KEYS = [
  ["/", "search the functions"],
  ["1, 2 …", "go to a view"],
  ["↑ ↓ Page Home End", "move in a list"],
  ["Enter", "open what is selected"],
  ["Esc", "one step back: clear the search, zoom out, close"],
  ["?", "this list"],
];

// The view that a place is in, which need not say so: #func=main.main is enough.
function viewOf(views, place) {
  if (views.some((view) => view.id === place.view)) return place.view;
  if (place.func || place.q) return "functions";
  if (place.file) return "sources";
  if (place.inlined) return "inlined";
  if (place.path) return "bytes";
  if (place.variable && views.some((view) => view.id === "variables"))
    return "variables";
  return "overview";
}

class App {
  constructor(report) {
    this.report = report;
    this.known = VIEWS.filter((view) => !view.when || view.when(report));
    this.views = new Map();
    this.main = document.getElementById("main");
    const path = report.facts.header.path;
    document.title = `${baseOf(path)} – pclntab report`;
    document.getElementById("subject").textContent = baseOf(path);
    document.getElementById("subject").title = path;
    this.tabs = this.known.map((view, k) =>
      el(
        "a",
        {
          href: linkTo({ view: view.id }),
          id: `tab-${view.id}`,
          title: `${view.title} (key ${k + 1})`,
        },
        view.title,
      ),
    );
    document.getElementById("tabs").append(...this.tabs);
    this.makeHelp();
    addEventListener("hashchange", () => this.route());
    addEventListener("keydown", (event) => this.key(event));
    this.route();
  }

  go(place) {
    const to = linkTo(place);
    if (to === location.hash) return;
    // Moving through a list must not fill the history.
    history.replaceState(null, "", to);
    this.route();
  }

  route() {
    const place = placeOf(location.hash);
    const id = viewOf(this.known, place);
    if (!this.views.has(id)) {
      const view = this.known
        .find((v) => v.id === id)
        .make(this.report, (to) => this.go(to));
      this.views.set(id, view);
      this.main.append(view.element);
    }
    for (const [other, view] of this.views) view.element.hidden = other !== id;
    this.tabs.forEach((tab, k) => {
      if (this.known[k].id !== id) {
        tab.removeAttribute("aria-current");
        return;
      }
      tab.setAttribute("aria-current", "page");
      tab.scrollIntoView({ block: "nearest", inline: "nearest" });
    });
    this.current = this.views.get(id);
    this.current.show(place);
  }

  makeHelp() {
    this.help = el(
      "dialog",
      { "aria-label": "Keys" },
      el("h2", {}, "Keys"),
      factList(KEYS.map(([keys, what]) => [el("kbd", {}, keys), what])),
      el("form", { method: "dialog" }, el("button", {}, "Close")),
    );
    document.body.append(this.help);
    document
      .getElementById("help")
      .addEventListener("click", () => this.help.showModal());
  }

  key(event) {
    if (event.altKey || event.ctrlKey || event.metaKey || this.help.open)
      return;
    if (event.target.matches("input, select, textarea")) return;
    const view = this.known[Number(event.key) - 1];
    if (event.key === "/") {
      if (!(this.current instanceof FunctionsView))
        location.hash = linkTo({ view: "functions" });
      this.route();
      document.getElementById("search").focus();
    } else if (event.key === "?") {
      this.help.showModal();
    } else if (event.key === "Escape") {
      this.current.escape?.();
      return;
    } else if (view) {
      location.hash = linkTo({ view: view.id });
    } else {
      return;
    }
    event.preventDefault();
  }
}

function showFailure(error) {
  const main = document.getElementById("main");
  main.replaceChildren(emptyState("The report cannot be shown", String(error)));
  document.documentElement.dataset.state = "failed";
}

unpack(document.getElementById("data").textContent)
  .then((data) => {
    document.getElementById("data").remove();
    document.getElementById("loading").remove();
    window.app = new App(new Report(sectionsOf(data)));
    document.documentElement.dataset.state = "ready";
  })
  .catch(showFailure);
