// A game without a board: its position as text, and a button for every move.

import { Board } from "./board.js";
import { element } from "./draw.js";
import { percent, valueWords } from "./words.js";

export const isPass = (game, action) => game.moves?.[action] === "pass";

// The board of any game: squares where it has some, else text and buttons in the same place.
export class AnyBoard extends Board {
  show(position, options) {
    this.isText = position.drawing !== null;
    this.root.classList.toggle("without-squares", this.isText);
    this.root.setAttribute("role", this.isText ? "group" : "grid");
    if (!this.isText) {
      super.show(position, options);
      return;
    }
    this.shape = "";
    this.squares = [];
    this.position = position;
    this.open = options.open;
    const buttons = position.must_pass ? [] : position.actions.map((move) => this.button(move, options));
    this.root.replaceChildren(
      element("pre", { class: "position" }, position.drawing),
      element("ul", { class: "choices", "aria-label": "Moves" }, ...buttons),
    );
  }

  button(move, { open, truth, policy }) {
    const figures = [];
    const value = truth && move.outlook ? move.outlook.value : undefined;
    if (value !== undefined) figures.push(element("span", { class: "truth" }, valueWords(move.outlook)));
    if (policy && move.probability !== null) figures.push(element("span", {}, percent(move.probability)));
    const name = element("b", {}, this.position.game.moves[move.action]);
    const button = element("button", { type: "button", "data-value": value, "aria-disabled": String(!open) }, name, ...figures);
    button.addEventListener("click", () => this.choose(move.action));
    return element("li", {}, button);
  }

  choose(action) {
    if (!this.open) return;
    this.open = false; // until the answer is shown: a double click is one move
    this.play(action);
  }

  press(number) {
    if (!this.isText) super.press(number);
    else if (this.position.actions[number]) this.choose(this.position.actions[number].action);
  }

  focus() {
    if (this.isText) this.root.querySelector("button")?.focus();
    else super.focus();
  }

  step(event) {
    if (!this.isText) super.step(event);
  }
}
