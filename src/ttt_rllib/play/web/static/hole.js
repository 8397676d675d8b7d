// Find the hole: which puzzle is on the table, from entering the view to leaving it.

import * as api from "./api.js";
import { isAtTable, nextPuzzle } from "./puzzles.js";
import { YOU, mover, puzzle, table } from "./table.js";

export class Hole {
  // What it does with the page: begin a game, complain, seat players, and let the game resume.
  constructor({ begin, complain, seatsAre, resume }) {
    Object.assign(this, { begin, complain, seatsAre, resume });
  }

  // Put a puzzle of an agent on the table: number `at`, or the first that is not solved.
  async show(agent, at = null) {
    if (agent === null) {
      this.refuse("No agent of this game is known to be beatable.");
      return;
    }
    const hole = { agent, at, hash: null, puzzles: [] };
    table.hole = hole;
    if (at === null) document.getElementById("verdict").textContent = "Looking for this agent’s mistakes.";
    const { puzzles, agent_sha256: hash, reason } = await api.puzzles(agent);
    if (table.hole !== hole) return;
    if (puzzles.length === 0) {
      this.refuse(reason);
      return;
    }
    Object.assign(hole, { hash, puzzles });
    if (at === null || at >= puzzles.length) this.set(nextPuzzle(-1));
    else if (isAtTable(puzzle())) this.resume();
    else this.set(at);
  }

  set(at) {
    table.hole.at = at;
    const { moves, you } = puzzle();
    this.seatsAre({ [you]: YOU, [mover(moves.length + 1)]: table.hole.agent });
    this.begin(moves);
  }

  next() {
    this.set(nextPuzzle(table.hole.at));
  }

  refuse(sentence) {
    this.leave();
    this.complain(sentence);
    this.resume();
  }

  // Turn the puzzle into a game like any other; the view follows the address.
  leave() {
    table.hole = null;
    if (location.hash === "#hole") location.hash = "#play";
  }

  // The address left the view: what is on the table stays, in other words.
  left() {
    if (table.hole === null) return;
    table.hole = null;
    this.resume();
  }
}
