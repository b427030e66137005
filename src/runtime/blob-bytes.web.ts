/**
 * Files on a disk as onnxruntime-web takes bytes: of external data it asks for byteLength, and for each weight's subarray(), which it copies
 * into its own memory. So a weight is read when it is its turn, and those of a network are never in the page's memory beside the runtime's.
 * Only in a worker, where files may be read while one waits.
 */

/** Of workers alone, whose types a page does not have. */
declare const FileReaderSync: new () => { readAsArrayBuffer(blob: Blob): ArrayBuffer };

export function bytesOfBlob(blob: Blob): Uint8Array {
  const reader = new FileReaderSync();
  return Object.defineProperties(new Uint8Array(), {
    byteLength: { value: blob.size },
    subarray: {
      value: (from = 0, to = blob.size) => new Uint8Array(reader.readAsArrayBuffer(blob.slice(from, to))),
    },
  });
}
