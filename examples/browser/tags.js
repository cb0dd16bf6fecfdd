// Tags: typed in with commas between them, counted, and offered as a filter.
import { foldTag } from "./tasks.js";

/** The tags in what the user has typed. */
export const parseTags = (text) => text.split(",").map((tag) => tag.trim()).filter(Boolean);

/** What `GET /api/tasks/tags` answers, for the tasks on the device; their spelling is that of the newest. */
function countTags(tasks) {
  const counts = new Map();
  for (const { tags, completed } of tasks.toSorted((a, b) => (a.created_at < b.created_at ? -1 : 1))) {
    for (const tag of tags) {
      const { pending = 0 } = counts.get(foldTag(tag)) ?? {};
      counts.set(foldTag(tag), { tag, pending: pending + !completed });
    }
  }
  return [...counts].sort();
}

/** Offer all tags in a select, whose value is the folded one; one that is gone is no longer selected. */
export function offerTags(select, tasks) {
  const option = ([value, { tag, pending }]) => new Option(`${tag} (${pending})`, value);
  const options = countTags(tasks).map(option);
  const [all, ...known] = select.options;
  if (wording(options) === wording(known)) return; // it may be open
  const { value } = select;
  select.replaceChildren(all, ...options);
  select.value = options.some((known) => known.value === value) ? value : "";
  select.closest("label").hidden = !options.length;
}

const wording = (options) => options.map(({ text }) => text).join();
