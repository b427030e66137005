/** A picture beyond the limit: it is offered at a size that can be edited, opened there, and painted on. With a server and without. */
import sharp from "sharp";
import { expect, it } from "vitest";
import { MAX_PICTURE_PIXELS } from "../../src/images/picture.ts";
import { drag, FORMS, openPage } from "./site.ts";

const [WIDTH, HEIGHT] = [10_000, 6500];

it.each(FORMS)("a picture beyond the limit opens at 40 megapixels, $form", async ({ open }) => {
  expect(WIDTH * HEIGHT).toBeGreaterThan(MAX_PICTURE_PIXELS);
  const file = await sharp({ create: { width: WIDTH, height: HEIGHT, channels: 3, background: "#4a7" } })
    .jpeg()
    .toBuffer();
  const site = await open();
  try {
    const { page, errors } = await openPage(site);
    const [chooser] = await Promise.all([
      page.waitForEvent("filechooser"),
      page.getByRole("button", { name: "Open a picture" }).click(),
    ]);
    await chooser.setFiles({ name: "wall.jpg", mimeType: "image/jpeg", buffer: file });
    const offer = page.getByRole("alert").filter({ hasText: "too large to be edited here" });
    await offer.waitFor();
    // The start is there again: nothing is lost by saying no.
    await page.locator(".examples").waitFor();
    // The browser itself notes a refusal by the server.
    expect(errors.splice(0).filter((error) => !/413/.test(error))).toEqual([]);
    await offer.getByRole("button", { name: "Open at 40 MP" }).click();
    await page.getByText("Scaling the picture down").first().waitFor();
    await page.locator(".stage canvas").waitFor();
    await page.locator(".still-loading").waitFor({ state: "detached" });
    await page.getByRole("button", { name: "Export" }).click();
    const told = await page.getByText(/\d+ × \d+ · /).textContent();
    const [width, height] = /(\d+) × (\d+)/.exec(told!)!.slice(1).map(Number) as [number, number];
    expect(width * height).toBeLessThanOrEqual(40e6);
    expect(width * height).toBeGreaterThan(39.9e6);
    expect(width / height).toBeCloseTo(WIDTH / HEIGHT, 2);
    await page.keyboard.press("Escape");
    await page.locator(".stage canvas").press("b");
    await drag(page, [
      [0.4, 0.5],
      [0.6, 0.5],
    ]);
    await expect.poll(() => page.locator(".region").first().textContent()).toMatch(/[1-9]\d* %/);
    expect(errors).toEqual([]);
  } finally {
    await site.close();
  }
});
