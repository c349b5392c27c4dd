// A file of stones: read in the browser, valued in parts, and given back as it was written, with more columns.
import { CsvFault, decode, isFormula, join, parse, written } from "./csv.js";
import { byId, element, table } from "./elements.js";
import { clearFaults, showFaults } from "./faults.js";
import { ask } from "./server.js";
import { t } from "./words.js";

const REQUIRED = ["carat", "cut", "color", "clarity"];
const OPTIONAL = ["depth", "table", "x", "y", "z"];
const GRADES = ["cut", "color", "clarity"];
const ADDED = ["price_usd", "range_low_usd", "range_high_usd", "model_version", "problem"];
/** Stones in one request, as many as the server takes. */
const PART = 1000;
/** Characters of a cell that are sent: no grade and no number is longer, and a request has a bound. */
const LONGEST = 60;
/** Times that a busy server is asked again. */
const MOST_TRIES = 6;
/** Stones without a value that are named on the page. */
const MOST_NAMED = 20;

const form = byId("upload");
const said = byId("said");
let work = null;

form.elements.file.addEventListener("change", read);
form.addEventListener("submit", (event) => {
  event.preventDefault();
  if (work) run(work);
});
byId("stop").addEventListener("click", () => work?.stop());

async function read() {
  work?.stop();
  work = null;
  clearFaults(form);
  said.textContent = "";
  byId("result").hidden = byId("progress").hidden = byId("start").disabled = true;
  byId("start").textContent = t("batch.start");
  byId("start").hidden = false;
  byId("stop").hidden = true;
  const [file] = form.elements.file.files;
  if (!file) return;
  try {
    work = prepare(file.name, parse(decode(await file.arrayBuffer())));
  } catch (fault) {
    if (!(fault instanceof CsvFault)) throw fault;
    return showFaults(form, [{ field: "file", message: t(`batch.error.${fault.message}`, fault.values) }]);
  }
  byId("start").disabled = false;
  said.textContent = t("batch.ready", { name: file.name, n: work.rows.length });
}

/** What is to be done: rows, where each field stands, and the outcomes so far. */
function prepare(name, { header, rows, style }) {
  const names = header.cells.map((column) => column.trim().toLowerCase());
  const places = {};
  for (const field of [...REQUIRED, ...OPTIONAL]) {
    const at = names.indexOf(field);
    if (at < 0) continue;
    if (names.lastIndexOf(field) !== at) throw new CsvFault("twice", { column: field });
    places[field] = at;
  }
  const absent = REQUIRED.filter((field) => !(field in places));
  if (absent.length > 0) throw new CsvFault("columns", { columns: absent.join(", ") });
  return { name, header, names, rows, style, places, outcomes: [], stop: () => {} };
}

/** A number as many people write it. */
const HAS_COMMA = /^\d*,\d+$/;

function stone({ cells }, places) {
  const made = {};
  for (const [field, at] of Object.entries(places)) {
    const text = cells[at].trim().slice(0, LONGEST);
    if (text === "") continue;
    const number = Number(HAS_COMMA.test(text) ? text.replace(",", ".") : text);
    made[field] = GRADES.includes(field) || !Number.isFinite(number) ? text : number;
  }
  return made;
}

/** Values what is left of the file; it may be stopped and started again. */
async function run(job) {
  const stopped = new AbortController();
  job.stop = () => stopped.abort();
  working(job, true);
  let failure;
  while (!failure && !stopped.signal.aborted && job.outcomes.length < job.rows.length) {
    failure = await next(job, stopped.signal);
    if (job === work) tell(job);
  }
  // Another file was chosen meanwhile.
  if (job !== work) return;
  working(job, false);
  const [done, n] = [job.outcomes.length, job.rows.length];
  if (done === n) return finish(job);
  byId("start").textContent = t("batch.resume");
  said.textContent = stopped.signal.aborted
    ? t("batch.stopped", { done, n })
    : t("batch.failed", { done, n, reason: failure });
}

