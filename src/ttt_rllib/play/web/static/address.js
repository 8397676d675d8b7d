// The address of the page names the table, so that a reload or a link loses nothing.

import { YOU, agentOf, table } from "./table.js";

const MOVES = /^\d{1,2}(\.\d{1,2})*$/;

export function writeAddress() {
  const words = new URLSearchParams({ game: table.game.name, x: table.seats.X, o: table.seats.O });
  if (table.moves.length) words.set("moves", table.moves.join("."));
  if (table.ply !== table.moves.length) words.set("at", table.ply);
  if (table.openingsOf) words.set("agent", table.openingsOf);
  if (Number.isInteger(table.hole?.at)) words.set("puzzle", table.hole.at + 1);
  history.replaceState(null, "", `?${words}${location.hash}`);
}

// The table that the address names; null where it names none, or one that cannot be.
export function readAddress() {
  const words = new URLSearchParams(location.search);
  const seats = { X: words.get("x"), O: words.get("o") };
  const game = words.get("game");
  const isHere = (id) => id === YOU || agentOf(id)?.game.name === game;
  const known = table.agents.some((agent) => agent.game.name === game);
  if (!known || !isHere(seats.X) || !isHere(seats.O)) return null;
  const written = words.get("moves") ?? "";
  if (written !== "" && !MOVES.test(written)) return null;
  const moves = written === "" ? [] : written.split(".").map(Number);
  const at = Number(words.get("at") ?? moves.length);
  const ply = Number.isInteger(at) && at >= 0 && at <= moves.length ? at : moves.length;
  const agent = words.get("agent");
  const puzzle = /^[1-9]\d?$/.test(words.get("puzzle")) ? Number(words.get("puzzle")) - 1 : null;
  return { game, seats, moves, ply, puzzle, openingsOf: agent !== YOU && isHere(agent) ? agent : null };
}

export const namesTable = () => new URLSearchParams(location.search).has("game");
