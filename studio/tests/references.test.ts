/** The slot for reference pictures: there with a model that takes some, and not with one that takes none. */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { EmilieClient } from "../../src/client/index.ts";
import { readPicture } from "../../src/images/codec.node.ts";
import { describeReference } from "../../src/session/picture/references.ts";
import { copyCheckpoint, FLUX2, scratchFolder } from "../../tests/support/flux2-fixture.ts";
import { edit, openExample, openPage, openServer, openSite, root, type Site, seriousFaults } from "./site.ts";

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
    await other.getByText(/refer to other pictures, which its file does not hold/).waitFor();
    expect(await other.getByRole("button", { name: /^Restore its/ }).count()).toBe(0);
    await other.context().close();
    // Four are taken, and a fifth is said to be too many.
    await input.setInputFiles([hat, hat, hat, hat, hat]);
    await expect.poll(() => shown.count()).toBe(4);
    await page.getByText("The model takes up to 4 reference pictures.").waitFor();
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
