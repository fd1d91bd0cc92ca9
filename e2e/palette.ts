/** Pictures with a palette: a page has few colours, and its picture needs a third of the bytes. */
import type { Page } from "playwright-core";

const COLOURS = 256;
const SIGNATURE = [137, 80, 78, 71, 13, 10, 26, 10];

/** Makes a PNG of 256 colours from one of any; the browser unpacks it. */
export async function withPalette(
  page: Page,
  png: Uint8Array,
): Promise<Uint8Array> {
  const { width, height, pixels } = await unpacked(page, png);
  const { palette, indexes } = reduced(pixels);
  const rows = new Uint8Array(height * (width + 1));
  for (let y = 0; y < height; y++) {
    rows.set(indexes.subarray(y * width, (y + 1) * width), y * (width + 1) + 1);
  }
  const head = new Uint8Array(13);
  const view = new DataView(head.buffer);
  view.setUint32(0, width);
  view.setUint32(4, height);
  head.set([8, 3, 0, 0, 0], 8);
  const packed = new Blob([rows]).stream().pipeThrough(
    new CompressionStream("deflate"),
  );
  const data = new Uint8Array(await new Response(packed).arrayBuffer());
  const parts = [
    Uint8Array.from(SIGNATURE),
    chunk("IHDR", head),
    chunk("PLTE", palette),
    chunk("IDAT", data),
    chunk("IEND", new Uint8Array()),
  ];
  return new Uint8Array(await new Blob(parts).arrayBuffer());
}

async function unpacked(page: Page, png: Uint8Array) {
  const { width, height, text } = await page.evaluate(async (base64) => {
    const bytes = Uint8Array.from(atob(base64), (each) => each.charCodeAt(0));
    const image = await createImageBitmap(
      new Blob([bytes], { type: "image/png" }),
    );
    const paper = new OffscreenCanvas(image.width, image.height).getContext(
      "2d",
    );
    if (!paper) throw new Error("This browser draws nothing");
    paper.drawImage(image, 0, 0);
    const { data } = paper.getImageData(0, 0, image.width, image.height);
    let text = "";
    for (let at = 0; at < data.length; at += 32_768) {
      text += String.fromCharCode(...data.subarray(at, at + 32_768));
    }
    return { width: image.width, height: image.height, text: btoa(text) };
  }, png.toBase64());
  return { width, height, pixels: Uint8Array.fromBase64(text) };
}

/** The most frequent colours; each pixel gets the nearest of them. */
function reduced(pixels: Uint8Array) {
  const counts = new Map<number, number>();
  const keyAt = (at: number) =>
    ((pixels[at] ?? 0) << 16) | ((pixels[at + 1] ?? 0) << 8) |
    (pixels[at + 2] ?? 0);
  for (let at = 0; at < pixels.length; at += 4) {
    const key = keyAt(at);
    counts.set(key, (counts.get(key) ?? 0) + 1);
  }
  const chosen = [...counts].sort((a, b) => b[1] - a[1]).slice(0, COLOURS).map((
    [key],
  ) => key);
  const palette = new Uint8Array(
    chosen.flatMap((key) => [key >> 16, (key >> 8) & 255, key & 255]),
  );
  const nearest = new Map(chosen.map((key, index) => [key, index]));
  const indexes = new Uint8Array(pixels.length / 4);
  for (let at = 0; at < pixels.length; at += 4) {
    const key = keyAt(at);
    let index = nearest.get(key);
    if (index === undefined) {
      index = nearestOf(chosen, key);
      nearest.set(key, index);
    }
    indexes[at / 4] = index;
  }
  return { palette, indexes };
}

function nearestOf(colours: readonly number[], wanted: number): number {
  const apart = (colour: number) =>
    [16, 8, 0].reduce(
      (sum, by) => sum + (((colour >> by) & 255) - ((wanted >> by) & 255)) ** 2,
      0,
    );
  let best = 0;
  colours.forEach((colour, index) => {
    if (apart(colour) < apart(colours[best] ?? 0)) best = index;
  });
  return best;
}

/** Length, type, data, and a check sum of the last two. */
function chunk(type: string, data: Uint8Array): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(data.length + 12);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, data.length);
  bytes.set(new TextEncoder().encode(type), 4);
  bytes.set(data, 8);
  view.setUint32(data.length + 8, crc32(bytes.subarray(4, data.length + 8)));
  return bytes;
}

/** CRC-32 of ISO 3309, as PNG wants it. */
function crc32(bytes: Uint8Array): number {
  let crc = 0xffffffff;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) {
      crc = (crc >>> 1) ^ (crc & 1 ? 0xedb88320 : 0);
    }
  }
  return (crc ^ 0xffffffff) >>> 0;
}
