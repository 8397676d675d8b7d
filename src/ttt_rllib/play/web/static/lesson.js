// What a finished game says to its players: the result, the mistake, and what was better.

import { element } from "./draw.js";
import { agentOf, humans, isWatched, table, you } from "./table.js";
import { moveName } from "./words.js";

const SHOWN = 2;

// The result as its players see it; X and O only where people have both seats.
export function resultWords({ result }) {
  if (result === "draw") return "Draw";
  if (you()) return result === you() ? "You won" : "You lost";
  if (humans().length === 2) return `${result} won`;
  return `${agentOf(table.seats[result]).name} won, as ${result}`;
}

// The sentence as strings and <em> elements; `turning` is null if nothing was better.
export function resultSentence(position, turning) {
  const words = resultWords(position);
  if (!turning || isWatched()) return [`${words}.`];
  const name = (action) => element("em", {}, moveName(position.game, action));
  const owner = you() ? "" : `${turning.ply % 2 ? "O" : "X"}’s `;
  if (turning.better.length === 0) {
    return [`${words}: after ${owner}`, name(turning.action), " it was lost; nothing better is known."];
  }
  const better = turning.better.slice(0, SHOWN).flatMap((action) => [" or ", name(action)]).slice(1);
  const verb = turning.value > 0 ? " wins." : " draws.";
  return [`${words}: ${owner}`, name(turning.action), " was the mistake; ", ...better, verb];
}
