// The keyboard: single keys for what the buttons do, and the dialog that lists them.

const TEXT_KEYS = "select, input, summary, a, dialog";

// `keys` maps what is pressed to an action; `digit` gets 1 to 9.
export function listenForKeys(keys, digit, isAsleep) {
  document.addEventListener("keydown", (event) => {
    if (event.altKey || event.ctrlKey || event.metaKey || isAsleep()) return;
    if (event.target.closest(TEXT_KEYS)) return;
    if (event.key === " " && event.target.closest("button")) return;
    const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
    if (/^[1-9]$/.test(key)) digit(Number(key));
    else if (keys[key]) {
      event.preventDefault();
      keys[key]();
    }
  });
}

// The browser closes a dialog on Escape, and gives the focus back.
export function connectKeysDialog(dialog, opener) {
  opener.addEventListener("click", () => dialog.showModal());
  dialog.addEventListener("click", (event) => {
    if (event.target === dialog) dialog.close();
  });
}
