// Texts, numbers and dates in the language of the page. Every text stands in `en.json`.
import texts from "./texts.js";

const language = document.documentElement.lang;
const plurals = new Intl.PluralRules(language);

/** The text of that name, with its places filled in; for `n` of one, `name.one` where there is one. */
export function t(name, values = {}) {
  const singular = "n" in values && plurals.select(values.n) === "one" ? texts[`${name}.one`] : undefined;
  const text = singular ?? texts[name] ?? name;
  return text.replace(/\{([\w-]+)\}/g, (place, key) => {
    const value = values[key];
    return typeof value === "number" ? number(value) : (value ?? place);
  });
}

export function number(value, digits = 2) {
  return new Intl.NumberFormat(language, { maximumFractionDigits: digits }).format(value);
}

export function money(usd, digits = 0) {
  return new Intl.NumberFormat(language, {
    style: "currency",
    currency: "USD",
    maximumFractionDigits: digits,
    minimumFractionDigits: digits,
  }).format(usd);
}

/** With its sign: how much more or less. */
export function moreOrLess(usd) {
  const sign = Math.round(usd) < 0 ? "\u2212" : "+";
  return `${sign}\u00a0${money(Math.abs(usd))}`;
}

export function percent(share) {
  return new Intl.NumberFormat(language, { style: "percent", maximumFractionDigits: 1 }).format(share);
}

export function date(text) {
  const at = new Date(text);
  if (Number.isNaN(at.getTime())) return text;
  // A day without a time is a day, not midnight in Greenwich.
  const style = /^\d{4}-\d\d-\d\d$/.test(text)
    ? { dateStyle: "medium", timeZone: "UTC" }
    : { dateStyle: "medium", timeStyle: "short" };
  return new Intl.DateTimeFormat(language, style).format(at);
}

/** How far the value may be off. */
export function rangeInWords({ low_usd, high_usd, confidence }) {
  // Beyond what the model learned from, nobody knows how often such ranges hold.
  if (confidence === null) return t("value.range.unsure", { low: money(low_usd), high: money(high_usd) });
  return t("value.range", { low: money(low_usd), high: money(high_usd), percent: percent(confidence) });
}

/** Measurements by their names. */
export const fieldsInWords = (fields) => fields.map((field) => t(`name.${field}`)).join(", ");

/** A stone in words. */
export function stoneInWords({ carat, cut, color, clarity }) {
  return t("stone", { carat: number(Number(carat), 3), cut: grade(cut), color, clarity });
}

/** The name of a grade of cut; letters are the same in every language. */
export const grade = (label) => texts[`grade.${label}`] ?? label;
