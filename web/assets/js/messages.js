// What people are told.
// In: a notice or an error's code. Out: a sentence that says what to do.

const NOTICES = {
  ended: "Your session has ended, please sign in again.",
  "signed-out": "You are signed out, here and in your other tabs.",
  "signed-up": "Welcome! Your account is ready: sign in to begin.",
  deleted: "Your account and everything in it is gone.",
  reset: "Your password is saved, and you are signed out everywhere. Sign in with it now.",
};

const WITHOUT_MAIL = "This server sends no mail. Ask whoever runs it to help you.";

const ERRORS = {
  NO_ANSWER: "The server can’t be reached. Check your connection and try again.",
  INVALID_EMAIL: "This is not an e-mail address.",
  INVALID_EMAIL_OR_PASSWORD: "The e-mail address or the password is wrong.",
  INVALID_PASSWORD: "This is not your current password.",
  PASSWORD_TOO_SHORT: "Use at least 8 characters.",
  PASSWORD_TOO_LONG: "Use at most 128 characters.",
  CREDENTIAL_ACCOUNT_NOT_FOUND: "You don’t sign in with a password.",
  USER_ALREADY_EXISTS_USE_ANOTHER_EMAIL: "There is an account with this address already. Sign in instead?",
  EMAIL_NOT_VERIFIED: "Your address is not confirmed yet. Open the link in the mail that we have sent there.",
  EMAIL_ALREADY_VERIFIED: "Your address is confirmed already.",
  EMAIL_IS_THE_SAME: "This is your address already.",
  EMAIL_MISMATCH: "You are signed in with another address.",
  INVALID_USER: "You are signed in as another user than the one whom this link is for. Sign out, and open the link again.",
  VERIFICATION_EMAIL_NOT_ENABLED: WITHOUT_MAIL,
  RESET_PASSWORD_DISABLED: WITHOUT_MAIL,
  SESSION_NOT_FRESH: "It’s been a while since you signed in. Confirm your password to go on.",
  MISSING_OR_NULL_ORIGIN: "The browser hides where this page comes from, so the server refuses it.",
  INVALID_ORIGIN: "The server doesn’t know the address that this page was opened at. Open it at its public address.",
  SIGN_IN_BUSY: "Many people are signing in right now. Try again in a moment.",
  MAIL_BUSY: "Many people wait for mail right now. Try again in a moment.",
  SIGNING_UNAVAILABLE: "The server can’t issue tokens right now. Try again in a moment.",
  TASK_QUOTA_REACHED: "You have as many tasks as you may have. Delete some first.",
  TASKS_BUSY: "Many tasks are being written right now. Try again in a moment.",
  DATABASE_UNAVAILABLE: "The server’s database doesn’t answer. Try again in a moment.",
  KEY_SET_UNAVAILABLE: "The server can’t check tokens right now. Try again in a moment.",
  REQUEST_TIMEOUT: "That took too long. Try again.",
  PAYLOAD_TOO_LARGE: "That is too large.",
  FORBIDDEN: "That belongs to somebody else.",
  NOT_FOUND: "That is no longer there.",
};

const MEMBERS = {
  name: "Use at most 256 characters, without line breaks.",
  email: "This is not an e-mail address.",
  newEmail: "This is not an e-mail address.",
  title: "Use 1 to 200 characters.",
  description: "Use at most 2000 characters.",
};

export function noticed(notice) {
  return NOTICES[notice];
}

/** @param {import("./api.js").ApiError} error */
export function explained(error) {
  if (error.code === "TOO_MANY_REQUESTS") {
    return `Too many attempts. Try again in ${counted(Math.max(error.wait, 1), "second")}.`;
  }
  return ERRORS[error.code] ?? "Something went wrong on our side. Try again, and tell the operator if it stays.";
}

/** What is wrong with one member of a body. */
export function misfit(member) {
  return MEMBERS[member] ?? "This does not fit.";
}

export function counted(number, noun) {
  return `${number} ${noun}${number === 1 ? "" : "s"}`;
}

const DATE = new Intl.DateTimeFormat(undefined, { dateStyle: "medium" });
const MOMENT = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "short" });

/** A day, for people. */
export function day(time) {
  return DATE.format(new Date(time));
}

/** A day and a time of day, for people. */
export function moment(time) {
  return MOMENT.format(new Date(time));
}
