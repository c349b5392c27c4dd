// CSV files, written: RFC 4180, and what spreadsheets make of it (a mark at the front, semicolons, either end of line).
// The server reads them.

/** How a file is written that has these bytes and, as the server says, these signs. What is no UTF-8 becomes it. */
export function styleOf(bytes, { separator, decimal }) {
  let text;
  try {
    text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    // With the mark, a spreadsheet knows that it is UTF-8.
    return { mark: MARK, separator, decimal, end: "\r\n", isEnded: true };
  }
  const end = /\r?\n/.exec(text)?.[0] ?? "\n";
  return { mark: text.startsWith(MARK) ? MARK : "", separator, decimal, end, isEnded: text.endsWith("\n") };
}
const MARK = "\ufeff";

/** A cell as it is written in a file of that style; null is nothing. */
export function written(content, { separator }) {
  const text = String(content ?? "");
  return /["\r\n]/.test(text) || text.includes(separator) ? `"${text.replaceAll('"', '""')}"` : text;
}

/** Whether a spreadsheet would take the text for a formula; a number with a sign is none. */
export const isFormula = (text) => text !== null && /^[=+\-@\t\r]/.test(text) && !/^[+-]?[\d.,]+$/.test(text);

/** Lines of written cells as a file, in that style. */
export function join(lines, { mark, separator, end, isEnded }) {
  return mark + lines.map((cells) => cells.join(separator)).join(end) + (isEnded ? end : "");
}

/** A row as it stands in its file, with more cells before the end of its line. */
export function beside(row, cells, style) {
  const more = cells.map((cell) => style.separator + written(cell, style)).join("");
  return row.replace(/[\r\n]*$/, (end) => more + end);
}

/** Text in an encoding that the server has read a file in. */
export function encoded(text, encoding) {
  if (encoding === "UTF-16LE" || encoding === "UTF-16BE") {
    const view = new DataView(new ArrayBuffer(2 * (text.length + 1)));
    const write = (unit, at) => view.setUint16(2 * at, unit, encoding === "UTF-16LE");
    write(MARK.charCodeAt(0), 0);
    for (let at = 0; at < text.length; at += 1) write(text.charCodeAt(at), at + 1);
    return view;
  }
  if (encoding !== "windows-1252") return new TextEncoder().encode(text);
  const all = new TextDecoder(encoding).decode(Uint8Array.from({ length: 256 }, (_, byte) => byte));
  const bytes = new Map([...all].map((character, byte) => [character, byte]));
  // What the encoding does not have is written as the number of its character, as browsers do.
  const known = text.replace(/[^\0-\x7f]/gu, (one) => (bytes.has(one) ? one : `&#${one.codePointAt(0)};`));
  return Uint8Array.from({ length: known.length }, (_, at) => bytes.get(known[at]));
}
