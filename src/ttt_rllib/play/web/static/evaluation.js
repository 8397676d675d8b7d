// The evaluation bar: how the game stands, from "you lose" on the left to "you win" on the right.

import { element } from "./draw.js";
import { standings } from "./words.js";

// A value or an estimate of X's, as a share of the bar.
const across = (value, sign) => (1 + Math.max(-1, Math.min(1, sign * value))) / 2;

export function drawEvaluation(root, { value, estimate }, you) {
  const sign = you === "O" ? -1 : 1;
  const parts = [];
  if (value !== null) {
    const fill = element("i", { class: "fill", "data-value": sign * value });
    fill.style.setProperty("--at", across(value, sign));
    parts.push(fill);
  }
  if (estimate !== null) {
    const tick = element("i", { class: "tick" });
    tick.style.setProperty("--at", across(estimate, sign));
    parts.push(tick);
  }
  root.replaceChildren(...parts);
  root.setAttribute("aria-label", described(value, estimate, sign, you));
}

function described(value, estimate, sign, you) {
  const truth = value === null ? "not known" : standings(you)[1 - sign * value];
  const subject = you ? "you" : "X";
  const guess = estimate === null ? "" : `; the agent gives ${subject} ${(sign * estimate).toFixed(2)}`;
  return `With best play: ${truth}${guess}.`;
}
