// Which tasks to show, and in which order: what `GET /api/tasks` does, for the tasks on the device.
import { beginning } from "./due.js";
import { foldTag } from "./tasks.js";

const RANKS = { high: 0, medium: 1, low: 2 };
const ORDERS = {
  created: { key: (task) => task.created_at, isDescending: true },
  due_date: { key: (task) => beginning(task.due_date) },
  priority: { key: (task) => RANKS[task.priority] },
  title: { key: (task) => task.title.toLowerCase() },
};

/** Those that have the tag, and whose title or description holds all the words. In the order by hand they
 *  stay as they are; in every other, what is done and what lacks the key comes last. */
export function find(tasks, { status, words, tag, sort }) {
  const wanted = words.toLowerCase().split(/\s+/);
  const found = tasks
    .filter((task) => status === "all" || task.completed === (status === "completed"))
    .filter(({ tags }) => !tag || tags.map(foldTag).includes(tag))
    .filter(({ title, description }) => {
      const text = `${title}\n${description ?? ""}`.toLowerCase();
      return wanted.every((word) => text.includes(word));
    });
  return sort === "position" ? found : found.sort(by(ORDERS[sort]));
}

const by = ({ key, isDescending }) => (a, b) =>
  compare(a.completed, b.completed) ||
  compare(key(a), key(b), isDescending) ||
  compare(a.created_at, b.created_at, true);

function compare(a, b, isDescending) {
  if (a == null || b == null) return (a == null) - (b == null);
  if (a === b) return 0;
  return a < b === !isDescending ? -1 : 1;
}
