/** German: the words about models. */
import type { models as english } from "./en-models.ts";
import { formatFor } from "./format.ts";

const f = formatFor("de");

const LICENSES: Readonly<Record<string, string>> = {
  MIT: "Jede Nutzung, auch gewerblich; der Lizenzhinweis muss erhalten bleiben.",
  "Apache-2.0": "Jede Nutzung, auch gewerblich; die Lizenzhinweise müssen erhalten bleiben.",
  "OpenRAIL++-M": "Jede Nutzung, auch gewerblich, außer den schädlichen, die sie aufzählt.",
  "CC BY-NC 4.0": "Nicht gewerblich; mit Namensnennung.",
};

export const models: typeof english = {
  models: "Modelle",
  modelIs: (model) => `Modell: ${model}`,
  inUse: "In Gebrauch",
  use: "Verwenden",
  tipForUse: "Ein geöffnetes Bild geht damit weiter",
  onGpu: "Auf der GPU berechnet.",
  onCpu: "Auf der CPU berechnet.",
  askingHub: "Fragt den Hub",
  left: (time) => `noch ${time}`,
  of: (part, whole) => `${part} von ${whole}`,
  fetch: "Herunterladen",
  downloadOf: "Download",
  needs: "Bedarf",
  license: "Lizenz",
  runsHere: (precision, memory, disk, slowly) =>
    `${memory} Speicher für eine Bearbeitung${disk ? `, weitere ${disk} auf der Platte` : ""}. Läuft hier in ${precision}${slowly ? ", langsam" : ""}.`,
  tooLargeHere: (memory, disk) =>
    `${memory} Speicher für eine Bearbeitung${disk ? ` und weitere ${disk} auf der Platte` : ""}: mehr, als hier frei ist.`,
  stop: "Anhalten",
  fetchModel: (model) => `${model} herunterladen`,
  fetching: (model) => `${model} wird heruntergeladen`,
  stopFetching: (model) => `${model} nicht weiter herunterladen`,
  keptSoFar: "Was schon heruntergeladen ist, bleibt",
  anotherModel: "Ein anderes Modell, mit seinem Namen auf dem Hub",
  anotherPageModel: "Ein anderes Modell, mit seinem Namen auf dem Hub oder der Adresse seines Ordners",
  lookUp: "Nachsehen",
  removeModel: (model) => `${model} aus diesem Browser entfernen`,
  remove: "Entfernen",
  modelInUse: "Das offene Bild wird mit diesem Modell bearbeitet. Verlasse zuerst das Bild.",
  licence: (name, says) => `Lizenz: ${name}. ${says}`,
  noLicence: "Seine Dateien sagen nichts über eine Lizenz: Lies zuerst seine Seite.",
  afterDownload: (fetched, kept) =>
    `Läuft in dieser Seite, nachdem ${f.bytes(fetched)} geladen sind, von denen dieser Browser ${f.bytes(kept)} behält.`,
  withoutPage: "Auf deinem eigenen Rechner läuft es ohne Seite: npx emilie studio.",
  notFetched: (model) => `${model} ist nicht in diesem Browser. Lade es zuerst herunter, unter Modelle.`,
  noModelName: (name) =>
    `„${name}“ ist weder der Name eines Modells auf dem Hub (owner/name) noch eine Adresse, die mit https:// beginnt.`,
  preparingModel: (model) => `${model} wird vorbereitet`,
  modelIsHere: (model) => `${model} ist heruntergeladen und kann verwendet werden.`,
  onlyOwnWorld: (model) => `${model} kennt nur seine eigenen Zeichnungen. Dieses Bild würde unscharf.`,
  goOnWith: (model) => `Mit ${model} weitermachen`,
  getPhotoModel: (size) => (size ? `Fotomodell herunterladen (${size})` : "Fotomodell herunterladen"),
  tryExample: "Beispiel öffnen",
  editAnyway: "Trotzdem bearbeiten",
  continuedWith: (model) => `Dieses Bild geht mit ${model} weiter, als eigene Sitzung.`,
  unstated: "Es sagt nicht, was es bearbeitet.",
  tooLargeForPage: (model) =>
    `Zu groß für eine Webseite. Auf deinem Rechner: npx emilie pull ${model}, dann npx emilie studio.`,
  notHereYet: "Es ist noch nicht auf diesem Rechner.",
  licenseSays: (name, says) => LICENSES[name] ?? says,
};
