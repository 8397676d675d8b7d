// Elements, and the two marks.

const SVG = "http://www.w3.org/2000/svg";

export function element(name, attributes = {}, ...children) {
  const node = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (value !== undefined && value !== null) node.setAttribute(key, value);
  }
  node.append(...children);
  return node;
}

export function shape(name, attributes = {}, ...children) {
  const node = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
  node.append(...children);
  return node;
}

export function mark(seat, className = "mark") {
  const strokes =
    seat === "X"
      ? [shape("path", { d: "M4 4l12 12", pathLength: 1 }), shape("path", { d: "M16 4L4 16", pathLength: 1 })]
      : [shape("circle", { cx: 10, cy: 10, r: 6.5, pathLength: 1 })];
  return shape("svg", { viewBox: "0 0 20 20", class: className, "aria-hidden": "true" }, ...strokes);
}

export function stone(seat, className = "mark") {
  const parts =
    seat === "X"
      ? [
          shape("circle", { cx: 10, cy: 10, r: 9, class: "disc" }),
          shape("path", { d: "M7 7l6 6M13 7l-6 6", class: "hole" }),
        ]
      : [shape("circle", { cx: 10, cy: 10, r: 7.9 })];
  return shape("svg", { viewBox: "0 0 20 20", class: className, "aria-hidden": "true" }, ...parts);
}
