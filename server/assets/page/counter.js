// The counter: a stone typed in, its value with all that explains it.
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
  clearFaults(form);
  nAsked += 1;
  said.textContent = "";
  show(element("p", { class: "hint" }, t("counter.empty")));
  form.elements.carat.focus();
});

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
  said.textContent = t("counter.waiting");
  const asked = (nAsked += 1);
  const { ok, answer } = await ask(ADDRESS, { body: stone });
  // The answer to an earlier question may come late.
  if (asked !== nAsked) return;
  if (!ok) return refuse(faultsOf(answer));
  show(...valuation(stone, answer, { take, likely }));
  said.textContent = summary(answer);
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
  for (const [name, taken] of Object.entries(values)) {
    const control = form.elements[name];
    if (control) control.value = taken ?? "";
    if (taken && byId(name)?.closest("details")) byId("measurements").open = true;
  }
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
