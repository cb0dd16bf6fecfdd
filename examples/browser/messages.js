// What the page tells the user, and screen readers with them: how things stand, and what has just happened.

const MESSAGE_SECONDS = 10;

const connection = document.getElementById("connection");
const toast = document.getElementById("toast");
const message = document.getElementById("message");
const undo = document.getElementById("undo");

/** Say whether all is saved; `outcome` is that of the last exchange with the service, if there was one. */
export function showConnection(tasks, outcome) {
  const unsent = tasks.filter((task) => task.isUnsent);
  const refused = unsent.filter((task) => task.problem);
  const waiting = unsent.length ? ` · ${unsent.length} not saved yet` : "";
  if (!navigator.onLine) set("warning", `Offline${waiting}`);
  else if (outcome instanceof Error) set("warning", `Service not reachable${waiting}`);
  else if (refused.length) set("warning", `${refused.length} could not be saved`);
  else if (unsent.length) set("busy", "Saving …");
  else if (!outcome) set("busy", "Catching up …");
  else set("fine", "Saved");
}

function set(state, text) {
  connection.dataset.state = state;
  if (connection.textContent !== text) connection.textContent = text; // or it would be read out again
}

/** Tell screen readers what everybody else sees. */
export const announce = (what) => (document.getElementById("announcement").textContent = what);

let timer;

/** Say what has happened, for a while, and offer to undo it, if that can be. */
export function tell(what, howToUndo) {
  message.textContent = what;
  undo.hidden = !howToUndo;
  undo.onclick = () => {
    clear();
    howToUndo();
  };
  clearTimeout(timer);
  timer = setTimeout(clear, 1000 * MESSAGE_SECONDS);
}

function clear() {
  message.textContent = "";
  undo.hidden = true;
}

// Whoever is about to press the button is given the time to.
toast.addEventListener("focusin", () => clearTimeout(timer));
toast.addEventListener("focusout", () => (timer = setTimeout(clear, 1000 * MESSAGE_SECONDS)));
