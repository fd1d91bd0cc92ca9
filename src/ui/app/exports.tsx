/** A chart to take away: SVG, PNG, Mermaid, JSON. */
import { at, call, queryOf } from "./api.ts";
import type { MachineChart } from "./chart.tsx";
import { useAction } from "./parts.tsx";

/** Links and the one that has to be drawn first. */
export function Exports({ chart }: { readonly chart: MachineChart }) {
  const { run } = useAction();
  const path = at("machines", chart.id);
  const query = (more: object) => queryOf({ version: chart.version, ...more });
  const name = chart.id.replaceAll(/[^\w-]+/g, "-");
  return (
    <span class="exports" role="group" aria-label="Take the chart away">
      <a class="button" download={`${name}.svg`} href={`${path}/chart.svg${query({})}`}>SVG</a>
      <button
        type="button"
        onClick={() => void run(() => savePng(`${path}/chart.svg${query({})}`, `${name}.png`))}
      >
        PNG
      </button>
      <a class="button" download={`${name}.mmd`} href={`${path}/chart.mmd${query({})}`}>Mermaid</a>
      <a class="button" download={`${name}.json`} href={`${path}${query({})}`}>JSON</a>
    </span>
  );
}

/** Drawn by this browser, at twice the size. */
async function savePng(path: string, name: string): Promise<void> {
  const text = await call<string>(path);
  const image = new Image();
  image.src = `data:image/svg+xml;charset=utf-8,${encodeURIComponent(text)}`;
  await image.decode();
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [image.width * 2, image.height * 2];
  const paper = canvas.getContext("2d");
  if (!paper) throw new Error("This browser draws no pictures");
  paper.fillStyle = getComputedStyle(document.body).backgroundColor;
  paper.fillRect(0, 0, canvas.width, canvas.height);
  paper.drawImage(image, 0, 0, canvas.width, canvas.height);
  const link = document.createElement("a");
  link.href = canvas.toDataURL("image/png");
  link.download = name;
  link.click();
}
