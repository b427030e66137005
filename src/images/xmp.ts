/**
 * What an edited picture says about itself to other programs: XMP (ISO 16684-1) with the IPTC's mark for pictures that a
 * model has edited, and emilie's recipes, so that formats without PNG's text chunks carry them too.
 */

/** A picture of the user's with parts made by a trained model. */
export const DIGITAL_SOURCE_TYPE =
  "http://cv.iptc.org/newscodes/digitalsourcetype/compositeWithTrainedAlgorithmicMedia";
/** Where PNG keeps an XMP packet: the keyword of its text (XMP specification, part 3). */
export const XMP_KEYWORD = "XML:com.adobe.xmp";
/** JPEG holds an XMP packet in one segment of 64 kB; the others hold more, but one limit makes all files alike. */
export const MAX_XMP_BYTES = 60_000;

const NAMESPACES = {
  rdf: "http://www.w3.org/1999/02/22-rdf-syntax-ns#",
  xmp: "http://ns.adobe.com/xap/1.0/",
  Iptc4xmpExt: "http://iptc.org/std/Iptc4xmpExt/2008-02-29/",
  emilie: "urn:emilie:xmp:1/",
} as const;

export interface XmpFacts {
  /** The checkpoint (IPTC 2025.1, AISystemUsed). */
  readonly system: string;
  /** What was asked (IPTC 2025.1, AIPromptInformation); absent where it is to stay private. */
  readonly prompt?: string;
  /** Values in emilie's own namespace, by name. */
  readonly own?: Readonly<Record<string, string>>;
}

/** An XMP packet. The same facts give the same bytes. */
export function writeXmp({ system, prompt, own = {} }: XmpFacts): string {
  const properties = [
    ["xmp:CreatorTool", "emilie"],
    ["Iptc4xmpExt:DigitalSourceType", DIGITAL_SOURCE_TYPE],
    ["Iptc4xmpExt:AISystemUsed", system],
    ...(prompt === undefined ? [] : [["Iptc4xmpExt:AIPromptInformation", prompt]]),
    ...Object.entries(own).map(([name, value]) => [`emilie:${name}`, value]),
  ] as [string, string][];
  const namespaces = Object.entries(NAMESPACES).map(([prefix, uri]) => ` xmlns:${prefix}="${uri}"`);
  return [
    '<?xpacket begin="\uFEFF" id="W5M0MpCehiHzreSzNTczkc9d"?>',
    '<x:xmpmeta xmlns:x="adobe:ns:meta/">',
    `<rdf:RDF${namespaces.join("")}>`,
    '<rdf:Description rdf:about="">',
    ...properties.map(([name, value]) => `<${name}>${toXml(value)}</${name}>`),
    "</rdf:Description>",
    "</rdf:RDF>",
    "</x:xmpmeta>",
    '<?xpacket end="w"?>',
  ].join("\n");
}

/** A value of emilie's namespace in an XMP packet, as element or as attribute (other programs rewrite one as the other). */
export function readXmpValue(xmp: string, name: string): string | undefined {
  const element = new RegExp(`<emilie:${name}>([^<]*)</emilie:${name}>`).exec(xmp);
  const attribute = new RegExp(`\\semilie:${name}=(?:"([^"<]*)"|'([^'<]*)')`).exec(xmp);
  const found = element?.[1] ?? attribute?.[1] ?? attribute?.[2];
  return found === undefined ? undefined : fromXml(found);
}

function toXml(text: string): string {
  // XML has no way to write most control characters; they mean nothing in an instruction.
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are the ones to take out
  const plain = text.replace(/[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]/g, " ");
  return plain
    .replaceAll("&", "&amp;")
    .replaceAll("<", "&lt;")
    .replaceAll(">", "&gt;")
    .replaceAll('"', "&quot;");
}

function fromXml(text: string): string {
  const named: Record<string, string> = { lt: "<", gt: ">", quot: '"', apos: "'", amp: "&" };
  return text.replace(/&(lt|gt|quot|apos|amp);/g, (_, name: string) => named[name]!);
}
