// SPDX-License-Identifier: Apache-2.0
//
// What the file is and how its table looks as a whole: the records of --header,
// --buildinfo, --verify and --stats, in words.

// Words for members of records; a member without a word here is shown as it is.
const WORDS = {
  found_in: "Found in",
  layout: "Layout",
  module_header: "Module header",
  pointer_size: "Pointer size",
  quantum: "Quantum",
  byte_order: "Byte order",
  byte_order_swapped: "Other byte order",
  format: "Format",
  address: "Address",
  position_independent: "Position-independent",
  functions: "Entries",
  text_start: "Text start",
  text_start_from: "Text start from",
  text_bytes: "Text",
  header_va: "Header address",
  machine: "Machine",
  flags: "Flags",
  stackmap_bits: "Stack map bits",
  build_id: "Build ID",
};

// ELF's numbers of machines that have tables.
const MACHINES = {
  3: "386",
  8: "MIPS",
  20: "PowerPC",
  21: "PowerPC64",
  22: "S/390",
  40: "ARM",
  62: "x86-64",
  183: "AArch64",
  243: "RISC-V",
  258: "LoongArch",
};

class OverviewView {
  constructor(report) {
    this.report = report;
    this.element = el(
      "section.overview",
      { id: "view-overview", "aria-label": "Overview" },
      this.head(),
      el(
        "div.cards",
        {},
        this.verdict(),
        this.bytesCard(),
        this.coverage(),
        this.file(),
        this.build(),
        this.largest("Most code", (i) => report.size[i]),
        this.largest("Largest frames", (i) => report.frame[i] - 1),
      ),
    );
  }
  show() {}

  card(title, ...content) {
    return el("section.card", {}, el("h2", {}, title), content.flat());
  }

  goVersion() {
    const go =
      this.report.records("buildinfo", "go")[0] ||
      this.report.records("header", "go")[0];
    return go?.version || "";
  }

  head() {
    const r = this.report;
    const filters = r
      .records("filters")
      .map((f) =>
        f.kind === "range"
          ? `--address ${f.lo} – ${f.hi}`
          : `${f.option} ${f.value}`,
      );
    const version = this.goVersion();
    const who = r.table.module_header
      ? "A table of this project"
      : `A Go table${version ? ` of ${version}` : ""}`;
    return el(
      "div.title",
      {},
      el("h2.path", {}, r.facts.header.path),
      el(
        "p",
        {},
        `${who}, layout of ${r.table.layout}: ${plural(r.nFuncs, "function")}${r.nHoles ? ` and ${plural(r.nHoles, "hole")}` : ""}.`,
      ),
      filters.length
        ? el(
            "p.notice",
            {},
            "Only what these filters let pass: ",
            el("code", {}, filters.join(" ")),
          )
        : null,
    );
  }

  // --- Verdict ---

  verdict() {
    const r = this.report;
    const faults = r
      .records("verify", "fault")
      .concat(r.records("verify", "error"));
    const verdict = r.records("verify", "verdict")[0]?.verdict;
    const sound = verdict === "sound";
    const MOST = 50;
    return this.card(
      "Verification",
      el(
        `p.verdict.${sound ? "good" : "bad"}`,
        {},
        el("span.mark", { "aria-hidden": "true" }, sound ? "✓" : "✗"),
        sound
          ? "Sound"
          : `${plural(this.findings() || faults.length, "finding")}`,
      ),
      el("ul.steps", {}, this.steps()),
      el(
        "ul.findings",
        {},
        faults
          .slice(0, MOST)
          .map((f) =>
            el(
              "li",
              {},
              el("code.tag", {}, f.name || f.kind),
              " ",
              f.text || "",
              f.func
                ? [
                    " in ",
                    el("a", { href: linkTo({ func: f.func }) }, f.func),
                    f.func_offset ? ` + ${f.func_offset}` : "",
                  ]
                : null,
              f.region
                ? el(
                    "span.quiet",
                    {},
                    ` (${f.region}${f.region_offset ? ` + ${f.region_offset}` : ""})`,
                  )
                : null,
            ),
          ),
      ),
      faults.length > MOST
        ? el(
            "p.quiet",
            {},
            `and ${count(faults.length - MOST)} more; pclntab-dump --verify has them all`,
          )
        : null,
    );
  }

  findings() {
    return this.report
      .records("verify", "checked")
      .reduce((sum, step) => sum + step.findings, 0);
  }

  // What was checked, against what, and how much of it.
  steps() {
    const r = this.report;
    const AGAINST = {
      structure: "structure",
      bytes: "every byte accounted for",
      symbols: "symbols",
      dwarf: "DWARF",
      cfi: "call frame information",
      code: "machine code",
    };
    return r.records("verify").map((step) => {
      const name = AGAINST[step.check] || step.check;
      if (step.kind === "skipped")
        return el(
          "li.quiet",
          {},
          el("span.mark", { "aria-hidden": "true" }, "–"),
          el("span", {}, `${name}: not checked, ${step.why}`),
        );
      if (step.kind !== "checked") return null;
      const { kind, check, findings, ...counts } = step;
      const words = Object.entries(counts)
        .filter(([, n]) => n > 0)
        .map(([what, n]) => `${count(n)} ${what.replace(/_/g, " ")}`);
      return el(
        "li",
        {},
        el("span.mark", { "aria-hidden": "true" }, findings ? "✗" : "✓"),
        el(
          "span",
          {},
          `${name}: `,
          el("span.quiet", {}, words.join(", ")),
          findings ? `, ${plural(findings, "finding")}` : "",
        ),
      );
    });
  }

  // --- Bytes ---

