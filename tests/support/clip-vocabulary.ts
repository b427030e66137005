/** A byte-pair vocabulary of CLIP's size and order: 256 bytes, the same ending a word, merges, and the two special tokens. */

const SIZE = 49408;

interface Vocabulary {
  readonly vocab: Readonly<Record<string, number>>;
  readonly merges: readonly string[];
}

/** The letters that stand for bytes: themselves where they can be seen, those from 256 on where not. */
function byteSymbols(): string[] {
  const seen = (byte: number) =>
    (byte >= 33 && byte <= 126) || (byte >= 161 && byte <= 172) || (byte >= 174 && byte <= 255);
  const bytes = Array.from({ length: 256 }, (_, byte) => byte);
  const hidden = bytes.filter((byte) => !seen(byte));
  return [
    ...bytes.filter(seen).map((byte) => String.fromCodePoint(byte)),
    ...hidden.map((_, i) => String.fromCodePoint(256 + i)),
  ];
}

/** Merges are pairs of letters, one after the other, as many as CLIP has: they make tokens, though not CLIP's words. */
export function clipVocabulary(): Vocabulary {
  const symbols = byteSymbols();
  const merges = symbols
    .flatMap((first) => symbols.map((second) => `${first} ${second}`))
    .slice(0, SIZE - 2 * symbols.length - 2);
  const tokens = [
    ...symbols,
    ...symbols.map((symbol) => `${symbol}</w>`),
    ...merges.map((merge) => merge.replace(" ", "")),
    "<|startoftext|>",
    "<|endoftext|>",
  ];
  return { vocab: Object.fromEntries(tokens.map((token, id) => [token, id])), merges };
}
