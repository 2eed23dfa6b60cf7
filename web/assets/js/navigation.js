// Where to go next.
// In: what an address asks for. Out: a page of this app.
// Owns: an address leads to no other place than a page of ours, whatever it says.

/** What a page may be told when it is come to. Only these words travel in addresses, never a text. */
const NOTICES = ["ended", "signed-out", "signed-up", "deleted"];

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

/** The page that was wanted before signing in. */
export function wanted() {
  const text = new URLSearchParams(location.search).get("next");
  if (text === null || !URL.canParse(text, location.origin)) return home();
  const place = new URL(text, location.origin);
  const isOurs = place.origin === location.origin && pages().includes(place.pathname);
  return isOurs ? place.pathname + place.search + place.hash : home();
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

/** To the sign-in page, from where one comes back to `next`; this page unless said otherwise. */
export function goToSignIn(notice = null, next = location.pathname + location.search) {
  const query = new URLSearchParams();
  if (next !== null && next !== home()) query.set("next", next);
  if (notice !== null) query.set("notice", notice);
  location.assign(`/sign-in${query.size ? `?${query}` : ""}`);
}
