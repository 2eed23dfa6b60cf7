// Reads a JWT, and checks it as any other service would.
// In: the text of a token; the published key set. Out: its header and claims; whether the signature is right.
// Owns: nothing is believed because of what is read here; the API judges for itself.

/** @returns {{text: string, header: object, claims: object}} */
export function read(text) {
  const [header, claims] = text.split(".").map((part) => bytes(part));
  return { text, header: json(header), claims: json(claims) };
}

/**
 * Whether `token` is signed with `key`, a member of the published set (RFC 8037).
 *
 * @returns {Promise<boolean | null>} null where this browser cannot tell
 */
export async function isSignedWith(token, key) {
  const [header, claims, signature] = token.text.split(".");
  const { kty, crv, x } = key;
  try {
    const imported = await crypto.subtle.importKey("jwk", { kty, crv, x }, "Ed25519", false, ["verify"]);
    const signed = new TextEncoder().encode(`${header}.${claims}`);
    return await crypto.subtle.verify("Ed25519", imported, bytes(signature), signed);
  } catch {
    return null;
  }
}

/** Decodes base64url. */
export function bytes(text) {
  const binary = atob(text.replaceAll("-", "+").replaceAll("_", "/"));
  return Uint8Array.from(binary, (character) => character.charCodeAt(0));
}

function json(encoded) {
  return JSON.parse(new TextDecoder().decode(encoded));
}
