/** Models that a page can fetch into its browser: those that are known, and those whose address somebody has given. */
import {
  EmilieError,
  type InspectedModel,
  inspectModel,
  KNOWN_MODELS,
  type KnownModel,
  type PageNeeds,
} from "../../../../src/web.ts";
import { t } from "../../words/index.ts";
import type { ModelInfo } from "../backend.ts";
import { settingsOf, viewAbilities } from "./models.ts";

type Needs = Pick<PageNeeds, "fetchBytes" | "storageBytes"> & { readonly leastMemoryBytes: number };

export interface Offer {
  readonly info: ModelInfo;
  /** Of its folder. */
  readonly address: string;
  readonly precision: "int8" | "int4" | "fp32";
  readonly needs: Needs;
  /** What is said before it is fetched, its licence among that. */
  readonly terms: string;
}

const ADDED = "emilie.models";

/** Those of which somebody has given the address. They stay until they are removed. */
export function readAdded(): Offer[] {
  try {
    const added = JSON.parse(localStorage.getItem(ADDED) ?? "[]");
    return Array.isArray(added) ? added : [];
  } catch {
    return [];
  }
}

export function writeAdded(offers: readonly Offer[]): void {
  localStorage.setItem(ADDED, JSON.stringify(offers));
}

/** The hub's address of "owner/name" or "owner/name@revision". */
function hubAddress(id: string): string {
  const [name = "", revision = "main"] = id.split("@");
  return `https://huggingface.co/${name}/resolve/${revision}/`;
}

export const KNOWN_OFFERS: readonly Offer[] = KNOWN_MODELS.flatMap((model) =>
  model.page ? [offerOf(model, model.page)] : [],
);

function offerOf({ id, title, abilities, nativeSize, license }: KnownModel, page: PageNeeds): Offer {
  return {
    info: {
      ...{ id, title, nativeSize, bytes: page.fetchBytes, maxReferences: 0, gate: 0 },
      ...{ ...viewAbilities(abilities), ...settingsOf({}) },
    },
    address: hubAddress(id),
    precision: page.precision,
    needs: page,
    terms: t.licence(license.name, t.licenseSays(license.name, license.says)),
  };
}

/**
 * Looks at a model before anything of size is fetched of it: at its configurations and headers.
 *
 * @param name "owner/name" or "owner/name@revision" on the hub, or the address of a folder
 * @throws EmilieError "option.invalid" for another name, and what inspectModel throws
 */
export async function findOffer(name: string): Promise<Offer> {
  const isAddress = /^https?:\/\//.test(name);
  if (!isAddress && !/^[\w.-]+\/[\w.-]+(@[\w.-]+)?$/.test(name)) {
    throw new EmilieError("option.invalid", t.noModelName(name));
  }
  const address = isAddress ? new URL(name.endsWith("/") ? name : `${name}/`).href : hubAddress(name);
  const id = isAddress ? address : name;
  return added(id, address, await inspectModel(address, { id }));
}

function added(id: string, address: string, found: InspectedModel): Offer {
  const { family, nativeSize, notes, defaults, abilities, schedulerConfig, guidedBy, precision, plan } =
    found;
  return {
    info: {
      ...{
        id,
        title: `${family} (${id.replace(/^https?:\/\/|\/$/g, "")})`,
        nativeSize,
        bytes: plan.fetchBytes,
      },
      ...{ maxReferences: 0, gate: defaults.gate ?? 0 },
      ...{ ...viewAbilities(abilities), ...settingsOf(defaults, { schedulerConfig, guidedBy }) },
    },
    address,
    precision: precision === "fp16" ? "fp32" : precision,
    needs: { ...plan, leastMemoryBytes: plan.memoryBytes },
    terms: notes.length > 0 ? notes.join(" ") : t.noLicence,
  };
}
