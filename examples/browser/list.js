// The list on the page.
import { inWords, isOver } from "./due.js";

const list = document.getElementById("list");
const template = document.getElementById("task");

/** Show these tasks; what is shown already stays as it is, so that the focus stays where it was.
 *  In the order by hand those can be moved that are in no conflict. */
export function showTasks(tasks, isByHand) {
  const focused = document.activeElement;
  const focusedPlace = [...list.children].indexOf(focused.closest("li"));
  const items = new Map([...list.children].map((item) => [item.dataset.id, item]));
  for (const [place, task] of tasks.entries()) {
    const item = items.get(task.id) ?? template.content.firstElementChild.cloneNode(true);
    items.delete(task.id);
    fill(item, task);
    item.draggable = isByHand && !task.problem;
    if (list.children[place] !== item) list.insertBefore(item, list.children[place] ?? null);
  }
  for (const item of items.values()) item.remove();

  if (focused === document.activeElement) return;
  const neighbour = list.children[focusedPlace] ?? list.lastElementChild;
  const target = focused.isConnected ? focused : neighbour?.querySelector("input");
  target?.focus({ preventScroll: true });
}

function fill(item, { id, title, description, completed, priority, due_date, tags, isUnsent, problem }) {
  const part = (selector) => item.querySelector(selector);
  const isOverdue = Boolean(due_date) && !completed && isOver(due_date);
  item.dataset.id = id;
  item.classList.toggle("completed", completed);
  part("input").checked = completed;
  part("input").ariaLabel = `Completed: ${title}`;
  part("[name=edit]").ariaLabel = `Edit ${title}`;
  part("[name=remove]").ariaLabel = `Delete ${title}`;
  part(".title").textContent = title;
  part(".description").textContent = description ?? "";
  part(".priority").textContent = priority ?? "";
  part(".priority").dataset.priority = priority ?? "";
  part(".due").hidden = !due_date;
  part(".due").classList.toggle("overdue", isOverdue);
  part("time").dateTime = due_date ?? "";
  part("time").textContent = due_date ? inWords(due_date) : "";
  part(".late").hidden = !isOverdue;
  showTags(part(".tags"), tags);
  part(".unsent").hidden = !isUnsent || Boolean(problem);
  part(".problem").hidden = !problem;
  part(".problem span").textContent = problem?.code === "not_found" ? DELETED : (problem?.detail ?? "");
}

/** A button for each tag, by which to show those only that have it. */
function showTags(place, tags) {
  const shown = [...place.children].map((button) => button.textContent);
  if (shown.join() === tags.join()) return; // one may have the focus; and none holds a comma
  const button = (tag) => Object.assign(document.createElement("button"), { name: "tag", textContent: tag });
  place.replaceChildren(...tags.map(button));
}

const DELETED = "This was deleted elsewhere.";
