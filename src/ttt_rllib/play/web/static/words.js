// The names of squares, moves and values.

const NINE = [
  "top left", "top", "top right",
  "left", "centre", "right",
  "bottom left", "bottom", "bottom right",
];

export function squareName(game, square) {
  const row = Math.floor(square / game.cols);
  const col = square % game.cols;
  if (game.rows === 3 && game.cols === 3 && !game.gravity) return NINE[square];
  return `row ${row + 1}, column ${col + 1}`;
}

export function moveName(game, action) {
  if (game.moves) return game.moves[action];
  return game.gravity ? `column ${action + 1}` : squareName(game, action);
}

export function moveShort(game, action) {
  if (game.moves) return game.moves[action];
  if (game.gravity) return `${action + 1}`;
  if (game.rows === 3 && game.cols === 3) return NINE[action];
  return `${String.fromCharCode(97 + (action % game.cols))}${Math.floor(action / game.cols) + 1}`;
}

// Moves that the winner still has to make after this one, which may itself win; 0 if unknown.
const winnerMoves = ({ plies }) => Math.floor(((plies ?? 0) + 1) / 2);

export function valueWords(outlook) {
  if (outlook.value === 0) return "draws";
  const verb = outlook.value > 0 ? "wins" : "loses";
  if (outlook.plies === null) return `${verb} with best play`;
  return outlook.plies === 0 ? verb : `${verb} in ${winnerMoves(outlook)}`;
}

export function valueShort(outlook) {
  if (outlook.value === 0) return "=";
  return `${outlook.value > 0 ? "+" : "−"}${winnerMoves(outlook) || ""}`;
}

export function percent(share) {
  if (share > 0 && share < 0.005) return "<\u00a01\u202f%";
  if (share < 1 && share > 0.995) return ">\u00a099\u202f%";
  return `${Math.round(100 * share)}\u202f%`;
}

const BADGES = {
  perfect: "perfect: proven",
  unexploitable: "unbeatable: proven",
  exploitable: "can be beaten",
  undecided: "not beaten yet",
};

// What is proved about an agent, in a few words; fixed players have no certificate.
export function badgeWords({ is_trained, verdict }) {
  return BADGES[verdict] ?? (is_trained ? "nothing proved" : "");
}

// What +1, 0 and -1 mean: to the person whose seat is `you`, or to those who look on.
export const standings = (you) => (you ? ["you win", "draw", "you lose"] : ["X wins", "draw", "O wins"]);

export function sentence(clause) {
  return clause ? clause[0].toUpperCase() + clause.slice(1) + (/[.!?]$/.test(clause) ? "" : ".") : "";
}
