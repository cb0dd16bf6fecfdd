// Mistakes. The compiler has to find every one of them: it reports those lines that it expected one in.
import { connect } from "./client.js";
import type { components } from "./todo.js";

type TaskInput = components["schemas"]["TaskInput"];
const todo = connect("", "");
const title = "Pay rent";

// @ts-expect-error  the required member is misspelt
todo.POST("/api/tasks", { body: { titel: title } });
// @ts-expect-error  an optional member is misspelt
todo.POST("/api/tasks", { body: { title, due: "2026-12-01" } satisfies TaskInput });
// @ts-expect-error  there is no such priority
todo.POST("/api/tasks", { body: { title, priority: "urgent" } });
// @ts-expect-error  null clears a member, but a task always has a title
todo.PATCH("/api/tasks/{id}", { params: { path: { id: "" } }, body: { title: null } });
// @ts-expect-error  there is no such status
todo.GET("/api/tasks", { params: { query: { status: "done" } } });
// @ts-expect-error  nothing else may be cleared
todo.DELETE("/api/tasks", { params: { query: { status: "all" } } });
// @ts-expect-error  it must be said what to clear
todo.DELETE("/api/tasks");
// @ts-expect-error  a batch has no such operation
todo.POST("/api/tasks/batch", { body: { operations: [{ op: "archive", id: "" }] } });
// @ts-expect-error  the confirmation is another word
todo.DELETE("/api/account", { body: { confirm: "yes" } });
// @ts-expect-error  there is no such address
todo.GET("/api/todos");

todo.GET("/api/tasks").then(({ data, error, response }) => {
  // @ts-expect-error  there may be no tasks, but an error
  data.length;
  // @ts-expect-error  a task has no such member
  data?.[0]?.done;
  // @ts-expect-error  nor has an error
  error?.message;
  // @ts-expect-error  there is no such code
  error?.code === "bad_token";
});

todo.GET("/api/tasks/changes").then(({ data }) => {
  // @ts-expect-error  of a task that is gone there is nothing left
  data?.changes[0]?.task;
});
