/** The command line towards its surroundings: start-up, help, completion, previews, errors for programs, Ctrl-C. */
import { execFile, spawn } from "node:child_process";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { stoppable } from "../../src/cli/context.ts";
import { Output } from "../../src/cli/output.ts";
import { encodePreview, previewProtocol } from "../../src/cli/preview.ts";
import { encodePng, readPicture, writePicture } from "../../src/images/codec.node.ts";
import { blankPicture, samePicture } from "../../src/images/picture.ts";
import { EMILIE } from "../support/command.ts";
import { emilie } from "../support/command-line.ts";

const run = promisify(execFile);
const root = resolve(import.meta.dirname, "../..");
const checkpoint = join(root, "tests/fixtures/parity/sd1/checkpoint");

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "emilie-shell-"));
});
afterAll(() => rm(folder, { recursive: true }));

const verbs = async () =>
  [...(await emilie("--help")).stdout.matchAll(/^ {2}([a-z]+) /gm)].flatMap(([, verb]) =>
    verb === "help" ? [] : [verb!],
  );

describe("help", () => {
  it("shows what every command does, with examples, as `emilie help VERB` too", async () => {
    const names = await verbs();
    expect(names).toEqual(
      expect.arrayContaining([
        "edit",
        "demo",
        "inspect",
        "pull",
        "models",
        "doctor",
        "show",
        "replay",
        "mcp",
      ]),
    );
    for (const verb of names) {
      const { code, stdout } = await emilie(verb, "--help");
      expect(code, verb).toBe(0);
      expect(stdout, verb).toMatch(new RegExp(`Examples:\n {2}\\$ .*emilie ${verb}`));
      expect(stdout, verb).toContain(`Usage: emilie ${verb}`);
    }
    expect((await emilie("help", "edit")).stdout).toContain("Usage: emilie edit");
  });

  it("loads neither sharp nor ONNX Runtime", async () => {
    // The process's own list of native libraries, when it ends.
    const report =
      "data:text/javascript,process.on('exit',()=>console.error(JSON.stringify(process.report.getReport().sharedObjects)))";
    for (const args of [["--help"], ["edit", "--help"], ["completion", "bash"]]) {
      const { stderr } = await run(process.execPath, ["--import", report, ...EMILIE, ...args], { cwd: root });
      const libraries: string[] = JSON.parse(stderr.trim().split("\n").at(-1)!);
      expect(libraries.length).toBeGreaterThan(0);
      expect(libraries.filter((name) => /sharp|vips|onnxruntime/i.test(name))).toEqual([]);
    }
  });
});

describe("completion", () => {
  /** What bash would offer for a line, the last word being the one that is typed. */
  const offered = async (...words: string[]) => {
    await writeFile(join(folder, "emilie.bash"), (await emilie("completion", "bash")).stdout);
    const script = `
      emilie() { echo picturebook; echo some/editor; }
      source ${folder}/emilie.bash
      COMP_WORDS=(emilie ${words.map((word) => `'${word}'`).join(" ")}); COMP_CWORD=${words.length}
      _emilie; printf '%s\\n' "\${COMPREPLY[@]}"`;
    const { stdout } = await run("bash", ["-euc", script], { cwd: folder });
    return stdout.split("\n").filter(Boolean);
  };

  it("offers commands, options, values, models and folders in bash", async () => {
    expect(await offered("")).toEqual(await verbs());
    expect(await offered("de")).toEqual(["demo"]);
    expect(await offered("edit", "--ste")).toEqual(["--steps"]);
    expect(await offered("edit", "photo.png", "make it winter", "--sampler", "eu")).toEqual([
      "euler",
      "euler-ancestral",
    ]);
    expect(await offered("edit", "photo.png", "--model", "so")).toEqual(["some/editor"]);
    expect(await offered("inspect", "pic")).toEqual(["picturebook"]);
    expect(await offered("models", "")).toEqual(["rm", "clear"]);
    expect(await offered("models", "rm", "--y")).toEqual(["--yes"]);
    expect(await offered("completion", "")).toEqual(["bash", "zsh", "fish"]);
    await mkdir(join(folder, "my pictures"), { recursive: true });
    expect(await offered("edit", "--out", "my")).toEqual(["my pictures"]);
    // Nothing: then bash offers files.
    expect(await offered("edit", "ph")).toEqual([]);
  });

  it("knows every option of every command in all three shells", async () => {
    const [zsh, fish] = await Promise.all(["zsh", "fish"].map((shell) => emilie("completion", shell)));
    for (const verb of await verbs()) {
      const { stdout } = await emilie(verb, "--help");
      for (const [, option] of stdout.matchAll(/^ +(?:-\w, )?--([a-z-]+)/gm)) {
        expect(zsh!.stdout, `${verb} --${option}`).toContain(`'--${option}:`);
        expect(fish!.stdout).toContain(`-n '__fish_seen_subcommand_from ${verb}' `);
        expect(fish!.stdout, `${verb} --${option}`).toMatch(
          new RegExp(`seen_subcommand_from ${verb}' (-s \\w )?(-l|.*-l) ${option} |-l ${option} `),
        );
      }
    }
    expect(await emilie("completion")).toMatchObject({
      code: 2,
      stderr: expect.stringContaining("Which shell?"),
    });
    expect((await emilie("completion", "--models")).stdout.split("\n")).toContain("picturebook");
  });
});

