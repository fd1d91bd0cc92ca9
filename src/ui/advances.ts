/**
 * How wide text is, without a font: the advances of Inter at weight 600, the widest in use, measured in
 * Chromium. Other engines and fonts differ by a few per cent, for which there is some slack.
 */

/** Hundredths of the size, from the blank to the tilde. */
const ADVANCES = [
  ...[25, 32, 52, 64, 65, 100, 66, 33, 37, 37, 54, 67, 32, 47, 32, 38, 66, 42, 62],
  ...[64, 67, 61, 64, 58, 64, 64, 32, 33, 67, 67, 67, 54, 100, 73, 66, 74, 72, 61],
  ...[59, 75, 75, 28, 58, 70, 57, 92, 76, 77, 65, 77, 65, 65, 66, 74, 73, 102, 72],
  ...[71, 65, 37, 38, 37, 48, 47, 35, 57, 62, 58, 62, 59, 39, 63, 61, 26, 26, 57],
  ...[26, 90, 61, 61, 62, 62, 40, 55, 35, 61, 59, 84, 57, 59, 57, 45, 36, 45, 67],
];
const SLACK = 1.03;
/** From here on scripts are as wide as they are high; pictures too. */
const WIDE = 0x2e80;

/** Width of a text at a size in pixels. */
export function textWidth(text: string, pixels: number): number {
  let width = 0;
  for (const character of text) {
    const code = character.codePointAt(0) ?? 0;
    width += ADVANCES[code - 32] ?? (code >= WIDE ? 110 : 72);
  }
  return width / 100 * pixels * SLACK;
}
