/** What is left of a session when its file is damaged: every part that is shown as whole is whole. */
import { writeFile } from "node:fs/promises";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { parseSafetensorsHeader } from "../../src/checkpoint/safetensors.ts";
import { isEmilieError } from "../../src/errors.ts";
import { packSession } from "../../src/session/file/pack.node.ts";
import { loadSession } from "../../src/session/file/store.node.ts";
import {
  at,
  box,
  bytes,
  checkWhole,
  model,
  options,
  picture,
  savedSession,
  session,
  soft,
} from "../support/session-fixture.ts";

savedSession();

describe("a damaged file", () => {
  const open = async (content: Uint8Array) => {
    await writeFile(at("damaged.emilie"), content);
    return loadSession(at("damaged.emilie"), { model, original: picture });
  };

  it("with any one byte changed opens, says so, and shows only what is whole", async () => {
    const anywhere = fc.tuple(fc.nat(bytes.length - 1), fc.integer({ min: 1, max: 255 }));
    await fc.assert(
      fc.asyncProperty(anywhere, async ([position, flip]) => {
        const damaged = Buffer.from(bytes);
        damaged[position]! ^= flip;
        const opened = await open(damaged);
        expect(opened.warnings.length).toBeGreaterThan(0);
        const lost = checkWhole(opened, session);
        // A byte of the header, of its copy, or of the original costs nothing of the tree.
        if (opened.warnings.some(({ part }) => part === "latent" || part === "mask"))
          expect(lost).toBeGreaterThan(0);
        else expect(lost).toBe(0);
      }),
      { numRuns: 120 },
    );
  });

  it("cut off anywhere opens with what comes before the cut, or says that nothing is left", async () => {
    const header = 8 + Number(bytes.readBigUInt64LE());
    await fc.assert(
      fc.asyncProperty(fc.nat(bytes.length - 1), async (length) => {
        try {
          const opened = await open(bytes.subarray(0, length));
          expect(opened.warnings.some(({ message }) => /cut off/.test(message))).toBe(true);
          checkWhole(opened, session);
          expect(length).toBeGreaterThanOrEqual(header);
        } catch (error) {
          if (!isEmilieError(error)) throw error;
          expect(error.code).toBe("session.malformed");
          expect(length).toBeLessThan(header);
        }
      }),
      { numRuns: 60 },
    );
  });

  it("with many bytes changed gives a session whose parts are whole, or a typed error", async () => {
    const flips = fc.array(fc.tuple(fc.nat(bytes.length - 1), fc.integer({ min: 1, max: 255 })), {
      minLength: 2,
      maxLength: 40,
    });
    await fc.assert(
      fc.asyncProperty(flips, async (many) => {
        const damaged = Buffer.from(bytes);
        for (const [position, flip] of many) damaged[position]! ^= flip;
        try {
          checkWhole(await open(damaged), session);
        } catch (error) {
          if (!isEmilieError(error)) throw error;
          expect(error.code).toMatch(/^session\./);
        }
      }),
      { numRuns: 60 },
    );
  });

  /** The file with one byte of a piece changed. */
  const spoil = async (name: string) => {
    const length = Number(bytes.readBigUInt64LE());
    const { tensors } = parseSafetensorsHeader(bytes.subarray(8, 8 + length), bytes.length, "it");
    const [, tensor] = [...tensors].find(([one]) => one.startsWith(name))!;
    const damaged = Buffer.from(bytes);
    damaged[tensor.offset + 40]! ^= 1;
    await writeFile(at("spoiled.emilie"), damaged);
  };

  it("keeps its lost latents' places: they are computed again, and the file is whole after the next save", async () => {
    const lostHash = [...session.nodes.values()][2]!;
    const { manifest } = await packSession(session);
    await spoil(`latent/${manifest.nodes[2]!.latent}`);
    const opened = await loadSession(at("spoiled.emilie"), { model });
    const blue = opened.nodes.get(lostHash.id)!;
    expect(opened.warnings).toEqual([
      { part: "latent", nodes: [blue.id], message: expect.stringMatching(/replay/) },
    ]);
    expect(() => blue.latent).toThrow(/was lost/);
    await expect(blue.render()).rejects.toMatchObject({ code: "session.damaged" });
    // What was made from it is whole, and can be gone on from.
    await opened.edit("make it red", { ...options, from: opened.head });
    opened.delete(opened.head);
    // Saved as it is, the place is kept.
    await opened.save(at("spoiled.emilie"));
    const still = await loadSession(at("spoiled.emilie"), { model });
    expect(still.warnings).toEqual(opened.warnings);
    const results = await still.verify();
    expect(results.map(({ result }) => result)).toEqual(["same", "same", "restored", "same", "same"]);
    await still.save(at("spoiled.emilie"));
    const healed = await loadSession(at("spoiled.emilie"), { model });
    expect(healed.warnings).toEqual([]);
    healed.head = healed.nodes.get(session.head.id)!;
    expect(checkWhole(healed, session)).toBe(0);
  });

  it("that has lost a mask takes it from whoever has it", async () => {
    await spoil("mask/");
    const opened = await loadSession(at("spoiled.emilie"), { model });
    expect(opened.warnings.every(({ part }) => part === "mask")).toBe(true);
    const [hit] = opened.warnings[0]!.nodes;
    await expect(opened.nodes.get(hit!)!.render()).rejects.toMatchObject({ code: "session.damaged" });
    expect((await opened.verify()).some(({ result }) => result === "unknown")).toBe(true);
    const given = await loadSession(at("spoiled.emilie"), { model, masks: [soft, box] });
    expect(given.warnings).toEqual([]);
    expect(checkWhole(given, session)).toBe(0);
  });

  it("that has lost the original asks for it, and takes no other", async () => {
    await spoil("original.png");
    const opening = loadSession(at("spoiled.emilie"), { model });
    await expect(opening).rejects.toMatchObject({ code: "session.damaged" });
    await expect(opening).rejects.toThrow(/Give the picture again/);
    const other = { ...picture, data: picture.data.map((v) => 255 - v) };
    await expect(loadSession(at("spoiled.emilie"), { model, original: other })).rejects.toMatchObject({
      code: "option.invalid",
    });
    expect(checkWhole(await loadSession(at("spoiled.emilie"), { model, original: picture }), session)).toBe(
      0,
    );
  });
});
