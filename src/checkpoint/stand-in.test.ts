import { expect, it } from "vitest";
import { refuseStandIn } from "./stand-in.ts";

const POINTER = "version https://git-lfs.github.com/spec/v1\noid sha256:30eb\nsize 1680\n";
const zip = Uint8Array.of(0x50, 0x4b, 3, 4, 0, 0);

it.each([
  [POINTER, "checkpoint.malformed", /is a Git LFS pointer.*git lfs pull/],
  [`\uFEFF${POINTER}`, "checkpoint.malformed", /is a Git LFS pointer/],
  ["<!DOCTYPE html><html>", "checkpoint.malformed", /is a web page/],
  ['\n\t<?xml version="1.0"?><Error>AccessDenied</Error>', "checkpoint.malformed", /is a web page/],
  [zip, "checkpoint.unsafe", /is a pickle/],
  [Uint8Array.of(0x80, 2, 0x7d), "checkpoint.unsafe", /is a pickle/],
])("names what lies in the place of a file, a text as its bytes: %j", (content, code, message) => {
  const refused = expect.objectContaining({
    code,
    message: expect.stringMatching(new RegExp(`^vae/config\\.json of mine ${message.source}`)),
  });
  const forms = typeof content === "string" ? [content, new TextEncoder().encode(content)] : [content];
  for (const form of forms) expect(() => refuseStandIn("vae/config.json of mine", form)).toThrow(refused);
});

it.each(['{"version": "https://git-lfs"}', "#version: 0.2\ni n\n", "< /w>\n", "", "[PAD]\n[UNK]\n"])(
  "passes over what is the file itself: %j",
  (text) => expect(() => refuseStandIn("merges.txt of mine", text)).not.toThrow(),
);
