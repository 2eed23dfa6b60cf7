// The unmodified better-auth client: with cookies, as in a browser, or with a bearer.
// In: the address of a server, and the origin that a browser would send. Out: clients, and what their calls came to.
import assert from "node:assert/strict";
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";

const require = createRequire(`${process.env.SIGNET_TEST_CLIENTS}/package.json`);
const load = (name) => import(pathToFileURL(require.resolve(name)).href);
export const { createAuthClient } = await load("better-auth/client");
const { jwtClient } = await load("better-auth/client/plugins");

/** A fetch that keeps cookies and says where it comes from, as a browser does. */
export function browser(origin) {
  const jar = new Map();
  return async (input, init = {}) => {
    const headers = new Headers(init.headers);
    headers.set("origin", origin);
    if (jar.size) headers.set("cookie", [...jar].map(([name, value]) => `${name}=${value}`).join("; "));
    const response = await fetch(input, { ...init, headers });
    for (const line of response.headers.getSetCookie()) {
      const [name, value] = line.split(";")[0].split(/=(.*)/s);
      if (/max-age=0(;|$)/i.test(line)) jar.delete(name);
      else jar.set(name, value);
    }
    return response;
  };
}

/** @param {typeof fetch} customFetchImpl a {@link browser} */
export function withCookies(baseURL, customFetchImpl) {
  return createAuthClient({ baseURL, plugins: [jwtClient()], fetchOptions: { customFetchImpl } });
}

/** As the documentation of the bearer plugin shows it. */
export function withBearer(baseURL) {
  let token = "";
  return createAuthClient({
    baseURL,
    plugins: [jwtClient()],
    fetchOptions: {
      onSuccess: ({ response }) => {
        token = response.headers.get("set-auth-token") ?? token;
      },
      auth: { type: "Bearer", token: () => token },
    },
  });
}

export const ok = ({ data, error }) => {
  assert.equal(error, null, JSON.stringify(error));
  return data;
};
export const refused = ({ data, error }, status, code) => {
  assert.equal(data, null);
  assert.deepEqual({ status: error.status, code: error.code }, { status, code });
};
