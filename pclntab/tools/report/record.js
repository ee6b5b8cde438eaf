// SPDX-License-Identifier: Apache-2.0
//
// A function's record: its bytes, what each of them is, and the streams and
// payloads that it names.

class RecordTab {
  constructor(report, func, details) {
    this.report = report;
    this.func = func;
    this.details = details;
  }

  // The fields in order: name, offset, size. Behind the fixed part stand the
  // numbers of PCDATA and FUNCDATA; a packed record has only those that are.
  fields() {
    const r = this.report;
    const d = this.details;
    const fields = r
      .records("layout", "field")
      .map((f) => ({ name: f.name, offset: f.offset, size: f.bytes }));
    const layout = r.records("layout", "record")[0];
    let at = layout.fixed_bytes;
    d.pcdata.forEach((p, i) => {
      if (layout.packed && !p.offset) return;
      fields.push({ name: `pcdata[${i}]`, offset: at, size: 4 });
      at += 4;
    });
    const width = layout.funcdata_bytes;
    if (width > 4 && d.funcdata.length && at % width) at += 4;
    d.funcdata.forEach((offset, i) => {
      if (layout.packed && offset < 0) return;
      fields.push({ name: `funcdata[${i}]`, offset: at, size: width });
      at += width;
    });
    return fields.filter((f) => f.offset + f.size <= d.record.length);
  }

  value(field) {
    const part = [
      ...this.details.record.subarray(field.offset, field.offset + field.size),
    ];
    const big = this.report.records("layout", "record")[0].big_endian;
    const digits = (big ? part : part.reverse())
      .map((b) => b.toString(16).padStart(2, "0"))
      .join("");
    return "0x" + (digits.replace(/^0+/, "") || "0");
  }

  // A stream's runs, to be unfolded; those that have a tab are shown there.
  runs({ runs, i }) {
    if (runs.length === 0) {
      const unwinds = this.report.numberName("pcdata", i).startsWith("Unwind");
      return `in the tab “${unwinds ? "Unwinding" : "Inlined"}”`;
    }
    const text = el("pre");
    const show = () => {
      text.textContent = runs
        .map((x) => `+${x.lo.toString(16)} – ${x.hi.toString(16)}  ${x.value}`)
        .join("\n");
    };
    return el(
      "details",
      { toggle: show },
      el("summary", {}, plural(runs.length, "run")),
      text,
    );
  }

  make() {
    const r = this.report;
    const d = this.details;
    const hexOf = (f) =>
      [...d.record.subarray(f.offset, f.offset + f.size)]
        .map((b) => b.toString(16).padStart(2, "0"))
        .join(" ");
    const streams = d.pcdata
      .map((p, i) => ({ ...p, i }))
      .filter((p) => p.offset)
      .map((p) => [
        String(p.i),
        r.numberName("pcdata", p.i),
        hex(p.offset),
        this.runs(p),
      ]);
    const payloads = d.funcdata
      .map((offset, i) => ({ offset, i }))
      .filter((f) => f.offset >= 0)
      .map((f) => [String(f.i), r.numberName("funcdata", f.i), hex(f.offset)]);
    return el(
      "div.fill.scroll.record",
      { tabindex: "0" },
      el(
        "p.quiet",
        {},
        `${bytes(d.record.length)} at functab + ${hex(d.recordOffset)}`,
      ),
      tableOf(
        "Fields of the record",
        ["Offset", "Bytes", "Field", "Value"],
        this.fields().map((f) => [
          String(f.offset),
          el("code", {}, hexOf(f)),
          f.name,
          el("code", {}, this.value(f)),
        ]),
        [0],
      ),
      el("h3", {}, "Streams"),
      streams.length
        ? tableOf(
            "PCDATA streams",
            ["PCDATA", "Meaning", "At pctab +", "Values"],
            streams,
            [0],
          )
        : el("p.quiet", {}, "The function has no PCDATA."),
      el("h3", {}, "Payloads"),
      payloads.length
        ? tableOf(
            "FUNCDATA payloads",
            ["FUNCDATA", "Meaning", "At funcdata +"],
            payloads,
            [0],
          )
        : el("p.quiet", {}, "The function has no FUNCDATA."),
    );
  }
}
