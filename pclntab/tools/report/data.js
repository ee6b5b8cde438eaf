// SPDX-License-Identifier: Apache-2.0
//
// The table's content, from the block of data in the page. The counterpart of
// html_*.c: what those write, in the same order, is read here. A function's
// details are decoded when they are needed; for the rest there are arrays.
"use strict";

// --- Numbers and strings ------------------------------------------------------

// Reads ULEB128 numbers up to 2^53, which is more than any file is long.
class Reader {
  constructor(bytes, at = 0) {
    this.bytes = bytes;
    this.at = at;
  }
  get done() {
    return this.at >= this.bytes.length;
  }
  num() {
    let value = 0;
    let scale = 1;
    for (;;) {
      const byte = this.bytes[this.at++];
      if (byte < 0x80 || byte === undefined) return value + (byte || 0) * scale;
      value += (byte & 0x7f) * scale;
      scale *= 128;
    }
  }
  // Zig-zag coded.
  signed() {
    const v = this.num();
    return v % 2 ? -(v + 1) / 2 : v / 2;
  }
  take(n) {
    this.at += n;
    return this.bytes.subarray(this.at - n, this.at);
  }
}

// Bytes as text. Names need not be UTF-8: a byte that is not is shown as \xHH.
// Control characters and those that change the direction or are invisible are
// shown as \u{...}, so that no name can look like another.
const CONCEALED =
  /[\u0000-\u001f\u007f-\u009f\u00ad\u061c\u115f\u1160\u17b4\u17b5\u180e\u200b-\u200f\u2028-\u202f\u205f-\u206f\u3164\ufeff\uffa0\ufff9-\ufffb]/gu;

const visible = (text) =>
  text.replace(CONCEALED, (c) => `\\u{${c.codePointAt(0).toString(16)}}`);

function textOf(bytes) {
  const plain = new TextDecoder().decode(bytes);
  const text = plain.includes("\ufffd") ? textOfBroken(bytes) : plain;
  return visible(text);
}

function textOfBroken(bytes) {
  const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
  let text = "";
  for (let at = 0; at < bytes.length;) {
    let n = 1;
    let part = null;
    for (; n <= 4 && part === null; n++) {
      try {
        part = decoder.decode(bytes.subarray(at, at + n));
      } catch {
        part = null; // no character of n bytes
      }
    }
    text += part ?? `\\x${bytes[at].toString(16).padStart(2, "0")}`;
    at += part === null ? 1 : n - 1;
  }
  return text;
}

// Strings that end with a NUL. Decoded in one go where all are plain, which
// takes a tenth of the time that one by one takes.
function stringsOf(bytes) {
  const all = new TextDecoder().decode(bytes);
  const list = all.split("\0");
  list.pop();
  const odd = /[^\u0020-\u007e\u00a1-\u00ac\u00ae-\u0377]/u;
  let start = 0;
  for (let i = 0; i < list.length; i++) {
    const end = bytes.indexOf(0, start);
    if (odd.test(list[i])) list[i] = textOf(bytes.subarray(start, end));
    start = end + 1;
  }
  return list;
}

// --- The block ----------------------------------------------------------------

