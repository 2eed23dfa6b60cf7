// A program that signs up and minds its tasks, through clients whose types are generated from Signet's documents.
//
//     export SIGNET_URL=http://localhost:8080
//     npm install && npm run generate && npm run build && npm start

import createClient from "openapi-fetch";
import type { paths as Identity } from "./identity.js";
import type { components, paths as Tasks } from "./tasks.js";

const baseUrl = process.env.SIGNET_URL ?? "http://localhost:8080";
const identity = createClient<Identity>({ baseUrl });
const tasks = createClient<Tasks>({ baseUrl });

/** What an answer holds; an error is thrown. */
function got<T>({ data, error }: { data?: T; error?: components["schemas"]["Error"] }): T {
  if (error) throw new Error(`${error.code}: ${error.message}`);
  return data as T;
}

/** Sends a credential with every request of a client. */
const bearing = (token: string) => ({
  onRequest: ({ request }: { request: Request }) => request.headers.set("authorization", `Bearer ${token}`),
});

// Without a browser there is no cookie: the session token goes where the JWT goes at the tasks API.
const email = `ada-${crypto.randomUUID()}@example.com`;
const password = "correct horse battery";
got(await identity.POST("/api/auth/sign-up/email", { body: { name: "Ada", email, password } }));
const session = got(await identity.POST("/api/auth/sign-in/email", { body: { email, password } }));
identity.use(bearing(session.token));
const { token } = got(await identity.GET("/api/auth/token"));
tasks.use(bearing(token));

const user_id = "me";
const milk = got(
  await tasks.POST("/api/{user_id}/tasks", { params: { path: { user_id } }, body: { title: "Buy milk" } }),
);
const path = { user_id, id: milk.id };
got(await tasks.PATCH("/api/{user_id}/tasks/{id}/complete", { params: { path }, body: { completed: true } }));
for (const task of got(await tasks.GET("/api/{user_id}/tasks", { params: { path: { user_id } } }))) {
  console.log(task.completed ? "[x]" : "[ ]", task.title);
}
got(await tasks.DELETE("/api/{user_id}/tasks/{id}", { params: { path } }));

// An error is a value with a type: programs compare its code.
const { error } = await tasks.GET("/api/{user_id}/tasks/{id}", { params: { path } });
if (error?.code === "NOT_FOUND") console.log("It is gone");
got(await identity.POST("/api/auth/sign-out"));