  bytesCard() {
    const sizes = this.report.records("stats", "size");
    const total = sizes.find((s) => s.part === "total")?.bytes || 0;
    const parts = new Map();
    for (const s of sizes) {
      const part = s.part.split(".")[0];
      if (part !== "total") parts.set(part, (parts.get(part) || 0) + s.bytes);
    }
    const list = [...parts]
      .filter(([, n]) => n > 0)
      .sort((a, b) => b[1] - a[1]);
    return this.card(
      "Bytes of the table",
      el(
        "p.big",
        { title: bytes(total) },
        size(total),
        el(
          "span.quiet",
          {},
          ` ${count(Math.round(total / (this.report.nFuncs || 1)))} bytes a function`,
        ),
      ),
      el(
        "div.stack",
        {
          role: "img",
          "aria-label":
            "Shares of the components; the table below has the numbers",
        },
        list.map(([part, n]) => {
          const piece = el("a", {
            href: linkTo({ view: "bytes", path: part }),
            title: `${part}: ${bytes(n)}`,
            tabindex: "-1",
          });
          piece.style.flexGrow = n;
          piece.style.setProperty("--hue", hueOf(part));
          return piece;
        }),
      ),
      tableOf(
        "Components",
        ["Component", "Bytes", "Share"],
        list.map(([part, n]) => {
          const mark = el("i.swatch", { "aria-hidden": "true" });
          mark.style.setProperty("--hue", hueOf(part));
          return [
            [
              mark,
              el("a", { href: linkTo({ view: "bytes", path: part }) }, part),
              COMPONENTS[part] === part
                ? null
                : el("span.quiet", {}, ` ${COMPONENTS[part] || ""}`),
            ],
            count(n),
            percent(n, total),
          ];
        }),
        [1, 2],
      ),
    );
  }

  // --- Coverage ---

  coverage() {
    const r = this.report;
    const WHAT = {
      with_line: "of functions has a line",
      unwindable: "of functions can be unwound",
      functions: "of text is functions",
      holes: "of text is holes",
    };
    const texts = r
      .records("stats", "text")
      .filter((t) => t.bytes || t.what !== "holes");
    const counts = r.records("stats", "count");
    return this.card(
      "Code",
      el(
        "dl.numbers",
        {},
        counts.map((c) =>
          el(
            "div",
            {},
            el("dd", {}, count(c.value)),
            el("dt", {}, c.what.replace(/_/g, " ")),
          ),
        ),
      ),
      texts.map((t) => {
        const gauge = el("i.gauge", { "aria-hidden": "true" });
        gauge.style.width = `${t.percent}%`;
        return el(
          "div.share",
          { title: bytes(t.bytes) },
          el("span.c-part", {}, `${t.percent.toFixed(2)} %`),
          el("span.track", {}, gauge),
          el("span.quiet", {}, WHAT[t.what] || t.what),
        );
      }),
    );
  }

  // --- The file ---

  valueText(key, value) {
    if (key === "text_bytes") return `${value}, ${bytes(Number(value))}`;
    if (key === "pointer_size" || key === "quantum") return bytes(value);
    if (key === "machine")
      return MACHINES[value] ? `${MACHINES[value]} (${value})` : String(value);
    if (key === "functions") return count(value);
    if (typeof value === "boolean") return value ? "yes" : "no";
    return String(value);
  }

  file() {
    const r = this.report;
    const pairs = (kind) =>
      r
        .records("header", kind)
        .flatMap((record) => Object.entries(record))
        .filter(([key]) => key !== "kind")
        .map(([key, value]) => [
          WORDS[key] || key.replace(/_/g, " "),
          this.valueText(key, value),
        ]);
    const parts = r
      .records("header", "part")
      .map((p) => [p.name, p.offset ?? "elsewhere", count(p.bytes)]);
    return this.card(
      "The table in the file",
      factList(pairs("table")),
      el(
        "details",
        {},
        el("summary", {}, "The file"),
        factList([...pairs("image"), ...pairs("go")]),
      ),
      el(
        "details",
        {},
        el("summary", {}, "Regions"),
        tableOf("Regions", ["Region", "Offset", "Bytes"], parts, [2]),
      ),
    );
  }

  // --- Build information ---

  build() {
    const r = this.report;
    const records = r.records("buildinfo");
    if (records.length === 0) return null;
    const modules = records.filter(
      (x) => x.kind === "dep" || x.kind === "replace",
    );
    const one = (x) => [x.path, x.version].filter(Boolean).join(" ");
    const named = records
      .filter((x) => !modules.includes(x) && x.kind !== "error")
      .map((x) =>
        x.kind === "setting"
          ? [x.key, x.value]
          : x.kind === "go"
            ? ["Go", x.version]
            : [x.kind, x.line ?? one(x)],
      );
    return this.card(
      "Build",
      factList(named),
      modules.length
        ? el(
            "details",
            {},
            el("summary", {}, plural(modules.length, "module")),
            tableOf(
              "Modules",
              ["Module", "Version"],
              modules.map((m) => [
                (m.kind === "replace" ? "⇒ " : "") + m.path,
                m.version || "",
              ]),
            ),
          )
        : null,
    );
  }

  // --- What stands out ---

  largest(title, of) {
    const r = this.report;
    const N = 8;
    const top = [];
    for (let i = 0; i < r.n; i++) {
      if (r.hole[i] || (top.length === N && of(i) <= of(top[N - 1]))) continue;
      top.push(i);
      top.sort((a, b) => of(b) - of(a) || a - b);
      top.length = Math.min(top.length, N);
    }
    const rows = top
      .filter((i) => of(i) > 0)
      .map((i) => [funcLink(r, i), count(of(i))]);
    return rows.length
      ? this.card(title, tableOf(title, ["Function", "Bytes"], rows, [1]))
      : null;
  }
}
