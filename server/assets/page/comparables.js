// Similar stones that were sold: price against weight, and a table that says how each differs.
import { chart } from "./chart.js";
import { drawn, element, shape, table } from "./elements.js";
import { grade, money, number, t } from "./words.js";

export function comparables(stone, { comparables: found, price_usd, range }) {
  if (!found) return [];
  const heading = element("h3", {}, t("comparables.heading"));
  if (found.length === 0) return [heading, element("p", { class: "hint" }, t("comparables.none"))];
  const asked = { carat: Number(stone.carat), price_usd, range };
  const rows = found.map((sold) => [
    t("stone", { ...sold, cut: grade(sold.cut) }),
    sold.differences?.join(", ") || t("comparables.nothing"),
    money(sold.price_usd),
    sold.adjusted_price_usd === undefined ? "" : money(sold.adjusted_price_usd),
  ]);
  const header = ["stone", "differs", "price", "adjusted"].map((name) => t(`comparables.${name}`));
  return [
    heading,
    drawn(element("div"), (width) => picture(width, asked, found)),
    element("p", { class: "legend" }, key("sold"), t("comparables.sold"), key("this"), t("comparables.this")),
    table(t("comparables.table"), header, rows, true),
  ];
}

function picture(width, asked, found) {
  const ends = asked.range ? [asked.range.low_usd, asked.range.high_usd] : [];
  const { svg, x, y } = chart(
    width,
    Math.min(300, Math.max(220, width * 0.5)),
    t("comparables.figure"),
    { values: [asked.carat, ...found.map((sold) => sold.carat)], label: t("comparables.x"), format: (n) => number(n, 3) },
    {
      values: [asked.price_usd, ...ends, ...found.map((sold) => sold.price_usd)],
      label: t("comparables.y"),
      format: (n) => number(n, 0),
    },
  );
  if (asked.range) {
    const [at, low, high] = [x(asked.carat), y(ends[0]), y(ends[1])];
    svg.append(shape("path", { class: "interval", d: `M${at - 5} ${low}h10M${at} ${low}V${high}M${at - 5} ${high}h10` }));
  }
  for (const sold of found) svg.append(shape("circle", { cx: x(sold.carat), cy: y(sold.price_usd), r: 5, class: "sold" }));
  svg.append(mark(x(asked.carat), y(asked.price_usd)));
  return svg;
}

const mark = (x, y) => shape("path", { class: "this", d: `M${x} ${y - 8}l8 8l-8 8l-8 -8z` });

function key(kind) {
  const symbol = kind === "this" ? mark(9, 9) : shape("circle", { cx: 9, cy: 9, r: 5, class: "sold" });
  return shape("svg", { width: 18, height: 18, "aria-hidden": "true" }, symbol);
}
