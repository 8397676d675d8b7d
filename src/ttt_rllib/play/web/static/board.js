// The board: a grid of buttons, one of them in the tab order.

import { element, mark, stone } from "./draw.js";
import { percent, squareName, valueShort, valueWords } from "./words.js";

const SHORT_FROM_COLS = 5;
const STEPS = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] };

export class Board {
  constructor(root, play) {
    this.root = root;
    this.play = play;
    this.squares = [];
    this.shape = "";
    this.at = 0;
    root.addEventListener("keydown", (event) => this.step(event));
    root.addEventListener("pointerleave", () => this.aim(null));
  }

  // Draw a position; `open` tells whether the user may move.
  show(position, { open, truth, policy }) {
    this.build(position.game);
    this.position = position;
    this.open = open;
    this.root.classList.toggle("finished", position.result !== null);
    this.root.classList.toggle("drawn", position.result === "draw");
    const moves = new Map(position.actions.map((move) => [move.square, move]));
    const most = Math.max(0, ...position.actions.map((move) => move.probability ?? 0));
    this.squares.forEach((square, number) => {
      this.fill(square, number, { move: moves.get(number), most, truth, policy });
    });
    this.rove(this.at);
  }

  build(game) {
    const shape = JSON.stringify(game);
    if (shape === this.shape) return;
    this.shape = shape;
    this.game = game;
    this.at = game.gravity ? Math.floor(game.cols / 2) : Math.floor((game.rows * game.cols) / 2);
    this.squares = [];
    this.root.style.setProperty("--cols", game.cols);
    this.root.style.setProperty("--rows", game.rows);
    this.root.classList.toggle("falls", game.gravity);
    this.root.classList.toggle("dense", game.gravity || game.cols >= SHORT_FROM_COLS);
    const rows = Array.from({ length: game.rows }, (_, row) =>
      element("div", { role: "row" }, ...Array.from({ length: game.cols }, (_, col) => this.cell(row, col))),
    );
    this.root.replaceChildren(...rows);
  }

  cell(row, col) {
    const number = row * this.game.cols + col;
    const square = element("button", { type: "button", class: "square", tabindex: "-1" });
    square.addEventListener("click", () => this.press(number));
    square.addEventListener("pointerenter", () => this.aim(number));
    square.addEventListener("focus", () => {
      this.rove(number);
      this.aim(number);
    });
    square.addEventListener("blur", () => this.aim(null));
    this.squares.push(square);
    return element("div", { role: "gridcell", class: "cell" }, square);
  }

  fill(square, number, { move, most, truth, policy }) {
    const owner = this.position.squares[number];
    const isOpen = this.open && this.moveAt(number) !== undefined;
    const stays = square.dataset.owner === owner && owner !== "";
    square.classList.toggle("open", isOpen);
    square.classList.toggle("last", this.position.last_square === number && this.position.result === null);
    square.classList.toggle("won", this.position.winning_squares.includes(number));
    square.setAttribute("aria-disabled", String(!isOpen));
    square.setAttribute("aria-label", this.label(number, owner, move, truth, policy));
    const value = truth && move?.outlook ? move.outlook.value : undefined;
    if (value === undefined) delete square.dataset.value;
    else square.dataset.value = value;
    if (stays) return;
    square.dataset.owner = owner;
    if (owner) {
      const draw = this.game.gravity ? stone : mark;
      square.replaceChildren(draw(owner, this.position.last_square === number ? "mark fresh" : "mark"));
    } else {
      square.replaceChildren(...this.figures(move, most, truth, policy));
    }
  }

  figures(move, most, truth, policy) {
    const figures = [];
    if (truth && move?.outlook) {
      const words = this.game.cols < SHORT_FROM_COLS ? valueWords(move.outlook) : valueShort(move.outlook);
      figures.push(element("span", { class: "truth", "aria-hidden": "true" }, words));
    }
    if (policy && move && move.probability !== null) {
      const isMost = move.probability === most;
      const bar = element("i");
      bar.style.setProperty("--share", move.probability);
      const share = element("b", {}, percent(move.probability));
      figures.push(element("span", { class: isMost ? "odds most" : "odds", "aria-hidden": "true" }, share, bar));
    }
    return figures;
  }

  label(number, owner, move, truth, policy) {
    const parts = [squareName(this.game, number), owner || "empty"];
    if (truth && move?.outlook) parts.push(valueWords(move.outlook));
    if (policy && move && move.probability !== null) parts.push(`policy ${percent(move.probability)}`);
    if (this.position.winning_squares.includes(number)) parts.push("in the winning line");
    return parts.join(", ");
  }

  // The move that a press on this square makes: with gravity, that of its column.
  moveAt(number) {
    const action = this.game.gravity ? number % this.game.cols : number;
    return this.position.actions.find((move) => move.action === action);
  }

  press(number) {
    this.rove(number);
    const move = this.moveAt(number);
    if (!this.open || !move) return;
    this.open = false; // until the answer is shown: a double click is one move
    this.play(move.action);
  }

  aim(number) {
    const target = number !== null && this.open ? this.moveAt(number)?.square : undefined;
    this.squares.forEach((square, other) => {
      square.classList.toggle("aimed", this.game.gravity && other === target);
    });
  }

  rove(number) {
    this.at = number;
    this.squares.forEach((square, other) => square.setAttribute("tabindex", other === number ? "0" : "-1"));
  }

  focus() {
    this.squares[this.at]?.focus();
  }

  step(event) {
    const step = STEPS[event.key];
    if (!step || event.altKey || event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    const { rows, cols } = this.game;
    const row = Math.min(rows - 1, Math.max(0, Math.floor(this.at / cols) + step[0]));
    const col = Math.min(cols - 1, Math.max(0, (this.at % cols) + step[1]));
    this.rove(row * cols + col);
    this.focus();
  }
}
