// A page written in TypeScript, with the example's modules: their types say what may be done, and what not.
import { connect, type Problem } from "./send.js";
import { openTasks, type Shown } from "./tasks.js";

const send = connect("", async () => "token");
export const todo = openTasks(send, "ada", new Map() as unknown as Storage);

export const id: string = todo.create({ title: "Pay rent", due_date: "2026-12-01", priority: "high", tags: ["home"] });
export const [task]: (Shown | undefined)[] = todo.list();
if (task) {
  todo.update(task, { title: "Pay the rent", completed: true, due_date: null });
  todo.move(task, { after: id }, { to: "top" });
  todo.remove(task.current ?? task);
  todo.discard(task.id);
}
export const problem: Problem | undefined = task?.problem;
export const sending: Promise<void> = todo.sync();

// @ts-expect-error  a token is fetched, not given
connect("", "token");
// @ts-expect-error  a task has a title
todo.create({ priority: "low" });
// @ts-expect-error  there is no such priority
todo.create({ title: "Pay rent", priority: "urgent" });
// @ts-expect-error  tags are texts of their own, not one with commas
todo.create({ title: "Pay rent", tags: "home, money" });
// @ts-expect-error  a task goes to the top or the bottom
todo.move(todo.list()[0], { to: "middle" });
// @ts-expect-error  what a user deletes is the task as they saw it, not whatever has this id
todo.remove(id);
// @ts-expect-error  there may be no problem
task.problem.detail;
