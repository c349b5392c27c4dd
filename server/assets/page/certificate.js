// A past valuation on a sheet to print.
import { byId, element } from "./elements.js";
import { ask } from "./server.js";
import { date, fieldsInWords, money, number, rangeInWords, stoneInWords, t } from "./words.js";

// How often a valuation is asked for that may be on its way from one server to another.
const TRIES = 5;
const MEASUREMENTS = ["x", "y", "z", "depth", "table"];

byId("print").addEventListener("click", () => window.print());
load(new URLSearchParams(location.search).get("id"));

async function load(id) {
  if (!id) return say(t("certificate.no-id"));
  const { ok, answer } = await askUntilThere(`/v1/valuations/${encodeURIComponent(id)}`);
  if (!ok) return say(answer.detail);
  byId("content").replaceChildren(...certificate(answer));
  byId("print").hidden = false;
  return say("");
}

async function askUntilThere(path) {
  for (let n = 1; ; n += 1) {
    const asked = await ask(path);
    if (asked.status !== 404 || !asked.mayAskAgain || n === TRIES) return asked;
    say(asked.answer.detail);
    await new Promise((resolve) => setTimeout(resolve, asked.retryAfterS * 1000));
  }
}

function say(text) {
  byId("said").textContent = text;
}

function certificate(answer) {
  const { valuation, matches, note } = answer;
  const { stone, price_usd, range, assumed = [], model } = valuation;
  const known = MEASUREMENTS.filter((field) => Number.isFinite(stone[field]));
  const lines = [
    ["price", money(price_usd, 2)],
    ["range", range && rangeInWords(range)],
    ["basis", answer.basis],
    ...known.map((field) => [field, number(stone[field], 3)]),
    ["assumed", assumed.length > 0 ? fieldsInWords(assumed) : t("certificate.assumed.none")],
    ["valued_at", date(valuation.valued_at)],
    ["model", t("certificate.model.is", { version: String(model.version), family: model.family })],
    ["trained_at", answer.trained_at && date(answer.trained_at)],
    ["request_id", valuation.request_id],
    ["digest", model.digest],
  ];
  const verdict = matches === true ? "matches" : matches === false ? "differs" : "unknown";
  return [
    element("p", { class: "price" }, money(price_usd)),
    element("p", { class: "of" }, stoneInWords(stone)),
    element("dl", {}, lines.filter(([, value]) => value).flatMap(line)),
    element("p", { class: verdict === "matches" ? "sound" : "notice" }, t(`certificate.${verdict}`)),
    note ? element("p", { class: "hint" }, note) : "",
  ];
}

function line([name, value]) {
  const label = MEASUREMENTS.includes(name) ? t(`field.${name}`) : t(`certificate.${name}`);
  return [element("dt", {}, label), element("dd", {}, value)];
}
