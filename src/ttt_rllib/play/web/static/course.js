// The value through the game as a line, and the list of moves.

import { element, mark, shape } from "./draw.js";
import { moveName, moveShort } from "./words.js";

const WIDTH = 320, HEIGHT = 132, LEFT = 48, RIGHT = 8, TOP = 12, BOTTOM = 12;
const LEVELS = [[1, "X wins"], [0, "draw"], [-1, "O wins"]];

export function drawCourse(root, { course, game, ply }, go) {
  const plies = Math.max(course.length - 1, Math.min(9, game.rows * game.cols));
  const x = (at) => LEFT + ((WIDTH - LEFT - RIGHT) * at) / plies;
  const y = (value) => TOP + ((HEIGHT - TOP - BOTTOM) * (1 - Math.max(-1, Math.min(1, value)))) / 2;
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
    { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: "img", "aria-label": described(course) },
    ...LEVELS.map(([value]) => shape("path", { class: "hair", d: `M${LEFT} ${y(value)}H${WIDTH - RIGHT}` })),
    ...LEVELS.map(([value, words]) => shape("text", { x: 0, y: y(value) + 4 }, words)),
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

function described(course) {
  const words = course.map((at) => LEVELS.find(([value]) => value === at.value)?.[1] ?? "not known");
  return `Value with best play after each move: ${words.join(", ")}.`;
}

export function listMoves(root, { course, game, moves, ply }, go) {
  const items = moves.map((action, index) => {
    const seat = index % 2 ? "O" : "X";
    const at = course[index + 1];
    const button = element(
      "button",
      {
        type: "button",
        class: at?.is_mistake ? "mistake" : "",
        "aria-label": `Move ${index + 1}, ${seat}, ${moveName(game, action)}${at?.is_mistake ? ", a mistake" : ""}`,
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
