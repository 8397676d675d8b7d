// The openings: every position of the first plies, the policy's choice beside the truth.

import { element, shape } from "./draw.js";
import { moveName, percent, sentence, valueWords } from "./words.js";

const SQUARE = 40;
const TITLES = ["The first move", "After X's move", "After a move of both"];

export function drawOpenings(root, { game, positions }, open) {
  const plies = [...new Set(positions.map((position) => position.moves.length))];
  root.replaceChildren(
    ...plies.flatMap((ply) => {
      const here = positions.filter((position) => position.moves.length === ply);
      const title = `${TITLES[ply]} · ${here.length} ${here.length === 1 ? "position" : "positions"}`;
      const cards = here.map((position) => card(game, position, open));
      return [element("h2", {}, title), element("div", { class: "cards" }, ...cards)];
    }),
  );
}

function card(game, position, open) {
  const { choice } = position;
  const tone = { true: "good", false: "bad", null: "" }[position.keeps_value];
  const verdict = element("strong", { class: tone }, choiceWords(position));
  const button = element(
    "button",
    { type: "button", class: "card" },
    board(game, position),
    element(
      "span",
      {},
      verdict,
      element("small", {}, `${position.turn} plays ${moveName(game, choice.action)}, ${percent(choice.probability)}`),
    ),
  );
  button.addEventListener("click", () => open(position.moves));
  return button;
}

function choiceWords({ choice, keeps_value, outlook }) {
  if (choice.outlook === null) return "Not known";
  const words = sentence(valueWords(choice.outlook)).slice(0, -1);
  if (keeps_value !== false) return words;
  return `${words}; could ${outlook.value > 0 ? "win" : "draw"}`;
}

function board(game, position) {
  if (position.drawing !== null) return element("pre", {}, position.drawing);
  const corner = (square) => [(square % game.cols) * SQUARE, Math.floor(square / game.cols) * SQUARE];
  const tints = position.actions.flatMap((move) => {
    const [x, y] = corner(move.square);
    const parts = [];
    if (move.outlook) {
      parts.push(shape("rect", { x: x + 2, y: y + 2, width: 36, height: 36, rx: 6, class: "tint", "data-value": move.outlook.value }));
    }
    parts.push(shape("circle", { cx: x + 20, cy: y + 20, r: 12 * Math.sqrt(move.probability), class: "share" }));
    return parts;
  });
  const marks = position.squares.flatMap((owner, square) => {
    const [x, y] = corner(square);
    if (owner === "X") return [shape("path", { d: `M${x + 11} ${y + 11}l18 18m0 -18l-18 18` })];
    return owner === "O" ? [shape("circle", { cx: x + 20, cy: y + 20, r: 9.5 })] : [];
  });
  const width = game.cols * SQUARE, height = game.rows * SQUARE;
  const lines = [
    ...Array.from({ length: game.cols - 1 }, (_, col) => `M${(col + 1) * SQUARE} 0V${height}`),
    ...Array.from({ length: game.rows - 1 }, (_, row) => `M0 ${(row + 1) * SQUARE}H${width}`),
  ].join("");
  return shape(
    "svg",
    { viewBox: `0 0 ${width} ${height}`, "aria-hidden": "true" },
    ...tints,
    shape("path", { d: lines || "M0 0", class: "lines" }),
    ...marks,
  );
}

export function openingsVerdict({ positions }) {
  const judged = positions.filter((position) => position.keeps_value !== null);
  if (judged.length === 0) return "Nothing here is judged: too many positions are left after these openings.";
  const wrong = judged.filter((position) => !position.keeps_value).length;
  const mistakes = { 0: "No mistake", 1: "A mistake" }[wrong] ?? `${wrong} mistakes`;
  if (judged.length === positions.length) return `${mistakes} in ${judged.length} openings.`;
  return `${mistakes} in the ${judged.length} of ${positions.length} openings whose value is known.`;
}
