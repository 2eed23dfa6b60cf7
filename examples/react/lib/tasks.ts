// The tasks API with a bearer token that is kept in memory alone.
import { authClient, signet } from "./auth-client";

export type Task = { id: string; title: string; completed: boolean };

async function askForToken(): Promise<string> {
  const { data, error } = await authClient.token();
  // 401 is the end of the session: let useSession find out.
  if (error?.status === 401) authClient.$store.notify("$sessionSignal");
  if (error) throw new Error(error.message);
  return data.token;
}

/** The tasks of whoever is signed in. Make a new one for each session: it remembers a token of this one. */
export function tasksOfSession() {
  let token: Promise<string> | undefined;

  function renew(): Promise<string> {
    token = askForToken();
    token.catch(() => (token = undefined)); // so that the next call asks again
    return token;
  }

  async function call(method: string, path = "", body?: object): Promise<Response> {
    const send = async (jwt: string) =>
      fetch(`${signet}/api/me/tasks${path}`, {
        method,
        headers: { authorization: `Bearer ${jwt}`, ...(body && { "content-type": "application/json" }) },
        body: body && JSON.stringify(body),
      });
    const used = token ?? renew();
    let response = await send(await used);
    if (response.status === 401) {
      // It has expired. Whoever notices first asks for the next one, for all.
      if (token === used) renew();
      response = await send(await (token ?? renew()));
    }
    if (!response.ok) throw new Error((await response.json()).message);
    return response;
  }

  return {
    list: async (): Promise<Task[]> => (await call("GET")).json(),
    add: async (title: string): Promise<Task> => (await call("POST", "", { title })).json(),
    complete: async ({ id, completed }: Task): Promise<Task> =>
      (await call("PATCH", `/${id}/complete`, { completed: !completed })).json(),
    remove: async ({ id }: Task) => void (await call("DELETE", `/${id}`)),
  };
}
