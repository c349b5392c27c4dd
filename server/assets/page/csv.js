// CSV files, read and written: RFC 4180, and what spreadsheets make of it (a mark at the front, semicolons,
// either end of line).

/** What is wrong with the form of a file; `name` is that of its text. */
export class CsvFault extends Error {
  constructor(name, values = {}) {
    super(name);
    this.values = values;
  }
}

/** The text of a file's bytes. */
export function decode(bytes) {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    throw new CsvFault("encoding");
  }
}

/**
 * `{header, rows, style}`; the header and each row are `{line, cells, written}`, with the text of each cell and how it
 * was written, quotation marks included. Empty lines are left out.
 */
export function parse(text) {
  const style = { mark: text.startsWith("\ufeff") ? "\ufeff" : "", separator: ",", end: "\n", isEnded: text.endsWith("\n") };
  const body = text.slice(style.mark.length);
  const first = /^.*?(\r?\n|$)/s.exec(body);
  if (first[1]) style.end = first[1];
  const count = (sign) => first[0].split(sign).length;
  style.separator = [",", ";", "\t"].reduce((best, sign) => (count(sign) > count(best) ? sign : best));
  const [header, ...rows] = records(body, style.separator);
  if (!header || rows.length === 0) throw new CsvFault("empty");
  for (const { line, cells } of rows) {
    if (cells.length !== header.cells.length) {
      throw new CsvFault("fields", { line, found: cells.length, expected: header.cells.length });
    }
  }
  return { header, rows, style };
}

function records(text, separator) {
  const found = [];
  let [at, line] = [0, 1];
  while (at < text.length) {
    const record = { line, cells: [], written: [] };
    for (;;) {
      let cell;
      const from = at;
      if (text[at] === '"') [cell, at, line] = quoted(text, at, line);
      else [cell, at] = plain(text, at, separator);
      record.cells.push(cell);
      record.written.push(text.slice(from, at));
      if (text[at] !== separator) break;
      at += 1;
    }
    if (text[at] === "\r" && text[at + 1] === "\n") at += 1;
    if (at < text.length && text[at] !== "\n") throw new CsvFault("after-quote", { line });
    at += 1;
    line += 1;
    if (record.cells.length > 1 || record.cells[0] !== "") found.push(record);
  }
  return found;
}

/** A cell without quotation marks, and where it ends. */
function plain(text, from, separator) {
  let at = from;
  while (at < text.length && text[at] !== separator && text[at] !== "\n") at += 1;
  const end = text[at] === "\n" && text[at - 1] === "\r" && at > from ? at - 1 : at;
  return [text.slice(from, end), end];
}

/** A cell in quotation marks, where it ends, and the line there: it may hold separators, ends of line and, doubled, marks. */
function quoted(text, from, line) {
  let [cell, at] = ["", from + 1];
  for (let last = line; ; ) {
    const end = text.indexOf('"', at);
    if (end < 0) throw new CsvFault("quote", { line });
    const part = text.slice(at, end);
    last += part.split("\n").length - 1;
    cell += part;
    if (text[end + 1] !== '"') return [cell, end + 1, last];
    cell += '"';
    at = end + 2;
  }
}

/** A cell as it is written in a file of that style. */
export function written(content, { separator }) {
  const text = String(content);
  return /["\r\n]/.test(text) || text.includes(separator) ? `"${text.replaceAll('"', '""')}"` : text;
}

/** Whether a spreadsheet would take the text for a formula; a number with a sign is none. */
export const isFormula = (text) => /^[=+\-@\t\r]/.test(text) && !/^[+-]?[\d.,]+$/.test(text);

/** Lines of written cells as a file again, in the style it came in. */
export function join(lines, { mark, separator, end, isEnded }) {
  return mark + lines.map((cells) => cells.join(separator)).join(end) + (isEnded ? end : "");
}
