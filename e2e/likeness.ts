/** Whether a chart looks as it did when somebody looked at it last. */
import { assert } from "@std/assert";
import type { Page } from "playwright-core";
import { awake } from "./browser.ts";
import { withPalette } from "./palette.ts";

const KNOWN = new URL("known/", import.meta.url);
/** Looked at from afar: how letters are smoothed is no matter. */
const SMALLER = 4;
/** So much a pixel may differ, of 255, … */
const TONE_MAX = 24;
/** … and so many of them may by more. */
const SHARE_MAX = .004;

/**
 * Compares the chart on a page with the picture of that name in `e2e/known/`; `KNOWN=new` writes it
 * instead. What was seen goes to `.out/` when they are not alike.
 */
export async function demandLike(page: Page, name: string): Promise<void> {
  await page.evaluate(() => document.fonts.ready);
  await awake(page);
  const seen = await page.locator(".viewport").screenshot();
  const file = new URL(`${name}.png`, KNOWN);
  if (Deno.env.get("KNOWN") === "new") {
    await Deno.mkdir(KNOWN, { recursive: true });
    await Deno.writeFile(file, await withPalette(page, seen));
    return;
  }
  const known = await Deno.readFile(file);
  const share = await difference(page, known, seen);
  if (share <= SHARE_MAX) return;
  const out = new URL(`../.out/${name}.png`, import.meta.url);
  await Deno.mkdir(new URL(".", out), { recursive: true });
  await Deno.writeFile(out, seen);
  assert(
    false,
    `${name}: ${(share * 100).toFixed(2)} % is not alike, see ${out.pathname}`,
  );
}

/** The share of the pixels that differ, both pictures made smaller. */
async function difference(
  page: Page,
  known: Uint8Array,
  seen: Uint8Array,
): Promise<number> {
  return await page.evaluate(async ({ pictures, by, most }) => {
    const pixels = await Promise.all(pictures.map(async (base64) => {
      const bytes = Uint8Array.from(atob(base64), (each) => each.charCodeAt(0));
      const image = await createImageBitmap(
        new Blob([bytes], { type: "image/png" }),
      );
      const [width, height] = [image.width, image.height].map((each) =>
        Math.round(each / by)
      );
      const paper = new OffscreenCanvas(width ?? 1, height ?? 1).getContext(
        "2d",
      );
      if (!paper) throw new Error("This browser draws nothing");
      paper.imageSmoothingQuality = "high";
      paper.drawImage(image, 0, 0, width ?? 1, height ?? 1);
      return paper.getImageData(0, 0, width ?? 1, height ?? 1);
    }));
    const [a, b] = pixels;
    if (!a || !b || a.width !== b.width || a.height !== b.height) return 1;
    let far = 0;
    for (let at = 0; at < a.data.length; at += 4) {
      const apart = [0, 1, 2].map((channel) =>
        Math.abs((a.data[at + channel] ?? 0) - (b.data[at + channel] ?? 0))
      );
      if (Math.max(...apart) > most) far++;
    }
    return far / (a.data.length / 4);
  }, {
    pictures: [known.toBase64(), seen.toBase64()],
    by: SMALLER,
    most: TONE_MAX,
  });
}
