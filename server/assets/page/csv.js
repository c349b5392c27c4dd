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
