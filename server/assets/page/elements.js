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

/**
 * A table. Where the screen is narrower it can be moved sideways; or, if its rows can stand alone, each becomes a
 * block, with the header's words before its cells.
 */
export function table(caption, header, rows, stacks = false) {
  const id = `caption-${(nTables += 1)}`;
  const cell = (content, column) => element("td", { role: "cell", "data-header": header[column] }, content);
  const body = rows.map((cells) => element("tr", { role: "row" }, cells.map(cell)));
  const head = header.map((name) => element("th", { role: "columnheader", scope: "col" }, name));
  return element(
    "div",
    { class: stacks ? "wide stacks" : "wide", role: "region", tabindex: 0, "aria-labelledby": id },
    element(
      "table",
      // What is drawn as a block would be no table any more to some screen readers.
      { role: "table" },
      element("caption", { id }, caption),
      element("thead", { role: "rowgroup" }, element("tr", { role: "row" }, head)),
      element("tbody", { role: "rowgroup" }, body),
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
