/** What the numbers were measured on. */

/** The machine, as far as a number depends on it. */
export interface Machine {
  readonly cpu: string;
  readonly cores: number;
  readonly memoryGb: number;
  readonly kernel: string;
  readonly filesystem: string;
  readonly deno: string;
  readonly node: string | null;
}

/** Looks at the machine. */
export async function describeMachine(node: string | null): Promise<Machine> {
  const read = (path: string) => Deno.readTextFile(path).catch(() => "");
  const cpu = /model name\s*:\s*(.+)/.exec(await read("/proc/cpuinfo"))?.[1] ??
    Deno.build.arch;
  return {
    cpu,
    cores: navigator.hardwareConcurrency,
    memoryGb: Math.round(Deno.systemMemoryInfo().total / 2 ** 30),
    kernel: `${Deno.build.os} ${Deno.osRelease()}`,
    filesystem: /^\S+ \/ (\S+)/m.exec(await read("/proc/mounts"))?.[1] ??
      "unknown",
    deno: `${Deno.version.deno} (V8 ${Deno.version.v8})`,
    node,
  };
}