/** Values the next part; returns why that failed, if it did. */
async function next(job, signal) {
  const first = job.outcomes.length;
  const diamonds = job.rows.slice(first, first + PART).map((row) => stone(row, job.places));
  for (let tries = 1; ; tries += 1) {
    const { ok, status, answer, retryAfterS } = await ask("/v1/valuations/batch", { body: { diamonds }, signal });
    if (ok) {
      job.outcomes.push(...answer.results.map((result) => outcome(result, answer.model)));
      return undefined;
    }
    if (signal.aborted) return undefined;
    if (tries === MOST_TRIES || ![429, 503].includes(status)) return answer.detail;
    said.textContent = t("failure.busy");
    await pause(Math.min(retryAfterS, 60), signal);
    if (signal.aborted) return undefined;
  }
}

/** Waits, but not for somebody who stops. */
function pause(seconds, signal) {
  return new Promise((resolve) => {
    setTimeout(resolve, seconds * 1000);
    signal.addEventListener("abort", resolve, { once: true });
  });
}

/** The columns that are added to a row. A stone with a value may look odd all the same. */
function outcome(result, model) {
  const faults = (result.price_usd === undefined ? result.errors : result.warnings) ?? [];
  const problem = faults.map((fault) => fault.message).join("; ") || result.detail || "";
  const dollars = [result.price_usd, result.range?.low_usd, result.range?.high_usd];
  return { dollars, version: String(model.version), problem };
}

function working(job, isWorking) {
  byId("start").hidden = isWorking;
  byId("stop").hidden = !isWorking;
  byId("progress").hidden = false;
  if (isWorking) tell(job);
}

function tell({ outcomes, rows }) {
  byId("progress").max = rows.length;
  byId("progress").value = outcomes.length;
  said.textContent = t("batch.progress", { done: outcomes.length, n: rows.length });
}

function finish(job) {
  byId("start").hidden = true;
  const refused = job.outcomes.filter(({ dollars }) => dollars[0] === undefined).length;
  said.textContent = t("batch.done", { valued: job.rows.length - refused, refused });
  const odd = job.rows.flatMap(({ line }, at) => {
    const { problem } = job.outcomes[at];
    return problem ? [[String(line), problem]] : [];
  });
  byId("result").replaceChildren(
    ...download(job),
    element("p", { class: "hint" }, t("batch.result-hint")),
    ...(odd.length > 0
      ? [table(t("batch.refused"), [t("batch.line"), t("batch.problem")], odd.slice(0, MOST_NAMED))]
      : []),
    odd.length > MOST_NAMED ? element("p", { class: "hint" }, t("batch.refused.more", { n: odd.length - MOST_NAMED })) : "",
  );
  byId("result").hidden = false;
}

/** The result, and a way to make formulas in it harmless where the file has some. */
function download(job) {
  const place = element("p", {}, link(job, false));
  const cells = [job.header, ...job.rows].flatMap((row) => kept(job).map((at) => row.cells[at]));
  const n = cells.filter(isFormula).length;
  if (n === 0) return [place];
  const neutralise = ({ target }) => {
    URL.revokeObjectURL(place.firstChild.href);
    place.replaceChildren(link(job, target.checked));
  };
  const box = element("input", { type: "checkbox", id: "formulas", change: neutralise });
  return [element("label", { class: "check" }, box, t("batch.formulas", { n })), place];
}

/** A file that was valued before is valued anew: its old columns make room. */
const kept = ({ names }) => names.map((_, at) => at).filter((at) => !ADDED.includes(names[at]));

function link(job, neutralises) {
  const { name, header, rows, style, outcomes } = job;
  const places = kept(job);
  const own = ({ cells, written: before }) =>
    places.map((at) => (neutralises && isFormula(cells[at]) ? written(`'${cells[at]}`, style) : before[at]));
  // Cents in the file's own decimal sign.
  const sign = rows.some(({ cells }) => Object.values(job.places).some((at) => HAS_COMMA.test(cells[at].trim()))) ? "," : ".";
  const cents = (usd) => (usd === undefined ? "" : usd.toFixed(2).replace(".", sign));
  const more = ({ dollars, version, problem }) => [...dollars.map(cents), version, problem];
  const lines = rows.map((row, at) => [...own(row), ...more(outcomes[at]).map((cell) => written(cell, style))]);
  const text = join([[...own(header), ...ADDED], ...lines], style);
  const href = URL.createObjectURL(new Blob([text], { type: "text/csv;charset=utf-8" }));
  const download = t("batch.result-name", { name: name.replace(/\.csv$/i, "") });
  return element("a", { href, download, class: "button primary" }, t("batch.download"));
}
