// The value through the game as a line, and the list of moves.

import { element, mark, shape } from "./draw.js";
import { moveName, moveShort, standings } from "./words.js";

const WIDTH = 320, HEIGHT = 132, LEFT = 48, RIGHT = 8, TOP = 12, BOTTOM = 12;
const LEVELS = [1, 0, -1];

// The line is drawn from the seat of the person, `you`, or from that of X.
export function drawCourse(root, { course, game, ply, you }, go) {
  const sign = you === "O" ? -1 : 1;
  const plies = Math.max(course.length - 1, Math.min(9, game.rows * game.cols));
  const x = (at) => LEFT + ((WIDTH - LEFT - RIGHT) * at) / plies;
  const y = (value) => TOP + ((HEIGHT - TOP - BOTTOM) * (1 - Math.max(-1, Math.min(1, sign * value)))) / 2;
  // A line ends where the value is not known, and begins again after that.
  const line = (values, className) => {
    const step = (at) => (at > 0 && values[at - 1] !== null ? "L" : "M");
    const d = values.map((value, at) => (value === null ? "" : `${step(at)}${x(at)} ${y(value)}`)).join("");
    return d ? [shape("path", { class: className, d })] : [];
  };
  const dots = course.flatMap((at, index) => {
    if (at.value === null) return [];
    const classes = ["dot", at.is_mistake ? "mistake" : "", index === ply ? "here" : ""];
    return [shape("circle", { cx: x(index), cy: y(at.value), r: index === ply ? 5 : 3.5, class: classes.join(" ") })];
  });
  const svg = shape(
    "svg",
    { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: "img", "aria-label": described(course, sign, you) },
    ...LEVELS.map((value) => shape("path", { class: "hair", d: `M${LEFT} ${y(value)}H${WIDTH - RIGHT}` })),
    ...LEVELS.map((value, at) => shape("text", { x: 0, y: y(sign * value) + 4 }, standings(you)[at])),
    shape("path", { class: "now", d: `M${x(ply)} ${TOP}V${HEIGHT - BOTTOM}` }),
    ...line(course.map((at) => at.estimate), "estimate-line"),
    ...line(course.map((at) => at.value), "truth-line"),
    ...dots,
  );
  svg.addEventListener("click", (event) => {
    const box = svg.getBoundingClientRect();
    const across = ((event.clientX - box.left) / box.width) * WIDTH;
    const at = Math.round(((across - LEFT) / (WIDTH - LEFT - RIGHT)) * plies);
    go(Math.max(0, Math.min(course.length - 1, at)));
  });
  root.replaceChildren(svg);
}

function described(course, sign, you) {
  const words = course.map(({ value }) => (value === null ? "not known" : standings(you)[1 - sign * value]));
  return `Value with best play after each move: ${words.join(", ")}.`;
}

// Mistakes are marked only where the truth is shown.
export function listMoves(root, { course, game, moves, ply, isShown }, go) {
  const items = moves.map((action, index) => {
    const seat = index % 2 ? "O" : "X";
    const isMistake = isShown && course[index + 1]?.is_mistake;
    const button = element(
      "button",
      {
        type: "button",
        class: isMistake ? "mistake" : "",
        "aria-label": `Move ${index + 1}, ${seat}, ${moveName(game, action)}${isMistake ? ", a mistake" : ""}`,
        "aria-current": index + 1 === ply ? "step" : undefined,
      },
      mark(seat, ""),
      moveShort(game, action),
    );
    button.addEventListener("click", () => go(index + 1));
    return element("li", {}, button);
  });
  root.replaceChildren(...items);
}
