// SPDX-License-Identifier: Apache-2.0
//
// Small things that all views use. Elements are made by el(), which sets text
// as text: nothing in the report ever parses a string as markup.

// An element: a tag with classes ("div.row.selected"), attributes, children.
// Properties that are functions become listeners ("click"); null is left out.
function el(spec, props = {}, ...children) {
  const [tag, ...classes] = spec.split(".");
  const e = document.createElement(tag || "div");
  if (classes.length) e.className = classes.join(" ");
  for (const [key, value] of Object.entries(props)) {
    if (value === null || value === undefined || value === false) continue;
    if (typeof value === "function") e.addEventListener(key, value);
    else if (key === "style") Object.assign(e.style, value);
    else e.setAttribute(key, value === true ? "" : value);
  }
  e.append(...children.flat().filter((c) => c !== null && c !== undefined));
  return e;
}

// --- Numbers ------------------------------------------------------------------

const integers = new Intl.NumberFormat("en-US");
const count = (n) => integers.format(n);
const plural = (n, one, many = one + "s") =>
  `${count(n)} ${n === 1 ? one : many}`;
const hex = (n) => "0x" + n.toString(16);
const bytes = (n) => plural(n, "byte");
const percent = (part, whole) =>
  whole ? ((100 * part) / whole).toFixed(1) + " %" : "";

// Short, for places where the exact number stands elsewhere.
function size(n) {
  const units = ["B", "KiB", "MiB", "GiB"];
  let unit = 0;
  while (n >= 1024 && unit < units.length - 1) {
    n /= 1024;
    unit++;
  }
  return unit === 0 ? `${n} B` : `${n.toFixed(n < 10 ? 1 : 0)} ${units[unit]}`;
}

// --- Names --------------------------------------------------------------------

const baseOf = (path) => path.slice(path.lastIndexOf("/") + 1);

// "file.c:12" with the whole path on hovering.
function positionText(report, file, line) {
  if (!file && line <= 0) return "no position";
  const name = file ? baseOf(report.files[file]) : "??";
  return `${name}:${line > 0 ? line : 0}`;
}

// A C++ name without template arguments, parameters and return type, or "" for
// other names. Operators have signs in their names that mean something else.
function plainName(name) {
  if (!name.includes("::") || name.includes("operator")) return "";
  let depth = 0;
  let plain = "";
  for (const c of name.replaceAll("(anonymous namespace)", "{anonymous}")) {
    if (c === "<") depth++;
    else if (c === ">") depth--;
    else if (depth === 0 && c === "(") break;
    else if (depth === 0) plain += c;
  }
  return depth === 0 ? plain.slice(plain.lastIndexOf(" ") + 1) : "";
}

// Where a C++ function's own name begins, behind its namespaces and classes.
function ownStart(name) {
  const plain = plainName(name);
  if (!plain) return 0;
  const own = plain.slice(plain.lastIndexOf("::") + 2);
  return Math.max(0, name.lastIndexOf(`::${own}`) + 2);
}

// A name to stand in a narrow place: without the package's path, as in
// "bytes.(*Buffer).Write", or as plainName() has it.
function shortName(name) {
  const plain = plainName(name);
  if (plain) return plain;
  const bracket = name.search(/[([<{]/);
  const head = bracket < 0 ? name : name.slice(0, bracket);
  return name.slice(head.lastIndexOf("/") + 1);
}

// Colours for things that have no order, such as inlined functions: hues that
// stay the same for a name. Lightness comes from the style sheet.
function hueOf(text) {
  let h = 7;
  for (let i = 0; i < text.length; i++) h = (h * 31 + text.charCodeAt(i)) >>> 0;
  return (h * 137) % 360;
}

// --- Places in the report -------------------------------------------------------

// The fragment that leads to a place: { view, func, tab, file, inlined, path }.
function linkTo(place) {
  const parts = Object.entries(place)
    .filter(([, value]) => value)
    .map(([key, value]) => `${key}=${encodeURIComponent(value)}`);
  return "#" + parts.join("&");
}

function placeOf(hash) {
  const place = {};
  for (const part of hash.replace(/^#/, "").split("&")) {
    const [key, ...value] = part.split("=");
    if (!key) continue;
    try {
      place[key] = decodeURIComponent(value.join("="));
    } catch {
      place[key] = value.join("="); // typed by hand
    }
  }
  return place;
}

// A link to a function, by name where that is enough.
function funcPlace(report, i, more = {}) {
  const name = report.nameOf(i);
  const unique = !report.hole[i] && report.isUnique(i);
  return { func: unique ? name : report.address(report.off[i]), ...more };
}

function funcLink(report, i, text) {
  return el(
    "a.name",
    { href: linkTo(funcPlace(report, i)), title: report.nameOf(i) },
    text || report.nameOf(i),
  );
}

// --- Pieces ---------------------------------------------------------------------

function emptyState(title, text, ...more) {
  return el("div.empty", {}, el("h3", {}, title), el("p", {}, text), ...more);
}

// A table of rows of cells; the first row is its head. Cells of `numeric`
// columns are set right.
function tableOf(caption, head, rows, numeric = []) {
  const cell = (tag) => (content, i) =>
    el(
      numeric.includes(i) ? `${tag}.num` : tag,
      tag === "th" ? { scope: "col" } : {},
      ...[content].flat(),
    );
  return el(
    "table",
    {},
    el("caption.hidden", {}, caption),
    el("thead", {}, el("tr", {}, head.map(cell("th")))),
    el(
      "tbody",
      {},
      rows.map((row) => el("tr", {}, row.map(cell("td")))),
    ),
  );
}

// A name and what it has: pairs, those without a value left out.
function factList(pairs) {
  return el(
    "dl.facts",
    {},
    pairs
      .filter(
        ([, value]) =>
          value !== null &&
          value !== undefined &&
          value !== "" &&
          value.length !== 0,
      )
      .flatMap(([name, value]) => [
        el("dt", {}, name),
        el("dd", {}, ...[value].flat()),
      ]),
  );
}

// Calls `fn` once the calls for it have ceased for a moment.
function debounced(fn, ms) {
  let timer = 0;
  return (...args) => {
    clearTimeout(timer);
    timer = setTimeout(() => fn(...args), ms);
  };
}
