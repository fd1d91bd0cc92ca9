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
  const { palette, indexesOf } = reduced([pixels]);
  const all = { x: 0, y: 0, width, height };
  const data = await packed(indexesOf(pixels), width, all);
  return whole([
    headOf(width, height),
    chunk("PLTE", palette),
    chunk("IDAT", data),
  ]);
}

/** One picture of an animation, and how long it stays. */
export interface Frame {
  readonly png: Uint8Array;
  readonly ms: number;
}

/** Makes an animated PNG that begins again; of each frame only what has changed is kept. */
export async function animation(
  page: Page,
  frames: readonly Frame[],
): Promise<Uint8Array> {
  const pictures = [];
  for (const { png } of frames) pictures.push(await unpacked(page, png));
  const [first] = pictures;
  if (!first) throw new Error("There is nothing to show");
  const { width, height } = first;
  const { palette, indexesOf } = reduced(pictures.map(({ pixels }) => pixels));
  const control = new Uint8Array(8);
  new DataView(control.buffer).setUint32(0, frames.length);
  const parts = [
    headOf(width, height),
    chunk("acTL", control),
    chunk("PLTE", palette),
  ];
  let order = 0;
  let before: Uint8Array | null = null;
  for (const [index, { pixels }] of pictures.entries()) {
    const indexes = indexesOf(pixels);
    const box = changed(before, indexes, width, height);
    before = indexes;
    parts.push(chunk("fcTL", frameHead(order++, box, frames[index]?.ms ?? 0)));
    const data = await packed(indexes, width, box);
    if (index === 0) {
      parts.push(chunk("IDAT", data));
      continue;
    }
    const numbered = new Uint8Array(data.length + 4);
    new DataView(numbered.buffer).setUint32(0, order++);
    numbered.set(data, 4);
    parts.push(chunk("fdAT", numbered));
  }
  return whole(parts);
}

interface Box {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

/** The smallest box around what differs. */
function changed(
  before: Uint8Array | null,
  after: Uint8Array,
  width: number,
  height: number,
): Box {
  if (!before) return { x: 0, y: 0, width, height };
  let [left, top, right, bottom] = [width, height, 0, 0];
  for (let at = 0; at < after.length; at++) {
    if (before[at] === after[at]) continue;
    const [x, y] = [at % width, Math.floor(at / width)];
    [left, right] = [Math.min(left, x), Math.max(right, x)];
    [top, bottom] = [Math.min(top, y), Math.max(bottom, y)];
  }
  if (right < left) return { x: 0, y: 0, width: 1, height: 1 };
  return { x: left, y: top, width: right - left + 1, height: bottom - top + 1 };
}

/** The head of a frame, as the third edition of PNG has it. */
function frameHead(order: number, box: Box, ms: number): Uint8Array {
  const view = new DataView(new ArrayBuffer(26));
  [order, box.width, box.height, box.x, box.y].forEach((value, index) =>
    view.setUint32(index * 4, value)
  );
  view.setUint16(20, ms);
  view.setUint16(22, 1_000);
  return new Uint8Array(view.buffer);
}

function headOf(width: number, height: number): Uint8Array<ArrayBuffer> {
  const head = new Uint8Array(13);
  const view = new DataView(head.buffer);
  view.setUint32(0, width);
  view.setUint32(4, height);
  head.set([8, 3, 0, 0, 0], 8);
  return chunk("IHDR", head);
}

/** The rows of a box, packed. */
async function packed(
  indexes: Uint8Array,
  stride: number,
  { x, y, width, height }: Box,
): Promise<Uint8Array> {
  const rows = new Uint8Array(height * (width + 1));
  for (let row = 0; row < height; row++) {
    const from = (y + row) * stride + x;
    rows.set(indexes.subarray(from, from + width), row * (width + 1) + 1);
  }
  const stream = new Blob([rows]).stream().pipeThrough(
    new CompressionStream("deflate"),
  );
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

async function whole(
  parts: readonly Uint8Array<ArrayBuffer>[],
): Promise<Uint8Array> {
  const all = [
    Uint8Array.from(SIGNATURE),
    ...parts,
    chunk("IEND", new Uint8Array()),
  ];
  return new Uint8Array(await new Blob(all).arrayBuffer());
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

/** The most frequent colours of some pictures; each pixel gets the nearest of them. */
function reduced(pictures: readonly Uint8Array[]) {
  const counts = new Map<number, number>();
  for (const pixels of pictures) {
    for (let at = 0; at < pixels.length; at += 4) {
      const key = keyAt(pixels, at);
      counts.set(key, (counts.get(key) ?? 0) + 1);
    }
  }
  const chosen = [...counts].sort((a, b) => b[1] - a[1]).slice(0, COLOURS).map((
    [key],
  ) => key);
  const palette = new Uint8Array(
    chosen.flatMap((key) => [key >> 16, (key >> 8) & 255, key & 255]),
  );
  const nearest = new Map(chosen.map((key, index) => [key, index]));
  const indexesOf = (pixels: Uint8Array) => {
    const indexes = new Uint8Array(pixels.length / 4);
    for (let at = 0; at < pixels.length; at += 4) {
      const key = keyAt(pixels, at);
      const index = nearest.get(key) ?? nearestOf(chosen, key);
      nearest.set(key, index);
      indexes[at / 4] = index;
    }
    return indexes;
  };
  return { palette, indexesOf };
}

function keyAt(pixels: Uint8Array, at: number): number {
  return ((pixels[at] ?? 0) << 16) | ((pixels[at + 1] ?? 0) << 8) |
    (pixels[at + 2] ?? 0);
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
