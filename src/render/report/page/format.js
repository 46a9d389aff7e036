// Figures and names as people read them: the same words as in the report's table.

const BINARY = ["KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];
const DECIMAL = ["k", "M", "G", "T", "P", "E"];

/** A number in three digits with its unit; `null` where it is below the first unit. */
function scaled(number, base, units) {
  const size = Math.abs(number);
  if (size < base) return null;
  let scale = base;
  let at = 0;
  // From 999.5 on, a number would read as 1,000 of its unit: the next unit is used then.
  while (at + 1 < units.length && size * 2 >= scale * 1999) {
    scale *= base;
    at += 1;
  }
  const value = number / scale;
  const digits = Math.abs(value) < 9.995 ? 2 : Math.abs(value) < 99.95 ? 1 : 0;
  return `${value.toFixed(digits)} ${units[at]}`;
}

/** Whether figures are shown to the last digit. */
let showsExact = false;

/** To the last digit. Beyond 2^53 the script's numbers are rounded, and this says so. */
const exact = (number) => (Number.isSafeInteger(number) ? "" : "≈") + number.toLocaleString("en-US");
const asBytes = (number) => (showsExact ? exact(number) : (scaled(number, 1024, BINARY) ?? `${number} B`));
const asCount = (number) =>
  showsExact ? exact(number) : Math.abs(number) < 10_000 ? String(number) : scaled(number, 1000, DECIMAL);
const asSigned = (number) => (number > 0 ? "+" : "") + asBytes(number);
const asShare = (part, whole) => (whole > 0 ? `${((100 * part) / whole).toFixed(1)} %` : "");
const counted = (number, what) => `${exact(number)} ${what}${number === 1 ? "" : "s"}`;

// Control characters, and those that reorder or hide text.
const HIDING =
  /[\p{Cc}\u00ad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\u{e0000}-\u{e007f}]/gu;
const SHORT_ESCAPES = { "\n": "\\n", "\r": "\\r", "\t": "\\t" };

/** A name that cannot do anything to who reads it. */
const printable = (name) =>
  name.replace(HIDING, (one) => SHORT_ESCAPES[one] ?? `\\u{${one.codePointAt(0).toString(16)}}`);

/** An element with a class and a text, which is never read as markup. */
function element(tag, name = "", text = "") {
  const made = document.createElement(tag);
  if (name) made.className = name;
  if (text) made.textContent = text;
  return made;
}
