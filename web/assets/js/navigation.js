// Where to go next.
// In: what an address asks for. Out: a page of this app.
// Owns: an address leads to no other place than a page of ours, whatever it says.

/** What a page may be told when it is come to. Only these words travel in addresses, never a text. */
const NOTICES = ["ended", "signed-out", "signed-up", "deleted", "reset"];

/** The pages for people who are signed in; the first is where they begin. */
function pages() {
  return document.body.dataset.pages.split(" ");
}

export function home() {
  return pages()[0];
}

/** Whether this page has something to show only to people who are signed in. */
export function isForMembers() {
  return pages().includes(location.pathname);
}

/** The request of an application that waits for whoever signs in, if there is one. */
export function waiting() {
  const request = new URLSearchParams(location.search).get("request");
  return request !== null && /^[A-Za-z0-9]{32}$/.test(request) ? request : null;
}

/** What a request is remembered under, for another tab: a link in a mail opens one. */
const PLACE = "waiting";
/** As long as the server keeps it, in milliseconds. */
const KEPT_FOR = 3_600_000;

/** Remembers the request that waits, since a link in a mail leads on. It is worth nothing in another browser. */
export function remember() {
  if (waiting() === null) return;
  localStorage.setItem(PLACE, JSON.stringify({ request: waiting(), until: Date.now() + KEPT_FOR }));
}

/** The page of the request that was remembered, once and in time. */
export function recall() {
  const kept = JSON.parse(localStorage.getItem(PLACE));
  localStorage.removeItem(PLACE);
  return kept !== null && kept.until > Date.now() ? `/sign-in?request=${encodeURIComponent(kept.request)}` : null;
}

/** Where the link of a mail leads in the end: back to the request that waits, or nowhere in particular. */
export function callback() {
  return waiting() === null ? {} : { callbackURL: `/consent?request=${waiting()}` };
}

/** The page that was wanted before signing in, with the token of a mail's link if one is carried there. */
export function wanted(token = null) {
  if (waiting() !== null) return `/consent?request=${waiting()}`;
  const text = new URLSearchParams(location.search).get("next");
  if (text === null || !URL.canParse(text, location.origin)) return home();
  const place = new URL(text, location.origin);
  const isOurs = place.origin === location.origin && pages().includes(place.pathname);
  return isOurs ? place.pathname + place.search + (token === null ? place.hash : fragment(token)) : home();
}

/** What this page is told, once: it does not stay in the address. */
export function takeNotice() {
  const query = new URLSearchParams(location.search);
  const notice = query.get("notice");
  if (notice === null) return null;
  query.delete("notice");
  history.replaceState(null, "", location.pathname + (query.size ? `?${query}` : "") + location.hash);
  return NOTICES.includes(notice) ? notice : null;
}

/**
 * The token in the address, once: it stays neither there nor in the history. The links of our mails carry it in the fragment,
 * which no log and no referrer sees; the API hands it on in the query where a page of ours was named as `redirectTo`.
 */
export function takeToken() {
  const query = new URLSearchParams(location.search);
  const token = new URLSearchParams(location.hash.slice(1)).get("token") ?? query.get("token");
  if (token !== null) {
    query.delete("token");
    history.replaceState(null, "", location.pathname + (query.size ? `?${query}` : ""));
  }
  // A link that is pasted into this tab is no new page for the browser.
  addEventListener("hashchange", () => location.hash.startsWith(fragment("")) && location.reload());
  return token || null;
}

function fragment(token) {
  return `#token=${encodeURIComponent(token)}`;
}

/**
 * To the sign-in page, from where one comes back to `next`; this page unless said otherwise. A token goes along where no log and
 * no referrer sees it.
 */
export function goToSignIn(notice = null, next = location.pathname + location.search, token = null) {
  const query = new URLSearchParams();
  if (next !== null && next !== home()) query.set("next", next);
  if (notice !== null) query.set("notice", notice);
  location.assign(`/sign-in${query.size ? `?${query}` : ""}${token === null ? "" : fragment(token)}`);
}
