"use client";

import { type FormEvent, useEffect, useState } from "react";
import { authClient } from "../lib/auth-client";
import { type Task, tasksOfSession } from "../lib/tasks";

export default function Page() {
  const { data, isPending, error } = authClient.useSession();
  // The key makes all of it anew for the next session: the tasks, the token.
  if (data) return <Tasks key={data.session.id} name={data.user.name} />;
  // Hidden and not taken away: what was typed outlives the client's asking again.
  return (
    <div hidden={isPending}>
      {error && <p role="alert">Nobody knows who is signed in: {error.message}</p>}
      <Entry />
    </div>
  );
}

function Entry() {
  const [isNew, setNew] = useState(false);
  const [problem, setProblem] = useState<string>();

  async function submit(event: FormEvent<HTMLFormElement>) {
    event.preventDefault();
    const field = (name: string) => String(new FormData(event.currentTarget).get(name));
    const credentials = { email: field("email"), password: field("password") };
    try {
      const { error } = isNew
        ? await authClient.signUp.email({ name: field("name"), ...credentials })
        : await authClient.signIn.email(credentials);
      // Nothing else to do when it went well: useSession notices.
      setProblem(error?.message);
    } catch (error) {
      setProblem((error as Error).message);
    }
  }

  return (
    <form onSubmit={submit}>
      <h1>{isNew ? "Sign up" : "Sign in"}</h1>
      {isNew && <input name="name" placeholder="Name" aria-label="Name" autoComplete="name" required />}
      <input name="email" type="email" placeholder="E-mail" aria-label="E-mail" autoComplete="email" required />
      <input
        name="password"
        type="password"
        placeholder="Password"
        aria-label="Password"
        autoComplete={isNew ? "new-password" : "current-password"}
        required
      />
      <button>{isNew ? "Sign up" : "Sign in"}</button>
      <button type="button" onClick={() => setNew(!isNew)}>
        {isNew ? "I have an account" : "I am new here"}
      </button>
      {problem && <p role="alert">{problem}</p>}
    </form>
  );
}

function Tasks({ name }: { name: string }) {
  const [api] = useState(tasksOfSession);
  const [tasks, setTasks] = useState<Task[]>([]);
  const [problem, setProblem] = useState<string>();

  /** Does something, and shows what the tasks are then. */
  async function after(something?: Promise<unknown>) {
    try {
      await something;
      setTasks(await api.list());
      setProblem(undefined);
    } catch (error) {
      setProblem((error as Error).message);
    }
  }

  useEffect(() => void after(), []);

  function add(event: FormEvent<HTMLFormElement>) {
    event.preventDefault();
    const form = event.currentTarget;
    after(api.add(String(new FormData(form).get("title"))).then(() => form.reset()));
  }

  return (
    <>
      <h1>{name}’s tasks</h1>
      <form onSubmit={add}>
        <input name="title" placeholder="What is to be done?" aria-label="Title" required />
        <button>Add</button>
      </form>
      {problem && <p role="alert">{problem}</p>}
      <ul>
        {tasks.map((task) => (
          <li key={task.id}>
            <label>
              <input type="checkbox" checked={task.completed} onChange={() => after(api.complete(task))} /> {task.title}
            </label>{" "}
            <button onClick={() => after(api.remove(task))} aria-label={`Delete ${task.title}`}>
              ×
            </button>
          </li>
        ))}
      </ul>
      <button onClick={() => authClient.signOut()}>Sign out</button>
    </>
  );
}