describe("previews", () => {
  const readable = (text: string) => text.replaceAll("\x1b", "ESC").replaceAll("\x07", "BEL");

  it("are for terminals that are known to show pictures", () => {
    const known = (env: Record<string, string>, isTTY = true) => previewProtocol("auto", isTTY, env);
    expect(known({ TERM: "xterm-kitty" })).toBe("kitty");
    expect(known({ TERM: "xterm-256color", TERM_PROGRAM: "ghostty" })).toBe("kitty");
    expect(known({ TERM: "xterm-256color", KONSOLE_VERSION: "230801" })).toBe("kitty");
    expect(known({ TERM: "xterm-256color", TERM_PROGRAM: "iTerm.app" })).toBe("iterm2");
    expect(known({ TERM: "xterm-256color", TERM_PROGRAM: "WezTerm" })).toBe("iterm2");
    expect(known({ TERM: "xterm-256color" })).toBeNull();
    expect(known({ TERM: "xterm-kitty" }, false)).toBeNull();
    expect(known({ TERM: "screen-256color", TERM_PROGRAM: "iTerm.app", TMUX: "x" })).toBeNull();
    expect(previewProtocol("off", true, { TERM: "xterm-kitty" })).toBeNull();
    expect(previewProtocol("iterm2", false, {})).toBe("iterm2");
  });

  it("hold the picture, in pieces that kitty takes", async () => {
    const noise = {
      ...blankPicture(90, 60),
      data: Uint8ClampedArray.from({ length: 90 * 60 * 4 }, (_, i) => (1e4 * Math.abs(Math.sin(i))) % 256),
    };
    const png = await encodePng(noise);
    const kitty = readable(encodePreview("kitty", png));
    const pieces = [...kitty.matchAll(/ESC_G([^;]*);([^;]*?)ESC\\/g)];
    expect(pieces.length).toBeGreaterThan(2);
    expect(pieces[0]![1]).toBe("a=T,f=100,q=2,m=1");
    expect(pieces.slice(1).map(([, keys]) => keys)).toEqual([...pieces.slice(2).map(() => "m=1"), "m=0"]);
    for (const [, , data] of pieces) expect(data!.length).toBeLessThanOrEqual(4096);
    const bytes = Buffer.from(pieces.map(([, , data]) => data).join(""), "base64");
    expect(samePicture(await readPicture(bytes), noise)).toBe(true);

    const [, size, data] = /ESC\]1337;File=inline=1;size=(\d+):(.*)BEL/.exec(
      readable(encodePreview("iterm2", png)),
    )!;
    expect(Number(size)).toBe(png.length);
    expect(samePicture(await readPicture(Buffer.from(data!, "base64")), noise)).toBe(true);
  });

  it("come after each edit where they are asked for, and never with --json", async () => {
    await writePicture(blankPicture(40, 32, [200, 90, 30, 255]), join(folder, "photo.png"));
    const edit = (...more: string[]) =>
      emilie(
        ...["edit", join(folder, "photo.png"), "make it red", "make it blue", "--model", checkpoint],
        ...["--steps", "1", "--out", join(folder, "previews"), ...more],
      );
    const shown = await edit("--preview", "kitty");
    expect(readable(shown.stdout).match(/ESC_Ga=T/g)).toHaveLength(2);
    expect((await edit()).stdout).not.toContain("\x1b");
    const { stdout } = await edit("--preview", "kitty", "--json");
    expect(JSON.parse(stdout).steps).toHaveLength(2);
  });
});

