// Everything around the board: words, evaluation, the game so far, who plays, and the controls.

import { drawCourse, listMoves } from "./course.js";
import { element, mark } from "./draw.js";
import { drawEvaluation } from "./evaluation.js";
import { resultSentence } from "./lesson.js";
import { puzzleWords } from "./puzzles.js";
import {
  YOU, agentOf, analyst, isWatched, lastMoveWords, lastOwnPly, mover, nameOf, table, turnWords, verdictAt, you,
} from "./table.js";
import { badgeWords, sentence } from "./words.js";

const $ = (id) => document.getElementById(id);
const textOf = (parts) => parts.map((part) => part.textContent ?? part).join("");

// What is unchanged stays, so that a screen reader does not say it again.
function say(id, text) {
  if ($(id).textContent !== text) $(id).textContent = text;
}

export function showWords(position, full, revealed) {
  const isOver = position.result !== null;
  const puzzle = puzzleWords(position);
  const turn = puzzle?.line ?? turnWords(position);
  const last = lastMoveWords(position);
  let parts = [revealed ? sentence(verdictAt(position, full)) : turnWords(position)];
  if (puzzle?.verdict) parts = [puzzle.verdict];
  else if (isOver) parts = resultSentence(position, full.turning_point);
  if ($("verdict").textContent !== textOf(parts)) $("verdict").replaceChildren(...parts);
  say("turn", revealed || puzzle ? turn : last);
  const canRetry = isOver && (puzzle !== null || (!isWatched() && full.turning_point !== null));
  $("retry").hidden = !canRetry;
  $("turn").hidden = canRetry && puzzle === null;
  say("retry", puzzle ? "Try again" : "Try again from there");
  say("new", puzzle ? "Next puzzle" : "New game");
  $("new").title = puzzle ? "Next puzzle (N)" : "New game (N)";
  const hint = puzzle ? "Press R to try again, N for the next puzzle." : "Press R to try again from there.";
  const said = [last, textOf(parts), revealed || puzzle ? turn : "", canRetry ? hint : ""];
  say("said", said.filter(Boolean).join(" "));
}

export function showSide(full, revealed, go) {
  const { course, game } = full;
  const at = { course, game, moves: table.moves, ply: table.ply, you: you(), isShown: revealed };
  const isKnown = (field) => course.some((point) => point[field] !== null);
  drawCourse($("course"), at, go);
  listMoves($("moves"), at, go);
  drawEvaluation($("evaluation"), course[table.ply], you());
  $("play-view").classList.toggle("veiled", !revealed);
  $("course").hidden = !revealed || (!isKnown("value") && !isKnown("estimate"));
  $("course-key").hidden = !revealed || !isKnown("estimate");
  $("truth-key").hidden = !isKnown("value");
  $("whose").textContent = revealed && $("show-policy").checked ? `of ${nameOf(analyst(table.ply))}` : "";
  $("about").replaceChildren(...["X", "O"].flatMap((seat) => aboutSeat(seat)));
  for (const seat of ["X", "O"]) showBadge(seat);
}

function aboutSeat(seat) {
  const id = table.seats[seat];
  const words = id === YOU ? ["You"] : [agentOf(id).name, element("span", {}, agentOf(id).about)];
  return [element("dt", {}, mark(seat, ""), element("span", { class: "unseen" }, seat)), element("dd", {}, ...words)];
}

function showBadge(seat) {
  const badge = $(`badge-${seat.toLowerCase()}`);
  const id = table.seats[seat];
  const agent = id === YOU ? null : agentOf(id);
  badge.textContent = agent ? badgeWords(agent) : "";
  badge.title = agent?.about ?? "";
  badge.dataset.verdict = agent?.verdict ?? "";
}

export function showControls(position) {
  const atStart = table.ply === 0;
  const atEnd = table.ply === table.moves.length;
  const agentToMove = position.result === null && table.seats[mover(table.ply)] !== YOU;
  $("first").disabled = $("back").disabled = atStart;
  $("last").disabled = $("forward").disabled = atEnd;
  $("run").disabled = !agentToMove;
  $("run").classList.toggle("playing", table.running && agentToMove && atEnd);
  $("run").setAttribute("aria-label", table.running && atEnd ? "Pause the agents" : "Let the agents play");
  $("undo").disabled = lastOwnPly() === null;
}
