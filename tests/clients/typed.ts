// Mistakes that the generated types have to notice. It is compiled and never run; a mistake that is allowed is an error.
import createClient from "openapi-fetch";
import type { paths as Identity } from "./identity.js";
import type { paths as Tasks } from "./tasks.js";

const identity = createClient<Identity>();
const tasks = createClient<Tasks>();
const params = { path: { user_id: "me" } };

// @ts-expect-error: a task has a title
await tasks.POST("/api/{user_id}/tasks", { params, body: {} });
// @ts-expect-error: the path says whose tasks
await tasks.GET("/api/{user_id}/tasks", {});
// @ts-expect-error: an update changes something
await identity.POST("/api/auth/update-user", { body: {} });
await identity.POST("/api/auth/update-user", { body: { image: null } });

const { data: session } = await identity.GET("/api/auth/get-session");
if (session !== undefined) {
  // @ts-expect-error: null, when no user is signed in
  session.user;
  session?.user.image satisfies string | null | undefined;
  // @ts-expect-error: null, when there is no picture
  session?.user.image satisfies string | undefined;
}

const { error } = await identity.GET("/api/auth/token");
error?.code satisfies string | undefined;
// @ts-expect-error: no error has such a member
error?.reason;
