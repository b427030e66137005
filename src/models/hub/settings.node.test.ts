import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { homedir, tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { formatRepoId, parseRepoId } from "./repo-id.ts";
import { hubCache, hubEndpoint, hubHome, hubOffline, hubToken } from "./settings.node.ts";

const home = mkdtempSync(join(tmpdir(), "emilie-settings-"));
writeFileSync(join(home, "token"), "hf_file\n");
afterAll(() => rmSync(home, { recursive: true }));

describe("where the hub is", () => {
  it("follows huggingface_hub's variables in their order", () => {
    expect(hubCache({})).toBe(join(homedir(), ".cache/huggingface/hub"));
    expect(hubCache({ XDG_CACHE_HOME: "/c" })).toBe(resolve("/c/huggingface/hub"));
    expect(hubCache({ XDG_CACHE_HOME: "/c", HF_HOME: "/h" })).toBe(resolve("/h/hub"));
    expect(hubCache({ HF_HOME: "/h", HUGGINGFACE_HUB_CACHE: "/l" })).toBe(resolve("/l"));
    expect(hubCache({ HF_HOME: "/h", HUGGINGFACE_HUB_CACHE: "/l", HF_HUB_CACHE: "/n" })).toBe(resolve("/n"));
    // biome-ignore lint/suspicious/noTemplateCurlyInString: the shell's notation, as people write it into variables
    expect(hubHome({ HF_HOME: "${DATA}/hf", DATA: "/d" })).toBe(resolve("/d/hf"));
    expect(hubHome({ HF_HOME: "~/hf" })).toBe(join(homedir(), "hf"));
    expect(hubEndpoint({})).toBe("https://huggingface.co");
    expect(hubEndpoint({ HF_ENDPOINT: "https://mirror.example/hf/" })).toBe("https://mirror.example/hf");
    for (const HF_ENDPOINT of ["ftp://x", "mirror.example", "https://me:pw@mirror.example"])
      expect(() => hubEndpoint({ HF_ENDPOINT })).toThrow(expect.objectContaining({ code: "option.invalid" }));
    expect([undefined, "", "0", "1", "yes", "True"].map((v) => hubOffline({ HF_HUB_OFFLINE: v }))).toEqual([
      ...[false, false, false],
      ...[true, true, true],
    ]);
  });

  it("takes the token from the environment before the file, and never shows a wrong one", () => {
    expect(hubToken({ HF_HOME: home })).toEqual({ token: "hf_file", from: join(home, "token") });
    expect(hubToken({ HF_HOME: home, HF_TOKEN: " hf_env " })).toEqual({ token: "hf_env", from: "HF_TOKEN" });
    expect(hubToken({ HF_HOME: home, HF_TOKEN: "" })?.token).toBe("hf_file");
    expect(hubToken({ HF_HOME: join(home, "nowhere") })).toBeNull();
    expect(hubToken({ HF_HOME: home, HF_HUB_DISABLE_IMPLICIT_TOKEN: "1" })).toBeNull();
    expect(() => hubToken({ HF_TOKEN: "hf_a\nb" })).toThrow(/^(?!.*hf_a).*HF_TOKEN/s);
  });
});

describe("names on the hub", () => {
  it("are OWNER/NAME with a revision", () => {
    expect(parseRepoId("timbrooks/instruct-pix2pix")).toEqual({
      repo: "timbrooks/instruct-pix2pix",
      revision: "main",
    });
    for (const text of ["a/b", "a/b@v1.0", "a/b@refs/pr/12", "A_1/b.c-d@main"]) {
      const id = parseRepoId(text)!;
      expect(parseRepoId(formatRepoId(id))).toEqual(id);
    }
  });

  it.each([
    ...[
      "gpt2",
      "a/b/c",
      "/a/b",
      "a/..",
      "../a",
      "a/b--c",
      "a/.b",
      "a b/c",
      "a/b.git",
      "",
      "a/",
      `a/${"b".repeat(96)}`,
    ],
    ...["a/b@", "a/b@../x", "a/b@/x", "a/b@x//y", "a/b@x y", "C:\\a/b", "./a/b"],
  ])("are not %j", (text) => expect(parseRepoId(text)).toBeNull());
});
