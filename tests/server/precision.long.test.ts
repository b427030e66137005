/** A session is edited in the precision that it was made in, whatever the server was started with since. */
import { expect, it } from "vitest";
import { bytesOf, COTTAGE, edit, fileOf, serve } from "../support/server-fixture.ts";

it("goes on in its own precision on a server of another, and comes in from a file so too", async () => {
  const first = await serve({ precision: "int8" });
  const { client } = first;
  const { id } = await client.createSession(await fileOf(COTTAGE));
  expect((await edit(client, id, { instruction: "make it winter" })).state).toBe("done");
  const file = await bytesOf(client.exportSession(id));
  await first.server.close();

  const second = await serve({ data: first.folder });
  try {
    const done = await edit(second.client, id, { instruction: "make it night" });
    expect(done.error).toBeNull();
    expect(done.state).toBe("done");
    const imported = await second.client.importSession(new File([file as BlobPart], "winter.emilie"));
    expect(imported.model).toBe("picturebook");
    const again = await edit(second.client, imported.id, { instruction: "make it night" });
    expect(again.state).toBe("done");
  } finally {
    await second.close();
    await first.close();
  }
});
