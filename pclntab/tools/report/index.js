// SPDX-License-Identifier: Apache-2.0
//
// What is seen only by reading every function's rows: the code that comes from
// each file, and where each function is inlined. Made when a view first asks
// for it, in slices, so that the page stays usable meanwhile.

class CodeIndex {
  constructor(report) {
    this.report = report;
    const n = report.files.length;
    this.fileBytes = new Float64Array(n); // code with a line of the file
    this.fileFuncs = Array.from({ length: n }, () => []); // that have such code
    this.fileInlined = new Float64Array(n); // of fileBytes, what was inlined
    this.inlined = new Map(); // number of a name to its calls
  }

  // Calls progress(part) now and then; resolves when all is read.
  read(progress) {
    this.reading ??= this.readAll(progress);
    return this.reading;
  }

  async readAll(progress) {
    const SLICE = 16; // milliseconds
    let until = performance.now() + SLICE;
    for (let i = 0; i < this.report.n; i++) {
      this.readFunc(i);
      if (i % 64 === 0 && performance.now() > until) {
        progress(i / this.report.n);
        await new Promise((resolve) => setTimeout(resolve));
        until = performance.now() + SLICE;
      }
    }
    return this;
  }

  readFunc(i) {
    const perCall = new Map();
    const reader = this.report.walkRows(i, (lo, hi, file, line, call) => {
      if (file) {
        const funcs = this.fileFuncs[file];
        if (funcs.at(-1) !== i) funcs.push(i);
        this.fileBytes[file] += hi - lo;
        if (call >= 0) this.fileInlined[file] += hi - lo;
      }
      if (call >= 0) perCall.set(call, (perCall.get(call) || 0) + hi - lo);
    });
    const calls = this.report.readCalls(reader);
    calls.forEach((c, k) => {
      if (!this.inlined.has(c.name))
        this.inlined.set(c.name, {
          name: c.name,
          sites: [],
          bytes: 0,
          funcs: 0,
          last: -1,
        });
      const entry = this.inlined.get(c.name);
      entry.sites.push({
        func: i,
        call: k,
        file: c.file,
        line: c.line,
        bytes: 0,
      });
      if (entry.last !== i) entry.funcs++;
      entry.last = i;
      c.site = entry.sites.at(-1);
      c.entry = entry;
    });
    // Code counts for each call around it, but once for a function that is
    // inlined into itself.
    for (const [call, length] of perCall) {
      const names = new Set();
      for (const c of this.report.chainOf(calls, call)) {
        calls[c].site.bytes += length;
        if (!names.has(calls[c].name)) calls[c].entry.bytes += length;
        names.add(calls[c].name);
      }
    }
  }

  // Lines of a file: for each the code, and the functions that have it.
  linesOf(file) {
    const lines = new Map();
    for (const i of this.fileFuncs[file])
      this.report.walkRows(i, (lo, hi, f, line, call) => {
        if (f !== file) return;
        if (!lines.has(line))
          lines.set(line, { line, bytes: 0, inlined: 0, funcs: [] });
        const entry = lines.get(line);
        entry.bytes += hi - lo;
        if (call >= 0) entry.inlined += hi - lo;
        if (entry.funcs.at(-1) !== i) entry.funcs.push(i);
      });
    return [...lines.values()].sort((a, b) => a.line - b.line);
  }
}

// A view that needs the index shows how far it has come.
function withIndex(report, element, then) {
  report.index ??= new CodeIndex(report);
  const bar = el("progress", {
    max: "1",
    value: "0",
    "aria-label": "Reading the code",
  });
  const note = el("div.loading", {}, "Reading every function’s rows… ", bar);
  element.replaceChildren(note);
  report.index
    .read((part) => (bar.value = part))
    .then((index) => {
      note.remove();
      then(index);
    });
}
