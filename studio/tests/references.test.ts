/** The slot for reference pictures: there with a model that takes some, and not with one that takes none. */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import sharp from "sharp";
import { afterAll, describe, expect, it } from "vitest";
import { EmilieClient } from "../../src/client/index.ts";
import { readPicture } from "../../src/images/codec.node.ts";
import { describeReference } from "../../src/session/picture/references.ts";
import { copyCheckpoint, FLUX2, scratchFolder } from "../../tests/support/flux2-fixture.ts";
import { letSetSteps, setSteps } from "./recovery.ts";
import {
  drop,
  edit,
  openExample,
  openPage,
  openServer,
  openSite,
  root,
  type Site,
  seriousFaults,
} from "./site.ts";

const folder = scratchFolder();
const sites: Site[] = [];
afterAll(async () => {
  for (const site of sites) await site.close();
});

describe("reference pictures", () => {
  it("are given beside the instruction, taken away, and go with the edit", async () => {
    const site = await openServer(copyCheckpoint(folder, "klein"));
    sites.push(site);
    const { page, errors } = await openPage(site);
    const client = new EmilieClient({ baseUrl: site.url });
    const photo = new File([await readFile(join(FLUX2, "klein/picture-0-0.png"))], "photo.png");
    const created = await client.createSession(photo, { model: "klein" });
    await page.goto(`${site.url}#session=${created.id}`);
    await page.reload();
    await page.locator(".stage canvas").waitFor();
    const hat = join(root, "examples/cottage.png");
    const input = page.locator(".references input[type=file]");
    await input.setInputFiles([hat, hat]);
    const shown = page.locator(".reference img");
    await expect.poll(() => shown.count()).toBe(2);
    await page.getByRole("button", { name: "Remove reference 2" }).click();
    await expect.poll(() => shown.count()).toBe(1);
    // One that is dropped may be meant as one, too.
    await drop(page, await readFile(hat), "dropped.png");
    await page.getByRole("dialog").getByRole("button", { name: "Use as reference" }).click();
    await expect.poll(() => shown.count()).toBe(2);
    await page.getByRole("button", { name: "Remove reference 2" }).click();
    await expect.poll(() => shown.count()).toBe(1);
    expect(await seriousFaults(page)).toEqual([]);
    // They are of the draft, which a reload keeps.
    await page.reload();
    await expect.poll(() => shown.count()).toBe(1);
    await edit(page, "wear this hat");
    // They have served with the words.
    await expect.poll(() => shown.count()).toBe(0);
    await page.getByText("wear this hat").first().waitFor();
    const session = await client.session(created.id);
    expect(session.nodes.at(-1)!.recipe!.references).toMatchObject([
      { width: 128, height: 128, sha256: (await describeReference(await readPicture(hat))).sha256 },
    ]);
    // A picture's file does not hold them: its steps are refused in words before anything is asked for.
    const png = await client.picture(created.id, session.nodes.at(-1)!.id, { format: "png" });
    const { page: other } = await openPage(site);
    await other.locator(".examples").waitFor();
    const [chooser] = await Promise.all([
      other.waitForEvent("filechooser"),
      other.locator(".open-area").click(),
    ]);
    const buffer = Buffer.from(await png.arrayBuffer());
    await chooser.setFiles({ name: "hat.png", mimeType: "image/png", buffer });
    await other.getByText(/refer to other pictures, which its file does not contain/).waitFor();
    expect(await other.getByRole("button", { name: /^Restore its/ }).count()).toBe(0);
    await other.context().close();
    // Four are taken, and a fifth is said to be too many.
    await input.setInputFiles([hat, hat, hat, hat, hat]);
    await expect.poll(() => shown.count()).toBe(4);
    await page.getByText("The model takes up to 4 reference pictures.").waitFor();
    expect(errors).toEqual([]);
  });

  it("come back with the words from a queue, from a step that one leaves, and go with its detail and its other seeds", async () => {
    const site = await openServer(copyCheckpoint(folder, "klein", {}, "klein-again"));
    sites.push(site);
    const { page, errors } = await openPage(site);
    await letSetSteps(page);
    const client = new EmilieClient({ baseUrl: site.url });
    // Larger than the model's size, so that there is detail to keep.
    const large = sharp(join(FLUX2, "klein/picture-0-0.png")).resize(192, 128, { kernel: "nearest" });
    const photo = new File([new Uint8Array(await large.png().toBuffer())], "photo.png");
    const created = await client.createSession(photo, { model: "klein-again" });
    await page.goto(`${site.url}#session=${created.id}`);
    await page.reload();
    await page.locator(".stage canvas").waitFor();
    const hats = ["cottage", "lake"].map((name) => join(root, `examples/${name}.png`));
    const input = page.locator(".references input[type=file]");
    const shown = page.locator(".reference img");
    const text = () => page.inputValue("#instruction");
    /** What the pictures in the slot are, by their pixels. */
    const given = async () => {
      const described = [];
      for (const src of await shown.evaluateAll((all) => all.map((one) => (one as HTMLImageElement).src))) {
        const bytes = await page.evaluate(
          async (src) => [...new Uint8Array(await (await fetch(src)).arrayBuffer())],
          src,
        );
        described.push(await describeReference(await readPicture(Uint8Array.from(bytes))));
      }
      return described;
    };
    const asked = await Promise.all(hats.map(async (hat) => describeReference(await readPicture(hat))));
    const last = async () => (await client.session(created.id)).nodes.at(-1)!;

    // Queued, and taken back.
    await setSteps(page, 900);
    await page.fill("#instruction", "make it night");
    await page.press("#instruction", "Enter");
    await page.locator(".edit-button.running").waitFor();
    await input.setInputFiles(hats);
    await page.fill("#instruction", "wear this hat");
    await expect.poll(() => shown.count()).toBe(2);
    await page.press("#instruction", "Enter");
    await expect.poll(() => shown.count()).toBe(0);
    await page.getByRole("button", { name: "Cancel “wear this hat”" }).click();
    await expect.poll(given).toEqual(asked);
    expect(await text()).toBe("wear this hat");
    // What was stopped while the next one stood in the box waits in its row.
    await page.locator(".stage canvas").press("Escape");
    await page.locator(".edit-button:not(.running)").waitFor();
    await page.getByRole("button", { name: "Cancel “make it night”" }).click();
    await setSteps(page, 1);
    await page.press("#instruction", "Enter");
    await expect.poll(() => shown.count()).toBe(0);
    await page.locator(".edit-button:not(.running)").waitFor();
    const made = await last();
    expect(made.recipe!.references).toEqual(asked);

    // The same with detail, and with another seed.
    await page.getByRole("radio", { name: "With detail", exact: true }).click();
    await expect.poll(async () => (await last()).id).not.toBe(made.id);
    await page.locator(".edit-button:not(.running)").waitFor();
    const detailed = await last();
    expect(detailed.recipe).toMatchObject({ references: asked, detail: "on", seed: made.recipe!.seed });
    await page.getByRole("button", { name: "Try again" }).click();
    await expect.poll(async () => (await last()).id).not.toBe(detailed.id);
    await page.locator(".edit-button:not(.running)").waitFor();
    const again = await last();
    expect(again.recipe!.references).toEqual(asked);
    expect(again.recipe!.seed).not.toBe(made.recipe!.seed);

    // Stepping back brings them, stepping forward takes them away, and the next edit has them.
    await page.locator(".stage canvas").press("z");
    await expect.poll(given).toEqual(asked);
    expect(await text()).toBe("wear this hat");
    await page.locator(".stage canvas").press("Shift+z");
    await expect.poll(() => shown.count()).toBe(0);
    await page.locator(".stage canvas").press("z");
    await expect.poll(given).toEqual(asked);
    await page.press("#instruction", "Enter");
    await expect.poll(async () => (await last()).id).not.toBe(again.id);
    expect((await last()).recipe!.references).toEqual(asked);
    expect(errors).toEqual([]);
  });

  it("have no place where the model takes none", async () => {
    const site = await openSite();
    sites.push(site);
    const { page } = await openPage(site);
    await openExample(page, "cottage");
    expect(await page.locator(".references").count()).toBe(0);
  });
});