async function unpack(base64) {
  const chars = atob(base64.trim());
  const packed = new Uint8Array(chars.length);
  for (let i = 0; i < chars.length; i++) packed[i] = chars.charCodeAt(i);
  const stream = new Blob([packed])
    .stream()
    .pipeThrough(new DecompressionStream("deflate"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

function sectionsOf(bytes) {
  const reader = new Reader(bytes);
  const sections = new Map();
  while (!reader.done) {
    const name = new TextDecoder().decode(reader.take(reader.num()));
    sections.set(name, reader.take(reader.num()));
  }
  return sections;
}

// --- The report -----------------------------------------------------------------

const ARGS_UNKNOWN = -0x80000000;

class Report {
  constructor(sections) {
    this.facts = JSON.parse(new TextDecoder().decode(sections.get("facts")));
    this.names = stringsOf(sections.get("names"));
    this.files = stringsOf(sections.get("files"));
    this.rules = stringsOf(sections.get("rules"));
    this.details = sections.get("details");
    this.mapBytes = sections.get("maps");
    this.byteRuns = sections.get("bytes");
    this.readFuncs(new Reader(sections.get("funcs")));
    this.table = this.records("header", "table")[0] || {};
    this.textStart = BigInt(this.table.text_start || 0);
  }

  // The records of an action, all or of one kind.
  records(action, kind) {
    const all = this.facts[action]?.records || [];
    return kind ? all.filter((r) => r.kind === kind) : all;
  }

  readFuncs(reader) {
    const n = (this.n = reader.num());
    const column = (Type, signed) => {
      const out = new Type(n);
      for (let i = 0; i < n; i++)
        out[i] = signed ? reader.signed() : reader.num();
      return out;
    };
    const skipped = column(Uint32Array);
    const gap = column(Float64Array, true);
    this.size = column(Float64Array);
    this.hole = column(Uint8Array);
    this.name = column(Uint32Array);
    this.pkg = column(Uint32Array);
    this.receiver = column(Uint32Array);
    this.linkage = column(Uint32Array);
    this.own = column(Uint32Array);
    this.args = column(Int32Array, true);
    this.frame = column(Float64Array);
    this.startLine = column(Int32Array, true);
    this.funcId = column(Uint8Array);
    this.flags = column(Uint8Array);
    this.rows = column(Uint32Array);
    this.file = column(Uint32Array);
    const length = column(Float64Array);
    // Sums: functab indices, offsets from text start, places of the details.
    this.idx = new Uint32Array(n);
    this.off = new Float64Array(n);
    this.at = new Float64Array(n);
    this.nHoles = 0;
    let idx = 0;
    let pc = 0;
    let at = 0;
    for (let i = 0; i < n; i++) {
      this.idx[i] = idx += skipped[i];
      this.off[i] = pc += gap[i];
      this.at[i] = at;
      idx++;
      pc += this.size[i];
      at += length[i];
      this.nHoles += this.hole[i];
    }
    this.nFuncs = n - this.nHoles;
  }

  // --- Names ---

  nameOf(i) {
    return this.hole[i] ? "(hole)" : this.names[this.name[i]];
  }
  packageOf(i) {
    return this.names[this.pkg[i]];
  }
  fileOf(i) {
    return this.files[this.file[i]];
  }
  // What functions are grouped by: the package, or where there is none the file.
  groupOf(i) {
    return this.packageOf(i) || this.fileOf(i) || "(no file)";
  }
  // Whether no other function has the name.
  isUnique(i) {
    if (!this.uses) {
      this.uses = new Uint32Array(this.names.length);
      for (let k = 0; k < this.n; k++) this.uses[this.name[k]]++;
    }
    return this.uses[this.name[i]] === 1;
  }
  // Names in small letters, for searching.
  get folded() {
    this.foldedNames ??= this.names.map((name) => name.toLowerCase());
    return this.foldedNames;
  }

  // What a number in a record means: of PCDATA, FUNCDATA, function IDs, flags.
  numberName(of, index) {
    const known = this.records("layout", "number").find(
      (r) => r.of === of && r.index === index,
    );
    return known ? known.name : "unknown";
  }
  // What is special about a function, in words.
  kindOf(i) {
    const kinds = [];
    if (this.hole[i])
      kinds.push("hole: padding, or code that nothing describes");
    if (this.funcId[i]) kinds.push(this.numberName("func_id", this.funcId[i]));
    if (this.flags[i])
      kinds.push(...this.numberName("flags", this.flags[i]).split("|"));
    return kinds.join(", ");
  }

  // --- Addresses ---

  // An offset from text start as an address. They may exceed 2^53.
  address(off) {
    return "0x" + (this.textStart + BigInt(off)).toString(16);
  }
  // The function that covers an address given as text, or -1.
  funcAt(text) {
    let address;
    try {
      address = BigInt(text);
    } catch {
      return -1;
    }
    const off = Number(address - this.textStart);
    let lo = 0;
    let hi = this.n;
    while (lo < hi) {
      const mid = (lo + hi) >> 1;
      if (this.off[mid] <= off) lo = mid + 1;
      else hi = mid;
    }
    const i = lo - 1;
    return i >= 0 && off < this.off[i] + this.size[i] ? i : -1;
  }
  // The functions of a name, as shown or as linked.
  funcsNamed(text) {
    const found = [];
    for (let i = 0; i < this.n; i++)
      if (
        !this.hole[i] &&
        (this.names[this.name[i]] === text ||
          (this.linkage[i] && this.names[this.linkage[i]] === text))
      )
        found.push(i);
    return found;
  }

  // --- Details ---

  // Calls visit(lo, hi, file, line, call) for each row; returns the reader,
  // which then stands at the calls. Files are numbers of `files`; a call or a
  // line of -1 is none.
  walkRows(i, visit) {
    const r = new Reader(this.details, this.at[i]);
    let lo = 0;
    let file = 0;
    let line = 0;
    let call = -1;
    for (let len = r.num(); len > 0; len = r.num()) {
      const tag = r.num();
      const zigzag = Math.floor(tag / 4);
      line += zigzag % 2 ? -(zigzag + 1) / 2 : zigzag / 2;
      if (tag & 1) file = r.num();
      if (tag & 2) call = r.num() - 1;
      visit(lo, lo + len, file, line, call);
      lo += len;
    }
    return r;
  }

  readCalls(r) {
    const calls = [];
    while (r.num())
      calls.push({
        name: r.num(),
        parent: r.num() - 1,
        file: r.num(),
        line: r.signed(),
        startLine: r.signed(),
        parentPc: r.num(),
      });
    return calls;
  }

  // The calls around a call, outermost first. Parents may lie in a damaged
  // table: a chain that comes back to itself ends.
  chainOf(calls, call) {
    const chain = [];
    for (let c = call; c >= 0 && c < calls.length; c = calls[c].parent) {
      if (chain.includes(c)) break;
      chain.push(c);
    }
    return chain.reverse();
  }

  readRuns(r, read) {
    const runs = [];
    let lo = 0;
    for (let len = r.num(); len > 0; len = r.num()) {
      runs.push({ lo, hi: lo + len, value: read() });
      lo += len;
    }
    return runs;
  }

  readStream(r) {
    let value = 0;
    return this.readRuns(r, () => (value += r.signed()));
  }

  // All that is known of a function.
  detailsOf(i) {
    const rows = [];
    const r = this.walkRows(i, (lo, hi, file, line, call) =>
      rows.push({ lo, hi, file, line, call }),
    );
    const calls = this.readCalls(r);
    const sp = this.readStream(r);
    const rules = this.readRuns(r, () => r.num());
    const pcdata = [];
    for (let offset = r.num(); offset > 0; offset = r.num())
      pcdata.push({ offset: offset - 1, runs: this.readStream(r) });
    const funcdata = [];
    for (let n = r.num(); n > 0; n--) funcdata.push(r.num() - 1);
    const recordOffset = r.num();
    const record = r.take(r.num());
    const frame = this.readFrame(r);
    return {
      rows,
      calls,
      sp,
      rules,
      pcdata,
      funcdata,
      recordOffset,
      record,
      frame,
    };
  }

  // --- The frame ---

  readFrame(r) {
    const locals = r.num();
    const args = r.num();
    const place = r.num() ? { varp: r.signed(), argp: r.signed() } : null;
    const objects = [];
    while (r.num()) {
      const o = {
        off: r.signed(),
        size: r.num(),
        pointerBytes: r.num(),
        program: r.num() === 1,
        type: r.num(),
      };
      o.mask = r.take(r.num());
      objects.push(o);
    }
    const values = [];
    for (let op = r.num(); op > 0; op = r.num())
      values.push(op === 1 ? { op, off: r.num(), size: r.num() } : { op });
    let defers = null;
    const n = r.num();
    if (n) {
      defers = { bits: r.num(), closures: [] };
      for (let k = 1; k < n; k++) defers.closures.push(r.num());
    }
    const wraps = r.num() - 1;
    return {
      locals: this.mapAt(locals),
      args: this.mapAt(args),
      place,
      objects,
      values,
      defers,
      wraps,
      pairs: this.readPairs(r),
      llvm: this.readLlvm(r),
    };
  }

  // By row of the maps: derived pointers { base, derived }, words of locals or,
  // with an "a", of arguments.
  readPairs(r) {
    const pairs = new Map();
    const word = (n) => (n % 2 ? `a${(n - 1) / 2}` : String(n / 2));
    for (let row = r.num(); row > 0; row = r.num()) {
      const list = [];
      while (r.num()) list.push({ base: word(r.num()), derived: word(r.num()) });
      pairs.set(row - 1, list);
    }
    return pairs;
  }

  // Records of LLVM's stack maps.
  readLlvm(r) {
    const records = [];
    const text = () => new TextDecoder().decode(r.take(r.num()));
    while (r.num())
      records.push({
        pc: r.num(),
        id: text(),
        locations: text(),
        deopt: text(),
        liveOuts: text(),
      });
    return records;
  }

  // The pointer map of a number; null for 0. Where each begins is found out
  // once.
  mapAt(id) {
    if (!this.mapStarts) {
      const r = new Reader(this.mapBytes);
      this.mapStarts = [0];
      while (!r.done) {
        this.mapStarts.push(r.at);
        this.readMap(r);
      }
    }
    return id
      ? this.readMap(new Reader(this.mapBytes, this.mapStarts[id]))
      : null;
  }

  // A map: its words, and rows of items { n, kind, words }: n items alike.
  readMap(r) {
    const map = { words: r.num(), conservative: r.num(), rows: [] };
    for (let rows = r.num(); rows > 0; rows--) {
      const row = [];
      for (let n = r.num(); n > 0; n = r.num()) {
        const tag = r.num();
        row.push({ n, kind: tag >> 2, words: tag & 3 });
      }
      map.rows.push(row);
    }
    return map;
  }
}
