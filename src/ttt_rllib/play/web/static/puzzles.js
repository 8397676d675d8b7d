// Find the hole: positions right after an agent's mistakes, and which of them have been solved.

import { YOU, agentOf, gameAgents, mover, puzzle, table } from "./table.js";

export const canBeBeaten = (id) => id !== YOU && agentOf(id)?.verdict === "exploitable";
export const beatable = () => gameAgents().map((agent) => agent.id).filter(canBeBeaten);

// The agent whose puzzles are meant: the one at the table, else the first of the game.
export const puzzledAgent = () => Object.values(table.seats).find(canBeBeaten) ?? beatable()[0] ?? null;

// What is solved stays in this tab too, for a browser without storage.
const solved = new Map();

function solvedOf(hash) {
  if (!solved.has(hash)) {
    let stored = [];
    try {
      stored = JSON.parse(localStorage.getItem(`solved ${hash}`)) ?? [];
    } catch {
      // What cannot be read counts as nothing solved.
    }
    solved.set(hash, new Set(Array.isArray(stored) ? stored : []));
  }
  return solved.get(hash);
}

const nameOfPuzzle = ({ moves }) => moves.join(".");
const isSolved = (one) => solvedOf(table.hole.hash).has(nameOfPuzzle(one));
const countWords = () => `${table.hole.puzzles.filter(isSolved).length} of ${table.hole.puzzles.length} solved`;

export function nextPuzzle(after) {
  const { puzzles } = table.hole;
  const order = puzzles.map((_, step) => (after + 1 + step) % puzzles.length);
  return order.find((at) => !isSolved(puzzles[at])) ?? order[0];
}

const begins = (moves) => moves.every((action, ply) => table.moves[ply] === action);

// Whether the game on the table is an attempt at the puzzle; an address may hold any moves.
export function isAtTable({ moves, you }) {
  return table.seats[you] === YOU && table.seats[mover(moves.length + 1)] === table.hole.agent && begins(moves);
}

const reaches = ({ you, goal }, result) => result === you || (goal === "draw" && result === "draw");

// Note a solved puzzle; `result` is that of the whole game.
export function noteResult(result) {
  const here = puzzle();
  if (!here || !begins(here.moves) || !reaches(here, result)) return;
  const all = solvedOf(table.hole.hash).add(nameOfPuzzle(here));
  try {
    localStorage.setItem(`solved ${table.hole.hash}`, JSON.stringify([...all]));
  } catch {
    // A browser without storage forgets what was solved; nothing else depends on it.
  }
}

// What the puzzle says instead of the words of a game; `verdict` is null where those are right.
export function puzzleWords({ result }) {
  const here = puzzle();
  if (!here) return null;
  if (result !== null) {
    const verdict = reaches(here, result) ? "Solved." : "It got away: try again.";
    return { verdict, line: `${countWords()}.` };
  }
  let verdict = null;
  const task = here.goal === "win" ? "beat it." : "get a draw.";
  const count = here.num_moves === 1 ? "1 move" : `${here.num_moves} moves`;
  if (table.ply < here.moves.length) verdict = "This is how the game came to the puzzle.";
  if (table.ply === here.moves.length) verdict = `${here.you} to move. This agent has just made a mistake: ${task}`;
  return { verdict, line: `Puzzle ${table.hole.at + 1}, in ${count} · ${countWords()}` };
}