describe("errors with --json", () => {
  it("are one document with a code and a message, whatever went wrong", async () => {
    const cases: [string[], number, string][] = [
      [["edit", "--json"], 2, "usage"],
      [["edit", "a.png", "x", "--steps", "0", "--json"], 2, "usage"],
      [["edit", "a.png", "x", "--mask", "7=auto", "--json"], 2, "usage"],
      [["nonsense", "--json"], 2, "usage"],
      [["edit", join(folder, "none.png"), "x", "--json"], 1, "image.unreadable"],
      [["inspect", join(folder, "none"), "--json"], 1, "checkpoint.missing"],
      [["show", join(folder, "none.emilie"), "--json"], 1, "io.failed"],
    ];
    for (const [args, code, name] of cases) {
      const result = await emilie(...args);
      expect(result.code, args.join(" ")).toBe(code);
      const { error } = JSON.parse(result.stdout);
      expect(error.code).toBe(name);
      expect(error.message.length).toBeGreaterThan(10);
    }
  });
});

describe("a reader that leaves early", () => {
  it("ends neither the command nor what it writes", async () => {
    const child = spawn(process.execPath, [...EMILIE, "inspect", "picturebook"], {
      cwd: root,
      stdio: ["ignore", "pipe", "pipe"],
    });
    child.stdout.destroy();
    let stderr = "";
    child.stderr.on("data", (chunk) => {
      stderr += chunk;
    });
    const code = await new Promise((done) => child.on("close", done));
    expect([code, stderr]).toEqual([0, ""]);
  });
});

describe("Ctrl-C", () => {
  // Once, in the middle of a real edit: tests/cli/edit.long.test.ts.
  it("asks to stop in order, and the second time leaves at once with 130", async () => {
    const exit = vi.spyOn(process, "exit").mockImplementation((code) => {
      throw new Error(`exit ${code}`);
    });
    const said: string[] = [];
    const stream = { write: (text: string) => said.push(text) };
    const output = new Output(false, { stdout: stream, stderr: stream });
    try {
      const seen = await stoppable(output, async (signal) => {
        process.emit("SIGINT");
        expect(signal.aborted).toBe(true);
        expect(() => process.emit("SIGINT")).toThrow("exit 130");
        return said.join("");
      });
      expect(seen).toMatch(/^Stopping after this step\. Press Ctrl-C again to leave at once\.\n$/);
      // Afterwards the signal means again what it means to any program.
      expect(process.listenerCount("SIGINT")).toBe(0);
    } finally {
      exit.mockRestore();
    }
  });
});

describe.runIf(process.platform === "linux")("where few files may be open", () => {
  it.each([48, 64, 128])(
    "%i: it works, or says how many there may be and how they become more",
    async (limit) => {
      const out = join(folder, `files-${limit}`);
      const edit = [
        "edit",
        join(root, "examples/cottage.png"),
        "make it red",
        "--model",
        checkpoint,
        "--steps",
        "1",
      ];
      const command = [process.execPath, ...EMILIE, ...edit, "--out", out]
        .map((word) => `'${word}'`)
        .join(" ");
      const ended = run("bash", ["-c", `ulimit -n ${limit}; exec ${command}`], {
        cwd: root,
        timeout: 100_000,
      });
      const { stderr, code } = await ended.then(
        ({ stderr }) => ({ stderr, code: 0 }),
        (error: { stderr: string; code: number }) => error,
      );
      if (code !== 0) {
        expect([code, stderr]).toEqual([
          1,
          expect.stringMatching(new RegExp(`may open ${limit}\\. Raise the limit \\(ulimit -n 1024`)),
        ]);
      }
      expect(stderr).not.toMatch(/\n\s+at /);
      expect(limit < 128 || code === 0).toBe(true);
    },
  );
});
