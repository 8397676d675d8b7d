// The table: who sits there, the game so far, and how much of it is shown.

import * as api from "./api.js";
import { isPass } from "./own_game.js";
import { moveName, sentence } from "./words.js";

export const YOU = "you";

export const table = {
  agents: [],
  game: null,
  seats: { X: YOU, O: YOU },
  moves: [],
  ply: 0,
  running: true,
  openingsOf: null,
  hole: null, // in "Find the hole": the agent, its hash and puzzles, and which is at the table
  deal: 0,
};

export const mover = (ply) => (ply % 2 ? "O" : "X");
export const agentOf = (id) => table.agents.find((agent) => agent.id === id);
export const nameOf = (id) => (id === YOU ? "You" : agentOf(id).name);
export const gameAgents = () => table.agents.filter((agent) => agent.game.name === table.game.name);
export const humans = () => ["X", "O"].filter((seat) => table.seats[seat] === YOU);
export const isWatched = () => humans().length === 0;
export const you = () => (humans().length === 1 ? humans()[0] : null);

// The agent whose probabilities are drawn: the mover, else the one at the table, else any.
export function analyst(ply) {
  const seat = mover(ply);
  const chosen = [table.seats[seat], table.seats[seat === "X" ? "O" : "X"]].find((id) => id !== YOU);
  return chosen ?? gameAgents()[0].id;
}

export const positionAt = (ply) => api.position(analyst(ply), table.moves.slice(0, ply), you());

// The whole game, with the estimates of one agent throughout.
export const wholeGame = () => api.position(analyst(0), table.moves, you());

export const puzzle = () => table.hole?.puzzles[table.hole.at] ?? null;

// Where the game of the person begins: after the moves that set up a puzzle.
export const firstPly = () => puzzle()?.moves.length ?? 0;

export function lastOwnPly() {
  for (let ply = table.ply - 1; ply >= firstPly(); ply--) {
    if (table.seats[mover(ply)] === YOU && !isPass(table.game, table.moves[ply])) return ply;
  }
  return null;
}

// Whether the truth may be shown: a person who still plays is to think first.
export const isRevealed = (full, always) => always || isWatched() || full.result !== null;

// The comment on the user's last move stays as long as the reply to it is a good one.
export function verdictAt(position, { course }) {
  const last = course[table.ply];
  const own = course[table.ply - 1];
  if (position.result !== null || !last.comment) return last.comment ?? position.verdict;
  const isAnswer = table.ply > 1 && you() === mover(table.ply);
  return isAnswer && !last.is_mistake && own.comment ? own.comment : last.comment;
}

export function lastMoveWords(position) {
  if (table.ply === 0) return you() === "X" ? "You begin." : "";
  const seat = mover(table.ply - 1);
  const move = moveName(position.game, table.moves[table.ply - 1]);
  if (!you()) return `${seat}: ${move}.`;
  return table.seats[seat] === YOU ? `You: ${move}.` : `${sentence(nameOf(table.seats[seat])).slice(0, -1)}: ${move}.`;
}

export function turnWords(position) {
  if (position.result !== null) {
    const count = table.ply === 1 ? "1 move" : `${table.ply} moves`;
    return `The game is over after ${count}.`;
  }
  const seat = mover(table.ply);
  const id = table.seats[seat];
  if (id !== YOU) return you() ? `It is the turn of ${nameOf(id)}.` : `${seat} is to move: ${nameOf(id)}.`;
  return you() ? `Your move, with ${seat}.` : `${seat} is to move.`;
}
