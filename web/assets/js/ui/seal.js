// Draws a key, so that people can tell one from another at a glance.
// In: the thumbprint that names a key (its kid). Out: a rosette such as engravers cut into seals, the same for the same key.
// Owns: every number of the drawing comes from the thumbprint; nothing is random.

import { bytes } from "../token.js";
import { element } from "./dom.js";

const TURN = 2 * Math.PI;

/**
 * @param {string} kid RFC 7638 thumbprint, base64url
 * @param {string} label what it is, for those who do not see it
 */
export function seal(kid, label) {
  const digest = bytes(kid);
  let used = 0;
  const draw = (least, most) => least + (digest[used++ % digest.length] / 255) * (most - least);
  const whole = (least, most) => Math.round(draw(least, most));

  const bands = [
    { radius: 82, swing: draw(7, 11), petals: whole(14, 28), copies: 6 },
    { radius: draw(56, 62), swing: draw(9, 15), petals: whole(7, 15), copies: 7 },
    { radius: draw(28, 34), swing: draw(10, 16), petals: whole(3, 8), copies: 8 },
  ];
  const drawing = element("svg:svg", { class: "seal fresh", viewBox: "-100 -100 200 200", role: "img", "aria-label": label });
  drawing.append(element("svg:path", { class: "rim", pathLength: 1, d: curve(180, () => 97) }));
  for (const { radius, swing, petals, copies } of bands) {
    const beat = whole(2, 4);
    const depth = draw(0.1, 0.45);
    for (let copy = 0; copy < copies; copy++) {
      const phase = (TURN * copy) / copies;
      const distance = (angle) =>
        radius + swing * Math.sin(petals * angle + phase) * (1 - depth + depth * Math.cos(beat * petals * angle));
      // Twelve steps for each wave look round at any size that is shown.
      drawing.append(element("svg:path", { pathLength: 1, d: curve(12 * petals * beat, distance) }));
    }
  }
  return drawing;
}

/** A closed line around the middle, in so many steps. */
function curve(steps, distance) {
  const points = Array.from({ length: steps }, (_, step) => {
    const angle = (TURN * step) / steps;
    const radius = distance(angle);
    return `${(radius * Math.cos(angle)).toFixed(1)} ${(radius * Math.sin(angle)).toFixed(1)}`;
  });
  return `M${points.join("L")}Z`;
}
