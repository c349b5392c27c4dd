// The reasons as a picture of bars: from the average stone, group by group, to this one.
import { element, shape } from "./elements.js";
import { money, t } from "./words.js";

export function reasons({ reasons: found, price_usd }) {
  if (!found) return [];
  const { average_usd, contributions } = found;
  const steps = [];
  let from = average_usd;
  for (const { amount_usd, sentence } of contributions) {
    steps.push({ sentence, from, to: from + amount_usd });
    from += amount_usd;
  }
  const ends = [0, average_usd, price_usd, ...steps.map((step) => step.to)];
  const [low, high] = [Math.min(...ends), Math.max(...ends)];
  const bar = (from, to, kind) => drawing((value) => (100 * (value - low)) / (high - low || 1), from, to, kind);
  const items = [
    item(t("reasons.average", { price: money(average_usd) }), bar(0, average_usd, "whole")),
    ...steps.map(({ sentence, from, to }) => item(sentence, bar(from, to, to < from ? "less" : "more"))),
    item(t("reasons.this", { price: money(price_usd) }), bar(0, price_usd, "whole")),
  ];
  return [element("h3", {}, t("reasons.heading")), element("ul", { class: "plain reasons" }, items)];
}

function item(sentence, picture) {
  return element("li", {}, element("span", {}, sentence), picture);
}

/** The sentence beside it says all that it shows. */
function drawing(place, from, to, kind) {
  const [left, right] = [place(Math.min(from, to)), place(Math.max(from, to))];
  return shape(
    "svg",
    { viewBox: "0 0 100 10", preserveAspectRatio: "none", "aria-hidden": "true", class: "bar" },
    shape("line", { x1: place(from), x2: place(from), y1: -2, y2: 12, class: "from" }),
    shape("rect", { x: left, width: Math.max(right - left, 0.4), y: 1, height: 8, class: kind }),
  );
}
