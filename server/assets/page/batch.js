// A file of stones: read by the server, looked at, valued in parts, and given back with more columns.
import { beside, encoded, isFormula, join, styleOf, written } from "./csv.js";
import { byId, element, table } from "./elements.js";
import { clearFaults, showFaults } from "./faults.js";
import { preview } from "./preview.js";
import { ask } from "./server.js";
import { t } from "./words.js";

const ADDED = ["price_usd", "range_low_usd", "range_high_usd", "model_version", "problem"];
/** Bytes of a file, as many as the server takes. */
const LARGEST = 20 * 2 ** 20;
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
/** The file that is read or valued: `stop()` ends what is under way. */
let work = null;

form.elements.file.addEventListener("change", read);
form.addEventListener("submit", (event) => {
  event.preventDefault();
  if (work?.stones.length > 0) run(work);
});
byId("stop").addEventListener("click", () => work?.stop());

async function read() {
  work?.stop();
  work = null;
  clearFaults(form);
  said.textContent = "";
  for (const id of ["result", "progress", "preview", "stop"]) byId(id).hidden = true;
  const start = byId("start");
  [start.hidden, start.disabled] = [false, true];
  say(start, t("batch.start"), true);
  const [file] = form.elements.file.files;
  if (!file) return;
  const refuse = (message) => showFaults(form, [{ field: "file", message }]);
  if (file.size > LARGEST) return refuse(t("batch.too-large"));
  const stopped = new AbortController();
  const job = { name: file.name, stones: [], stop: () => stopped.abort() };
  work = job;
  said.textContent = t("batch.reading");
  const bytes = await file.arrayBuffer();
  const path = `/v1/files?name=${encodeURIComponent(file.name.slice(-LONGEST))}`;
  const { ok, answer } = await patiently(path, { file: bytes, signal: stopped.signal });
  // Another file was chosen meanwhile.
  if (job !== work) return;
  said.textContent = "";
  if (!ok) return refuse(answer.detail);
  const { understood, signs, text, lines } = answer;
  const stones = lines.filter((row) => row.diamond);
  const columns = understood.columns.map(({ name }) => name);
  Object.assign(job, { columns, rows: lines, stones, text, style: styleOf(bytes, signs), outcomes: [] });
  byId("preview").replaceChildren(...preview(understood).filter(Boolean));
  byId("preview").hidden = false;
  if (stones.length === 0) return refuse(t("batch.no-stones"));
  // In another unit, every price would be wrong: that is not the usual thing to do.
  const isSound = understood.units.length === 0;
  say(start, isSound ? t("batch.start") : t("batch.start.doubtful"), isSound);
  start.disabled = false;
  said.textContent = t("batch.ready", { name: file.name, n: lines.length });
}

function say(button, text, isPrimary) {
  button.textContent = text;
  button.classList.toggle("primary", isPrimary);
}

/** Asks again where the server is busy. */
async function patiently(path, question) {
  for (let tries = 1; ; tries += 1) {
    const answered = await ask(path, question);
    const { signal } = question;
    if (signal.aborted || tries === MOST_TRIES || ![429, 503].includes(answered.status)) return answered;
    said.textContent = t("failure.busy");
    await pause(Math.min(answered.retryAfterS, 60), signal);
    if (signal.aborted) return answered;
  }
}

/** The stone of a row, no cell of it longer than anything that means something. */
const stone = ({ diamond }) =>
  Object.fromEntries(
    Object.entries(diamond).map(([name, value]) => [name, typeof value === "string" ? value.slice(0, LONGEST) : value]),
  );

/** Values what is left of the file; it may be stopped and started again. */
async function run(job) {
  const stopped = new AbortController();
  job.stop = () => stopped.abort();
  working(job, true);
  let failure;
  while (!failure && !stopped.signal.aborted && job.outcomes.length < job.stones.length) {
    failure = await next(job, stopped.signal);
    if (job === work) tell(job);
  }
  // Another file was chosen meanwhile.
  if (job !== work) return;
  working(job, false);
  const [done, n] = [job.outcomes.length, job.stones.length];
  if (done === n) return finish(job);
  say(byId("start"), t("batch.resume"), true);
  said.textContent = stopped.signal.aborted
    ? t("batch.stopped", { done, n })
    : t("batch.failed", { done, n, reason: failure });
}

