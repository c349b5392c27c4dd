// The counter: a stone typed in, its value with all that explains it. The address names the stone, and the browser's
// history keeps each with its answer: a page that is loaded again, or gone back to, is as it was.
import { byId, element } from "./elements.js";
import { clearFaults, fieldOf, showFaults } from "./faults.js";
import { ask } from "./server.js";
import { valuation } from "./valuation.js";
import { grade, money, rangeInWords, t } from "./words.js";

const NUMBERS = ["carat", "x", "y", "z", "depth", "table"];
const GRADES = ["cut", "color", "clarity"];
const ADDRESS = "/v1/valuations?include=reasons,comparables,what_if&confidence=0.9";

const form = byId("stone");
const said = byId("said");
let nAsked = 0;

form.addEventListener("submit", (event) => {
  event.preventDefault();
  value();
});
form.addEventListener("reset", () => {
  keep(null, location.pathname);
  clear();
  form.elements.carat.focus();
});
form.addEventListener("input", () => {
  draft();
  compare();
});
window.addEventListener("popstate", ({ state }) => restore(state));
restore(history.state);

function clear() {
  clearFaults(form);
  nAsked += 1;
  said.textContent = "";
  show(element("p", { class: "hint" }, t("counter.empty")));
  compare();
}

/** What stands in the form, field by field, as it was typed. */
function entered() {
  const values = [...NUMBERS, ...GRADES].map((name) => [name, form.elements[name].value.trim()]);
  return Object.fromEntries(values.filter(([, value]) => value !== ""));
}

/** Shows what the history knows of this address; an address that was given by somebody else is asked anew. */
function restore(state) {
  clear();
  const named = Object.fromEntries(new URLSearchParams(location.search));
  fill(state?.draft ?? state?.valued ?? named);
  if (state?.answer) present(state.stone, state.answer);
  else if (!state && Object.keys(named).length > 0) value();
  compare();
}

function fill(values) {
  for (const name of NUMBERS) {
    form.elements[name].value = values[name] ?? "";
    if (values[name] && byId(name).closest("details")) byId("measurements").open = true;
  }
  for (const name of GRADES) {
    for (const choice of form.elements[name]) choice.checked = choice.value === values[name];
  }
}

/** What is typed and not valued yet survives as well. */
function draft() {
  history.replaceState({ ...history.state, draft: entered() }, "");
}

/** A new entry of the history where the present one has another value, which stays there as it was given. */
function keep(state, address) {
  const { draft, ...valued } = history.state ?? {};
  if (!valued.answer || address === location.pathname + location.search) return history.replaceState(state, "", address);
  history.replaceState(valued, "");
  return history.pushState(state, "", address);
}

const address = (values) => `${location.pathname}?${new URLSearchParams(values)}`;

/** A price that is not that of the stone in the form must not look as if it were. */
function compare() {
  const valued = history.state?.answer && history.state.valued;
  const isStale = Boolean(valued) && JSON.stringify(valued) !== JSON.stringify(entered());
  if (isStale && byId("stale").hidden) said.textContent = t("counter.stale");
  byId("stale").hidden = !isStale;
  byId("result").classList.toggle("stale", isStale);
}

/** The stone as it is typed in: what is empty is left out, what is no number stays text for the server to judge. */
function typed() {
  const stone = {};
  for (const name of NUMBERS) {
    const text = form.elements[name].value.trim();
    if (text !== "") stone[name] = asNumber(text);
  }
  for (const name of GRADES) {
    if (form.elements[name].value) stone[name] = form.elements[name].value;
  }
  return stone;
}

/** Many people write a decimal comma. */
function asNumber(text) {
  const number = Number(/^\d*,\d+$/.test(text) ? text.replace(",", ".") : text);
  return Number.isFinite(number) ? number : text;
}

function missing(stone) {
  const carat = "carat" in stone ? [] : [{ field: "carat", message: t("counter.missing") }];
  const grades = GRADES.filter((name) => !(name in stone));
  return [...carat, ...grades.map((field) => ({ field, message: t("counter.choose") }))];
}

async function value() {
  const stone = typed();
  const faults = missing(stone);
  if (faults.length > 0) return refuse(faults);
  clearFaults(form);
  draft();
  said.textContent = t("counter.waiting");
  const asked = (nAsked += 1);
  const { ok, answer } = await ask(ADDRESS, { body: stone });
  // The answer to an earlier question may come late.
  if (asked !== nAsked) return;
  if (!ok) return refuse(faultsOf(answer));
  const valued = entered();
  keep({ valued, stone, answer }, address(valued));
  present(stone, answer);
  compare();
  reveal();
}

function present(stone, answer) {
  show(...valuation(stone, answer, { take, likely }));
  said.textContent = summary(answer);
}

/** On a phone the value is below the form. */
function reveal() {
  const { top } = byId("result").getBoundingClientRect();
  if (top < 0 || top > window.innerHeight / 2) byId("result").scrollIntoView({ block: "start" });
}

function faultsOf({ detail, errors }) {
  if (errors.length === 0) return [{ message: detail }];
  return errors.map(({ pointer, message, likely: values }) => ({
    field: fieldOf(pointer),
    message,
    actions: values ? [likely(values)] : [],
  }));
}

function refuse(faults) {
  keep({ draft: entered() }, address(entered()));
  compare();
  show(element("p", { class: "hint" }, t("counter.refused")));
  const places = new Set(faults.map((fault) => fault.field)).size;
  const [only] = faults;
  said.textContent = only.field ? t("counter.correct", { n: places }) : only.message;
  showFaults(form, faults);
}

function summary({ price_usd, range, warnings = [] }) {
  const price = money(price_usd);
  const parts = [range ? t("value.said", { price, range: rangeInWords(range) }) : t("value.said.plain", { price })];
  if (warnings.length > 0) parts.push(t("value.said.warnings", { n: warnings.length }));
  return parts.join(" ");
}

function show(...content) {
  byId("result-content").replaceChildren(...content);
}

/** Puts values into the form and asks anew: one of the what-ifs, or a likely correction. */
async function take(values) {
  const known = Object.entries(values).filter(([name]) => name in form.elements);
  fill({ ...entered(), ...Object.fromEntries(known.map(([name, taken]) => [name, String(taken ?? "")])) });
  await value();
  if (!form.querySelector(".invalid")) byId("result-heading").focus();
}

/** A button that takes over a likely correction. */
function likely(values) {
  const named = Object.entries(values).map(([field, value]) => t(`given.${field}`, { value: grade(String(value)) }));
  return element(
    "button",
    { type: "button", class: "likely", click: () => take(values) },
    t("counter.likely", { what: named.join(", ") }),
  );
}
