// A figure of every model, version by version: a mark and a line for each family.
import { chart } from "./chart.js";
import { element, shape } from "./elements.js";
import { number, t } from "./words.js";

/** Families are told apart by shape, and by color besides. */
const MARKS = ["M-5 0a5 5 0 1 0 10 0a5 5 0 1 0 -10 0", "M-5 -5h10v10h-10z", "M0 -6l6 11h-12z", "M0 -6l6 6l-6 6l-6 -6z", "M-6 -5h12l-6 11z"];

export function picture(width, models, metric, name) {
  const known = models.toReversed().filter((model) => Number.isFinite(model.metrics[metric]));
  const versions = known.map((model) => model.version);
  const { svg, x, y } = chart(
    width,
    260,
    t("models.figure", { metric: name }),
    { values: versions, ticks: versions, label: t("models.x"), format: String },
    { values: known.map((model) => model.metrics[metric]), label: name, format: (value) => number(value, 4) },
  );
  families(models).forEach((family, at) => {
    const members = known.filter((model) => model.family === family);
    const places = members.map((model) => [x(model.version), y(model.metrics[metric])]);
    svg.append(shape("polyline", { points: places.map((place) => place.join()).join(" "), class: `family-${at % MARKS.length}` }));
    places.forEach(([left, top], place) => {
      svg.append(mark(left, top, at));
      if (members[place].is_champion) svg.append(shape("circle", { cx: left, cy: top, r: 11, class: "champion" }));
    });
  });
  return svg;
}

export function legend(models) {
  const key = (family, at) => [shape("svg", { width: 18, height: 18, "aria-hidden": "true" }, mark(9, 9, at)), family];
  return element("p", { class: "legend" }, families(models).flatMap(key));
}

const families = (models) => [...new Set(models.map((model) => model.family))].sort();

function mark(x, y, at) {
  return shape("path", { d: MARKS[at % MARKS.length], transform: `translate(${x} ${y})`, class: `family-${at % MARKS.length}` });
}
