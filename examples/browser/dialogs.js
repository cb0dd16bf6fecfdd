// The two dialogs: what a task is to say, and which of two versions of it is to stay.
import { inWords, join, parts } from "./due.js";
import { parseTags } from "./tags.js";

/** What users say of a task, and its name on the page. */
const MEMBERS = {
  title: "Title",
  description: "Description",
  priority: "Priority",
  due_date: "Due",
  tags: "Tags",
  completed: "Completed",
};

/** Those members of `to` that are no longer what they are in `from`. */
export function differences(from, to) {
  const isChanged = (name) => JSON.stringify(from[name]) !== JSON.stringify(to[name]);
  const changed = Object.keys(MEMBERS).filter(isChanged);
  return Object.fromEntries(changed.map((name) => [name, to[name]]));
}

/**
 * Ask what a task is to say; what the service refused about it is shown where it belongs.
 * @returns {Promise<object | null>} its members; null if they are to stay as they are
 */
export async function edit(task) {
  const dialog = document.getElementById("editor");
  const { title, description, priority, due_date, due_time, tags } = dialog.querySelector("form").elements;
  dialog.querySelector("h2").textContent = task.id ? "Edit task" : "New task";
  title.value = task.title;
  description.value = task.description ?? "";
  priority.value = task.priority ?? "none";
  const { day, time } = parts(task.due_date);
  due_date.value = day;
  due_time.value = time;
  tags.value = task.tags?.join(", ") ?? "";
  due_time.oninput = () => (due_date.required = due_time.value !== ""); // a time is one of a day
  due_time.oninput();
  showErrors(dialog, task.problem);

  if ((await answerOf(dialog)) !== "save") return null;
  const isAsBefore = due_date.value === day && due_time.value === time; // to the second, which is not shown
  return {
    title: title.value.trim(),
    description: description.value.trim() || null,
    priority: priority.value === "none" ? null : priority.value,
    due_date: isAsBefore ? (task.due_date ?? null) : join(due_date.value, due_time.value),
    tags: parseTags(tags.value),
  };
}

function showErrors(dialog, problem) {
  const { errors = {}, detail } = problem ?? {};
  for (const error of dialog.querySelectorAll("[id$=-error]")) {
    const name = error.id.replace("-error", "");
    error.textContent = errors[name]?.join(" ") ?? "";
    for (const input of dialog.querySelectorAll(`[name=${name}]`)) input.ariaInvalid = name in errors;
  }
  const belongsSomewhere = Object.keys(errors).some((name) => name in MEMBERS);
  dialog.querySelector("[role=alert]").textContent = belongsSomewhere ? "" : (detail ?? "");
}

/**
 * Ask which version of a task is to stay that was changed, or deleted, elsewhere too.
 * @returns {Promise<"mine" | "theirs" | "">} "": to be decided later
 */
export function choose(task) {
  const dialog = document.getElementById("conflict");
  const theirs = task.current;
  dialog.querySelector("#conflict-text").textContent = theirs
    ? `While you were ${task.isRemoved ? "deleting" : "changing"} this task, it was changed elsewhere, too.`
    : "While you were changing this task, it was deleted elsewhere.";
  dialog.querySelector("table").hidden = !theirs;
  const names = theirs ? Object.keys(differences(theirs, task)) : [];
  dialog.querySelector("tbody").replaceChildren(...names.map((name) => row(name, task, theirs)));
  dialog.querySelector("[value=mine]").textContent = task.isRemoved ? "Delete it" : "Keep mine";
  return answerOf(dialog);
}

function row(name, mine, theirs) {
  const line = document.createElement("tr");
  const head = Object.assign(document.createElement("th"), { scope: "row", textContent: MEMBERS[name] });
  line.append(head);
  for (const task of [mine, theirs]) line.insertCell().textContent = wording(name, task[name]);
  return line;
}

function wording(name, value) {
  if (value === null || value.length === 0) return "none";
  if (name === "tags") return value.join(", ");
  if (name === "completed") return value ? "yes" : "no";
  return name === "due_date" ? inWords(value) : value;
}

function answerOf(dialog) {
  dialog.returnValue = "";
  dialog.showModal();
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => resolve(dialog.returnValue), { once: true });
  });
}
