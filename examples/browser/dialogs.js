// The two dialogs: what a task is to say, and which of two versions of it is to stay.

/** What users say of a task, and its name on the page. */
const MEMBERS = {
  title: "Title",
  description: "Description",
  priority: "Priority",
  due_date: "Due",
  completed: "Completed",
};

/** Those members of `to` that are no longer what they are in `from`. */
export function differences(from, to) {
  const changed = Object.keys(MEMBERS).filter((name) => from[name] !== to[name]);
  return Object.fromEntries(changed.map((name) => [name, to[name]]));
}

/**
 * Ask what a task is to say; what the service refused about it is shown where it belongs.
 * @returns {Promise<object | null>} its members; null if they are to stay as they are
 */
export async function edit(task) {
  const dialog = document.getElementById("editor");
  const { title, description, priority, due_date } = dialog.querySelector("form").elements;
  dialog.querySelector("h2").textContent = task.id ? "Edit task" : "New task";
  title.value = task.title;
  description.value = task.description ?? "";
  priority.value = task.priority ?? "none";
  const due = (due_date.value = localTime(task.due_date));
  showErrors(dialog, task.problem);

  if ((await answerOf(dialog)) !== "save") return null;
  return {
    title: title.value.trim(),
    description: description.value.trim() || null,
    priority: priority.value === "none" ? null : priority.value,
    due_date: due_date.value === due ? (task.due_date ?? null) : utc(due_date.value),
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
    ? "While you were changing this task, it was changed elsewhere, too."
    : "While you were changing this task, it was deleted elsewhere.";
  dialog.querySelector("table").hidden = !theirs;
  const names = theirs ? Object.keys(differences(theirs, task)) : [];
  dialog.querySelector("tbody").replaceChildren(...names.map((name) => row(name, task, theirs)));
  return answerOf(dialog);
}

function row(name, mine, theirs) {
  const line = document.createElement("tr");
  const head = Object.assign(document.createElement("th"), { scope: "row", textContent: MEMBERS[name] });
  line.append(head);
  for (const task of [mine, theirs]) line.insertCell().textContent = inWords(name, task[name]);
  return line;
}

function inWords(name, value) {
  if (value === null) return "none";
  if (name === "completed") return value ? "yes" : "no";
  if (name !== "due_date") return value;
  return new Date(value).toLocaleString([], { dateStyle: "medium", timeStyle: "short" });
}

function answerOf(dialog) {
  dialog.returnValue = "";
  dialog.showModal();
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => resolve(dialog.returnValue), { once: true });
  });
}

/** What `<input type="datetime-local">` takes, and back to what the service answers with. */
function localTime(timestamp) {
  if (!timestamp) return "";
  const moment = new Date(timestamp);
  return new Date(moment - moment.getTimezoneOffset() * 60_000).toISOString().slice(0, 16);
}
const utc = (local) => (local ? new Date(local).toISOString().replace(".000Z", "Z") : null);
