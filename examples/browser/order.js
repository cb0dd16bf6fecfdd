// The order by hand: a task is dragged, or moved with Alt and the arrow keys.

/** Let those items of a list be moved that are draggable; `move` is told between which others one was put. */
export function letMove(list, move) {
  let dragged; // an item, and what was below it
  let below;

  list.addEventListener("dragstart", ({ target, dataTransfer }) => {
    if (!target.draggable) return; // but text that is selected
    dragged = target;
    below = target.nextElementSibling;
    dragged.classList.add("dragged");
    dataTransfer.effectAllowed = "move";
    dataTransfer.setData("text/plain", target.querySelector(".title").textContent); // Firefox wants some
  });

  list.addEventListener("dragenter", (event) => dragged && event.preventDefault());
  list.addEventListener("dragover", (event) => {
    if (!dragged) return;
    event.preventDefault(); // as in dragenter: it may be dropped here
    const item = event.target.closest("li");
    if (item && item !== dragged) putBeside(item, event.clientY);
  });

  /** Show where it would go: above an item in whose upper half the pointer is, or below. */
  function putBeside(item, y) {
    const { top, height } = item.getBoundingClientRect();
    const next = y < top + height / 2 ? item : item.nextElementSibling;
    if (next !== dragged && next !== dragged.nextElementSibling) list.insertBefore(dragged, next);
  }

  list.addEventListener("drop", (event) => {
    event.preventDefault(); // or a browser may open what it takes for an address
    if (dragged.nextElementSibling === below) return;
    move(dragged, dragged.previousElementSibling, dragged.nextElementSibling);
  });

  list.addEventListener("dragend", () => {
    dragged?.classList.remove("dragged");
    dragged = undefined;
  });

  list.addEventListener("keydown", (event) => {
    const item = event.target.closest("li");
    if (!event.altKey || !item.draggable || !["ArrowUp", "ArrowDown"].includes(event.key)) return;
    event.preventDefault();
    const { previousElementSibling: above, nextElementSibling: below } = item;
    if (event.key === "ArrowUp" && above) move(item, above.previousElementSibling, above);
    if (event.key === "ArrowDown" && below) move(item, below, below.nextElementSibling);
  });
}
