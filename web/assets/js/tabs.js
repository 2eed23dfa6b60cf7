// Tells the other tabs of this browser who came and went. No credential is ever told.

const channel = new BroadcastChannel("signet");

/** @param {{kind: "signed-out", notice: string} | {kind: "signed-in", user: string}} message */
export function tell(message) {
  channel.postMessage(message);
}

export function listen(hear) {
  channel.addEventListener("message", ({ data }) => hear(data));
}
