// GPT-2's alphabet: every byte as one printable character. Printable Latin-1 stands for itself,
// the other 68 bytes follow from U+0100 in order.
const CHAR_OF_BYTE: string[] = [];
const BYTE_OF_CHAR = new Map<string, number>();
for (let byte = 0, next = 0x100; byte < 256; byte++) {
  const printable = (byte >= 0x21 && byte <= 0x7e) || (byte >= 0xa1 && byte <= 0xac) || byte >= 0xae;
  const char = String.fromCharCode(printable ? byte : next++);
  CHAR_OF_BYTE.push(char);
  BYTE_OF_CHAR.set(char, byte);
}

const encoder = new TextEncoder();

/** The character of the byte-level alphabet for a byte, 0 to 255. */
export function byteToChar(byte: number): string {
  return CHAR_OF_BYTE[byte];
}

/** UTF-8 bytes of `text` as characters of the byte-level alphabet. */
export function bytesToChars(text: string): string {
  let chars = "";
  for (const byte of encoder.encode(text)) chars += CHAR_OF_BYTE[byte];
  return chars;
}

/** The bytes that a byte-level token stands for; a token with other characters (an added one) stands for its own UTF-8. */
export function charsToBytes(token: string): Uint8Array {
  const bytes = new Uint8Array(token.length);
  for (let i = 0; i < token.length; i++) {
    const byte = BYTE_OF_CHAR.get(token[i]);
    if (byte === undefined) return encoder.encode(token);
    bytes[i] = byte;
  }
  return bytes;
}

/** Tokens `<0x00>` … `<0xFF>` of the UTF-8 bytes of `text`, as byte fallback names them. */
export function fallbackTokens(text: string): string[] {
  return Array.from(encoder.encode(text), (byte) => `<0x${byte.toString(16).toUpperCase().padStart(2, "0")}>`);
}

/** The byte that a fallback token stands for, or undefined for any other token. */
export function fallbackByte(token: string): number | undefined {
  return /^<0x[0-9A-Fa-f]{2}>$/.test(token) ? Number.parseInt(token.slice(3, 5), 16) : undefined;
}
