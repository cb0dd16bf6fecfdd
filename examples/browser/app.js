// The page: what the user does is written on the device, shown at once, and then exchanged with the service.
import { serviceUrl } from "./config.js";
import { choose, differences, edit } from "./dialogs.js";
import { find } from "./find.js";
import { showTasks } from "./list.js";
import { announce, showConnection, tell } from "./messages.js";
import { letMove } from "./order.js";
import { connect } from "./send.js";
import * as session from "./session.js";
import { askToSignIn } from "./sign-in.js";
import { offerTags } from "./tags.js";
import { foldTag, openTasks } from "./tasks.js";

const SYNC_SECONDS = 30;

const byId = (id) => document.getElementById(id);
const desk = byId("desk");
const saidIn = (form) => Object.fromEntries(new FormData(form));

// --- using it
const send = connect(serviceUrl, session.getToken);
const user = session.lastUser(); // known without a network, too
const todo = user && openTasks(send, user.id);
let outcome; // of the last exchange: "done", or what it failed with

/** Show what is on the device, exchange it with the service, and show it again. */
async function sync() {
  if (desk.hidden) return;
  show();
  if (navigator.onLine) outcome = await todo.sync().then(() => "done", (error) => error);
  show();
  if (outcome?.status === 401) await signIn("Please sign in again. What you changed is kept on this device.");
}

if (user) {
  desk.hidden = false;
  byId("user-name").textContent = user.name;
  for (const event of ["online", "offline", "focus"]) addEventListener(event, sync);
  addEventListener("storage", show); // another tab wrote
  setInterval(sync, 1000 * SYNC_SECONDS);
  sync();
} else {
  signIn();
}
navigator.serviceWorker?.register("sw.js"); // opens the page without a network

// --- who it is
async function signIn(message) {
  desk.hidden = true;
  await askToSignIn(message);
  location.reload();
}

byId("leave").addEventListener("click", async () => {
  await todo.sync().catch(() => {});
  const isUnsent = todo.list().some((task) => task.isUnsent);
  if (isUnsent && !confirm("Some changes are not saved yet and would be lost. Sign out anyway?")) return;
  try {
    await session.leave();
  } catch (error) {
    return tell(error.message);
  }
  location.reload();
});

// --- what is shown
function show() {
  if (byId("list").querySelector(".dragged")) return; // or it would jump back; the end of the drag shows all
  const tasks = todo.list();
  offerTags(byId("view").elements.tag, tasks);
  const view = saidIn(byId("view"));
  const found = find(tasks, view);
  const isByHand = view.sort === "position";
  const completed = tasks.filter((task) => task.completed).length;
  const counts = { all: tasks.length, pending: tasks.length - completed, completed };
  for (const [status, count] of Object.entries(counts)) byId(`count-${status}`).textContent = count;
  showTasks(found, isByHand);
  byId("how-to-move").hidden = !isByHand;
  showConnection(tasks, outcome);
  byId("nothing").hidden = found.length > 0 || (!tasks.length && !outcome);
  byId("nothing").textContent = tasks.length ? "No task matches." : "Nothing to do. Enjoy the day!";
  byId("clear").hidden = !completed;
  byId("clear").disabled = !navigator.onLine; // the service does it
}

function showTagged({ textContent: tag }) {
  byId("view").elements.tag.value = foldTag(tag);
  show();
}

byId("view").addEventListener("input", show);
byId("view").addEventListener("submit", (event) => event.preventDefault());

// --- what the user does
/** Write what a task is to be. What was refused of it before makes way: the user has seen why. */
async function save(task, members) {
  const wanted = { ...task, ...members };
  const known = task.problem ? task.current : task.id && task;
  if (task.problem) todo.discard(task.id);
  const changes = known && differences(known, wanted);
  const id = known ? known.id : createAnew(wanted);
  if (known && Object.keys(changes).length) todo.update(known, changes);
  await sync();
  const saved = taskOf(id);
  if (saved?.problem && !document.querySelector("dialog[open]")) await resolve(saved);
}

async function change(task) {
  const members = await edit(task);
  if (members) await save(task, members);
}

function complete(task, completed) {
  if (!task.problem) return save(task, { completed });
  show(); // and so take the tick back
  return resolve(task);
}

async function resolve(task) {
  if (![404, 412].includes(task.problem.status)) return change(task);
  const choice = await choose(task);
  if (choice === "mine") return task.isRemoved ? remove(task) : save(task, {});
  if (choice === "theirs") todo.discard(task.id);
  return sync();
}

function remove(task) {
  if (task.problem) todo.discard(task.id);
  const seen = task.problem ? task.current : task;
  if (seen) todo.remove(seen);
  tell(`Deleted “${task.title}”.`, () => bringBack([task]));
  sync();
}

function bringBack(tasks) {
  tasks.forEach(createAnew);
  sync();
}

function move(item, above, below) {
  const task = taskAt(item);
  if (!task) return; // it was deleted elsewhere meanwhile
  const places = [above && { after: above.dataset.id }, below && { before: below.dataset.id }];
  todo.move(task, ...places.filter(Boolean));
  sync();
  const items = [...byId("list").children];
  announce(`Moved “${task.title}” to ${items.indexOf(item) + 1} of ${items.length}.`);
}

/** Under a new id: what was deleted stays so, on every device. */
const createAnew = ({ id, created_at, ...members }) => todo.create(members);

const taskOf = (id) => todo.list().find((task) => task.id === id);
const taskAt = (element) => taskOf(element.closest("li").dataset.id);
const handlers = {
  edit: (task) => (task.problem ? resolve(task) : change(task)),
  resolve,
  remove,
  tag: (task, button) => showTagged(button),
};

addEventListener("unhandledrejection", ({ reason }) => tell(reason.message)); // a full disk, say

byId("list").addEventListener("click", ({ target }) => {
  const button = target.closest("button");
  if (button) handlers[button.name](taskAt(button), button);
});
byId("list").addEventListener("change", ({ target }) => complete(taskAt(target), target.checked));
letMove(byId("list"), move);
byId("list").addEventListener("dragend", show); // it may have been given up

byId("add").addEventListener("submit", async (event) => {
  event.preventDefault();
  const form = event.target;
  const title = saidIn(form).title.trim();
  const members = event.submitter.name === "details" ? await edit({ title }) : { title };
  if (!members) return;
  form.reset();
  save({}, members);
});

byId("clear").addEventListener("click", async () => {
  try {
    await todo.sync();
    const completed = todo.list().filter((task) => task.completed && !task.isUnsent);
    const { deleted } = await send("DELETE", "/api/tasks?status=completed");
    tell(`Deleted ${deleted} completed.`, () => bringBack(completed));
  } catch (error) {
    tell(error.message);
  }
  sync();
});
