/** English: the words about models. */
import { formatFor } from "./format.ts";

const f = formatFor("en");

export const models = {
  models: "Models",
  modelIs: (model: string) => `Model: ${model}`,
  inUse: "In use",
  use: "Use",
  tipForUse: "The open picture continues with this model",
  onGpu: "Computed on the GPU.",
  onCpu: "Computed on the CPU.",
  askingHub: "Contacting the hub",
  left: (time: string) => `${time} left`,
  of: (part: string, whole: string) => `${part} of ${whole}`,
  fetch: "Download",
  downloadOf: "Download",
  needs: "Needs",
  license: "Licence",
  runsHere: (precision: string, memory: string, disk: string | null, slowly: boolean) =>
    `${memory} of memory for an edit${disk ? `, ${disk} more on disk` : ""}. Runs here in ${precision}${slowly ? ", slowly" : ""}.`,
  tooLargeHere: (memory: string, disk: string | null) =>
    `${memory} of memory for an edit${disk ? ` and ${disk} more on disk` : ""}, which is more than is free here.`,
  stop: "Stop",
  fetchModel: (model: string) => `Download ${model}`,
  fetching: (model: string) => `Downloading ${model}`,
  stopFetching: (model: string) => `Stop downloading ${model}`,
  keptSoFar: "What has been downloaded is kept",
  anotherModel: "Another model, by its name on the hub",
  anotherPageModel: "Another model, by its name on the hub or the address of its folder",
  lookUp: "Look up",
  removeModel: (model: string) => `Remove ${model} from this browser`,
  remove: "Remove",
  modelInUse: "The open picture is edited with this model. Leave the picture first.",
  licence: (name: string, says: string) => `Licence: ${name}. ${says}`,
  noLicence: "Its files do not state a licence: read its page first.",
  afterDownload: (fetched: number, kept: number) =>
    `Runs in this page after a download of ${f.bytes(fetched)}, of which this browser keeps ${f.bytes(kept)}.`,
  withoutPage: "It can also run on your own machine, outside the browser: npx emilie studio.",
  notFetched: (model: string) => `${model} is not in this browser. Download it first, under Models.`,
  noModelName: (name: string) =>
    `“${name}” is neither a model’s name on the hub (owner/name) nor an address that begins with https://.`,
  preparingModel: (model: string) => `Preparing ${model}`,
  modelIsHere: (model: string) => `${model} has been downloaded and can be used.`,
  onlyOwnWorld: (model: string) =>
    `${model} was trained only on its own drawings. This picture would come out blurred.`,
  goOnWith: (model: string) => `Continue with ${model}`,
  getPhotoModel: (size: string | null) => (size ? `Get a photo model (${size})` : "Get a photo model"),
  tryExample: "Try an example",
  editAnyway: "Edit anyway",
  continuedWith: (model: string) => `This picture continues with ${model}, in a new session.`,
  unstated: "It does not say what it edits.",
  tooLargeForPage: (model: string) =>
    `Too large for a browser. On your own machine: npx emilie pull ${model}, then npx emilie studio.`,
  notHereYet: "It is not on this machine yet.",
  /** A licence's sentence in this language. */
  licenseSays: (_name: string, says: string) => says,
};
