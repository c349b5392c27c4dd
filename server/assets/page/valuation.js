// A valuation as it is shown. Every part but the price may be absent: an older model has no range, and
// reasons, comparables and what-ifs are there when they were asked for.
import { comparables } from "./comparables.js";
import { element } from "./elements.js";
import { reasons } from "./reasons.js";
import { fieldsInWords, money, moreOrLess, rangeInWords, stoneInWords, t } from "./words.js";

export function valuation(stone, answer, { take, likely }) {
  return [
    headline(stone, answer),
    ...warnings(answer.warnings, likely),
    ...reasons(answer),
    ...whatIfs(answer.what_if, take),
    ...comparables(stone, answer),
    small(answer),
  ];
}

function headline(stone, { price_usd, price_per_carat_usd, range, assumed = [] }) {
  return element(
    "div",
    { class: "headline" },
    element("p", { class: "of" }, stoneInWords(stone)),
    element("p", { class: "price" }, money(price_usd)),
    range && element("p", { class: "range" }, rangeInWords(range)),
    element("p", { class: "hint" }, t("value.per-carat", { price: money(price_per_carat_usd) })),
    assumed.length > 0 && element("p", { class: "hint" }, t("value.assumed", { fields: fieldsInWords(assumed) })),
  );
}

function warnings(found = [], likely) {
  if (found.length === 0) return [];
  const items = found.map((warning) =>
    element("li", {}, element("p", {}, warning.message), warning.likely ? likely(warning.likely) : ""),
  );
  return [element("div", { class: "notice" }, element("h3", {}, t("value.warnings")), element("ul", {}, items))];
}

function whatIfs(found = [], take) {
  if (found.length === 0) return [];
  const items = found.map(({ change, label, price_usd, difference_usd }) =>
    element(
      "li",
      {},
      element(
        "button",
        { type: "button", class: "what-if", click: () => take(change) },
        element("span", {}, label),
        element("span", { class: "number" }, money(price_usd)),
        element("span", { class: `number ${difference_usd < 0 ? "less" : "more"}` }, moreOrLess(difference_usd)),
      ),
    ),
  );
  return [
    element("h3", {}, t("what-if.heading")),
    element("p", { class: "hint" }, t("what-if.hint")),
    element("ul", { class: "plain" }, items),
  ];
}

function small({ request_id, model }) {
  const id = encodeURIComponent(request_id);
  return element(
    "div",
    { class: "small" },
    element("p", {}, t("value.model", { version: String(model.version), family: model.family, id: request_id })),
    element("p", {}, element("a", { class: "button", href: `/certificate?id=${id}` }, t("value.certificate"))),
  );
}
