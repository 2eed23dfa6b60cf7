// Accounts that an operator has made, whose users have no password yet.
import assert from "node:assert/strict";
import test from "node:test";

import { findings } from "./axe.mjs";
import { PASSWORD, base, mail, person, placeOf, signIn } from "./browser.mjs";

const press = (page, name) => page.getByRole("button", { name, exact: true }).click();

for (const [email, name, saying] of [["ada@example.com", "Ada", /Choose a password/i], ["bea@example.com", "Bea", /Passwort/]]) {
  test(`${name} follows the link of an invitation, chooses a password and signs in`, async () => {
    const { page } = await person();
    // Without one there is no way in.
    await page.goto(`${base}/sign-in`);
    await page.getByLabel("E-mail address").fill(email);
    await page.getByLabel("Password", { exact: true }).fill(PASSWORD);
    await press(page, "Sign in");
    await page.getByText("address or the password is wrong").waitFor();

    const message = await mail.next(email);
    assert.match(message.text, saying);
    assert.match(message.text, new RegExp(name));
    const place = placeOf(message);
    assert.equal(new URL(place).pathname, "/reset-password");
    await page.goto(place);
    await page.getByRole("heading", { name: "Choose a password" }).waitFor();
    assert.deepEqual(await findings(page, "invited"), []);
    await page.getByLabel("New password").fill(PASSWORD);
    await press(page, "Save the password");
    await page.getByText("Your password is saved").waitFor();
    await signIn(page, email);
    await page.goto(`${base}/account`);
    await page.locator("#address-state", { hasText: "Confirmed" }).waitFor();

    // The link works once.
    const { page: another } = await person();
    await another.goto(place);
    await another.getByLabel("New password").fill("another good password");
    await press(another, "Save the password");
    await another.getByRole("heading", { name: "This link doesn’t work" }).waitFor();
  });
}
