// Digests: the platform's own where it has them. MD5, which names an id and protects nothing, no platform of the web has.

const utf8 = new TextEncoder();

/** UTF-8 of a text. */
export const bytesOf = (text) => utf8.encode(text);

const hex = (bytes) => Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");

/** SHA-256 of a text's UTF-8, in hexadecimal. */
export async function sha256(text) {
  return hex(new Uint8Array(await crypto.subtle.digest("SHA-256", bytesOf(text))));
}

/** HMAC-SHA256 of bytes under bytes. */
export async function hmac(secret, message) {
  const key = await crypto.subtle.importKey("raw", secret, { name: "HMAC", hash: "SHA-256" }, false, ["sign"]);
  return new Uint8Array(await crypto.subtle.sign("HMAC", key, message));
}

const SHIFTS = [7, 12, 17, 22, 5, 9, 14, 20, 4, 11, 16, 23, 6, 10, 15, 21];
const SINES = Array.from({ length: 64 }, (_, i) => Math.floor(Math.abs(Math.sin(i + 1)) * 2 ** 32) | 0);

/** MD5 (RFC 1321) of a text's UTF-8, in hexadecimal. */
export function md5(text) {
  const message = bytesOf(text);
  const padded = new Uint8Array((((message.length + 8) >> 6) + 1) << 6);
  padded.set(message);
  padded[message.length] = 0x80;
  const view = new DataView(padded.buffer);
  view.setUint32(padded.length - 8, message.length << 3, true);
  view.setUint32(padded.length - 4, Math.floor(message.length / 2 ** 29), true);
  let [a0, b0, c0, d0] = [0x67452301, 0xefcdab89 | 0, 0x98badcfe | 0, 0x10325476];
  for (let start = 0; start < padded.length; start += 64) {
    let [a, b, c, d] = [a0, b0, c0, d0];
    for (let i = 0; i < 64; i++) {
      const round = i >> 4;
      const [mixed, word] = [
        () => [(b & c) | (~b & d), i],
        () => [(d & b) | (~d & c), (5 * i + 1) % 16],
        () => [b ^ c ^ d, (3 * i + 5) % 16],
        () => [c ^ (b | ~d), (7 * i) % 16],
      ][round]();
      const sum = (a + mixed + SINES[i] + view.getInt32(start + 4 * word, true)) | 0;
      const shift = SHIFTS[4 * round + (i % 4)];
      [a, d, c, b] = [d, c, b, (b + ((sum << shift) | (sum >>> (32 - shift)))) | 0];
    }
    [a0, b0, c0, d0] = [(a0 + a) | 0, (b0 + b) | 0, (c0 + c) | 0, (d0 + d) | 0];
  }
  const digest = new DataView(new ArrayBuffer(16));
  [a0, b0, c0, d0].forEach((word, i) => digest.setInt32(4 * i, word, true));
  return hex(new Uint8Array(digest.buffer));
}
