// Axes for drawings: numbers to places, with round numbers at the ticks. One unit is one pixel, so that
// letters have the same size on every screen.
import { shape } from "./elements.js";

const MARGIN = { left: 58, right: 14, top: 26, bottom: 42 };

/**
 * A drawing with two axes. `x` and `y` are `{values, label, format, ticks?}`.
 * Returns `{svg, x, y}`: the drawing and the functions from numbers to places in it.
 */
export function chart(width, height, label, x, y) {
  const [left, right, top, bottom] = [MARGIN.left, width - MARGIN.right, MARGIN.top, height - MARGIN.bottom];
  const across = scale(x, left, right, Math.max(2, Math.floor(width / 80)));
  const up = scale(y, bottom, top, 5);
  const svg = shape("svg", { class: "chart", viewBox: `0 0 ${width} ${height}`, width, height, role: "img", "aria-label": label });
  for (const tick of up.ticks) {
    svg.append(shape("line", { x1: left, x2: right, y1: up.place(tick), y2: up.place(tick), class: "grid" }));
    svg.append(text(left - 6, up.place(tick) + 4, "end", y.format(tick)));
  }
  for (const tick of across.ticks) svg.append(text(across.place(tick), bottom + 17, "middle", x.format(tick)));
  svg.append(shape("line", { x1: left, x2: right, y1: bottom, y2: bottom, class: "axis" }));
  svg.append(text(right, height - 6, "end", x.label), text(2, 12, "start", y.label));
  return { svg, x: across.place, y: up.place };
}

export function text(x, y, anchor, content) {
  return shape("text", { x, y, "text-anchor": anchor }, content);
}

function scale({ values, ticks }, from, to, most) {
  let [low, high] = [Math.min(...values), Math.max(...values)];
  const pad = (high - low) * 0.08 || Math.abs(high) * 0.05 || 1;
  [low, high] = [low - pad, high + pad];
  const place = (value) => from + ((value - low) / (high - low)) * (to - from);
  return { place, ticks: ticks ? thinned(ticks, most) : round(low, high, most) };
}

/** Round numbers between the two: multiples of 1, 2 or 5 times a power of ten. */
export function round(low, high, most) {
  const rough = (high - low) / most;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((factor) => factor * power).find((step) => step >= rough);
  const first = Math.ceil(low / step);
  const n = Math.floor(high / step) - first + 1;
  // Multiples are rounded again: 3 * 0.1 is not 0.3.
  return Array.from({ length: n }, (_, at) => Number(((first + at) * step).toPrecision(12)));
}

function thinned(ticks, most) {
  const every = Math.ceil(ticks.length / most);
  return ticks.filter((_, at) => at % every === 0);
}
