// The mail that people get: files of a folder, read with a library of others.
// In: a folder with a file for each message. Out: the messages to an address, one after the other, and the links in them.
import assert from "node:assert/strict";
import { readFile, readdir, stat } from "node:fs/promises";
import { createRequire } from "node:module";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";

const require = createRequire(`${process.env.SIGNET_TEST_CLIENTS}/package.json`);
const PostalMime = require("postal-mime");

/** How long a message may take on a machine that is busy with other things, in milliseconds. */
const PATIENCE = 60_000;

export class Mailbox {
  #folder;
  /** Messages by the names of their files; those that were handed out are taken out. */
  #messages = new Map();
  #seen = new Set();

  constructor(folder) {
    this.#folder = folder;
  }

  /** The first message to `address` that was not handed out yet and says this. */
  async next(address, saying = /./) {
    const since = Date.now();
    for (;;) {
      const [found] = (await this.unread(address)).filter(({ message }) => saying.test(message.subject) || saying.test(message.text));
      if (found) {
        this.#messages.delete(found.name);
        return found.message;
      }
      const others = [...this.#messages.values()].map(({ to, subject }) => `${to[0].address}: ${subject}`);
      assert.ok(Date.now() - since < PATIENCE, `no mail to ${address} says ${saying}; there is ${JSON.stringify(others)}`);
      await pause(50);
    }
  }

  /** The messages to `address` that were not handed out yet, in the order in which they came. */
  async unread(address) {
    const names = await readdir(this.#folder).catch(() => []);
    const fresh = names.filter((name) => name.endsWith(".eml") && !this.#seen.has(name));
    const found = await Promise.all(fresh.map(async (name) => {
      const path = join(this.#folder, name);
      return { name, came: (await stat(path, { bigint: true })).mtimeNs, message: await PostalMime.parse(await readFile(path)) };
    }));
    for (const { name, message } of found.sort((a, b) => Number(a.came - b.came))) {
      if (this.#seen.has(name)) continue;
      this.#seen.add(name);
      this.#messages.set(name, message);
    }
    return [...this.#messages].filter(([, { to }]) => to[0].address === address).map(([name, message]) => ({ name, message }));
  }
}

/** The one link of a message, which its text and its HTML have alike. */
export function linkOf(message) {
  const [link, ...others] = new Set(message.text.match(/https?:\/\/\S+/g));
  assert.ok(link && others.length === 0, `one link: ${message.text}`);
  assert.ok(message.html.replaceAll("&amp;", "&").replaceAll("&#x2f;", "/").includes(`href="${link}"`), `the same in the HTML: ${message.html}`);
  return new URL(link);
}
