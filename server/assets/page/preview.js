// What a file was understood as, to be looked at before anything of it is valued.
import { element, table } from "./elements.js";
import { t } from "./words.js";

/** Elements that show it; `understood` is the server's word for it. */
export function preview(understood) {
  const { columns, faults, units, settings, spellings } = understood;
  const n = { n: understood.n_rows, usable: understood.n_usable, refused: understood.n_refused };
  return [
    element("h2", {}, t("preview.heading")),
    element("p", {}, understood.understood ? t("preview.form", { form: understood.understood }) : t("preview.plain")),
    units.length > 0 && notice(units),
    element("p", {}, t(n.refused > 0 ? "preview.rows" : "preview.rows.all", n)),
    spellings && element("p", {}, t("preview.spellings", { spellings })),
    faults.length > 0 && table(t("preview.faults"), ["lines", "times", "fault"].map((name) => t(`preview.${name}`)), faults.map(fault), true),
    table(t("preview.columns"), ["name", "field", "unit", "examples"].map((name) => t(`preview.${name}`)), columns.map(column), true),
    settings.length > 0 && element("p", {}, t("preview.settings")),
    settings.length > 0 && element("pre", { tabindex: 0 }, settings.join("\n")),
  ];
}

function notice(units) {
  const item = ({ field, reason, allowed }) => element("li", {}, t("preview.unit-fault", { field, reason, allowed }));
  return element(
    "div",
    { class: "notice" },
    element("h3", {}, t("preview.units")),
    element("ul", { class: "plain" }, units.map(item)),
  );
}

const column = ({ name, field, unit, examples }) => [
  name,
  field ?? t("preview.unused"),
  unit ?? "",
  examples.join(" · "),
];

/** A kind of faults, and where the first of them stand. */
const fault = ({ lines, n, example }) => [
  lines.join(", ") + (n > lines.length ? ", …" : ""),
  t("preview.n", { n }),
  example,
];