/** Values the next part; returns why that failed, if it did. */
async function next(job, signal) {
  const first = job.outcomes.length;
  const diamonds = job.stones.slice(first, first + PART).map(stone);
  const { ok, answer } = await patiently("/v1/valuations/batch", { body: { diamonds }, signal });
  if (ok) job.outcomes.push(...answer.results.map((result) => outcome(result, answer.model)));
  return ok || signal.aborted ? undefined : answer.detail;
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
  const problem = inWords(faults) || result.detail || "";
  const dollars = [result.price_usd, result.range?.low_usd, result.range?.high_usd];
  return { dollars, version: String(model.version), problem };
}

/** The same of a row that is no stone to be valued. */
const refusal = ({ errors }) => ({ dollars: [undefined, undefined, undefined], version: "", problem: inWords(errors) });

const inWords = (faults) => faults.map((fault) => fault.message).join("; ");

function working(job, isWorking) {
  byId("start").hidden = isWorking;
  byId("stop").hidden = !isWorking;
  byId("progress").hidden = false;
  if (isWorking) tell(job);
}

function tell({ outcomes, stones }) {
  byId("progress").max = stones.length;
  byId("progress").value = outcomes.length;
  said.textContent = t("batch.progress", { done: outcomes.length, n: stones.length });
}

function finish(job) {
  byId("start").hidden = true;
  const valued = job.outcomes.values();
  const outcomes = job.rows.map((row) => (row.diamond ? valued.next().value : refusal(row)));
  const refused = outcomes.filter(({ dollars }) => dollars[0] === undefined).length;
  said.textContent = t("batch.done", { valued: job.rows.length - refused, refused });
  const result = { ...job, outcomes, added: ADDED.map((name) => free(name, job.columns)) };
  const odd = job.rows.flatMap(({ line }, at) => {
    const { problem } = outcomes[at];
    return problem ? [[String(line), problem]] : [];
  });
  byId("result").replaceChildren(
    ...download(result),
    element("p", { class: "hint" }, t("batch.result-hint", { columns: result.added.join(", ") })),
    ...(odd.length > 0
      ? [table(t("batch.refused"), [t("batch.line"), t("batch.problem")], odd.slice(0, MOST_NAMED))]
      : []),
    odd.length > MOST_NAMED ? element("p", { class: "hint" }, t("batch.refused.more", { n: odd.length - MOST_NAMED })) : "",
  );
  byId("result").hidden = false;
}

/** A name that no column of the file has: theirs stay. */
function free(name, columns) {
  const isTaken = columns.some((other) => other.toLowerCase() === name);
  return isTaken ? free(`xtream_${name}`, columns) : name;
}

/** The result, and a way to make formulas in it harmless where the file has some. */
function download(result) {
  const place = element("p", {}, link(result, false));
  const n = [result.columns, ...result.rows.map(({ cells }) => cells)].flat().filter(isFormula).length;
  if (n === 0) return [place];
  const neutralise = ({ target }) => {
    URL.revokeObjectURL(place.firstChild.href);
    place.replaceChildren(link(result, target.checked));
  };
  const box = element("input", { type: "checkbox", id: "formulas", change: neutralise });
  return [element("label", { class: "check" }, box, t("batch.formulas", { n })), place];
}

/** Of a text each row as it stands there; of another table, or with formulas made harmless, its cells written anew. */
function link({ name, columns, added, rows, text, style, outcomes }, neutralises) {
  // Cents in the file's own decimal sign.
  const cents = (usd) => (usd === undefined ? "" : usd.toFixed(2).replace(".", style.decimal));
  const more = outcomes.map(({ dollars, version, problem }) => [...dollars.map(cents), version, problem]);
  const all = [added, ...more];
  const own = (cells) => cells.map((cell) => (neutralises && isFormula(cell) ? `'${cell}` : cell));
  const line = (cells, at) => [...own(cells), ...all[at]].map((cell) => written(cell, style));
  const anew = () => join([columns, ...rows.map(({ cells }) => cells)].map(line), style);
  // One with too many or too few values is written so that ours stand below their names.
  const end = text && /[\r\n]*$/.exec(text.head)[0];
  const fitted = ({ cells }) => cells.map((cell) => written(cell, style)).join(style.separator) + end;
  const asItStands = () =>
    [text.head, ...rows.map((row) => row.text ?? fitted(row))].map((row, at) => beside(row, all[at], style)).join("");
  const content = text && !neutralises ? encoded(asItStands(), text.encoding) : anew();
  const href = URL.createObjectURL(new Blob([content], { type: "text/csv" }));
  const download = t("batch.result-name", { name: name.replace(/(\.(csv|txt|tsv|xlsx?|parquet|gz))+$/i, "") });
  return element("a", { href, download, class: "button primary" }, t("batch.download"));
}
