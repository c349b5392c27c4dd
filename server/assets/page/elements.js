// Elements of the page. Text always goes in as text, never as markup.

/** An element with attributes (functions listen to the event of their name) and children. */
export function element(name, attributes = {}, ...children) {
  return build(document.createElement(name), attributes, children);
}

/** The same for drawings. */
export function shape(name, attributes = {}, ...children) {
  return build(document.createElementNS("http://www.w3.org/2000/svg", name), attributes, children);
}

function build(made, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === "function") made.addEventListener(name, value);
    else if (value === true) made.setAttribute(name, "");
    else if (value !== false && value !== undefined) made.setAttribute(name, value);
  }
  made.append(...children.flat().filter((child) => child !== undefined && child !== null && child !== false));
  return made;
}

export const byId = (id) => document.getElementById(id);

/** A table that can be moved sideways where it is wider than the screen. */
export function table(caption, header, rows) {
  const id = `caption-${(nTables += 1)}`;
  const body = rows.map((cells) => element("tr", {}, cells.map((cell) => element("td", {}, cell))));
  return element(
    "div",
    { class: "wide", role: "region", tabindex: 0, "aria-labelledby": id },
    element(
      "table",
      {},
      element("caption", { id }, caption),
      element("thead", {}, element("tr", {}, header.map((name) => element("th", { scope: "col" }, name)))),
      element("tbody", {}, body),
    ),
  );
}
let nTables = 0;

/** Has `draw(width)` fill the place now and whenever its width changes. */
export function drawn(place, draw) {
  let width = 0;
  new ResizeObserver(() => {
    if (place.clientWidth === width || place.clientWidth === 0) return;
    width = place.clientWidth;
    place.replaceChildren(draw(width));
  }).observe(place);
  return place;
}
